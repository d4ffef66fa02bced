"""Objects that other programs can call over D-Bus: their methods, their description, and who answers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from arcdesk.core.errors import ArcDeskError
from arcdesk.core.ident import APP_ID
from arcdesk.desktop.dbus_bus import SessionBus
from arcdesk.desktop.dbus_values import (
    DAEMON,
    BusError,
    BusUnavailable,
    clean,
    owner_change,
    owner_rule,
    plain,
)

if TYPE_CHECKING:
    from dbus_fast import Message

log = logging.getLogger(__name__)

ERROR_PREFIX = f"{APP_ID}1.Error"
INVALID_ARGS = f"{DAEMON}.Error.InvalidArgs"
LIMITS_EXCEEDED = f"{DAEMON}.Error.LimitsExceeded"
FAILED = f"{DAEMON}.Error.Failed"
_DOCTYPE = (
    '<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"\n'
    ' "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">\n'
)
_STANDARD = f"""\
 <interface name="{DAEMON}.Introspectable">
  <method name="Introspect"><arg name="data" type="s" direction="out"/></method>
 </interface>
 <interface name="{DAEMON}.Peer">
  <method name="Ping"/>
  <method name="GetMachineId"><arg name="machine_uuid" type="s" direction="out"/></method>
 </interface>
"""

Argument = tuple[str, str]  # name, D-Bus type


class CallRefused(Exception):
    """The caller asked for what can't be; it gets this D-Bus error."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method. `run` gets the arguments as plain values; what it returns are the results, in a tuple.

    `is_long`: it is cancelled when its caller leaves the bus.
    """

    name: str
    takes: tuple[Argument, ...] = ()
    gives: tuple[Argument, ...] = ()
    run: Callable[..., Awaitable[tuple[Any, ...]]]
    is_long: bool = False

    @property
    def signature(self) -> str:
        """The arguments' types."""
        return "".join(kind for _, kind in self.takes)

    @property
    def result_signature(self) -> str:
        """The results' types."""
        return "".join(kind for _, kind in self.gives)

    def xml(self) -> str:
        """Its entry in the introspection data."""
        ways = [(argument, "in") for argument in self.takes] + [(argument, "out") for argument in self.gives]
        arguments = "".join(
            f'<arg name="{escape(name)}" type="{escape(kind)}" direction="{escape(way)}"/>'
            for (name, kind), way in ways
        )
        return f'  <method name="{self.name}">{arguments}</method>\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """An object: its path and the methods of each of its interfaces."""

    path: str
    interfaces: dict[str, tuple[Method, ...]]

    def find(self, message: Message) -> Method:
        """The method that a message calls. Raises CallRefused."""
        named = [
            method
            for interface, methods in self.interfaces.items()
            for method in methods
            if method.name == message.member and message.interface in (interface, None, "")
        ]
        for method in named:
            if method.signature == message.signature:
                return method
        if not named:
            raise CallRefused(f"{DAEMON}.Error.UnknownMethod", f"There is no method {message.member} here.")
        wanted = " or ".join(f"({method.signature})" for method in named)
        raise CallRefused(INVALID_ARGS, f"{message.member} takes {wanted}, not ({message.signature}).")


