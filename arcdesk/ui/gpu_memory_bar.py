"""A card's memory as a bar: how much is used, and by whom."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from arcdesk.core.gpu import GpuClient, GpuReading
from arcdesk.ui.gpu_holders import Holder, HolderKind, holder_sentences, holders
from arcdesk.ui.gpu_paint import Fonts
from arcdesk.ui.gpu_words import UNKNOWN, memory_text, provenance, reason, tip
from arcdesk.ui.theme import LIGHT, Palette

BAR_PX, GAP_PX, SWATCH_PX, RADIUS_PX = 10, 6, 8, 3
CONTAINER_ALPHAS: tuple[int, ...] = (255, 170, 105)  # neighbours are told apart
PROGRAM_ALPHAS: tuple[int, ...] = (235, 160, 100)


class MemoryBar(QWidget):
    """Paints the memory of one card; repaints when it changes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title, self._value, self._why = "", UNKNOWN, ""
        self._holders: tuple[Holder, ...] = ()
        self._clients: tuple[GpuClient, ...] = ()
        self._used_bytes: int | None = None
        self._total_bytes: int | None = None
        self._palette = LIGHT
        self._fonts = Fonts(self.font())
        self.paints = 0  # how often it was painted
        # it paints all of its ground, the card's: nothing below it need be painted for a new value
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def present(self, card: GpuReading) -> None:
        """Show the memory of `card`. A change that nobody could see is not painted."""
        figure = card.shared_used_bytes if card.is_integrated else card.vram_used_bytes
        self._title = self.tr("Shared memory") if card.is_integrated else self.tr("VRAM")
        self._value = memory_text(card)
        self._why = reason(figure)
        self._take_total(card.vram_total_bytes.value)
        if card.clients != self._clients or figure.value != self._used_bytes:
            self._clients, self._used_bytes = card.clients, figure.value
            self._holders = holders(card)
        words = [self._value, self._note, *(holder.words() for holder in self._holders)]
        said = f"{self._title}: " + ", ".join(word for word in words if word)
        if said == self.accessibleName():
            return
        self.setAccessibleName(said)
        about = [*holder_sentences(card), provenance(figure), self._about_total(card)]
        self.setToolTip(tip("\n".join(line for line in about if line)))
        self.update()

    def _take_total(self, total_bytes: int | None) -> None:
        if bool(total_bytes) != bool(self._total_bytes):
            self.updateGeometry()  # no bar where nobody knows how long it is
        self._total_bytes = total_bytes

    @property
    def _note(self) -> str:
        """Why the value is missing, or only a lower bound."""
        if not self._why:
            return ""
        if self._value.startswith("≥"):
            return self.tr("lower bound – {0}").format(self._why)
        return self._why

    def _about_total(self, card: GpuReading) -> str:
        if card.is_integrated or card.vram_total_bytes.is_known:
            return ""
        return self.tr("Size unknown: {0}").format(provenance(card.vram_total_bytes))

    @property
    def text(self) -> str:
        """The figures as they are written."""
        return ", ".join(part for part in (self._value, self._note) if part)

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        self.update()

    # painting

    def paintEvent(self, _: QPaintEvent) -> None:
        """Figures, bar, legend."""
        self.paints += 1
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self._palette.surface))
        self._paint_head(painter)
        if self._total_bytes:
            self._paint_bar(painter, QRectF(0, self._fonts.line_px + 4, self.width(), BAR_PX))
        self._paint_legend(painter)
        painter.end()

    def _paint_head(self, painter: QPainter) -> None:
        fonts, right = self._fonts, float(self.width())
        painter.setPen(QColor(self._palette.text))
        fonts.draw(painter, "bold", 0, 0, self._value, right=right)
        painter.setPen(QColor(self._palette.secondary))
        fonts.draw(painter, "plain", 0, 0, self._title)
        right -= fonts.width(self._value, is_bold=True) + 12
        room = right - fonts.width(self._title) - 12
        if self._note and room > 0:
            fonts.draw(painter, "plain", 0, 0, fonts.cut(self._note, room), right=right)

    def _paint_bar(self, painter: QPainter, bar: QRectF) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        round_ends = QPainterPath()
        round_ends.addRoundedRect(bar, RADIUS_PX, RADIUS_PX)
        painter.setClipPath(round_ends)
        painter.fillRect(bar, QColor(self._palette.raised))
        left = 0.0
        for holder, colour in zip(self._holders, self._colours(), strict=True):
            width = bar.width() * holder.size_bytes / (self._total_bytes or 1)
            painter.fillRect(QRectF(left, bar.top(), max(width - 1, 0.5), bar.height()), colour)
            left += width
        painter.setClipping(False)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _colours(self) -> list[QColor]:
        colours = {
            HolderKind.CONTAINER: (self._palette.accent, CONTAINER_ALPHAS),
            HolderKind.PROGRAM: (self._palette.ok, PROGRAM_ALPHAS),
            HolderKind.OTHERS: (self._palette.outline, (255,)),
        }
        made, counts = [], dict.fromkeys(HolderKind, 0)
        for holder in self._holders:
            name, alphas = colours[holder.kind]
            colour = QColor(name)
            colour.setAlpha(alphas[counts[holder.kind] % len(alphas)])
            counts[holder.kind] += 1
            made.append(colour)
        return made

    def _paint_legend(self, painter: QPainter) -> None:
        fonts = self._fonts
        top, left = self._legend_top, 0.0
        entries = list(zip(self._holders, self._colours(), strict=True))
        more_px = fonts.small_width("+00 more")
        for index, (holder, colour) in enumerate(entries):
            words = holder.words()
            needed = SWATCH_PX + 4 + fonts.small_width(words)
            is_last = index == len(entries) - 1
            if left + needed + (0 if is_last else 16 + more_px) > self.width():
                self._legend_text(painter, left, top, self.tr("+{0} more").format(len(entries) - index))
                return
            middle = top + (fonts.small_line_px - SWATCH_PX) / 2
            painter.fillRect(QRectF(left, middle, SWATCH_PX, SWATCH_PX), colour)
            self._legend_text(painter, left + SWATCH_PX + 4, top, words)
            left += needed + 16

    def _legend_text(self, painter: QPainter, left: float, top: float, text: str) -> None:
        painter.setPen(QColor(self._palette.secondary))
        self._fonts.draw(painter, "small", left, top, text)

    @property
    def _legend_top(self) -> float:
        bar = 4 + BAR_PX if self._total_bytes else 0
        return self._fonts.line_px + bar + GAP_PX

    # Qt overrides

    def sizeHint(self) -> QSize:
        """A line, the bar, a small line."""
        return QSize(480, round(self._legend_top + self._fonts.small_line_px + 0.5))

    def minimumSizeHint(self) -> QSize:
        """Likewise, narrower."""
        return QSize(240, self.sizeHint().height())

    def changeEvent(self, event: QEvent) -> None:
        """A font of another size needs other room."""
        if event.type() == QEvent.Type.FontChange:
            self._fonts = Fonts(self.font())
            self.updateGeometry()
        super().changeEvent(event)
