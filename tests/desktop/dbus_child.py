"""ArcDesk's session with its place on the bus, without a window: says what it is asked to do.

Arguments: the engine's address, the bus' address. `ask` on stdin asks as the chat window does, `quick` as the
quick prompt.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from argparse import Namespace
from typing import TextIO

import qasync
from PySide6.QtCore import QSocketNotifier
from PySide6.QtWidgets import QApplication

from arcdesk.app.dbus_controller import DbusController, Hands
from arcdesk.app.session import Session
from arcdesk.desktop.dbus_bus import SessionBus
from arcdesk.desktop.instance_server import InstanceLock
from arcdesk.services.chat_listeners import ChatListener
from arcdesk.ui.tray import Tray


def say(*words: object) -> None:
    """One line, at once."""
    print(*words, flush=True)


class Program:
    """The session, and hands that only say what they would do."""

    def __init__(self, app: QApplication, engine: str, address: str) -> None:
        options = Namespace(engine=engine, background=True, verbose=False)
        self._session = Session(app, Tray(), options)
        self._controller = DbusController(self._session, self._hands(), bus=SessionBus(address))

    def _hands(self) -> Hands:
        return Hands(
            present_quick=lambda text, token: say("quick", repr(text), repr(token)),
            open_chat=lambda conversation, token: say("chat", conversation, repr(token)),
            perform=lambda action, token: say("perform", action.kind.value, action.target[:20], repr(token)),
            is_looked_at=lambda: False,
            is_hidden=lambda: True,
            tray_message=lambda title, body: say("balloon", title, body),
        )

    async def run(self) -> None:
        running = asyncio.ensure_future(self._session.run())
        say("library loaded:", "dbus_fast" in sys.modules)
        await self._controller.start()
        chat = await self._session.chat()
        chat.listen(ChatListener(on_message=self._controller.on_message, hears_quick=True))
        say("shown")
        await running
        await self._controller.aclose()
        say("ended")

    def on_input(self, stream: TextIO) -> None:
        word = stream.readline().strip()
        if word:
            self._session.tasks.spawn(self._ask(is_quick=word == "quick"), name="ask")

    async def _ask(self, *, is_quick: bool) -> None:
        chat = await self._session.chat()
        message = await (chat.ask_quick if is_quick else chat.ask)("What is the capital of France?")
        say("answered", message.state.value)


def main() -> int:
    """Until SIGTERM, or Quit over the bus."""
    logging.basicConfig(level=logging.WARNING)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.excepthook = lambda kind, error, _: say(f"error {kind.__name__}: {error}".replace("\n", " "))
    lock = InstanceLock.take()
    assert lock is not None
    app = QApplication(["arcdesk"])
    app.setQuitOnLastWindowClosed(False)
    with qasync.QEventLoop(app) as loop:
        asyncio.set_event_loop(loop)
        program = Program(app, *sys.argv[1:])
        notifier = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read)
        notifier.activated.connect(lambda: program.on_input(sys.stdin))
        loop.run_until_complete(program.run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