class Exporter:
    """Answers calls of the objects' methods, each in a task of its own."""

    def __init__(self, bus: SessionBus, objects: Iterable[Exported]) -> None:
        self._bus = bus
        self._objects = {one.path: one for one in objects}
        self._running: dict[asyncio.Task[None], str] = {}  # task → its caller's address
        self._unhandle = bus.add_handler(self._on_message)
        bus.on_lost.append(self._on_lost)

    async def aclose(self) -> None:
        """Take no more calls and cancel those that run."""
        self._unhandle()
        with contextlib.suppress(ValueError):
            self._bus.on_lost.remove(self._on_lost)
        tasks = list(self._running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _on_message(self, message: Message) -> bool:
        from dbus_fast import MessageType

        if message.message_type is MessageType.METHOD_CALL:
            return self._on_call(message)
        change = owner_change(message) if message.message_type is MessageType.SIGNAL else None
        if change is not None and not change[2]:
            self._on_gone(change[0])
        return False

    def _on_call(self, message: Message) -> bool:
        path = message.path or ""
        if message.interface == f"{DAEMON}.Introspectable" and message.member == "Introspect":
            return self._introspect(message, path)
        found = self._objects.get(path)
        if found is None or message.interface == f"{DAEMON}.Peer":
            return False  # the library answers
        if message.interface == f"{DAEMON}.Properties":
            return self._answer_properties(message)
        try:
            method = found.find(message)
        except CallRefused as refusal:
            self._refuse(message, refusal.name, str(refusal))
            return True
        task = asyncio.ensure_future(self._run(method, message))
        self._running[task] = message.sender or ""
        task.add_done_callback(lambda done: self._running.pop(done, None))
        return True

    async def _run(self, method: Method, message: Message) -> None:
        watching = asyncio.ensure_future(self._watch_caller(message.sender or "")) if method.is_long else None
        try:
            results = await method.run(*(plain(item) for item in message.body))
            self._reply(message, method.result_signature, *results)
        except ArcDeskError as error:
            self._refuse(message, error_name(error.problem.cause), str(error))
        except CallRefused as refusal:
            self._refuse(message, refusal.name, str(refusal))
        except asyncio.CancelledError:
            self._refuse(message, f"{ERROR_PREFIX}.Cancelled", "The call was cancelled.")
            raise
        except Exception:  # a mistake of ours must not leave the caller waiting, nor tell it our insides
            log.exception("the D-Bus method %s failed", method.name)
            self._refuse(message, FAILED, "ArcDesk made a mistake; its log has the details.")
        finally:
            if watching is not None:
                watching.cancel()

    async def _watch_caller(self, address: str) -> None:
        """Until cancelled: learn when a caller leaves, also if it has left before we could watch."""
        rule = owner_rule(address)
        try:
            await self._bus.watch(rule)
            if not (await self._bus.call_daemon("NameHasOwner", "s", address))[0]:
                self._on_gone(address)
            await asyncio.get_running_loop().create_future()
        except (BusUnavailable, BusError, TimeoutError) as error:
            log.debug("the caller %s is not watched: %s", address, error)
        finally:
            await asyncio.shield(asyncio.ensure_future(self._bus.unwatch(rule)))

    def _on_gone(self, address: str) -> None:
        for task, caller in list(self._running.items()):
            if caller == address:
                task.cancel()

    def _on_lost(self) -> None:
        for task in list(self._running):
            task.cancel()  # nobody is left who could hear the answer

    def _reply(self, request: Message, signature: str = "", *body: Any) -> None:
        """Answer a call, if its caller waits for one."""
        from dbus_fast import Message, MessageFlag

        if not request.flags & MessageFlag.NO_REPLY_EXPECTED:
            self._bus.send(Message.new_method_return(request, signature, list(body)))

    def _refuse(self, request: Message, name: str, text: str) -> None:
        """Answer a call with an error."""
        from dbus_fast import Message, MessageFlag

        if not request.flags & MessageFlag.NO_REPLY_EXPECTED:
            self._bus.send(Message.new_error(request, name, clean(text)))

    # descriptions

    def _introspect(self, message: Message, path: str) -> bool:
        below = path.rstrip("/") + "/"
        children = sorted(
            {other[len(below) :].partition("/")[0] for other in self._objects if other.startswith(below)}
        )
        found = self._objects.get(path)
        if found is None and not children:
            return False
        interfaces = found.interfaces if found else {}
        described = "".join(
            f' <interface name="{name}">\n{"".join(method.xml() for method in methods)} </interface>\n'
            for name, methods in interfaces.items()
        )
        nodes = "".join(f' <node name="{child}"/>\n' for child in children)
        self._reply(message, "s", f"{_DOCTYPE}<node>\n{_STANDARD}{described}{nodes}</node>\n")
        return True

    def _answer_properties(self, message: Message) -> bool:
        """Our interfaces have no properties; whoever wants all of them gets none."""
        if message.member == "GetAll" and message.signature == "s":
            self._reply(message, "a{sv}", {})
        else:
            self._refuse(message, f"{DAEMON}.Error.UnknownProperty", "There are no properties here.")
        return True


def error_name(cause: str) -> str:
    """The D-Bus error for a problem's cause: 'not_ready' → org.arcdesk.ArcDesk1.Error.NotReady."""
    words = [word for word in re.split(r"[^A-Za-z0-9]+", cause) if word]
    camel = "".join(word[:1].upper() + word[1:] for word in words)
    return f"{ERROR_PREFIX}.{camel if camel[:1].isalpha() else 'Failed'}"
