"""The engine's own words: the last lines of its log."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget
from shiboken6 import isValid

from arcdesk.ui.window_size import begin_at


class LogWindow(QDialog):
    """Shows lines; `refresh_requested` asks for newer ones."""

    refresh_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Engine log"))
        begin_at(self, 860, 520)
        self._text = QPlainTextEdit()
        self._text.setReadOnly(True)
        self._text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self._text.setAccessibleName(self.tr("Log lines"))
        self._note = QLabel()
        self._note.setProperty("role", "secondary")
        refresh = QPushButton(self.tr("Refresh"))
        refresh.clicked.connect(self.refresh_requested)
        copy = QPushButton(self.tr("Copy all"))
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self._text.toPlainText()))
        close = QPushButton(self.tr("Close"))
        close.clicked.connect(self.close)
        row = QHBoxLayout()
        row.addWidget(self._note, 1)
        for button in (refresh, copy, close):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.addWidget(self._text, 1)
        column.addLayout(row)

    def show_lines(self, lines: list[str]) -> None:
        """Show these, scrolled to the newest. Lines that come after the window was closed are dropped."""
        if not isValid(self):
            return
        self._text.setPlainText("\n".join(lines))
        self._text.moveCursor(self._text.textCursor().MoveOperation.End)
        count = len(lines)
        self._note.setText(self.tr(f"The last {count} lines") if count else self.tr("There is no log yet."))
        self._text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
