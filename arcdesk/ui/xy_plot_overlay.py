"""What lies over a plot: the ring around a chosen point, the cursor, and the box that tells its values."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from arcdesk.ui.gpu_paint import Fonts
from arcdesk.ui.theme import Palette
from arcdesk.ui.xy_plot_cursor import Cursor
from arcdesk.ui.xy_plot_frame import Frame, wrapped
from arcdesk.ui.xy_plot_paint import paint_mark
from arcdesk.ui.xy_plot_values import Mark

PAD_PX, AWAY_PX, RADIUS_PX = 6.0, 10.0, 6.0
RING_PX, CURSOR_MARK_PX = 7.0, 4.75


def paint_chosen(painter: QPainter, laid: Frame, key: int | None, palette: Palette) -> None:
    """A ring around the points with this key; None: none."""
    if key is None:
        return
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(palette.text), 1.5))
    for series, spots in zip(laid.chart.series, laid.spots, strict=True):
        for point, spot in zip(series.points, spots, strict=True):
            if point.key == key and spot is not None:
                painter.drawEllipse(spot, RING_PX, RING_PX)


def paint_cursor(painter: QPainter, laid: Frame, cursor: Cursor, palette: Palette) -> QPointF:
    """A line through the point, and the point larger; one that is unknown stands on the axis."""
    series = laid.chart.series[cursor.series]
    spot = laid.spots[cursor.series][cursor.point]
    x = spot.x() if spot is not None else laid.x_px(series.points[cursor.point].x)
    if x is None:
        return laid.body.topLeft()
    painter.setPen(QPen(QColor(palette.outline), 1))
    painter.drawLine(QPointF(x, laid.body.top()), QPointF(x, laid.body.bottom()))
    if spot is None:
        return QPointF(x, laid.body.bottom())
    mark = Mark.DOT if series.mark is Mark.NONE else series.mark
    colour = QColor(getattr(palette, series.colour))
    paint_mark(painter, spot, mark, colour, QColor(palette.surface), CURSOR_MARK_PX)
    return spot


def bubble_rect(spot: QPointF, wide: float, high: float, room: QSizeF) -> QRectF:
    """Beside the point, at its right if there is room, always inside of the widget."""
    left = spot.x() + AWAY_PX
    if left + wide > room.width() - 1:
        left = spot.x() - AWAY_PX - wide
    left = min(max(left, 1.0), max(room.width() - wide - 1, 1.0))
    top = min(max(spot.y() - high - AWAY_PX / 2, 1.0), max(room.height() - high - 1, 1.0))
    box = QRectF(left, top, wide, high)
    if box.contains(spot) and spot.y() + AWAY_PX + high < room.height():
        box.moveTop(spot.y() + AWAY_PX)  # so wide that it would lie over its point
    return box


def paint_bubble(
    painter: QPainter, spot: QPointF, lines: list[str], fonts: Fonts, palette: Palette, room: QSizeF
) -> None:
    """Write the lines beside `spot`."""
    most = room.width() - 4 * PAD_PX
    shown = [part for line in lines for part in wrapped(line, most, fonts, is_small=False)]
    wide = max(fonts.width(line) for line in shown) + 2 * PAD_PX
    box = bubble_rect(spot, wide, len(shown) * fonts.line_px + PAD_PX, room)
    painter.setPen(QPen(QColor(palette.outline), 1))
    painter.setBrush(QColor(palette.raised))
    painter.drawRoundedRect(box, RADIUS_PX, RADIUS_PX)
    painter.setPen(QColor(palette.text))
    for number, line in enumerate(shown):
        fonts.draw(
            painter, "plain", box.left() + PAD_PX, box.top() + PAD_PX / 2 + number * fonts.line_px, line
        )
