"""Talks to logind on the system bus: hears of sleep and shutdown, and holds them off for a moment."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arcdesk.core.ident import APP_NAME
from arcdesk.desktop.dbus_values import DAEMON, DAEMON_PATH, BusError, BusUnavailable, load_library

if TYPE_CHECKING:
    from dbus_fast import Message
    from dbus_fast.aio import MessageBus

log = logging.getLogger(__name__)

NAME, PATH, MANAGER = "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager"
SOCKETS = ("/run/dbus/system_bus_socket", "/var/run/dbus/system_bus_socket")
PATIENCE_S = 5.0
SLEEP, SHUTDOWN = "PrepareForSleep", "PrepareForShutdown"

# Gets True before it, False after it (or when it was called off).
Listener = Callable[[bool], None]


class Inhibitor:
    """A lock of logind's: it holds as long as its descriptor is open, and goes with the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        """Let it go, at once. May be called again."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class Logind:
    """One connection, made at the first need. Without logind everything here says why, and nothing else.

    `on_sleep` and `on_shutdown` are called on the loop's thread after `listen`.
    """

    def __init__(self, address: str = "") -> None:
        self._address = address
        self._bus: MessageBus | None = None
        self._opening = asyncio.Lock()
        self._end: asyncio.Task[None] | None = None
        self._is_listening = False
        self.on_sleep: list[Listener] = []
        self.on_shutdown: list[Listener] = []
        self.why_unavailable = ""  # of the last try; empty while all is well or nothing was tried

    async def listen(self) -> None:
        """Hear of sleep and shutdown from now on. Raises BusUnavailable."""
        self._is_listening = True
        await self._get()

    async def inhibit(self, what: str, why: str, mode: str) -> Inhibitor:
        """Take a lock, e.g. ("idle", "An answer is being written", "block").

        Raises BusUnavailable without logind, BusError when it refuses.
        """
        bus = await self._get()
        reply = await self._call(bus, NAME, PATH, MANAGER, "Inhibit", "ssss", what, APP_NAME, why, mode)
        if not reply.unix_fds:
            raise BusError(f"{DAEMON}.Error.InconsistentMessage", "logind gave no lock")
        return Inhibitor(reply.unix_fds[reply.body[0]])

    async def aclose(self) -> None:
        """Leave the bus. Locks are not touched: who took them releases them."""
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.disconnect()
        if self._end is not None:  # cancelling it would cancel the library's own future for the end
            await asyncio.wait({self._end}, timeout=1.0)

    # connection

    async def _get(self) -> MessageBus:
        async with self._opening:
            if self._bus is None or not self._bus.connected:
                self._bus = await self._open()
            return self._bus

    async def _open(self) -> MessageBus:
        bus: MessageBus | None = None
        try:
            bus = await self._connect()
            await self._check(bus)
        except BaseException as error:  # the library raises what its parser, the socket or the bus gave it
            if bus is not None:
                bus.disconnect()
            if not isinstance(error, Exception):
                raise
            self.why_unavailable = "it does not answer" if isinstance(error, TimeoutError) else str(error)
            raise BusUnavailable(self.why_unavailable) from error
        self.why_unavailable = ""
        bus.add_message_handler(self._on_message)
        self._end = asyncio.ensure_future(self._watch_end(bus))
        return bus

    async def _connect(self) -> MessageBus:
        address = self._address or _system_address()
        await load_library()
        from dbus_fast.aio import MessageBus

        async with asyncio.timeout(PATIENCE_S):
            return await MessageBus(bus_address=address, negotiate_unix_fd=True).connect()

    async def _check(self, bus: MessageBus) -> None:
        """Is logind there; then ask for its signals."""
        reply = await self._call(bus, DAEMON, DAEMON_PATH, DAEMON, "NameHasOwner", "s", NAME)
        if not reply.body[0]:
            raise BusUnavailable("logind does not run here")
        for member in (SLEEP, SHUTDOWN) if self._is_listening else ():
            rule = f"type='signal',sender='{NAME}',path='{PATH}',interface='{MANAGER}',member='{member}'"
            await self._call(bus, DAEMON, DAEMON_PATH, DAEMON, "AddMatch", "s", rule)

    async def _call(
        self, bus: MessageBus, name: str, path: str, interface: str, member: str, signature: str, *body: Any
    ) -> Message:
        from dbus_fast import Message, MessageType

        request = Message(
            destination=name,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=list(body),
        )
        try:
            async with asyncio.timeout(PATIENCE_S):
                reply = await bus.call(request)
        except (OSError, EOFError) as error:
            raise BusUnavailable(str(error) or "the system bus ended") from error
        except TimeoutError as error:
            raise BusUnavailable("it does not answer") from error
        if reply is None:
            raise BusUnavailable("the system bus ended")
        if reply.message_type is MessageType.ERROR:
            raise BusError(reply.error_name or "", str(reply.body[0]) if reply.body else "")
        return reply

    async def _watch_end(self, bus: MessageBus) -> None:
        reason = "the system bus ended"
        try:
            await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
        except Exception as error:  # whatever the socket gave
            reason = str(error) or reason
        if self._bus is bus:
            self._bus, self.why_unavailable = None, reason
            log.info("lost logind: %s", reason)

    def _on_message(self, message: Message) -> bool:
        if message.interface != MANAGER or message.path != PATH or message.signature != "b":
            return False
        listeners = {SLEEP: self.on_sleep, SHUTDOWN: self.on_shutdown}.get(message.member or "", [])
        for listener in tuple(listeners):
            listener(bool(message.body[0]))
        return False


def _system_address() -> str:
    told = os.environ.get("DBUS_SYSTEM_BUS_ADDRESS", "")
    if told:
        return told
    for socket in SOCKETS:
        if Path(socket).exists():
            return f"unix:path={socket}"
    raise BusUnavailable("this computer has no system bus")
