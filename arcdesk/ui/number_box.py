"""A field for a whole number, with arrows."""

from __future__ import annotations

from PySide6.QtWidgets import QSpinBox, QWidget

TEXT_FROM_EDGE_PX = 8  # as the padding of all other fields


class NumberBox(QSpinBox):
    """A style sheet's padding does not reach the text in a QSpinBox: it would touch the border."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.lineEdit().setTextMargins(TEXT_FROM_EDGE_PX, 0, 0, 0)
