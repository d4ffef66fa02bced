"""What stands where results will be: one sentence that says what to do."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from arcdesk.ui.resources import icon
from arcdesk.ui.theme import Palette

PICTURE_PX = 40


class BenchEmpty(QWidget):
    """Shown until the first step is measured."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("benchEmpty")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._picture = QLabel()
        self.title = QLabel()
        self.title.setProperty("role", "title")
        self.text = QLabel()
        self.text.setProperty("role", "secondary")
        column = QVBoxLayout(self)
        column.setContentsMargins(32, 32, 32, 32)
        column.setSpacing(8)
        column.addStretch(1)
        for label in (self._picture, self.title, self.text):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(True)
            column.addWidget(label)
        column.addStretch(2)
        self.present(is_busy=False)

    def present(self, *, is_busy: bool) -> None:
        """Nothing is measured yet, or nothing has come out yet."""
        self.title.setText(self.tr("Measuring…") if is_busy else self.tr("Nothing measured yet"))
        self.text.setText(
            self.tr("Figures and plots appear when the first step is done.")
            if is_busy
            else self.tr("Choose a benchmark and press Start. Each run is kept in the ledger.")
        )

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._picture.setPixmap(icon("bench", palette.secondary).pixmap(PICTURE_PX, PICTURE_PX))
