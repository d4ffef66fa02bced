"""One finding of the examination: its sign and word, what and why, and the way out with its command."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from arcdesk.core.doctor import Finding, Status
from arcdesk.core.errors import Action
from arcdesk.ui.resources import icon
from arcdesk.ui.theme import Palette

SIGN_PX = 20
ICONS = {
    Status.OK: "status-ok",
    Status.WARN: "warning",
    Status.BAD: "status-bad",
    Status.UNKNOWN: "status-unknown",
}
ROLES = {Status.OK: "ok", Status.WARN: "warn", Status.BAD: "error", Status.UNKNOWN: "secondary"}


class FindingRow(QFrame):
    """Shows one Finding, for good; a new examination makes new rows."""

    copy_requested = Signal(str)
    action_requested = Signal(Action)

    def __init__(self, finding: Finding, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("findingRow")
        self._finding = finding
        self._sign = QLabel()
        self._sign.setFixedWidth(SIGN_PX)
        word = self._label(self.word, ROLES[finding.status])
        word.setWordWrap(False)
        column = QVBoxLayout()
        column.setSpacing(4)
        column.addWidget(self._label(finding.title, "title" if finding.status is not Status.OK else ""))
        if finding.detail:
            column.addWidget(self._label(finding.detail, "secondary"))
        if finding.fix:
            column.addWidget(self._label(finding.fix, ""))
        if finding.command:
            column.addLayout(self._command_line(finding.command))
        if finding.action is not None:
            column.addWidget(self._action_button(finding.action), 0, Qt.AlignmentFlag.AlignLeft)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 12, 8)
        row.setSpacing(12)
        row.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(column, 1)
        row.addWidget(word, 0, Qt.AlignmentFlag.AlignTop)
        said = (self.word, finding.title, finding.detail, finding.fix)
        self.setAccessibleName(". ".join(part.rstrip(".") for part in said if part))
        self.set_palette_colors(palette)

    @property
    def finding(self) -> Finding:
        """What is shown."""
        return self._finding

    @property
    def word(self) -> str:
        """The status as a word."""
        words = {
            Status.OK: self.tr("OK"),
            Status.WARN: self.tr("Warning"),
            Status.BAD: self.tr("Problem"),
            Status.UNKNOWN: self.tr("Unknown"),
        }
        return words[self._finding.status]

    def _label(self, text: str, role: str) -> QLabel:
        label = QLabel(text)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        label.setProperty("role", role)
        return label

    def _command_line(self, command: str) -> QHBoxLayout:
        line = QLineEdit(command)
        line.setReadOnly(True)
        line.setCursorPosition(0)
        line.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        line.setAccessibleName(self.tr("Command"))
        copy = QPushButton(self.tr("Copy"))
        copy.setAccessibleName(self.tr("Copy the command {0}").format(command))
        copy.clicked.connect(lambda: self.copy_requested.emit(command))
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(line, 1)
        row.addWidget(copy)
        return row

    def _action_button(self, action: Action) -> QPushButton:
        button = QPushButton(action.label)
        button.clicked.connect(lambda: self.action_requested.emit(action))
        return button

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        role = ROLES[self._finding.status]
        self._sign.setPixmap(
            icon(ICONS[self._finding.status], getattr(palette, role)).pixmap(SIGN_PX, SIGN_PX)
        )
