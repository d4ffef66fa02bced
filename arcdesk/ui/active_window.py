"""Mends Qt's mind about which window is active, when a window came back faster than X told of its going."""

from __future__ import annotations

import warnings

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QWidget


def mend_active_window(window: QWidget) -> None:
    """Call it after showing `window` anew.

    Qt waits 100 ms after X took the keyboard from a window before it believes it. A window that was hidden
    and has the keyboard again by then never lost it for QGuiApplication, but for QApplication, which is told
    nothing more: the window would get keys and not be active, without a caret and without its going told.
    """
    focus = QGuiApplication.focusWindow()
    if focus is None or focus != window.windowHandle() or window.isActiveWindow():
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # what takes its place asks X, where all is well
        QApplication.setActiveWindow(window)
