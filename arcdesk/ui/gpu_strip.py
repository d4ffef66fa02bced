"""The cards in short, for the inspector: name, memory, load, power, heat; a click opens the window."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QLabel, QSizePolicy, QVBoxLayout, QWidget

from arcdesk.core.gpu import Figure, GpuReading
from arcdesk.core.gpu_view import GpuView
from arcdesk.ui.gpu_facts import throttle_words
from arcdesk.ui.gpu_paint import Fonts
from arcdesk.ui.gpu_words import (
    busy_pct,
    celsius,
    core_c,
    memory_text,
    none_title,
    percent,
    provenance,
    short_names,
    state_words,
    summary_line,
    tip,
    watts,
)
from arcdesk.ui.seen import SeenWithWindow
from arcdesk.ui.theme import LIGHT, Palette

MOST_CARDS = 4  # more would push the rest of the inspector out of sight
BAR_PX, GAP_PX, PADDING_PX = 4, 4, 6


class StripCard(QAbstractButton):
    """One card; painted by itself, opened by click, space or return."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = LIGHT
        self._fonts = Fonts(self.font())
        self._name, self._memory, self._rest = "", "", ""
        self._share: float | None = None  # of the memory that is used; None is unknown
        self._has_bar = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.paints = 0  # how often it was painted

    def present(self, card: GpuReading, name: str) -> None:
        """Show it."""
        said = summary_line(card, name)
        if card.throttle.value:
            said = f"{said} · {self.tr('held back: {0}').format(throttle_words(card.throttle.value))}"
        if said == self.accessibleName():
            return
        state = state_words(card)
        self._name, self._memory = name, "" if state else memory_text(card)
        self._rest = state or " · ".join(_rest(card))
        self._has_bar = not state and bool(card.vram_total_bytes.value)
        self._share = _share(card)
        self.setAccessibleName(said)
        self.setToolTip(tip("\n".join(line for line in (said, provenance(_memory_figure(card))) if line)))
        self.update()

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        self.update()

    # Qt overrides

    def paintEvent(self, _: QPaintEvent) -> None:
        """Name and memory, the bar, the rest."""
        self.paints += 1
        fonts, colours, width = self._fonts, self._palette, float(self.width())
        painter = QPainter(self)
        self._paint_ground(painter)
        painter.setPen(QColor(colours.text))
        left, right = float(PADDING_PX), width - PADDING_PX
        fonts.draw(painter, "plain", 0, PADDING_PX, self._memory, right=right)
        room = right - left - fonts.width(self._memory) - 8
        fonts.draw(painter, "plain", left, PADDING_PX, fonts.cut(self._name, room))
        top = PADDING_PX + fonts.line_px + GAP_PX
        if self._has_bar:
            bar = QRectF(left, top, right - left, BAR_PX)
            painter.fillRect(bar, QColor(colours.raised))
            bar.setWidth(bar.width() * (self._share or 0.0))
            painter.fillRect(bar, QColor(colours.accent))
        painter.setPen(QColor(colours.secondary))
        fonts.draw(painter, "plain", left, top + BAR_PX + GAP_PX, fonts.cut(self._rest, right - left))
        painter.end()

    def _paint_ground(self, painter: QPainter) -> None:
        if self.hasFocus():
            painter.setPen(QPen(QColor(self._palette.accent), 1))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)

    def sizeHint(self) -> QSize:
        """Two lines with the bar between."""
        height = 2 * PADDING_PX + 2 * self._fonts.line_px + 2 * GAP_PX + BAR_PX
        return QSize(240, round(height + 0.5))

    def changeEvent(self, event: QEvent) -> None:
        """A font of another size needs other room."""
        if event.type() == QEvent.Type.FontChange:
            self._fonts = Fonts(self.font())
            self.updateGeometry()
        super().changeEvent(event)


class GpuStrip(SeenWithWindow, QWidget):
    """Presents a GpuView in short. `seen_changed` tells when it is worth looking at the cards."""

    open_requested = Signal(str)  # a card's PCI address; '' is all of them
    seen_changed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("gpuStrip")
        self._palette = LIGHT
        self._view: GpuView | None = None
        self.cards: dict[str, StripCard] = {}
        self._note = QLabel(self.tr("Looking at the graphics cards…"))
        self._note.setProperty("role", "secondary")
        self._note.setTextFormat(Qt.TextFormat.PlainText)
        self._note.setWordWrap(True)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        self._column.addWidget(self._note)

    @property
    def note_text(self) -> str:
        """What it says beside the cards; '' where they say all."""
        return "" if self._note.isHidden() else self._note.text()

    def present(self, view: GpuView) -> None:
        """Show it; while nobody sees it, later."""
        self._view = view
        if not self._is_seen:
            return
        cards = view.snapshot.cards[:MOST_CARDS]
        wanted = [card.address for card in cards]
        if list(self.cards) != wanted:
            self._make_cards(wanted)
        for card, name in zip(cards, short_names(view.snapshot.cards), strict=False):
            self.cards[card.address].present(card, name)
        self._present_note(view)

    def _present_note(self, view: GpuView) -> None:
        more = len(view.snapshot.cards) - MOST_CARDS
        text = "" if view.snapshot.cards else none_title(view.snapshot)
        if more > 0:
            text = self.tr("{0} more in the window of the cards").format(more)
        if view.is_stale and view.problem is not None:
            text = view.problem.title
        if text != self._note.text():
            self._note.setText(text)
        if self._note.isHidden() == bool(text):
            self._note.setVisible(bool(text))

    def _make_cards(self, wanted: list[str]) -> None:
        for card in self.cards.values():
            self._column.removeWidget(card)
            card.hide()
            card.deleteLater()
        self.cards = {address: self._make_card(address) for address in wanted}
        for index, card in enumerate(self.cards.values()):
            self._column.insertWidget(index, card)

    def _make_card(self, address: str) -> StripCard:
        card = StripCard()
        card.set_palette_colors(self._palette)
        card.clicked.connect(lambda: self.open_requested.emit(address))
        return card

    def set_palette_colors(self, palette: Palette = LIGHT) -> None:
        """Take other colours."""
        self._palette = palette
        for card in self.cards.values():
            card.set_palette_colors(palette)

    def _look_who_sees(self) -> None:
        """What came while it was hidden is drawn when it is seen."""
        was_seen = self.is_seen
        super()._look_who_sees()
        if self.is_seen and not was_seen and self._view is not None:
            self.present(self._view)


def _rest(card: GpuReading) -> list[str]:
    busy, power, core = busy_pct(card), card.power_w.value, core_c(card)
    parts = [percent(busy)] if busy is not None else []
    parts += [watts(power)] if power is not None else []
    parts += [celsius(core)] if core is not None else []
    return parts


def _memory_figure(card: GpuReading) -> Figure[int]:
    return card.shared_used_bytes if card.is_integrated else card.vram_used_bytes


def _share(card: GpuReading) -> float | None:
    used = card.vram_used_bytes.value
    if used is None:
        used = card.vram_used_at_least_bytes.value
    total = card.vram_total_bytes.value
    return min(used / total, 1.0) if used is not None and total else None
