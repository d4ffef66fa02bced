"""What stands in the ledger's window while nothing was measured yet."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from arcdesk.ui.resources import icon
from arcdesk.ui.theme import Palette

PICTURE_PX = 40


class LedgerEmpty(QWidget):
    """One sentence and one button."""

    bench_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture, title, text = QLabel(), QLabel(self.tr("No runs yet")), QLabel()
        text.setText(self.tr("Each benchmark is kept here, with what it was made on, and can be compared."))
        title.setProperty("role", "title")
        text.setProperty("role", "secondary")
        self.button = QPushButton(self.tr("Benchmark…"))
        self.button.setProperty("role", "primary")
        self.button.clicked.connect(self.bench_requested)
        column = QVBoxLayout(self)
        column.setContentsMargins(32, 32, 32, 32)
        column.setSpacing(8)
        column.addStretch(1)
        for label in (self._picture, title, text):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(True)
            column.addWidget(label)
        column.addSpacing(8)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignCenter)
        column.addStretch(2)

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._picture.setPixmap(icon("ledger", palette.secondary).pixmap(PICTURE_PX, PICTURE_PX))
