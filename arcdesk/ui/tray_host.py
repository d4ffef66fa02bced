"""Watches whether some panel shows our tray icon, and says when the icon must be made anew.

Qt picks between StatusNotifierItem (D-Bus) and XEmbed (X11) once, when the icon is made. An icon made before
a D-Bus panel has started is therefore never shown by it, although Qt calls it visible.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from PySide6.QtCore import SLOT, QObject, QTimer, Signal, Slot
from PySide6.QtWidgets import QSystemTrayIcon

if TYPE_CHECKING:
    from PySide6.QtDBus import QDBusConnection, QDBusServiceWatcher

    from arcdesk.ui.x_messages import XMessageWatch

log = logging.getLogger(__name__)

WATCHER = "org.kde.StatusNotifierWatcher"
WATCHER_PATH = "/StatusNotifierWatcher"
SETTLE_MS = 300  # a panel's service is on the bus before the panel takes items
PATIENCE_MS = 10_000  # at log-in the panel may start after us
CALL_TIMEOUT_MS = 500


class TrayHostWatch(QObject):
    """Tells what becomes of the panel. Sleeps between events: no polling."""

    icon_unseen = Signal()  # a panel is there and does not have our icon: make it anew
    found = Signal()
    missing = Signal()  # no panel for PATIENCE_MS

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._said: bool | None = None  # the last word: found, missing, or none yet
        self._awaits_panel = False  # the watcher is on the bus, the panel is not: Qt takes one for the other
        self._bus: QDBusConnection | None = None
        self._names: QDBusServiceWatcher | None = None
        self._x_messages: XMessageWatch | None = None
        self._settle = self._single_shot(SETTLE_MS, self._check)
        self._patience = self._single_shot(PATIENCE_MS, self._give_up)

    def start(self) -> None:
        """Begin, once the icon is shown: what this needs is loaded after it."""
        self._patience.start()
        self._settle.start()

    def stop(self) -> None:
        """End. Nothing is said afterwards."""
        self._settle.stop()
        self._patience.stop()
        self._stop_x_messages()
        self._disconnect_bus()

    @property
    def has_host(self) -> bool:
        """A panel with a tray is there now."""
        return QSystemTrayIcon.isSystemTrayAvailable() and not self._awaits_panel

    def _single_shot(self, after_ms: int, then: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(after_ms)
        timer.timeout.connect(then)
        return timer

    @Slot()
    def _on_host_arrived(self) -> None:
        self._settle.start()

    @Slot()
    def _on_host_left(self) -> None:
        self._patience.start()
        self._settle.start()

    def _check(self) -> None:
        self._connect_bus()
        has_bus_panel = self._property("IsStatusNotifierHostRegistered")
        self._awaits_panel = has_bus_panel is False
        if has_bus_panel and not self._is_registered():
            log.info("the panel does not have the tray icon: making it anew")
            self.icon_unseen.emit()
        if self.has_host:
            self._patience.stop()
            self._stop_x_messages()
            self._say(found=True)

    def _give_up(self) -> None:
        if self.has_host:
            self._check()
            return
        self._say(found=False)
        if sys.platform == "linux" and self._x_messages is None:
            from arcdesk.ui.x_messages import XMessageWatch

            self._x_messages = XMessageWatch(self._on_host_arrived)

    def _say(self, *, found: bool) -> None:
        if found is not self._said:
            self._said = found
            (self.found if found else self.missing).emit()

    def _stop_x_messages(self) -> None:
        if self._x_messages is not None:
            self._x_messages.stop()
            self._x_messages = None

    def _connect_bus(self) -> None:
        """Listen for panels on the session bus, if there is one. Must not start one: libdbus would."""
        if self._bus is not None or sys.platform != "linux" or not _has_session_bus():
            return
        from PySide6.QtDBus import QDBusConnection, QDBusServiceWatcher

        bus = QDBusConnection.sessionBus()
        if not bus.isConnected():
            return
        self._bus = bus
        mode = QDBusServiceWatcher.WatchModeFlag.WatchForOwnerChange
        self._names = QDBusServiceWatcher(WATCHER, bus, mode, self)
        self._names.serviceRegistered.connect(self._on_host_arrived)
        self._names.serviceUnregistered.connect(self._on_host_left)
        for name, slot in _HOST_SIGNALS:
            bus.connect(WATCHER, WATCHER_PATH, WATCHER, name, self, slot)

    def _disconnect_bus(self) -> None:
        if self._bus is None:
            return
        for name, slot in _HOST_SIGNALS:
            self._bus.disconnect(WATCHER, WATCHER_PATH, WATCHER, name, self, slot)
        if self._names is not None:
            self._names.deleteLater()
        self._bus = self._names = None

    def _is_registered(self) -> bool:
        """The panel's list has an item that belongs to this process."""
        assert self._bus is not None
        directory = self._bus.interface()
        for item in self._property("RegisteredStatusNotifierItems") or ():
            owner = str(item).split("/", 1)[0]
            if directory.servicePid(owner).value() == os.getpid():
                return True
        return False

    def _property(self, name: str) -> Any:
        """A property of the panels' watcher; None when there is none or it does not answer in time."""
        if self._bus is None:
            return None
        from PySide6.QtDBus import QDBus, QDBusMessage

        call = QDBusMessage.createMethodCall(WATCHER, WATCHER_PATH, "org.freedesktop.DBus.Properties", "Get")
        call.setArguments([WATCHER, name])
        call.setAutoStartService(False)
        answer = self._bus.call(call, QDBus.CallMode.Block, CALL_TIMEOUT_MS)
        if answer.type() != QDBusMessage.MessageType.ReplyMessage:
            return None
        value = answer.arguments()[0]
        return value.variant() if hasattr(value, "variant") else value


# The type stubs want bytes for a slot; the running thing takes only the str that SLOT makes.
_HOST_SIGNALS = (
    ("StatusNotifierHostRegistered", cast(bytes, SLOT("_on_host_arrived()"))),
    ("StatusNotifierHostUnregistered", cast(bytes, SLOT("_on_host_left()"))),
)


def _has_session_bus() -> bool:
    if os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return True
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return bool(runtime) and Path(runtime or "", "bus").exists()
