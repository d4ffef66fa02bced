"""Services of a session that hold off sleep: `power` (org.freedesktop.PowerManagement) or `portal` (Inhibit).

Both as their specifications have them: a cookie to be given back, or a Request object to be closed.
Says each hold as it comes and goes.
"""

from __future__ import annotations

import asyncio
import sys

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus

POWER, POWER_PATH = "org.freedesktop.PowerManagement.Inhibit", "/org/freedesktop/PowerManagement/Inhibit"
PORTAL, PORTAL_PATH = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop"
INHIBIT, REQUEST = "org.freedesktop.portal.Inhibit", "org.freedesktop.portal.Request"


def say(line: str) -> None:
    print(line, flush=True)


class Holds:
    """What is held now: cookie or request → reason."""

    def __init__(self) -> None:
        self._held: dict[object, str] = {}

    def on_message(self, message: Message) -> Message | bool:
        if message.message_type is not MessageType.METHOD_CALL:
            return False
        match message.path, message.interface, message.member, message.signature:
            case (p, i, "Inhibit", "ss") if (p, i) == (POWER_PATH, POWER):
                app, why = message.body
                return self._hold(message, len(self._held) + 40, "u", f"{app}: {why}")
            case (p, i, "UnInhibit", "u") if (p, i) == (POWER_PATH, POWER):
                return self._let_go(message, message.body[0])
            case (p, i, "Inhibit", "sua{sv}") if (p, i) == (PORTAL_PATH, INHIBIT):
                _window, flags, options = message.body
                path = f"{PORTAL_PATH}/request/one/{len(self._held)}"
                return self._hold(message, path, "o", f"flags {flags}: {options['reason'].value}")
            case (p, i, "Close", "") if i == REQUEST:
                return self._let_go(message, p)
        return False

    def _hold(self, message: Message, key: object, signature: str, reason: str) -> Message:
        self._held[key] = reason
        say(f"hold {reason}")
        return Message.new_method_return(message, signature, [key])

    def _let_go(self, message: Message, key: object) -> Message:
        if self._held.pop(key, None) is None:
            return Message.new_error(message, "org.freedesktop.DBus.Error.InvalidArgs", f"No hold {key}")
        say("let go")
        return Message.new_method_return(message)


async def main() -> None:
    bus = await MessageBus().connect()
    holds = Holds()
    bus.add_message_handler(holds.on_message)
    await bus.request_name({"power": POWER, "portal": PORTAL}[sys.argv[1]])
    say("shown")
    await bus.wait_for_disconnect()


if __name__ == "__main__":
    asyncio.run(main())
