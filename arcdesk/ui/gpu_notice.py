"""Why a card, or all of them, shows nothing, and the way out: a button or a command to copy."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from arcdesk.core.errors import Action, ActionKind
from arcdesk.core.gpu import GpuReading, GpuSnapshot, Why
from arcdesk.ui.gpu_words import none_title, plain, tr
from arcdesk.ui.resources import icon
from arcdesk.ui.theme import Palette

JOIN_RENDER = 'sudo usermod -aG render "$USER"'
TEXT_LENGTH = 400
PICTURE_PX = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What it says; all parts but one may be empty."""

    title: str = ""
    text: str = ""
    command: str = ""
    action: Action | None = None


def card_notice(card: GpuReading) -> Notice | None:
    """What a person must know of the card; None for one that tells all it can."""
    if card.is_asleep:
        return Notice(text=tr("Asleep – nothing is read so that it can sleep on."))
    if card.problem or not card.driver:
        return Notice(
            title=tr("No driver drives this card"),
            text=_said(card, Why.NO_DRIVER) or tr("Linux {0} has none for it.").format(plain(card.kernel)),
            action=open_doctor(),
        )
    return None


def permission_notice(snapshot: GpuSnapshot) -> Notice | None:
    """That cards may not be opened, and the way out; None while all may."""
    closed = [card for card in snapshot.cards if _is_closed(card)]
    if not closed:
        return None
    nodes = ", ".join(plain(card.render) or card.address for card in closed)
    text = tr("You may not open {0}: the memory can't be read. Join the group 'render', then log in again.")
    return Notice(title=tr("No permission"), text=text.format(nodes), command=JOIN_RENDER)


def _is_closed(card: GpuReading) -> bool:
    unknown = card.vram_total_bytes.unknown
    return not card.is_integrated and unknown is not None and unknown.why is Why.NO_PERMISSION


def _said(card: GpuReading, why: Why) -> str:
    """The reader's own sentences, where it has some."""
    figures = (card.vram_total_bytes, card.power_w, card.busy_pct)
    found = [figure.unknown for figure in figures if figure.unknown and figure.unknown.why is why]
    said = next((f"{one.detail} {one.remedy}".strip() for one in found if one.detail), "")
    return plain(said, TEXT_LENGTH)


def no_card_notice(snapshot: GpuSnapshot) -> Notice:
    """Why there is no card at all."""
    text = plain(snapshot.why_none, TEXT_LENGTH) or tr("The computer lists no Intel display device.")
    if snapshot.environment != "wsl2":
        missed = tr("If one is built in, it may be off in the BIOS, or not handed to this virtual machine.")
        text = f"{text}\n{missed}"
    return Notice(title=none_title(snapshot), text=text, action=open_doctor())


def integrated_only(snapshot: GpuSnapshot) -> bool:
    """All cards share the main memory."""
    return bool(snapshot.cards) and all(card.is_integrated for card in snapshot.cards)


def open_doctor() -> Action:
    """The way to the examination."""
    return Action(kind=ActionKind.OPEN_DOCTOR, label=tr("Open the doctor"))


class NoticeBox(QFrame):
    """Shows a Notice; hidden without one. Rebuilt when it changes, which is rare."""

    action_requested = Signal(Action)
    copy_requested = Signal(str)

    def __init__(self, *, is_page: bool = False, parent: QWidget | None = None) -> None:
        """Args: `is_page`: it is all there is, in the middle below a picture."""
        super().__init__(parent)
        self.setObjectName("gpuNotice")
        self._is_page = is_page
        self._picture = QLabel()
        self._notice: Notice | None = None
        self._title = self._label("title")
        self._text = self._label("secondary")
        self._command = QLineEdit()
        self._command.setReadOnly(True)
        self._command.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self._command.setAccessibleName(self.tr("Command"))
        self._copy = QPushButton(self.tr("Copy"))
        self._copy.clicked.connect(lambda: self.copy_requested.emit(self._command.text()))
        self._button = QPushButton()
        self._button.clicked.connect(self._on_button)
        self._arrange()
        self.hide()

    def _label(self, role: str) -> QLabel:
        label = QLabel()
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        label.setProperty("role", role)
        return label

    def _arrange(self) -> None:
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(self._command, 1)
        line.addWidget(self._copy)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        where = Qt.AlignmentFlag.AlignHCenter if self._is_page else Qt.AlignmentFlag.AlignLeft
        self._picture.setVisible(self._is_page)
        column.addWidget(self._picture, 0, where)
        for label in (self._title, self._text):
            label.setAlignment(where)
            column.addWidget(label)
        column.addLayout(line)
        column.addWidget(self._button, 0, where)

    @property
    def notice(self) -> Notice | None:
        """What is shown."""
        return self._notice

    def present(self, notice: Notice | None) -> None:
        """Show it, or nothing."""
        if notice == self._notice:
            return
        self._notice = notice
        self.setVisible(notice is not None)
        if notice is None:
            return
        self._title.setText(notice.title)
        self._title.setVisible(bool(notice.title))
        self._text.setText(notice.text)
        self._command.setText(notice.command)
        self._command.setCursorPosition(0)
        self._command.setVisible(bool(notice.command))
        self._copy.setVisible(bool(notice.command))
        self._copy.setAccessibleName(self.tr("Copy the command {0}").format(notice.command))
        self._button.setVisible(notice.action is not None)
        self._button.setText(notice.action.label if notice.action else "")
        self.setAccessibleName(" ".join(part for part in (notice.title, notice.text) if part))

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        if self._is_page:
            self._picture.setPixmap(icon("gpu", palette.secondary).pixmap(PICTURE_PX, PICTURE_PX))

    def _on_button(self) -> None:
        if self._notice is not None and self._notice.action is not None:
            self.action_requested.emit(self._notice.action)
