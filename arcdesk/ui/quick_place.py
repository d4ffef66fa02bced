"""Where the quick prompt stands: on the screen of the pointer, a fifth below its top."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import QCursor, QGuiApplication, QScreen

WIDTH_PX = 640
EDGE_PX = 16  # stays free at both sides of a narrow screen
MOST_HEIGHT = 0.6  # of the screen


def screen_of_pointer() -> QScreen:
    """The pointer's screen; the primary one when the pointer is on none (its screen was unplugged)."""
    return QGuiApplication.screenAt(QCursor.pos()) or QGuiApplication.primaryScreen()


def width_on(area: QRect) -> int:
    """How wide the bar is on a screen with this free area."""
    return min(WIDTH_PX, area.width() - 2 * EDGE_PX)


def most_height_on(area: QRect) -> int:
    """How high it may become there."""
    return round(area.height() * MOST_HEIGHT)


def top_left_on(area: QRect) -> QPoint:
    """Its upper left corner there."""
    return QPoint(area.left() + (area.width() - width_on(area)) // 2, area.top() + area.height() // 5)
