"""The window 'Graphics cards': every card with its figures, or why there is none."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeySequence, QShowEvent
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from arcdesk.core.errors import Action
from arcdesk.core.gpu import GpuSnapshot
from arcdesk.core.gpu_view import GpuView
from arcdesk.ui.gpu_card import GpuCard
from arcdesk.ui.gpu_notice import NoticeBox, no_card_notice, permission_notice
from arcdesk.ui.problem_card import ProblemCard
from arcdesk.ui.theme import LIGHT, Palette

WANTED_SIZE, LEAST_SIZE = QSize(880, 700), QSize(600, 360)
SCREEN_SHARE = 0.92  # of the screen's room; the rest is for the window's frame


class GpuWindow(QDialog):
    """Presents a GpuView while it is seen; wishes go out as signals."""

    seen_changed = Signal(bool)  # whether somebody may see it: shown and not minimised
    look_requested = Signal()
    copy_figures_requested = Signal()
    record_requested = Signal()
    copy_requested = Signal(str)
    action_requested = Signal(Action)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("gpuWindow")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowFlags(self.windowFlags() | Qt.WindowType.WindowMinMaxButtonsHint)
        self.setWindowTitle(self.tr("Graphics cards — ArcDesk"))
        self.setMinimumSize(LEAST_SIZE)
        room = self.screen().availableGeometry().size() * SCREEN_SHARE
        self.resize(WANTED_SIZE.boundedTo(room).expandedTo(LEAST_SIZE))
        self._palette = LIGHT
        self._view: GpuView | None = None  # what is to be shown
        self._is_stale = False  # it is not drawn yet, for nobody would have seen it
        self._is_seen = False
        self._turn_to = ""  # a card to be brought into view
        self.cards: dict[str, GpuCard] = {}
        self._late = QLabel()
        self._late.setProperty("role", "warn")
        self._late.setTextFormat(Qt.TextFormat.PlainText)
        self._late.setWordWrap(True)
        self._late.hide()
        self.problem = ProblemCard(is_wide=True)
        self.problem.action_requested.connect(self.action_requested)
        self._first = QLabel(self.tr("Looking…"))
        self._first.setProperty("role", "secondary")
        self.empty = NoticeBox(is_page=True)
        self.empty.action_requested.connect(self.action_requested)
        self.permission = NoticeBox()
        self.permission.copy_requested.connect(self.copy_requested)
        self._said = QLabel()
        self._said.setProperty("role", "secondary")
        self._said.setTextFormat(Qt.TextFormat.PlainText)
        self._said.setWordWrap(True)
        self._said.setContentsMargins(16, 8, 16, 0)
        self._said.hide()
        self._list = QVBoxLayout()
        self._scroll = QScrollArea()
        self._build()

    def _build(self) -> None:
        inner = QWidget()
        inner.setObjectName("gpuCards")
        whole = QVBoxLayout(inner)
        whole.setContentsMargins(16, 16, 16, 16)
        whole.setSpacing(12)
        self._list.setSpacing(12)
        for part in (self._late, self.problem, self.permission, self._first):
            whole.addWidget(part)
        whole.addLayout(self._list)
        whole.addStretch(1)
        whole.addWidget(self.empty)
        whole.addStretch(1)
        self._scroll.setWidget(inner)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setAccessibleName(self.tr("Graphics cards"))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._scroll, 1)
        column.addLayout(self._buttons())

    def _buttons(self) -> QVBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(16, 12, 16, 16)
        row.setSpacing(8)
        self._copy = self._button(self.tr("Copy figures"), self.copy_figures_requested.emit)
        self._copy.setToolTip(self.tr("All figures as text, as 'arcdesk gpu' prints them"))
        self._record = self._button(self.tr("Save a recording…"), self.record_requested.emit)
        self._record.setToolTip(self.tr("What was read, as a file for a report. Nothing personal is in it."))
        look = self._button(self.tr("Look now"), self.look_requested.emit)
        look.setShortcut(QKeySequence(QKeySequence.StandardKey.Refresh))
        look.setToolTip(self.tr("Look at once (F5)"))
        close = self._button(self.tr("Close"), self.close)
        close.setShortcut(QKeySequence("Ctrl+W"))
        self._copy.setEnabled(False)  # until the first look; where no card is, the reason is copied
        for button in (self._copy, self._record):
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(look)
        row.addWidget(close)
        column = QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._said)
        column.addLayout(row)
        return column

    def _button(self, label: str, slot: object) -> QPushButton:
        button = QPushButton(label)
        button.setAutoDefault(False)
        button.clicked.connect(lambda: slot())  # type: ignore[operator]
        return button

    # showing

    @property
    def is_seen(self) -> bool:
        """Shown and not minimised."""
        return self._is_seen

    def present(self, view: GpuView) -> None:
        """Show it: now if the window is seen, else when it is."""
        self._view = view
        if not self._is_seen:
            self._is_stale = True
            return
        self._is_stale = False
        self._first.hide()
        self._present_late(view)
        self.problem.present(view.used.problem if view.used is not None else None)
        self._present_cards(view)
        cards = view.snapshot.cards
        self.permission.present(permission_notice(view.snapshot))
        self.empty.present(no_card_notice(view.snapshot) if not cards else None)
        self._copy.setEnabled(True)
        if self._turn_to:
            self.show_card(self._turn_to)

    def _present_late(self, view: GpuView) -> None:
        problem = view.problem if view.is_stale else None
        text = problem.sentence() if problem is not None else ""
        if view.is_stale and not text:
            text = self.tr("No answer from the cards yet. These are the figures before.")
        if self._late.text() != text:
            self._late.setText(text)
            self._late.setVisible(bool(text))

    def _present_cards(self, view: GpuView) -> None:
        wanted = _addresses(view.snapshot)
        if list(self.cards) != wanted:
            self._make_cards(wanted)
        for reading in view.snapshot.cards:
            self.cards[reading.address].present(view, reading)

    def _make_cards(self, wanted: list[str]) -> None:
        for address in [address for address in self.cards if address not in wanted]:
            gone = self.cards.pop(address)
            self._list.removeWidget(gone)
            gone.hide()
            gone.deleteLater()
        self.cards = {address: self.cards.get(address) or self._make_card() for address in wanted}
        for index, card in enumerate(self.cards.values()):
            self._list.insertWidget(index, card)

    def _make_card(self) -> GpuCard:
        card = GpuCard()
        card.action_requested.connect(self.action_requested)
        card.copy_requested.connect(self.copy_requested)
        card.set_palette_colors(self._palette)
        return card

    @property
    def said(self) -> str:
        """What was said last."""
        return self._said.text()

    def say(self, text: str) -> None:
        """One sentence above the buttons: what became of a wish."""
        self._said.setText(text)
        self._said.setVisible(bool(text))

    def show_card(self, address: str) -> None:
        """Bring a card into view, when it is there; an address that never comes is left alone."""
        self._turn_to = address
        if address in self.cards:
            QTimer.singleShot(0, self, self._turn)  # a card that was just made has no place yet

    def _turn(self) -> None:
        card = self.cards.get(self._turn_to)
        self._turn_to = ""
        inner = self._scroll.widget()
        if card is None or inner is None:
            return
        if (layout := inner.layout()) is not None:
            layout.activate()
        self._scroll.ensureWidgetVisible(card, 0, 0)

    def set_palette_colors(self, palette: Palette = LIGHT) -> None:
        """Take other colours."""
        self._palette = palette
        self.problem.set_palette_colors(palette)
        self.empty.set_palette_colors(palette)
        for card in self.cards.values():
            card.set_palette_colors(palette)

    # Qt overrides

    def showEvent(self, event: QShowEvent) -> None:
        """From now on it is seen."""
        super().showEvent(event)
        self._look_who_sees()

    def hideEvent(self, event: QHideEvent) -> None:
        """From now on nothing is drawn."""
        super().hideEvent(event)
        self._look_who_sees()

    def changeEvent(self, event: QEvent) -> None:
        """Minimised is not seen."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.WindowStateChange:
            self._look_who_sees()

    def _look_who_sees(self) -> None:
        is_seen = self.isVisible() and not self.isMinimized()
        if is_seen == self._is_seen:
            return
        self._is_seen = is_seen
        self.seen_changed.emit(is_seen)
        if is_seen and self._is_stale and self._view is not None:
            self.present(self._view)


def _addresses(snapshot: GpuSnapshot) -> list[str]:
    return list(dict.fromkeys(card.address for card in snapshot.cards))
