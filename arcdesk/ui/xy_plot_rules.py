"""The vertical lines of a plot and their words, where there is room for them."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QPainter, QPen

from arcdesk.ui.gpu_paint import Fonts
from arcdesk.ui.theme import Palette
from arcdesk.ui.xy_plot_frame import RIGHT_PX, Frame
from arcdesk.ui.xy_plot_values import XyRule

LINE_PX, GROUND_ALPHA, RULE_ROWS, MOST_SPOTS = 1.5, 208, 3, 600


def paint_rules(painter: QPainter, frame: Frame, palette: Palette) -> None:
    """The lines, below all else."""
    pen = QPen(QColor(palette.outline), LINE_PX)
    pen.setDashPattern([5, 3])
    painter.setPen(pen)
    for rule in frame.chart.rules:
        x = frame.x_px(rule.x)
        if x is not None and frame.body.left() - 1 <= x <= frame.body.right() + 1:
            painter.drawLine(QPointF(x, frame.body.top()), QPointF(x, frame.body.bottom()))


def paint_rule_words(painter: QPainter, frame: Frame, fonts: Fonts, palette: Palette) -> None:
    """Beside their lines, where no words stand yet; what finds no room is told on hover."""
    taken: list[QRectF] = []
    ground = QColor(palette.surface)
    ground.setAlpha(GROUND_ALPHA)
    for rule in frame.chart.rules:
        box = room_for(frame, rule, fonts, taken)
        if box is None:
            continue
        taken.append(box)
        painter.fillRect(box, ground)
        painter.setPen(QColor(palette.secondary))
        fonts.draw(painter, "small", box.left() + 2, box.top(), rule.words)


def room_for(frame: Frame, rule: XyRule, fonts: Fonts, taken: list[QRectF]) -> QRectF | None:
    """Where the words of a line may stand beside what is `taken`; None: nowhere."""
    x, body = frame.x_px(rule.x), frame.body
    if x is None or not body.left() - 1 <= x <= body.right() + 1:
        return None
    wide, high = fonts.small_width(rule.words) + 4, fonts.small_line_px
    after, before = x + 2, x - 2 - wide
    above = [body.top() + row * high for row in range(RULE_ROWS)]
    below = [body.bottom() - (row + 1) * high - 3 for row in range(RULE_ROWS)]
    first, second = (below, above) if frame.chart.is_rising else (above, below)
    # a line that rises leaves room below at the right, and above at the left and, at its begin, at the right
    sides = ((before, first), (after, second)) if rule.is_before else ((after, first), (before, first))
    boxes = [QRectF(left, top, wide, high) for left, tops in sides for top in tops]
    inside = (box for box in boxes if box.left() >= body.left() and box.right() <= body.right() + RIGHT_PX)
    free = [box for box in inside if not any(box.intersects(other) for other in taken)]
    return next((box for box in free if not _hides_a_point(frame, box)), free[0] if free else None)


def _hides_a_point(frame: Frame, box: QRectF) -> bool:
    """Looked up in a plot of few points only: among thousands there is no better place anyway."""
    if sum(map(len, frame.spots)) > MOST_SPOTS:
        return False
    wide = box.adjusted(0, -4, 4, 4)
    return any(spot is not None and wide.contains(spot) for spots in frame.spots for spot in spots)
