"""A small desktop program with ArcDesk's DesktopLife on the app's own kind of loop; says what happens to it.

Lines on stdin: answering, done, commit (what a session manager asks), end.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import qasync
from PySide6.QtCore import QSocketNotifier
from PySide6.QtGui import QSessionManager
from PySide6.QtWidgets import QApplication

from arcdesk.app.desktop_life import DesktopLife
from arcdesk.core.store import AppState
from arcdesk.desktop.dbus_bus import SessionBus

STORE_S = 0.1  # what storing takes
DRAFT = "half a question"


def say(line: str) -> None:
    print(line, flush=True)


class Manager:
    """A session manager's object; the wheels' Qt has none for X11, and Python can't make one."""

    def setRestartHint(self, hint: QSessionManager.RestartHint) -> None:
        say(f"restart {hint.name}")


class Program:
    """The loop's main coroutine, and what it is told."""

    def __init__(self, app: QApplication, draft: Path) -> None:
        self._draft = draft
        self._ended = asyncio.Event()
        self._bus = SessionBus()
        self.life = DesktopLife(
            app,
            self._bus,
            flush=self._flush,
            quit=self._quit,
            on_resume=lambda slept_s: say(f"woke {slept_s >= 0}"),
            hold_after_s=0,
        )
        self._notifier = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read)
        self._notifier.activated.connect(self._on_input)

    async def _flush(self) -> None:
        await asyncio.sleep(STORE_S)
        self._draft.write_text(DRAFT)
        say("stored")

    def _quit(self) -> None:
        say("quit")
        self._ended.set()

    def _on_input(self) -> None:
        read = os.read(sys.stdin.fileno(), 4096).decode()
        for line in read.split() or ["end"]:
            self._obey(line)

    def _obey(self, line: str) -> None:
        match line:
            case "answering":
                self.life.on_state(AppState(answering=frozenset({1})))
            case "done":
                self.life.on_state(AppState())
            case "commit":
                self.life._session_end._on_commit(Manager())  # type: ignore[arg-type]
                say(f"committed with {self._draft.read_text()}")
            case "end":
                self._notifier.setEnabled(False)
                self._ended.set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._ended.set)
        await self.life.start()
        say(f"without: {why}" if (why := await self.life.why_unavailable()) else "with logind")
        say("shown")
        await self._ended.wait()
        await self.life.aclose()
        await self._bus.aclose()
        say("ended")


def main() -> int:
    app = QApplication(["life"])
    app.setQuitOnLastWindowClosed(False)
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    with loop:
        loop.run_until_complete(Program(app, Path(sys.argv[1])).run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
