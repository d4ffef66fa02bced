"""A plot of anything against anything: lines, bands, marks; pointer and arrow keys tell each point."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, QSizeF, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QColor,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from arcdesk.ui.gpu_paint import Fonts
from arcdesk.ui.theme import LIGHT, Palette
from arcdesk.ui.xy_plot_cursor import Cursor, moved, nearest
from arcdesk.ui.xy_plot_frame import LEAST_BODY_PX, Frame, frame, height_for
from arcdesk.ui.xy_plot_overlay import paint_bubble, paint_chosen, paint_cursor
from arcdesk.ui.xy_plot_paint import paint_frame
from arcdesk.ui.xy_plot_values import XyChart, XyPoint
from arcdesk.ui.xy_plot_words import chart_words, point_words, rule_at, since_words

BODY_PX, LEAST_WIDTH_PX, WIDTH_PX = 140.0, 200, 320
INSET_PX = 6  # around everything: room for the frame of the focus
POINTER_REACH_PX = 40.0  # beyond it no point is meant
_KEYS = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}
_CHOOSE = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)


class XyPlot(QWidget):
    """Paints one XyChart. It has no ground of its own; its parent's should be the palette's surface."""

    point_chosen = Signal(int)  # the key of a point: clicked, or Enter on it
    cursor_changed = Signal(str)  # what is said of the point under pointer or cursor; '' none

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chart = XyChart(title="")
        self._palette = LIGHT
        self._fonts = Fonts(self.font())
        self._frame: Frame | None = None
        self._picture: QPixmap | None = None  # all but the cursor
        self._cursor: Cursor | None = None
        self._pointer_rule = ""
        self._chosen: int | None = None
        self.draws = 0  # how often the picture was made
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.MinimumExpanding)

    @property
    def chart(self) -> XyChart:
        """What is shown."""
        return self._chart

    @property
    def cursor_point(self) -> XyPoint | None:
        """The point under pointer or cursor."""
        if self._cursor is None:
            return None
        return self._chart.series[self._cursor.series].points[self._cursor.point]

    def present(self, chart: XyChart) -> None:
        """Show it; what is shown already is not drawn again."""
        if chart == self._chart:
            return
        self._chart = chart
        self._set_cursor(None)
        self.setAccessibleName(chart.title)
        self.setAccessibleDescription(chart_words(chart))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus if chart.is_empty else Qt.FocusPolicy.StrongFocus)
        self._forget()
        self.updateGeometry()

    def set_chosen(self, key: int | None) -> None:
        """Ring the point with this key; None: none."""
        if key != self._chosen:
            self._chosen = key
            self.update()

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        self._forget()

    def words_at(self, x: float, y: float) -> str:
        """What is said at a place of the widget; '' nothing is there."""
        laid, at = self._laid(), QPointF(x - INSET_PX, y - INSET_PX)
        found = nearest(laid, at, POINTER_REACH_PX)
        said = [self._words(found)] if found is not None else []
        return "\n".join([*said, *([rule] if (rule := rule_at(laid, at.x())) else [])])

    def spot_of(self, series: int, point: int) -> QPointF | None:
        """Where in the widget a point is painted; None: it is not known."""
        spot = self._laid().spots[series][point]
        return None if spot is None else spot + QPointF(INSET_PX, INSET_PX)

    # state

    def _words(self, cursor: Cursor) -> str:
        return point_words(self._chart, cursor.series, cursor.point)

    def _set_cursor(self, cursor: Cursor | None, rule: str = "") -> None:
        if (cursor, rule) == (self._cursor, self._pointer_rule):
            return
        self._cursor, self._pointer_rule = cursor, rule
        self.update()
        self.cursor_changed.emit("" if cursor is None else self._words(cursor))

    def _announce(self, before: Cursor | None) -> None:
        assert self._cursor is not None
        said = self._words(self._cursor)
        if before is not None and before.series == self._cursor.series:
            said = "\n".join([said, *since_words(self._chart, before, self._cursor)])
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, said))

    def _choose(self) -> None:
        point = self.cursor_point
        if point is not None and point.key is not None:
            self.point_chosen.emit(point.key)

    def _laid(self) -> Frame:
        if self._frame is None:
            self._frame = frame(self._chart, self._room(), self._fonts)
        return self._frame

    def _room(self) -> QSizeF:
        return QSizeF(max(self.width() - 2 * INSET_PX, 1), max(self.height() - 2 * INSET_PX, 1))

    def _forget(self) -> None:
        self._frame = self._picture = None
        self.update()

    # painting

    def _drawn(self) -> QPixmap:
        ratio = self.devicePixelRatioF()
        wanted = (QSizeF(self.size()) * ratio).toSize()
        if self._picture is None or self._picture.size() != wanted:
            self.draws += 1
            self._picture = QPixmap(wanted)
            self._picture.setDevicePixelRatio(ratio)
            self._picture.fill(Qt.GlobalColor.transparent)
            painter = QPainter(self._picture)
            painter.translate(INSET_PX, INSET_PX)
            paint_frame(painter, self._laid(), self._fonts, self._palette, self._room().width())
            painter.end()
        return self._picture

    def _paint_cursor(self, painter: QPainter, laid: Frame) -> None:
        lines = [] if self._cursor is None else self._words(self._cursor).split("\n")
        lines += [self._pointer_rule] if self._pointer_rule else []
        spot = laid.body.topLeft()
        if self._cursor is not None:
            spot = paint_cursor(painter, laid, self._cursor, self._palette)
        if lines:
            paint_bubble(painter, spot, lines, self._fonts, self._palette, self._room())

    # Qt overrides

    def paintEvent(self, event: QPaintEvent) -> None:
        """The picture, what is chosen, the cursor and the focus."""
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._drawn())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        laid = self._laid()
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(self._palette.accent), 1))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        if not self._chart.is_empty:
            painter.translate(INSET_PX, INSET_PX)
            paint_chosen(painter, laid, self._chosen, self._palette)
            self._paint_cursor(painter, laid)
        painter.end()

    def sizeHint(self) -> QSize:
        """Wide enough for a handful of labels."""
        high = height_for(self._chart, WIDTH_PX - 2 * INSET_PX, self._fonts, BODY_PX)
        return QSize(WIDTH_PX, math.ceil(high) + 2 * INSET_PX)

    def minimumSizeHint(self) -> QSize:
        """The body keeps its least height however many lines the legend takes."""
        width = max(self.width(), LEAST_WIDTH_PX) - 2 * INSET_PX
        high = height_for(self._chart, width, self._fonts, LEAST_BODY_PX)
        return QSize(LEAST_WIDTH_PX, math.ceil(high) + 2 * INSET_PX)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another size is laid out anew."""
        self._forget()
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tell the nearest point."""
        laid, at = self._laid(), event.position() - QPointF(INSET_PX, INSET_PX)
        self._set_cursor(nearest(laid, at, POINTER_REACH_PX), rule_at(laid, at.x()))
        point = self.cursor_point
        can_choose = point is not None and point.key is not None
        self.setCursor(Qt.CursorShape.PointingHandCursor if can_choose else Qt.CursorShape.ArrowCursor)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the point under the pointer."""
        if event.button() is Qt.MouseButton.LeftButton:
            self.mouseMoveEvent(event)
            self._choose()

    def leaveEvent(self, event: QEvent) -> None:
        """The pointer tells nothing any more."""
        self._set_cursor(None)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """The cursor goes with the focus."""
        self._set_cursor(None)
        super().focusOutEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows, Home and End move the cursor; Enter chooses; Esc takes the cursor away, then goes on."""
        key = Qt.Key(event.key())
        if key in _CHOOSE and self._cursor is not None:
            self._choose()
        elif key is Qt.Key.Key_Escape and self._cursor is not None:
            self._set_cursor(None)
        elif (found := self._moved(key)) is not None:
            before = self._cursor
            self._set_cursor(found)
            self._announce(before)
        else:
            super().keyPressEvent(event)

    def _moved(self, key: Qt.Key) -> Cursor | None:
        if key in _KEYS:
            return moved(self._chart, self._cursor, *_KEYS[key])
        if key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            return moved(self._chart, self._cursor, 0, 0, to_end=-1 if key is Qt.Key.Key_Home else 1)
        return None

    def changeEvent(self, event: QEvent) -> None:
        """A font of another size needs other room."""
        if event.type() == QEvent.Type.FontChange:
            self._fonts = Fonts(self.font())
            self._forget()
            self.updateGeometry()
        super().changeEvent(event)
