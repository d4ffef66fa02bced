"""Draws a laid out plot: axes, bands, lines with gaps, marks of different shapes, legend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from arcdesk.ui.gpu_paint import Fonts
from arcdesk.ui.theme import Palette
from arcdesk.ui.xy_plot_frame import RIGHT_PX, SWATCH_PX, TICK_GAP_PX, Frame, Spots, axis_words
from arcdesk.ui.xy_plot_rules import paint_rule_words, paint_rules
from arcdesk.ui.xy_plot_values import Mark, Stroke, XySeries

LINE_PX, MARK_PX, BAND_ALPHA = 1.5, 3.5, 48
SMALL_MARK_PX, DENSE_PX = 2.25, 14.0  # where marks would touch each other
MOST_MARKS = 120  # on a line; more would hide it
_PATTERNS = {
    Stroke.SOLID: Qt.PenStyle.SolidLine,
    Stroke.DASHED: Qt.PenStyle.DashLine,
    Stroke.DOTTED: Qt.PenStyle.DotLine,
}


def paint_frame(painter: QPainter, frame: Frame, fonts: Fonts, palette: Palette, width: float) -> None:
    """Everything but the cursor."""
    _head(painter, frame, fonts, palette, width)
    if frame.chart.is_empty:
        _why(painter, frame, fonts, palette)
        return
    _axes(painter, frame, fonts, palette)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    paint_rules(painter, frame, palette)
    for series, spots in zip(frame.chart.series, frame.spots, strict=True):
        _band(painter, frame, series, palette)
        _line(painter, series, spots, palette)
    for series, spots in zip(frame.chart.series, frame.spots, strict=True):
        _marks(painter, series, spots, palette)
        _labels(painter, frame, series, spots, fonts, palette)
    paint_rule_words(painter, frame, fonts, palette)
    _foot(painter, frame, fonts, palette)


def paint_mark(
    painter: QPainter, spot: QPointF, mark: Mark, colour: QColor, ground: QColor, size: float = MARK_PX
) -> None:
    """One point's shape, `size` from its middle to its edge."""
    painter.setPen(QPen(colour, LINE_PX))
    painter.setBrush(ground if mark is Mark.RING else colour)
    match mark:
        case Mark.DOT | Mark.RING:
            painter.drawEllipse(spot, size, size)
        case Mark.SQUARE:
            painter.drawRect(QRectF(spot.x() - size + 0.5, spot.y() - size + 0.5, 2 * size - 1, 2 * size - 1))
        case Mark.TRIANGLE:
            _polygon(painter, spot, (0.0, -size), (size, size - 0.5), (-size, size - 0.5))
        case Mark.DIAMOND:
            far = size + 0.5
            _polygon(painter, spot, (0.0, -far), (far, 0.0), (0.0, far), (-far, 0.0))
        case Mark.NONE:
            pass


def _polygon(painter: QPainter, spot: QPointF, *corners: tuple[float, float]) -> None:
    painter.drawPolygon(QPolygonF([spot + QPointF(x, y) for x, y in corners]))


def stretches(spots: Sequence[QPointF | None]) -> Iterator[list[QPointF]]:
    """The line's parts between its gaps."""
    for is_known, part in groupby(spots, key=lambda spot: spot is not None):
        if is_known:
            yield [spot for spot in part if spot is not None]


def thin(spots: Sequence[QPointF]) -> Sequence[QPointF]:
    """What of so many points can be seen: of each pixel column the first, lowest, highest and last."""
    if len(spots) < 2 or len(spots) <= 4 * abs(spots[-1].x() - spots[0].x()):
        return spots
    kept: list[QPointF] = []
    for _, column in groupby(spots, key=lambda spot: int(spot.x())):
        part = list(column)
        kept += (part[0], min(part, key=QPointF.y), max(part, key=QPointF.y), part[-1])
    return kept


def _pen(colour: QColor, stroke: Stroke) -> QPen:
    pen = QPen(colour, LINE_PX, _PATTERNS[stroke])
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    if stroke is not Stroke.SOLID:
        pen.setDashPattern([5, 3] if stroke is Stroke.DASHED else [1, 3])
    return pen


def _colour(palette: Palette, series: XySeries) -> QColor:
    return QColor(getattr(palette, series.colour))


def _head(painter: QPainter, frame: Frame, fonts: Fonts, palette: Palette, width: float) -> None:
    chart = frame.chart
    painter.setPen(QColor(palette.text))
    fonts.draw(painter, "bold", 0, 0, chart.title)
    after = fonts.width(chart.title, is_bold=True) + 8
    painter.setPen(QColor(palette.secondary))
    unit = chart.y.unit if not chart.y.title else f"{chart.y.title}, {chart.y.unit}".rstrip(", ")
    fonts.draw(painter, "plain", after, 0, fonts.cut(unit, width - after))
    for entry in frame.legend if not chart.is_empty else ():
        _swatch(painter, entry.series, entry.left, entry.top + fonts.small_line_px / 2, palette)
        painter.setPen(QColor(palette.secondary))
        fonts.draw(painter, "small", entry.left + SWATCH_PX, entry.top, entry.series.name)


def _swatch(painter: QPainter, series: XySeries, left: float, y: float, palette: Palette) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    colour = _colour(palette, series)
    if series.stroke is not Stroke.NONE:
        painter.setPen(_pen(colour, series.stroke))
        painter.drawLine(QPointF(left + 1, y), QPointF(left + SWATCH_PX - 7, y))
    paint_mark(painter, QPointF(left + (SWATCH_PX - 6) / 2, y), series.mark, colour, QColor(palette.surface))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)


