"""The hotkey in a program of its own, on the loop the app has: says states and presses, takes orders.

Orders: rebind KEY · retry · pause · resume · test SECONDS · bind · unbind · configure · command · quit
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys

import qasync
from PySide6.QtCore import QSocketNotifier
from PySide6.QtGui import QGuiApplication

from arcdesk.core.errors import ArcDeskError
from arcdesk.core.hotkey import HotkeyState
from arcdesk.desktop.hotkey import ladder, portal_link
from arcdesk.desktop.hotkey.ladder import HotkeyService


def say(line: str) -> None:
    """One line, at once."""
    print(line, flush=True)


def describe(state: HotkeyState) -> str:
    """A state as JSON: causes instead of words."""
    return json.dumps(
        {
            "how": state.how.value,
            "works": state.works,
            "wanted": state.wanted,
            "trigger": state.trigger,
            "cause": state.problem.cause if state.problem else "",
            "sentence": state.problem.sentence() if state.problem else "",
            "tried": [problem.cause for problem in state.tried],
            "is_asking": state.is_asking,
            "one_click": state.one_click,
            "can_record": state.can_record,
            "can_configure": state.can_configure,
            "command": state.manual.command if state.manual else "",
        }
    )


class Program:
    """The service and its orders."""

    def __init__(self) -> None:
        self.service = HotkeyService(
            lambda token: say(f"press {token}".strip()), lambda state: say(f"state {describe(state)}")
        )
        self.ended = asyncio.Event()
        self._text = ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, shortcut: str) -> None:
        """Until 'quit'."""
        await self.service.start(shortcut)
        say("shown")
        await self.ended.wait()
        await self.service.aclose()
        say("closed")

    def on_input(self) -> None:
        """All orders that have arrived; the end of stdin is one too."""
        piece = os.read(sys.stdin.fileno(), 4096).decode()
        self._text += piece or "quit\n"
        *orders, self._text = self._text.split("\n")
        for order in orders:
            if order == "quit":
                self.ended.set()
                continue
            task = asyncio.ensure_future(self._obey(order))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _obey(self, order: str) -> None:
        verb, _, rest = order.partition(" ")
        service = self.service
        try:
            match verb:
                case "rebind":
                    await service.rebind(rest)
                case "retry":
                    await service.retry()
                case "pause":
                    await service.pause()
                case "resume":
                    await service.resume()
                case "test":
                    say("testing")
                    say(f"tested {await service.test(float(rest))}")
                case "bind":
                    await service.bind_for_me()
                case "unbind":
                    await service.unbind()
                case "configure":
                    await service.configure()
                case "command":
                    say(f"command {service.command_pressed()}")
            say(f"done {verb}")
        except ArcDeskError as error:
            say(f"refused {verb}: {error.problem.cause}: {error}")


def main() -> None:
    """Run with the shortcut from the command line."""
    logging.basicConfig(level=logging.INFO, format="%(name)s %(message)s")
    shortcut, *rest = sys.argv[1:]
    for word in rest:
        if word.startswith("--revive-after-s="):
            ladder.REVIVE_AFTER_S = (float(word.partition("=")[2]),)
        if word.startswith("--patience-s="):
            portal_link.CALL_PATIENCE_S = float(word.partition("=")[2])
    app = QGuiApplication(["arcdesk-hotkey"])
    app.setQuitOnLastWindowClosed(False)
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    with loop:
        program = Program()
        notifier = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read)
        notifier.activated.connect(program.on_input)
        loop.run_until_complete(program.run(shortcut))
        notifier.setEnabled(False)


if __name__ == "__main__":
    main()
