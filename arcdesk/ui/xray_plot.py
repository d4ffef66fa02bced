"""The waterfall of one answer: its parts as bars on one axis of time."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from arcdesk.ui.gpu_paint import Fonts
from arcdesk.ui.theme import LIGHT, Palette
from arcdesk.ui.xray_words import Row, duration, tr

ROW_GAP_PX = 10
BAR_PX = 14
COLUMN_GAP_PX = 12
LEAST_BAR_PX = 2.0
LEAST_AXIS_PX = 120
EDGE_PX = 8  # room for the frame of the focus
TICKS = 5
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


class XRayPlot(QWidget):
    """Draws rows. Bars of our clock are filled, those of the server's are framed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Row] = []
        self._palette = LIGHT
        self._fonts = Fonts(self.font())
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(tr("Waterfall of the answer"))

    def present(self, rows: list[Row]) -> None:
        """Show these parts."""
        self._rows = rows
        self.setAccessibleDescription("; ".join(_said(row) for row in rows))
        self.updateGeometry()
        self.update()

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        self.update()

    # -- geometry ---------------------------------------------------------------------------------

    @property
    def _row_px(self) -> float:
        return self._fonts.line_px + ROW_GAP_PX

    @property
    def _label_px(self) -> float:
        widest = max((self._fonts.width(row.label) for row in self._rows), default=0.0)
        return EDGE_PX + widest + COLUMN_GAP_PX

    @property
    def _figures_px(self) -> float:
        return self._figure_px + self._clock_px + 2 * COLUMN_GAP_PX + EDGE_PX

    @property
    def _figure_px(self) -> float:
        return max((self._fonts.width(row.figure) for row in self._rows), default=0.0)

    @property
    def _clock_px(self) -> float:
        return max((self._fonts.small_width(row.clock) for row in self._rows), default=0.0)

    def _axis(self) -> QRectF:
        """Where bars are drawn."""
        left, right = self._label_px, self.width() - self._figures_px
        return QRectF(left, EDGE_PX / 2, max(LEAST_AXIS_PX, right - left), self._row_px * len(self._rows))

    def sizeHint(self) -> QSize:
        """As high as its rows and the axis below."""
        height = self._row_px * len(self._rows) + self._fonts.small_line_px + 6 + EDGE_PX
        return QSize(560, math.ceil(height))

    def minimumSizeHint(self) -> QSize:
        """Labels, figures, and a short axis."""
        width = self._label_px + LEAST_AXIS_PX + self._figures_px
        return QSize(math.ceil(width), self.sizeHint().height())

    # -- painting ---------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Axis, then row by row."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        axis = self._axis()
        whole_s = max((row.start_s + (row.seconds or 0.0) for row in self._rows), default=0.0)
        px_per_s = axis.width() / whole_s if whole_s > 0 else 0.0
        self._paint_axis(painter, axis, whole_s, px_per_s)
        for index, row in enumerate(self._rows):
            self._paint_row(painter, axis, axis.top() + index * self._row_px, row, px_per_s)
        if self.hasFocus():
            painter.setPen(QPen(QColor(self._palette.accent), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        painter.end()

    def _paint_axis(self, painter: QPainter, axis: QRectF, whole_s: float, px_per_s: float) -> None:
        line = QColor(self._palette.outline)
        line.setAlphaF(0.35)
        painter.setPen(QPen(line, 1))
        ticks = _ticks(whole_s)
        for tick_s in ticks:
            x = round(axis.left() + tick_s * px_per_s) + 0.5
            painter.drawLine(QPointF(x, axis.top()), QPointF(x, axis.bottom() + 3))
        painter.setPen(QColor(self._palette.secondary))
        free_from = -math.inf
        for tick_s in ticks:
            text = duration(tick_s) if tick_s else "0"
            wide = self._fonts.small_width(text)
            left = axis.left() + tick_s * px_per_s - (wide / 2 if tick_s else 0)
            if left >= free_from and left + wide <= self.width():
                self._fonts.draw(painter, "small", left, axis.bottom() + 4, text)
                free_from = left + wide + 8

    def _paint_row(self, painter: QPainter, axis: QRectF, top: float, row: Row, px_per_s: float) -> None:
        fonts, palette = self._fonts, self._palette
        text_top = top + ROW_GAP_PX / 2
        small_top = text_top + (fonts.line_px - fonts.small_line_px) / 2
        painter.setPen(QColor(palette.text))
        fonts.draw(painter, "plain", EDGE_PX, text_top, row.label)
        right = axis.right() + COLUMN_GAP_PX + self._figure_px
        painter.setPen(QColor(palette.secondary if row.seconds is None else palette.text))
        fonts.draw(painter, "plain", EDGE_PX, text_top, row.figure, right=right)
        painter.setPen(QColor(palette.secondary))
        if row.seconds is None:
            ratio = fonts.small_line_px / fonts.line_px
            said = fonts.cut(row.reason, (axis.width() - 8) / max(ratio, 0.1) * 0.98)
            ground = QRectF(axis.left() + 1, small_top, fonts.small_width(said) + 8, fonts.small_line_px)
            painter.fillRect(ground, QColor(palette.bg))  # the lines of the axis would cross it
            fonts.draw(painter, "small", axis.left() + 4, small_top, said)
            return
        fonts.draw(painter, "small", right + COLUMN_GAP_PX, small_top, row.clock)
        wide = max(LEAST_BAR_PX, row.seconds * px_per_s)
        left = min(axis.left() + row.start_s * px_per_s, axis.right() - wide)
        bar = QRectF(left, top + (self._row_px - BAR_PX) / 2, wide, BAR_PX)
        self._paint_bar(painter, bar, row.is_servers)

    def _paint_bar(self, painter: QPainter, bar: QRectF, is_servers: bool) -> None:
        colour = QColor(self._palette.accent)
        painter.setPen(Qt.PenStyle.NoPen)
        if not is_servers or bar.width() < 5:
            painter.setBrush(colour)
            painter.drawRoundedRect(bar, min(3.0, bar.width() / 2), 3)
            return
        ground = QColor(colour)
        ground.setAlphaF(0.16)
        painter.setBrush(ground)
        painter.drawRoundedRect(bar, 3, 3)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(colour, 1.5))
        painter.drawRoundedRect(bar.adjusted(0.75, 0.75, -0.75, -0.75), 3, 3)

    # -- Qt ---------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """What a part is, on hover; its reason if it is unknown."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            index = int((event.pos().y() - EDGE_PX / 2) // self._row_px)
            if 0 <= index < len(self._rows):
                row = self._rows[index]
                QToolTip.showText(event.globalPos(), f"{row.about} {row.reason}".strip(), self)
            return True
        return super().event(event)

    def changeEvent(self, event: QEvent) -> None:
        """Another font has other measures."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fonts = Fonts(self.font())
            self.updateGeometry()


def _said(row: Row) -> str:
    return f"{row.label} {row.figure} {row.clock or row.reason}"


def _ticks(whole_s: float) -> list[float]:
    """Round moments from 0 on, about five."""
    if whole_s <= 0:
        return [0.0]
    size = 10.0 ** math.floor(math.log10(whole_s / TICKS))
    step = next(one * size for one in _STEPS if whole_s / (one * size) <= TICKS)
    return [index * step for index in range(int(whole_s / step + 1e-9) + 1)]
