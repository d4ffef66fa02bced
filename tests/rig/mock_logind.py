"""A logind on the bus at its argument, as org.freedesktop.login1(5) has it: locks and two signals.

Says each lock as it comes and goes. Lines on stdin: sleep, wake, shutdown, cancel, refuse, end.
`shutdown` waits for the delaying locks, as logind does, and then says "down", or "down in spite of ArcDesk".
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from dataclasses import dataclass

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus

NAME, PATH, MANAGER = "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager"
WHATS = {"shutdown", "sleep", "idle"} | {
    f"handle-{what}" for what in ("power-key", "suspend-key", "hibernate-key", "lid-switch")
}
DELAYABLE = frozenset({"shutdown", "sleep"})
DELAY_MAX_S = 5.0  # logind's own default


def say(line: str) -> None:
    print(line, flush=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """One lock: it lasts until the other end of its pipe is closed."""

    what: str
    who: str
    why: str
    mode: str
    reader: int


class Logind:
    """The manager object."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self._locks: list[Lock] = []
        self._refuses = False
        bus.add_message_handler(self._on_message)

    def _on_message(self, message: Message) -> Message | bool:
        is_call = message.message_type is MessageType.METHOD_CALL and message.path == PATH
        if not is_call or message.interface != MANAGER:
            return False
        if message.member == "Inhibit" and message.signature == "ssss":
            return self._inhibit(message)
        if message.member == "ListInhibitors" and not message.signature:
            rows = [[lock.what, lock.who, lock.why, lock.mode, 0, 0] for lock in self._locks]
            return Message.new_method_return(message, "a(ssssuu)", [rows])
        return Message.new_error(message, "org.freedesktop.DBus.Error.UnknownMethod", "Unknown method")

    def _inhibit(self, message: Message) -> Message:
        what, who, why, mode = message.body
        words = set(what.split(":"))
        if not words <= WHATS or mode not in ("block", "delay"):
            return Message.new_error(
                message, "org.freedesktop.DBus.Error.InvalidArgs", "Invalid what or mode"
            )
        if mode == "delay" and not words <= DELAYABLE:
            return Message.new_error(message, "org.freedesktop.DBus.Error.InvalidArgs", "Can't be delayed")
        if self._refuses:
            return Message.new_error(message, "org.freedesktop.DBus.Error.AccessDenied", "Permission denied")
        reader, writer = os.pipe()
        lock = Lock(what=what, who=who, why=why, mode=mode, reader=reader)
        self._locks.append(lock)
        asyncio.get_running_loop().add_reader(reader, self._on_release, lock)
        asyncio.get_running_loop().call_later(0.2, os.close, writer)  # after the message has left
        say(f"lock {what} {mode} by {who}: {why}")
        return Message.new_method_return(message, "h", [0], unix_fds=[writer])

    def _on_release(self, lock: Lock) -> None:
        asyncio.get_running_loop().remove_reader(lock.reader)
        os.close(lock.reader)
        self._locks.remove(lock)
        say(f"released {lock.what} {lock.mode}")

    async def obey(self, line: str) -> bool:
        """One line of the test; False at the end."""
        match line:
            case "sleep" | "wake":
                await self._tell("PrepareForSleep", line == "sleep")
            case "shutdown":
                await self._shut_down()
            case "cancel":
                await self._tell("PrepareForShutdown", False)
            case "refuse":
                self._refuses = True
                say("refusing")
        return line != "end"

    async def _shut_down(self) -> None:
        await self._tell("PrepareForShutdown", True)
        deadline = time.monotonic() + DELAY_MAX_S
        while (waits_for := self._delaying()) and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        say(f"down in spite of {', '.join(waits_for)}" if waits_for else "down")

    def _delaying(self) -> list[str]:
        return [lock.who for lock in self._locks if lock.mode == "delay" and "shutdown" in lock.what]

    async def _tell(self, member: str, is_before: bool) -> None:
        await self._bus.send(Message.new_signal(PATH, MANAGER, member, "b", [is_before]))


async def main() -> None:
    bus = await MessageBus(bus_address=sys.argv[1], negotiate_unix_fd=True).connect()
    logind = Logind(bus)
    await bus.request_name(NAME)
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    say("shown")
    while (line := await lines.readline()) and await logind.obey(line.decode().strip()):
        pass


if __name__ == "__main__":
    asyncio.run(main())
