"""A small plot of the last minutes: a line with gaps, the axis named, the value under the pointer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QAccessible, QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from arcdesk.core.gpu_view import Point
from arcdesk.ui.gpu_curve import SPAN_S, Curve, axis_top, last_points
from arcdesk.ui.gpu_paint import Fonts
from arcdesk.ui.gpu_plot_body import PlotBody
from arcdesk.ui.gpu_words import UNKNOWN, tip
from arcdesk.ui.theme import LIGHT, Palette

TELL_EVERY_S = 10.0  # while no screen reader listens: a description costs more than the line
LEAST_MOVE_PX = 4.0  # some three seconds; the number beside it never waits
BODY_PX, MIN_WIDTH_PX = 40, 104


class Plot(QWidget):
    """Paints one Curve; `words` makes '188 W' of a value. Repaints for new data only, hidden not at all."""

    def __init__(self, words: Callable[[float], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._words = words
        self._curve = Curve(title="")
        self._seen: Sequence[Point] = ()
        self._top = 1.0
        self._palette = LIGHT
        self._pointer_x: float | None = None
        self._fonts = Fonts(self.font())
        self._line = PlotBody()
        self._painted_at = 0.0  # the newest point in the picture
        self._told_at = -TELL_EVERY_S
        self.paints = 0  # how often it was painted
        # it paints all of its ground, the card's: nothing below it need be painted for a new value
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def curve(self) -> Curve:
        """What is shown."""
        return self._curve

    @property
    def top(self) -> float:
        """The value at the upper end of the axis."""
        return self._top

    def present(self, curve: Curve) -> None:
        """Show it; what is shown already is not painted again."""
        if curve == self._curve:
            return
        old, self._curve = self._curve, curve
        self._seen = last_points(curve.points)
        top = axis_top(self._seen, curve.ceiling, curve.unit)
        is_new_foot = top != self._top or bool(curve.why) != bool(old.why)
        self._top = top
        self._tell(curve, old)
        if is_new_foot or curve.title != old.title:
            self.update()
        elif self._moves_visibly():  # the foot says what it said
            self.update(0, 0, self.width(), math.ceil(self._body().bottom()) + 1)
        else:
            widest = max(self._value_px(curve), self._value_px(old))
            left = math.floor(self.width() - widest)
            self.update(left, 0, self.width() - left, math.ceil(self._fonts.line_px))

    def _moves_visibly(self) -> bool:
        """Whether the line is to be painted: one that would move by a pixel waits for the next look."""
        if len(self._seen) < 3 or self._pointer_x is not None:
            return True
        newest = self._seen[-1]
        moved_px = (newest.at - self._painted_at) * self.width() / SPAN_S
        return newest.value is None or not 0 <= moved_px < LEAST_MOVE_PX

    def _value_px(self, curve: Curve) -> float:
        return self._fonts.width(curve.now_text, is_bold=True) + 1

    def _tell(self, curve: Curve, old: Curve) -> None:
        if (curve.now_text, curve.why) != (old.now_text, old.why):
            now = ", ".join(part for part in (curve.now_text, curve.why) if part)
            self.setAccessibleName(f"{curve.title}: {now}")
        newest = self._seen[-1].at if self._seen else 0.0
        if QAccessible.isActive() or abs(newest - self._told_at) >= TELL_EVERY_S:
            self._told_at = newest
            self.setAccessibleDescription(self.in_words())
        if curve.about != old.about:
            self.setToolTip(tip(curve.about))

    def in_words(self) -> str:
        """The line for who does not see it."""
        known = [point.value for point in self._seen if point.value is not None]
        if not known:
            return self.tr("Nothing was measured in the last two minutes.")
        words = self.tr("In the last two minutes from {0} to {1}, on average {2}.")
        mean = sum(known) / len(known)
        return words.format(self._words(min(known)), self._words(max(known)), self._words(mean))

    def point_at(self, x: float) -> int | None:
        """Which of the points seen is nearest to `x` (pixels); None while there is none."""
        if not self._seen:
            return None
        at = self._seen[-1].at - (self.width() - 2 - x) * SPAN_S / max(self.width() - 3, 1)
        return min(range(len(self._seen)), key=lambda index: abs(self._seen[index].at - at))

    def words_at(self, x: float) -> str:
        """'188 W, 12 s ago' of the point nearest to `x` (pixels)."""
        index = self.point_at(x)
        if index is None:
            return ""
        point = self._seen[index]
        said = UNKNOWN if point.value is None else self._words(point.value)
        ago_s = round(self._seen[-1].at - point.at)
        return self.tr("{0}, {1} s ago").format(said, ago_s) if ago_s else said

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        self.update()

    # painting

    def _body(self) -> QRectF:
        return QRectF(0, self._fonts.line_px + 4, self.width(), BODY_PX)

    def _paint_foot(self, painter: QPainter, body: QRectF) -> None:
        painter.setPen(QColor(self._palette.secondary))
        fonts, line, width = self._fonts, body.bottom() + 2, body.width()
        if self._curve.why:
            fonts.draw(painter, "small", 0, line, self._curve.why)
            return
        span, top = self.tr("2 min"), self.tr("axis to {0}").format(self._words(self._top))
        fonts.draw(painter, "small", 0, line, top, right=width)
        if fonts.small_width(span) + fonts.small_width(top) + 8 < width:
            fonts.draw(painter, "small", 0, line, span)

    def _paint_pointer(self, painter: QPainter, body: QRectF) -> None:
        index = None if self._pointer_x is None else self.point_at(self._pointer_x)
        spot = None if index is None else self._line.spot(body, self._seen, index, self._top)
        if spot is None:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(self._palette.outline), 1))
        painter.drawLine(QPointF(spot.x(), body.top()), QPointF(spot.x(), body.bottom()))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._palette.accent))
        painter.drawEllipse(spot, 3, 3)

    def _paint_head(self, painter: QPainter, dirty_left: int) -> None:
        fonts, width = self._fonts, self.width()
        hovered = "" if self._pointer_x is None else self.words_at(self._pointer_x)
        said = hovered or self._curve.now_text
        room = width - fonts.width(said, is_bold=not hovered) - 8
        painter.setPen(QColor(self._palette.secondary))
        if dirty_left < room:
            fonts.draw(painter, "plain", 0, 0, fonts.cut(self._curve.title, room))
        if not self._curve.why:
            painter.setPen(QColor(self._palette.text))
        fonts.draw(painter, "plain" if hovered else "bold", 0, 0, said, right=width)

    # Qt overrides

    def paintEvent(self, event: QPaintEvent) -> None:
        """Head, axis, line, and the mark under the pointer; the foot only where it is asked for."""
        self.paints += 1
        painter = QPainter(self)
        painter.fillRect(event.rect(), QColor(self._palette.surface))
        body = self._body()
        dirty = event.rect()
        if dirty.bottom() > body.bottom() + 1:
            self._paint_foot(painter, body)
        if dirty.bottom() >= body.top():
            self._paint_body(painter, body)
        self._paint_head(painter, dirty.left())
        painter.end()

    def _paint_body(self, painter: QPainter, body: QRectF) -> None:
        painter.setPen(QPen(QColor(self._palette.raised), 1))
        painter.drawLine(body.topLeft(), body.topRight())
        painter.drawLine(body.bottomLeft(), body.bottomRight())
        ratio = self.devicePixelRatioF()
        self._line.paint(painter, body, self._seen, self._top, self._palette.accent, ratio)
        self._painted_at = self._seen[-1].at if self._seen else 0.0
        self._paint_pointer(painter, body)

    def sizeHint(self) -> QSize:
        """A third more than the least."""
        return QSize(MIN_WIDTH_PX * 4 // 3, self.minimumSizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """Head, body and foot below each other."""
        height = self._fonts.line_px + 4 + BODY_PX + 2 + self._fonts.small_line_px
        return QSize(MIN_WIDTH_PX, round(height + 0.5))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Name the value under the pointer."""
        self._pointer_x = event.position().x()
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        """Back to the newest."""
        self._pointer_x = None
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        """A font of another size needs other room."""
        if event.type() == QEvent.Type.FontChange:
            self._fonts = Fonts(self.font())
            self.updateGeometry()
        super().changeEvent(event)
