"""The size that a window begins with: what it would like, and never more than the screen has."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QApplication, QWidget

FRAME = QSize(16, 48)  # what a window manager draws around


def begin_at(window: QWidget, width: int, height: int) -> None:
    """Give `window` this size (device-independent pixels), less where its screen is smaller."""
    screen = window.screen() or QApplication.primaryScreen()
    wanted = QSize(width, height)
    window.resize(wanted.boundedTo(screen.availableSize() - FRAME) if screen else wanted)
