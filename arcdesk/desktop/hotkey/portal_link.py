"""The connection by which the desktop portal knows us: registration, requests, its coming and going."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from arcdesk.core.ident import APP_ID
from arcdesk.desktop.dbus_bus import SessionBus
from arcdesk.desktop.dbus_values import (
    DAEMON,
    DAEMON_PATH,
    BusError,
    BusUnavailable,
    owner_change,
    owner_rule,
    variant,
)

if TYPE_CHECKING:
    from dbus_fast import Message

log = logging.getLogger(__name__)

PORTAL = "org.freedesktop.portal.Desktop"
PORTAL_PATH = "/org/freedesktop/portal/desktop"
REQUEST = "org.freedesktop.portal.Request"
REGISTRY = "org.freedesktop.host.portal.Registry"
START_PATIENCE_S = 8.0  # a portal that must be started first loads its desktop's half too
CALL_PATIENCE_S = 5.0

Results = dict[str, Any]
Options = Callable[[str], list[Any]]  # a request's token → the arguments of its call


class PortalGone(Exception):
    """The portal left while it was being asked."""


class PortalLink:
    """One portal on one connection. `on_owner` is called when the portal has come or gone by itself."""

    def __init__(self, bus: SessionBus, on_owner: Callable[[], None]) -> None:
        self.bus = bus
        self.owner = ""  # the portal's unique name; empty while there is none
        self.register_error = ""  # what the portal said to our registration; empty for 'welcome'
        self._on_owner = on_owner
        self._registered_with = ("", "")
        self._tokens = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[tuple[int, Results]]] = {}
        self._listeners: list[Callable[[Message], None]] = []
        self._is_open = self._is_starting = False

    async def open(self) -> None:
        """Connect and watch for the portal. Raises BusUnavailable, BusError or TimeoutError."""
        await self.bus.connect()
        if not self._is_open:
            self._is_open = True
            self.bus.add_handler(self._on_message)
            self.bus.on_lost.append(self._on_bus_lost)
            self.bus.on_connected(self._on_bus_back)
            await self.bus.watch(owner_rule(PORTAL))
        self.owner = await self._ask_owner()

    async def start_portal(self) -> None:
        """Have the bus start the portal if none runs. Raises BusError, TimeoutError or BusUnavailable."""
        if self.owner:
            return
        start = (DAEMON, DAEMON_PATH, DAEMON, "StartServiceByName", "su", PORTAL, 0)
        self._is_starting = True  # its coming is no news then
        try:
            await self.bus.call(*start, patience_s=START_PATIENCE_S)
            self.owner = await self._ask_owner()
        finally:
            self._is_starting = False

    async def register(self) -> None:
        """Say who we are, which must be our first call; a portal is told once per connection.

        An old portal does not know the call: its answer is kept in `register_error` and is no failure.
        """
        here = (self.bus.unique_name, self.owner)
        if self._registered_with == here:
            return
        self._registered_with, self.register_error = here, ""
        try:
            await self.call(REGISTRY, "Register", "sa{sv}", APP_ID, {})
        except BusError as error:
            log.info("the portal's registry: %s", error)
            self.register_error = error.text or error.name

    async def call(
        self, interface: str, member: str, signature: str, *body: Any, path: str = ""
    ) -> list[Any]:
        """A plain call; never starts the portal. Raises BusError, BusUnavailable, TimeoutError."""
        return await self.bus.call(
            PORTAL,
            path or PORTAL_PATH,
            interface,
            member,
            signature,
            *body,
            patience_s=CALL_PATIENCE_S,
            may_start=False,
        )

    async def request(
        self, interface: str, member: str, signature: str, make: Options, *, patience_s: float | None
    ) -> tuple[int, Results]:
        """A call that is answered later; returns the response's code and results.

        `make` gets the request's token. `patience_s` None: a person may be asked, who has all the time.
        Raises like `call`, and PortalGone. Cancelling it closes the desktop's dialog.
        """
        token = f"arcdesk{next(self._tokens)}"
        path = f"{PORTAL_PATH}/request/{self.sender}/{token}"
        answer: asyncio.Future[tuple[int, Results]] = asyncio.get_running_loop().create_future()
        self._waiting[path] = answer  # before the call: the answer may be quicker than the call's return
        handle = path
        try:
            (handle,) = await self.call(interface, member, signature, *make(token))
            self._waiting[handle] = answer  # an old portal makes up a path of its own
            async with asyncio.timeout(patience_s):
                return await answer
        except asyncio.CancelledError:
            self._close(handle, REQUEST)
            raise
        finally:
            self._waiting.pop(path, None)
            self._waiting.pop(handle, None)

    def close_session(self, path: str) -> None:
        """Let a session go, without waiting."""
        self._close(path, "org.freedesktop.portal.Session")

    @property
    def sender(self) -> str:
        """Our unique name as it stands in the paths of requests and sessions."""
        return self.bus.unique_name.removeprefix(":").replace(".", "_")

    def listen(self, listener: Callable[[Message], None]) -> Callable[[], None]:
        """Show the portal's signals to `listener`; returns what ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def _close(self, path: str, interface: str) -> None:
        if not self.bus.is_connected or not self.owner:
            return
        from dbus_fast import Message, MessageFlag

        flags = MessageFlag.NO_REPLY_EXPECTED | MessageFlag.NO_AUTOSTART
        self.bus.send(
            Message(destination=PORTAL, path=path, interface=interface, member="Close", flags=flags)
        )

    async def _ask_owner(self) -> str:
        try:
            (owner,) = await self.bus.call_daemon("GetNameOwner", "s", PORTAL)
        except BusError:
            return ""
        return str(owner)

    # what comes in

    def _on_message(self, message: Message) -> bool:
        change = owner_change(message)
        if change is not None and change[0] == PORTAL:
            self._on_new_owner(change[2])
        elif message.sender and message.sender == self.owner:
            self._on_portal_signal(message)
        return False

    def _on_portal_signal(self, message: Message) -> None:
        if message.member == "Response" and message.interface == REQUEST:
            answer = self._waiting.get(message.path or "")
            if answer is not None and not answer.done() and message.signature == "ua{sv}":
                code, results = message.body
                answer.set_result((code, unpacked(results)))
            return
        for listener in tuple(self._listeners):
            listener(message)

    def _on_new_owner(self, owner: str) -> None:
        if owner == self.owner:
            return
        self.owner = owner
        self._fail_waiting("the portal left")
        if not self._is_starting:
            self._on_owner()

    def _on_bus_lost(self) -> None:
        self.owner = ""
        self._fail_waiting("the session bus ended")
        self._on_owner()

    async def _on_bus_back(self) -> None:
        try:
            self.owner = await self._ask_owner()
        except (BusUnavailable, TimeoutError):
            return
        self._on_owner()

    def _fail_waiting(self, why: str) -> None:
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(PortalGone(why))


def options(**values: tuple[str, Any]) -> dict[str, Any]:
    """A dictionary of typed values, e.g. options(handle_token=("s", "t1"))."""
    return {name: variant(signature, value) for name, (signature, value) in values.items()}


def unpacked(value: Any) -> Any:
    """A received value without the types that D-Bus wraps around it."""
    from dbus_fast.unpack import unpack_variants

    return unpack_variants(value)
