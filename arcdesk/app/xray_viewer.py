"""Owns the window of the latency X-ray, and keeps it true to the answer that it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shiboken6 import isValid

from arcdesk.core.chat import Message

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from arcdesk.app.session import Session
    from arcdesk.ui.xray_window import XRayWindow


class XRayViewer:
    """One window; another answer takes the place of the one before."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._window: XRayWindow | None = None
        self._shown = 0  # the message in the window
        session.settings_changed.append(self._dress)
        session.app.styleHints().colorSchemeChanged.connect(self._dress)

    @property
    def window(self) -> XRayWindow | None:
        """The window, while it is open."""
        return self._window if self._window is not None and isValid(self._window) else None

    def open(self, message: Message, parent: QWidget | None) -> None:
        """Show where the time of this answer went."""
        if message.stats is None:
            return
        window = self.window or self._make_window(parent)
        self._shown = message.id
        window.present(message.stats)
        if not window.isVisible():
            window.fit()
        window.show()
        window.raise_()
        window.activateWindow()

    def restate(self, message: Message) -> None:
        """More is known of an answer: if it is the one shown, show it."""
        window = self.window
        if window is not None and message.id == self._shown and message.stats is not None:
            window.present(message.stats)

    def close(self) -> None:
        """Take the window down."""
        self._session.settings_changed.remove(self._dress)
        self._session.app.styleHints().colorSchemeChanged.disconnect(self._dress)
        if (window := self.window) is not None:
            window.close()

    def _make_window(self, parent: QWidget | None) -> XRayWindow:
        from arcdesk.ui.xray_window import XRayWindow

        window = self._window = XRayWindow(parent)
        window.copy_requested.connect(_copy)
        self._dress(None)
        return window

    def _dress(self, _: object) -> None:
        from arcdesk.ui import theme

        if (window := self.window) is not None:
            window.set_palette_colors(theme.current_palette(self._session.app, self._session.settings.theme))


def _copy(text: str) -> None:
    from PySide6.QtGui import QGuiApplication

    QGuiApplication.clipboard().setText(text)
