"""One connection to the session bus for all of ArcDesk: made when first needed, made again when lost."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from arcdesk.desktop.dbus_values import (
    DAEMON,
    DAEMON_PATH,
    BusError,
    BusUnavailable,
    find_address,
    load_library,
    plain,
)

if TYPE_CHECKING:
    from dbus_fast import Message
    from dbus_fast.aio import MessageBus

log = logging.getLogger(__name__)

CONNECT_PATIENCE_S = 5.0
REPLY_PATIENCE_S = 10.0
# Between tries to come back, in seconds. After the last one only somebody's wish makes another try.
PAUSES_S = (0.5, 1, 2, 5, 10, 20, 30, 60)
_ENDED = "the session bus ended"

# Gets each message that comes in; True: it was for this handler and the others need not see it.
Handler = Callable[["Message"], bool]
Connected = Callable[[], Coroutine[Any, Any, None]]


class SessionBus:
    """Calls, signals and names on the session bus. All of it on one loop's thread.

    Handlers and match rules outlive a lost connection: they are put in place again on the next one.
    """

    def __init__(self, address: str = "", pauses_s: tuple[float, ...] = PAUSES_S) -> None:
        self._address = address
        self._pauses_s = pauses_s
        self._bus: MessageBus | None = None
        self._connecting: asyncio.Task[MessageBus] | None = None
        self._replies: dict[int, asyncio.Future[Message]] = {}  # our call's serial → who waits for it
        self._handlers: list[Handler] = []
        self._rules: dict[str, int] = {}  # match rule → how many want it
        self._connected: list[Connected] = []
        self._ending: asyncio.Task[None] | None = None  # waits for the end of the connection
        self._returning: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_closed = False
        self.on_lost: list[Callable[[], None]] = []
        self.why_unavailable = ""  # of the last try; empty while all is well or nothing was tried

    @property
    def is_connected(self) -> bool:
        """There is a connection now."""
        return self._bus is not None

    @property
    def unique_name(self) -> str:
        """Our address on the bus (':1.42'), empty without a connection."""
        return (self._bus.unique_name or "") if self._bus else ""

    # connection

    async def connect(self) -> None:
        """Be connected. Raises BusUnavailable."""
        await self._get()

    def on_connected(self, callback: Connected) -> Callable[[], None]:
        """Call `callback` on each new connection (not for the one that is there); returns what ends it.

        Whoever asks to be called wants to stay on the bus: a lost connection is then looked for again.
        """
        self._connected.append(callback)
        return lambda: _drop(self._connected, callback)

    async def aclose(self) -> None:
        """Leave the bus for good."""
        self._is_closed = True
        waiting = [task for task in (self._returning, self._connecting, *self._tasks) if task is not None]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        bus, self._bus = self._bus, None
        self._give_up_replies()
        if bus is not None and self._ending is not None:
            bus.disconnect()
            await asyncio.wait({self._ending}, timeout=1.0)  # until the socket is closed

    async def _get(self) -> MessageBus:
        if self._is_closed:
            raise BusUnavailable("ArcDesk is ending")
        if self._bus is not None and not self._bus.connected:
            self._lose(self._bus)  # its watcher has not had its turn yet
        if self._bus is not None:
            return self._bus
        if self._connecting is None:
            self._connecting = asyncio.ensure_future(self._open())
            self._connecting.add_done_callback(self._opened)
        return await asyncio.shield(self._connecting)

    def _opened(self, task: asyncio.Task[MessageBus]) -> None:
        self._connecting = None
        if not task.cancelled():
            task.exception()  # those who waited have it

    async def _open(self) -> MessageBus:
        try:
            await load_library()
            from dbus_fast.aio import MessageBus

            async with asyncio.timeout(CONNECT_PATIENCE_S):
                bus = await MessageBus(bus_address=self._address or find_address()).connect()
        except BusUnavailable as error:
            self.why_unavailable = str(error)
            raise
        except TimeoutError as error:
            raise self._unavailable("it does not answer") from error
        except Exception as error:  # the library raises whatever its parser, the socket or the bus gave it
            raise self._unavailable(str(error) or type(error).__name__) from error
        self._bus, self.why_unavailable = bus, ""
        bus.add_message_handler(self._on_message)
        self._ending = asyncio.ensure_future(self._watch_end(bus))
        for rule in list(self._rules):
            await self._match("AddMatch", rule)
        for callback in tuple(self._connected):
            self.spawn(callback())
        log.info("on the session bus as %s", bus.unique_name)
        return bus

    def _unavailable(self, why: str) -> BusUnavailable:
        self.why_unavailable = why
        return BusUnavailable(why)

    async def _watch_end(self, bus: MessageBus) -> None:
        try:
            await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
        except Exception as error:  # whatever the socket gave
            log.debug("the session bus: %s", error)
        self._lose(bus)

    def _lose(self, bus: MessageBus) -> None:
        if self._bus is not bus or self._is_closed:
            return
        self._bus, self.why_unavailable = None, _ENDED
        log.info("lost the session bus")
        self._give_up_replies()
        for callback in tuple(self.on_lost):
            callback()
        if self._connected and (self._returning is None or self._returning.done()):
            self._returning = asyncio.ensure_future(self._come_back())

    def _give_up_replies(self) -> None:
        for waiting in self._replies.values():
            if not waiting.done():
                waiting.set_exception(BusUnavailable(_ENDED))
        self._replies.clear()

    async def _come_back(self) -> None:
        for pause_s in self._pauses_s:
            await asyncio.sleep(pause_s)
            try:
                await self._get()
                return
            except (BusUnavailable, BusError, TimeoutError) as error:
                log.debug("still no session bus: %s", error)

    # calls

    async def call(
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        *body: Any,
        patience_s: float = REPLY_PATIENCE_S,
        may_start: bool = True,
    ) -> list[Any]:
        """Call a method; returns what came back. `may_start`: the bus may start the service for it.

        Raises BusUnavailable (also when the bus goes meanwhile), BusError, TimeoutError.
        """
        bus = await self._get()
        from dbus_fast import Message, MessageFlag, MessageType

        request = Message(
            destination=destination,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=list(body),
            flags=MessageFlag.NONE if may_start else MessageFlag.NO_AUTOSTART,
            serial=bus.next_serial(),
        )
        waiting = self._replies[request.serial] = asyncio.get_running_loop().create_future()
        try:
            self.send(request)
            async with asyncio.timeout(patience_s):
                answer = await waiting
        finally:
            self._replies.pop(request.serial, None)
        if answer.message_type is MessageType.ERROR:
            text = str(answer.body[0]) if answer.body else ""
            raise BusError(answer.error_name or "", text)
        return list(answer.body)

    async def call_daemon(self, member: str, signature: str = "", *body: Any) -> list[Any]:
        """Call the bus itself. Raises like `call`."""
        return await self.call(DAEMON, DAEMON_PATH, DAEMON, member, signature, *body)

    async def get_property(self, destination: str, path: str, interface: str, name: str) -> Any:
        """A property's value. Never starts a service for it. Raises like `call`."""
        properties = f"{DAEMON}.Properties"
        call = self.call(
            destination, path, properties, "Get", "ss", interface, name, patience_s=2.0, may_start=False
        )
        return plain((await call)[0])

    def send(self, message: Message) -> None:
        """Send a message and forget it; without a connection it is dropped."""
        bus = self._bus
        if bus is None or bus._writer is None:
            return
        message.serial = message.serial or bus.next_serial()
        sent = asyncio.get_running_loop().create_future()
        sent.add_done_callback(_note_failure)
        try:
            # Not by `bus.send`: when the socket is broken it raises and leaves a future with the error in it
            # to the garbage collector, which calls that a mistake of the program.
            bus._writer.schedule_write(message, sent)
        except OSError:
            self._lose(bus)

    # what comes in

    def add_handler(self, handler: Handler) -> Callable[[], None]:
        """Show each incoming message to `handler`; returns what ends it."""
        self._handlers.append(handler)
        return lambda: _drop(self._handlers, handler)

    async def watch(self, rule: str) -> None:
        """Have the signals of a match rule sent to us, also on later connections. Raises like `call`."""
        self._rules[rule] = self._rules.get(rule, 0) + 1
        if self._rules[rule] > 1:
            return
        if self.is_connected:
            await self._match("AddMatch", rule)
        else:
            await self._get()  # a new connection takes all rules along

    async def unwatch(self, rule: str) -> None:
        """Take back one `watch`."""
        left = self._rules.get(rule, 0) - 1
        if left > 0:
            self._rules[rule] = left
        elif self._rules.pop(rule, None) and self._bus is not None:
            with contextlib.suppress(BusUnavailable, BusError, TimeoutError):
                await self._match("RemoveMatch", rule)

    async def _match(self, member: str, rule: str) -> None:
        await self.call(DAEMON, DAEMON_PATH, DAEMON, member, "s", rule)

    def _on_message(self, message: Message) -> bool:
        waiting = self._replies.pop(message.reply_serial, None) if message.reply_serial else None
        if waiting is not None:
            if not waiting.done():
                waiting.set_result(message)
            return True
        return any(handler(message) for handler in tuple(self._handlers))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` beside; its failure is logged."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_note_failure)


def _note_failure(task: asyncio.Future[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.info("on the session bus: %s", error)


def _drop(items: list[Any], item: Any) -> None:
    if item in items:
        items.remove(item)
