"""Shows notifications through the desktop's own server, and hears which button was pressed."""

from __future__ import annotations

import asyncio
import contextlib
import html
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from arcdesk.core.ident import APP_ID, APP_NAME
from arcdesk.desktop.dbus_bus import SessionBus
from arcdesk.desktop.dbus_values import BusError, BusUnavailable, clean, owner_change, owner_rule, variant
from arcdesk.desktop.do_not_disturb import is_on
from arcdesk.desktop.note import BODY_LIMIT, TITLE_LIMIT, Note, Pixels, plain_line

if TYPE_CHECKING:
    from dbus_fast import Message

log = logging.getLogger(__name__)

SERVER = "org.freedesktop.Notifications"
SERVER_PATH = "/org/freedesktop/Notifications"
SIGNALS = f"type='signal',sender='{SERVER}',path='{SERVER_PATH}',interface='{SERVER}'"
SERVER_PATIENCE_S = 15.0  # it may have to be started first
_SERVER_DECIDES_MS = -1


@dataclass(frozen=True, slots=True)
class _Server:
    """The server that runs now: its address on the bus and what it can do."""

    address: str
    capabilities: frozenset[str]


class NotificationService:
    """Shows, replaces and withdraws notes, one after the other.

    `on_pressed(note, key, token)` tells of a button, `on_closed(note)` that a note is gone; `fallback(note)`
    gets what no server takes. Idle, it has neither a task nor a match rule.
    """

    def __init__(
        self,
        bus: SessionBus,
        *,
        pixels: Callable[[], Pixels | None] = lambda: None,
    ) -> None:
        self.on_pressed: Callable[[Note, str, str], None] = lambda *_: None
        self.on_closed: Callable[[Note], None] = lambda _: None
        self.fallback: Callable[[Note], None] = lambda _: None
        self._bus = bus
        self._pixels = pixels
        self._server: _Server | None = None
        self._open: dict[int, Note] = {}  # the server's id → what it shows
        self._tokens: dict[int, str] = {}
        self._orders: deque[Note | str] = deque()  # a note to show, a topic to withdraw ('': none)
        self._working: asyncio.Task[None] | None = None
        self._is_watching = False
        self._unhandle = bus.add_handler(self._on_message)
        bus.on_lost.append(self._on_server_gone)

    # commands

    def show(self, note: Note) -> None:
        """Show it soon; errors end in the fallback."""
        self._order(note)

    def withdraw(self, topic: str) -> None:
        """Take back what is shown of this topic; fine when nothing is."""
        if any(note.topic == topic for note in (*self._open.values(), *self._waiting())):
            self._order(topic)

    async def settled(self) -> None:
        """Return when all that was ordered so far is done."""
        if self._working is not None:
            await asyncio.shield(self._working)

    async def aclose(self) -> None:
        """Take back all that is shown: its buttons would do nothing any more."""
        for topic in {note.topic for note in (*self._open.values(), *self._waiting())}:
            self._order(topic)
        try:
            async with asyncio.timeout(1.0):
                await self.settled()
        except TimeoutError:
            log.info("the notification server did not take back our notes in time")
        if self._working is not None:
            self._working.cancel()
            await asyncio.gather(self._working, return_exceptions=True)
        self._unhandle()
        if self._on_server_gone in self._bus.on_lost:
            self._bus.on_lost.remove(self._on_server_gone)

    @property
    def topics(self) -> frozenset[str]:
        """What is shown now, as far as the server has told."""
        return frozenset(note.topic for note in self._open.values())

    # one order after the other, so that 'withdraw' never overtakes its 'show'

    def _waiting(self) -> list[Note]:
        return [order for order in self._orders if isinstance(order, Note)]

    def _order(self, order: Note | str) -> None:
        self._orders.append(order)
        if self._working is None:
            self._working = asyncio.ensure_future(self._work())
            self._working.set_name("notifications")

    async def _work(self) -> None:
        try:
            while self._orders:
                order = self._orders.popleft()
                if isinstance(order, Note):
                    await self._show(order)
                else:
                    await self._withdraw(order)
                with contextlib.suppress(BusUnavailable, BusError, TimeoutError):
                    await self._watch_as_needed()
        finally:
            self._working = None

    async def _show(self, note: Note) -> None:
        try:
            server = await self._find_server()
            if not note.can_wait and await is_on(self._bus):
                log.info("do-not-disturb: '%s' is not shown", note.topic)
                return
            await self._watch_as_needed(will_show=True)
            await self._notify(server, note)
        except (BusUnavailable, BusError, TimeoutError) as error:
            log.info("no notification: %s", error)
            self._forget_server()
            self.fallback(note)

    async def _notify(self, server: _Server, note: Note) -> None:
        old = next((key for key, shown in self._open.items() if shown.topic == note.topic), 0)
        body = plain_line(note.body, BODY_LIMIT)
        if "body-markup" in server.capabilities:
            body = html.escape(body, quote=False)  # the text of a model is not ours
        buttons = note.buttons if "actions" in server.capabilities else ()
        (key,) = await self._bus.call(
            SERVER,
            SERVER_PATH,
            SERVER,
            "Notify",
            "susssasa{sv}i",
            APP_NAME,
            old,
            APP_ID,
            clean(plain_line(note.title, TITLE_LIMIT)),
            clean(body),
            [clean(word) for button in buttons for word in button],
            self._hints(note),
            _SERVER_DECIDES_MS,
            patience_s=SERVER_PATIENCE_S,
        )
        self._open.pop(old, None)
        self._open[key] = note
        await self._find_server()  # another one may have been started by the call

    def _hints(self, note: Note) -> dict[str, Any]:
        hints = {"desktop-entry": variant("s", APP_ID), "urgency": variant("y", int(note.urgency))}
        if not note.can_wait:
            hints["transient"] = variant("b", True)
        picture = self._pixels()
        if picture is not None:  # for a server that does not find our icon by its name
            shape = [picture.width, picture.height, picture.stride, True, 8, 4, picture.rgba]
            hints["image-data"] = variant("(iiibiiay)", shape)
        return hints

    async def _withdraw(self, topic: str) -> None:
        for key in [key for key, note in self._open.items() if note.topic == topic]:
            del self._open[key]
            try:
                await self._bus.call(
                    SERVER, SERVER_PATH, SERVER, "CloseNotification", "u", key, may_start=False
                )
            except (BusUnavailable, BusError, TimeoutError) as error:
                log.debug("already gone: %s", error)

    # the server

    async def _find_server(self) -> _Server:
        """The server, asked once what it can do. Raises BusUnavailable, BusError, TimeoutError."""
        if self._server is None:
            answer = await self._bus.call(
                SERVER, SERVER_PATH, SERVER, "GetCapabilities", patience_s=SERVER_PATIENCE_S
            )
            (address,) = await self._bus.call_daemon("GetNameOwner", "s", SERVER)
            self._server = _Server(address, frozenset(answer[0]))
        return self._server

    def _forget_server(self) -> None:
        """It went away, and with it what it showed."""
        self._server = None
        self._open.clear()
        self._tokens.clear()

    def _on_server_gone(self) -> None:
        self._forget_server()
        if self._is_watching:
            self._rest()

    async def _watch_as_needed(self, *, will_show: bool = False) -> None:
        """Listen to the server only while it shows something of ours: it tells of all programs' notes."""
        wanted = will_show or bool(self._open)
        if wanted == self._is_watching:
            return
        self._is_watching = wanted
        for rule in (SIGNALS, owner_rule(SERVER)):
            await (self._bus.watch(rule) if wanted else self._bus.unwatch(rule))
        if not wanted:
            self._server = None  # it may be replaced while nobody listens

    # what the server tells

    def _on_message(self, message: Message) -> bool:
        change = owner_change(message)
        if change is not None and change[0] == SERVER:
            if self._server is None or change[2] != self._server.address:
                self._on_server_gone()
        elif message.interface == SERVER and message.path == SERVER_PATH:
            self._on_signal(message)
        return False

    def _on_signal(self, message: Message) -> None:
        if self._server is None or message.sender != self._server.address:
            return
        match message.member, message.body:
            case "ActivationToken", [int(key), str(token)] if key in self._open:
                self._tokens[key] = token
            case "ActionInvoked", [int(key), str(pressed)] if key in self._open:
                self.on_pressed(self._open[key], pressed, self._tokens.pop(key, ""))
            case "NotificationClosed", [int(key), *_]:
                self._tokens.pop(key, None)
                if (note := self._open.pop(key, None)) is not None:
                    self._rest()
                    self.on_closed(note)

    def _rest(self) -> None:
        """Nothing of ours may be left on the screen: then nothing needs to be heard."""
        if not self._open:
            self._order("")
