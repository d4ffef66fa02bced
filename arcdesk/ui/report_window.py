"""Shows one report of a crash or mistake, as it is kept."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from arcdesk.ui.window_size import begin_at


class ReportWindow(QDialog):
    """Text to read and copy; `bundle_requested` asks for the support bundle."""

    copy_requested = Signal(str)
    bundle_requested = Signal()

    def __init__(self, text: str, where: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Report"))
        begin_at(self, 820, 520)
        note = QLabel(self.tr("It stays on this computer: {0}").format(where))
        note.setProperty("role", "secondary")
        note.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        note.setWordWrap(True)
        self.text = QPlainTextEdit(text)
        self.text.setReadOnly(True)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setAccessibleName(self.tr("Report"))
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        bundle = QPushButton(self.tr("Save support bundle…"))
        bundle.clicked.connect(self.bundle_requested)
        copy = QPushButton(self.tr("Copy all"))
        copy.clicked.connect(lambda: self.copy_requested.emit(self.text.toPlainText()))
        close = QPushButton(self.tr("Close"))
        close.clicked.connect(self.close)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(bundle)
        row.addStretch(1)
        row.addWidget(copy)
        row.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        column.addWidget(note)
        column.addWidget(self.text, 1)
        column.addLayout(row)