def _why(painter: QPainter, frame: Frame, fonts: Fonts, palette: Palette) -> None:
    painter.setPen(QColor(palette.secondary))
    painter.setFont(fonts.plain)
    room = frame.body.adjusted(-frame.body.left() + 12, 0, 0, 0)
    flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
    painter.drawText(room, int(flags), frame.chart.why)


def _axes(painter: QPainter, frame: Frame, fonts: Fonts, palette: Palette) -> None:
    body, text = frame.body, QColor(palette.secondary)
    for tick in frame.up.ticks:
        y = frame.y_px(tick.value)
        if y is None or not body.top() - 1 <= y <= body.bottom() + 1:
            continue
        painter.setPen(QPen(QColor(palette.raised), 1))
        painter.drawLine(QPointF(body.left(), y), QPointF(body.right(), y))
        painter.setPen(text)
        top = y - fonts.small_line_px / 2
        fonts.draw(painter, "small", 0, top, tick.text, right=body.left() - TICK_GAP_PX)
    painter.setPen(QPen(QColor(palette.outline), 1))
    painter.drawLine(body.bottomLeft(), body.bottomRight())
    taken = -1e9
    for tick in frame.across.ticks:
        x = frame.x_px(tick.value)
        if x is None or not body.left() - 1 <= x <= body.right() + 1:
            continue
        painter.setPen(QPen(QColor(palette.outline), 1))
        painter.drawLine(QPointF(x, body.bottom()), QPointF(x, body.bottom() + 3))
        wide = fonts.small_width(tick.text)
        left = max(min(x - wide / 2, body.right() + RIGHT_PX - wide), 0.0)
        if left < taken:
            continue  # it would lie over the one before
        painter.setPen(text)
        fonts.draw(painter, "small", left, body.bottom() + TICK_GAP_PX, tick.text)
        taken = left + wide + 6


def _labels(
    painter: QPainter, frame: Frame, series: XySeries, spots: Spots, fonts: Fonts, palette: Palette
) -> None:
    """At the upper left of each point, where a line that rises does not pass."""
    painter.setPen(QColor(palette.secondary))
    for point, spot in zip(series.points, spots, strict=True):
        if point.label and spot is not None:
            top = max(spot.y() - fonts.small_line_px - 4, frame.body.top() - fonts.small_line_px)
            right = max(spot.x() - 3, frame.body.left() + fonts.small_width(point.label))
            fonts.draw(painter, "small", 0, top, point.label, right=right)


def _band(painter: QPainter, frame: Frame, series: XySeries, palette: Palette) -> None:
    colour = _colour(palette, series)
    fill = QColor(colour)
    fill.setAlpha(BAND_ALPHA)
    known = [
        None if point.low is None or point.high is None else (point.x, point.low, point.high)
        for point in series.points
    ]
    for is_known, part in groupby(known, key=lambda each: each is not None):
        if not is_known:
            continue
        ends = [each for each in part if each is not None]
        upper = [_at(frame, x, high) for x, _, high in ends]
        lower = [_at(frame, x, low) for x, low, _ in reversed(ends)]
        edge = [spot for spot in (*upper, *lower) if spot is not None]
        if len(ends) == 1 and len(edge) == 2:  # no width to fill: a bar
            painter.setPen(QPen(colour, 1))
            painter.drawLine(edge[0], edge[1])
            continue
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(fill)
        painter.drawPolygon(QPolygonF(edge))


def _at(frame: Frame, x: float, y: float) -> QPointF | None:
    left, top = frame.x_px(x), frame.y_px(y)
    return None if left is None or top is None else QPointF(left, top)


def _line(painter: QPainter, series: XySeries, spots: Spots, palette: Palette) -> None:
    if series.stroke is Stroke.NONE:
        return
    painter.setPen(_pen(_colour(palette, series), series.stroke))
    for part in stretches(spots):
        if len(part) > 1:
            painter.drawPolyline(QPolygonF(list(thin(part))))


def _marks(painter: QPainter, series: XySeries, spots: Spots, palette: Palette) -> None:
    colour, ground = _colour(palette, series), QColor(palette.surface)
    known = [spot for spot in spots if spot is not None]
    if series.stroke is Stroke.NONE and len(known) > MOST_MARKS:
        pen = QPen(colour, MARK_PX)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawPoints(QPolygonF(known))
        return
    is_full = series.mark is Mark.NONE or len(known) > MOST_MARKS
    size = MARK_PX
    if len(known) > 1 and abs(known[-1].x() - known[0].x()) < DENSE_PX * len(known):
        size = SMALL_MARK_PX
    mark = Mark.DOT if series.mark is Mark.NONE else series.mark
    for part in stretches(spots):
        if is_full and len(part) > 1:
            continue
        for spot in part:  # one alone between two gaps has no line: it needs its mark
            paint_mark(painter, spot, mark, colour, ground, size)


def _foot(painter: QPainter, frame: Frame, fonts: Fonts, palette: Palette) -> None:
    top = frame.body.bottom() + TICK_GAP_PX + fonts.small_line_px + 2
    painter.setPen(QColor(palette.secondary))
    if said := axis_words(frame.chart):
        fonts.draw(painter, "small", 0, top, said, right=frame.body.right())
        top += 0 if frame.is_note_beside else fonts.small_line_px
    for line in frame.notes:
        fonts.draw(painter, "small", 0, top, line)
        top += fonts.small_line_px
