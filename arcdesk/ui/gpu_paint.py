"""Fonts for figures: digits of one width, so that nothing jumps when a value changes."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter

SMALL = 0.85  # of the font's size
MANY = 400  # widths kept
_DIGITS = str.maketrans("123456789", "000000000")  # all of one width: they share what was measured
_TABULAR = QFont.Tag("tnum")


class Fonts:
    """A widget's font in three kinds, with their measures in pixels."""

    def __init__(self, base: QFont) -> None:
        self.plain = tabular(base)
        self.bold = tabular(base)
        self.bold.setWeight(QFont.Weight.DemiBold)
        self.small = tabular(base)
        if base.pointSizeF() > 0:
            self.small.setPointSizeF(base.pointSizeF() * SMALL)
        else:
            self.small.setPixelSize(round(base.pixelSize() * SMALL))
        self._fonts = {"plain": self.plain, "bold": self.bold, "small": self.small}
        self._metrics = {kind: QFontMetricsF(font) for kind, font in self._fonts.items()}
        self._ascents = {kind: metrics.ascent() for kind, metrics in self._metrics.items()}
        self._widths: dict[tuple[str, str], float] = {}
        self.line_px = max(self._metrics["plain"].height(), self._metrics["bold"].height())
        self.small_line_px = self._metrics["small"].height()

    def width(self, text: str, *, is_bold: bool = False) -> float:
        """How wide `text` is."""
        return self._measure("bold" if is_bold else "plain", text)

    def small_width(self, text: str) -> float:
        """How wide it is in the small kind."""
        return self._measure("small", text)

    def draw(
        self, painter: QPainter, kind: str, left: float, top: float, text: str, *, right: float | None = None
    ) -> None:
        """Write `text` in one of 'plain', 'bold', 'small' from `left`, or so that it ends at `right`.

        By its base line: Qt's boxes with alignment take several times as long.
        """
        painter.setFont(self._fonts[kind])
        x = left if right is None else right - self._measure(kind, text)
        painter.drawText(QPointF(x, top + self._ascents[kind]), text)

    def _measure(self, kind: str, text: str) -> float:
        width = self._widths.get((kind, text))  # most texts are those of the look before
        if width is not None:
            return width
        shape = text.translate(_DIGITS)
        width = self._widths.get((kind, shape))
        if len(self._widths) > MANY:
            self._widths.clear()
        if width is None:
            width = self._widths[kind, shape] = self._metrics[kind].horizontalAdvance(text)
        self._widths[kind, text] = width
        return width

    def cut(self, text: str, width_px: float) -> str:
        """The text, shortened with '…' to fit."""
        if self.width(text) <= width_px:
            return text
        return self._metrics["plain"].elidedText(text, Qt.TextElideMode.ElideRight, max(width_px, 0.0))


def tabular(base: QFont) -> QFont:
    """The font with digits of one width."""
    font = QFont(base)
    font.setFeature(_TABULAR, 1)
    return font
