"""The last line of the quick prompt: what is going on, and what can be done with the answer."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from arcdesk.core.errors import Problem
from arcdesk.ui.resources import icon
from arcdesk.ui.theme import Palette
from arcdesk.ui.transcript_view import MARGIN_PX


@dataclass(frozen=True, slots=True, kw_only=True)
class QuickView:
    """What the bar shows besides text. `insert_reason` is why nothing can be inserted; '' if it can."""

    is_answering: bool = False
    has_talk: bool = False  # there is something to move into the chat
    has_answer: bool = False  # there is text to copy
    status: str = ""
    status_reason: str = ""  # why a figure of it is not known
    insert_reason: str = ""
    selection_reason: str = ""
    problem: Problem | None = None


class QuickFoot(QWidget):
    """Hidden while there is neither a state to tell nor an answer."""

    copy_requested = Signal()
    insert_requested = Signal()
    move_requested = Signal()
    hide_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._status = QLabel()
        self._status.setProperty("role", "secondary")
        self._status.setTextFormat(Qt.TextFormat.PlainText)
        self._status.setWordWrap(True)
        self._status.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._copy = self._button(self.tr("Copy"), self.tr("Copy the answer (Ctrl+Shift+C)"))
        self._insert = self._button(self.tr("Insert"), "")
        self._move = self._button(self.tr("Chat"), self.tr("Go on in the chat window (Ctrl+Enter)"))
        self._hide = self._button(self.tr("Esc"), self.tr("Hide (Esc)"))
        self._copy.clicked.connect(self.copy_requested)
        self._insert.clicked.connect(self.insert_requested)
        self._move.clicked.connect(self.move_requested)
        self._hide.clicked.connect(self.hide_requested)
        row = QHBoxLayout(self)
        row.setContentsMargins(MARGIN_PX, 0, 0, 0)  # below the words of the answer
        row.setSpacing(4)
        row.addWidget(self._status, 1)
        for button in (self._copy, self._insert, self._move, self._hide):
            row.addWidget(button)

    def _button(self, text: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setToolTip(tip)
        button.setAccessibleName(tip or text)
        button.setProperty("role", "foot")
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        return button

    @property
    def status(self) -> str:
        """What it says."""
        return self._status.text()

    def present(self, view: QuickView) -> None:
        """Show this."""
        self._status.setText(view.status)
        self._status.setToolTip(view.status_reason)
        self._status.setAccessibleDescription(view.status_reason)
        self._copy.setVisible(view.has_answer)
        self._insert.setVisible(view.has_answer)
        self._insert.setEnabled(not view.insert_reason)
        label = self.tr("Insert into the window before (Ctrl+Shift+I)")
        if view.insert_reason:
            label = self.tr("Can't be inserted: {reason}").format(reason=view.insert_reason)
        self._insert.setToolTip(label)
        self._insert.setAccessibleName(label)
        self._move.setVisible(view.has_talk)
        self._hide.setVisible(view.has_talk)
        self.setVisible(bool(view.status) or view.has_talk)

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        for button, name in ((self._copy, "copy"), (self._insert, "insert"), (self._move, "chat")):
            button.setIcon(icon(name, palette.secondary))
