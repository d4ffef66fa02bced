"""Notices, on X11, the message with which a tray announces itself; used only while there is none."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QAbstractNativeEventFilter, QCoreApplication

_CLIENT_MESSAGE = 33
_SENT_BY_CLIENT = 0x80  # top bit of an event's type


class XMessageWatch(QAbstractNativeEventFilter):
    """Calls `noticed` for each client message, from a tray's MANAGER to a window's ping. They are rare."""

    def __init__(self, noticed: Callable[[], None]) -> None:
        super().__init__()
        self._noticed = noticed
        _app().installNativeEventFilter(self)

    def stop(self) -> None:
        """Listen no longer."""
        _app().removeNativeEventFilter(self)

    def nativeEventFilter(self, kind: Any, message: int) -> object:
        """Look at the event's type; leave the event to Qt."""
        if bytes(kind) == b"xcb_generic_event_t":
            first = ctypes.string_at(int(message), 1)[0]
            if first & ~_SENT_BY_CLIENT == _CLIENT_MESSAGE:
                self._noticed()
        return False, 0


def _app() -> QCoreApplication:
    app = QCoreApplication.instance()
    assert app is not None, "watching needs a running application"
    return app
