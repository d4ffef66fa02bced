"""A StatusNotifierWatcher that is on the bus before a panel is; brings the panel when told 'host'.

Plasma starts this way: the watcher's name comes first, the panel (the host) some time later.
"""

from __future__ import annotations

import signal
import sys

from PySide6.QtCore import ClassInfo, Property, QCoreApplication, QObject, QSocketNotifier, Signal, Slot
from PySide6.QtDBus import QDBusAbstractAdaptor, QDBusConnection


# The type stubs know neither this decorator's use nor types by name; PySide6 documents both.
@ClassInfo({"D-Bus Interface": "org.kde.StatusNotifierWatcher"})  # type: ignore[call-arg]
class Watcher(QDBusAbstractAdaptor):  # type: ignore[operator]
    """The service as the specification has it, as far as items need it."""

    StatusNotifierHostRegistered = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._has_host = False
        self._items: list[str] = []

    @Slot(str)
    def RegisterStatusNotifierItem(self, service: str) -> None:
        self._items.append(service)
        print(f"item while host={self._has_host}", flush=True)
        print(f"at {service}", flush=True)

    def bring_host(self) -> None:
        self._has_host = True
        self.StatusNotifierHostRegistered.emit()
        print("host", flush=True)

    def _get_items(self) -> list[str]:
        return self._items

    def _get_has_host(self) -> bool:
        return self._has_host

    RegisteredStatusNotifierItems = Property("QStringList", _get_items)  # type: ignore[arg-type]
    IsStatusNotifierHostRegistered = Property(bool, _get_has_host)
    ProtocolVersion = Property(int, lambda _: 0)


def main() -> int:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    app = QCoreApplication(["watcher"])
    ground = QObject()
    watcher = Watcher(ground)
    bus = QDBusConnection.sessionBus()
    assert bus.registerObject("/StatusNotifierWatcher", ground)
    assert bus.registerService("org.kde.StatusNotifierWatcher")

    def on_input() -> None:
        notifier.setEnabled(sys.stdin.readline() == "host\n")
        watcher.bring_host()

    notifier = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read)
    notifier.activated.connect(on_input)
    print("shown", flush=True)
    return app.exec()


if __name__ == "__main__":
    sys.exit(main())
