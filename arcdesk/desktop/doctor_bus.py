"""Asks the session bus and the X server what is there, with patience, and without starting anything."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from arcdesk.services.threads import in_thread

if TYPE_CHECKING:
    from dbus_fast.aio import MessageBus

CONNECT_PATIENCE_S = 5.0
CALL_PATIENCE_S = 3.0
BUS, BUS_PATH = "org.freedesktop.DBus", "/org/freedesktop/DBus"
PROPERTIES = "org.freedesktop.DBus.Properties"
PEER = "org.freedesktop.DBus.Peer"
XEMBED_TRAY = "_NET_SYSTEM_TRAY_S0"


def bus_address(environ: Mapping[str, str]) -> str:
    """Where the session bus is, without ever starting one; empty: nowhere."""
    address = environ.get("DBUS_SESSION_BUS_ADDRESS", "")
    path = os.path.join(environ.get("XDG_RUNTIME_DIR", ""), "bus")
    return address or (f"unix:path={path}" if os.path.isabs(path) and os.path.exists(path) else "")


async def connect(address: str) -> tuple[MessageBus | None, str]:
    """A connection of its own, or None and why there is none."""
    from dbus_fast.aio import MessageBus

    try:
        async with asyncio.timeout(CONNECT_PATIENCE_S):
            return await MessageBus(bus_address=address).connect(), ""
    except TimeoutError:
        return None, f"The session bus does not answer ({address})."
    except Exception as error:  # dbus-fast raises many kinds for a bad address
        return None, f"The session bus can't be reached ({address}): {error}."


class Asked:
    """A bus that is asked; without one it knows nothing."""

    def __init__(self, bus: MessageBus | None) -> None:
        self._bus = bus
        self.running: frozenset[str] = frozenset()
        self.startable: frozenset[str] = frozenset()

    @property
    def has_bus(self) -> bool:
        """There is one."""
        return self._bus is not None

    async def learn_names(self) -> None:
        """Which services run, and which would be started by the first call."""
        for attribute, member in (("running", "ListNames"), ("startable", "ListActivatableNames")):
            body = await self._call(BUS, BUS_PATH, BUS, member)
            setattr(self, attribute, frozenset(body[0] if body else ()))

    async def property(self, name: str, path: str, interface: str, which: str) -> Any:
        """A property of a running service, None if there is none or it does not answer."""
        if name not in self.running:
            return None
        body = await self._call(name, path, PROPERTIES, "Get", "ss", (interface, which))
        return getattr(body[0], "value", None) if body else None

    async def first(self, name: str, path: str, interface: str, member: str) -> str:
        """The first value that a call without arguments returns, as text; empty for none."""
        body = await self._call(name, path, interface, member)
        return str(body[0]) if body else ""

    async def answers(self, name: str, path: str) -> bool:
        """The service is alive."""
        return await self._call(name, path, PEER, "Ping") is not None

    async def _call(
        self, name: str, path: str, interface: str, member: str, signature: str = "", body: Sequence[Any] = ()
    ) -> list[Any] | None:
        """What came back, None if it is an error or comes too late."""
        if self._bus is None:
            return None
        from dbus_fast import Message, MessageFlag, MessageType

        message = Message(
            destination=name,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=list(body),
            flags=MessageFlag.NO_AUTOSTART,
        )
        try:
            async with asyncio.timeout(CALL_PATIENCE_S):
                answer = await self._bus.call(message)
        except (TimeoutError, OSError, EOFError):
            return None
        if answer is None or answer.message_type is not MessageType.METHOD_RETURN:
            return None
        return list(answer.body)


async def has_x_tray(environ: Mapping[str, str]) -> bool:
    """A panel takes icons over X11."""
    display = environ.get("DISPLAY", "")
    return bool(display) and await in_thread("arcdesk-doctor-x", lambda: _x_tray_owner(display) != 0)


def _x_tray_owner(display: str) -> int:
    """The window that takes tray icons; 0: none. Blocks shortly."""
    import xcffib
    import xcffib.xproto

    library: Any = xcffib  # it has no types
    try:
        connection = library.connect(display=display)
    except (xcffib.ConnectionException, OSError):
        return 0
    try:
        atom = connection.core.InternAtom(False, len(XEMBED_TRAY), XEMBED_TRAY).reply().atom
        return int(connection.core.GetSelectionOwner(atom).reply().owner)
    finally:
        connection.disconnect()
