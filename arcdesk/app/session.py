"""One run of the desktop program: builds it, connects it, takes it down in reverse."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import qasync
from PySide6.QtWidgets import QApplication

from arcdesk.app.crash import CrashHandler
from arcdesk.app.desktop_parts import DesktopParts
from arcdesk.app.instance_commands import InstanceCommands
from arcdesk.app.options import load_settings
from arcdesk.app.parts import make_parts
from arcdesk.app.session_tray import SessionTray
from arcdesk.core.errors import Action, ArcDeskError, Problem
from arcdesk.core.settings import Settings
from arcdesk.core.store import Store
from arcdesk.desktop.instance_server import InstanceServer
from arcdesk.services.engine_service import EngineService
from arcdesk.services.notices import Notices
from arcdesk.services.threads import in_thread
from arcdesk.storage.log_file import start_logging, stop_logging
from arcdesk.ui.bridge import StoreBridge
from arcdesk.ui.tasks import Tasks
from arcdesk.ui.tray import Tray

if TYPE_CHECKING:
    from arcdesk.app.bench_parts import BenchParts
    from arcdesk.app.card_parts import CardParts
    from arcdesk.app.live_parts import LiveParts
    from arcdesk.app.tool_windows import ToolWindows
    from arcdesk.app.window_controller import WindowController
    from arcdesk.services.chat_service import ChatService

log = logging.getLogger(__name__)
Json = dict[str, Any]


def run_session(app: QApplication, tray: Tray, options: argparse.Namespace) -> int:
    """Run until the person quits; returns the exit code."""
    crash = CrashHandler()
    crash.install()
    log_file = start_logging(verbose=options.verbose)
    crash.recent_lines = log_file.recent_lines
    try:
        _run_loop(app, tray, options, crash)
    finally:
        stop_logging(log_file)
    crash.clean_exit()
    return 0


def _run_loop(app: QApplication, tray: Tray, options: argparse.Namespace, crash: CrashHandler) -> None:
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    crash.watch_loop(loop)
    session = Session(app, tray, options, crash)
    with loop:
        running = loop.create_task(session.run())
        try:
            loop.run_until_complete(running)
        except RuntimeError:
            if running.done():
                raise
            # The desktop's end of session stopped Qt's loop under us: it runs once more, for the clean-up.
            session.quit()
            loop.run_until_complete(running)


class Session:
    """Owns every part of the running app. Windows and chat are built when first wanted.

    `settings_changed` holds what is called with each new Settings, `slept` what is called when the computer
    has woken up.
    """

    def __init__(
        self,
        app: QApplication,
        tray: Tray,
        options: argparse.Namespace,
        crash: CrashHandler | None = None,
    ) -> None:
        self.app = app
        self.tray = tray
        self.crash = crash or CrashHandler()
        self._options = options
        self._ended = asyncio.Event()
        self.settings_changed: list[Callable[[Settings], None]] = []
        self.slept: list[Callable[[], None]] = []
        self.settings_file, self.settings, self._refused = load_settings(options)
        self.store = Store()
        self.parts = make_parts()
        self.parts.ledger.declare(self.settings)
        self.engine = EngineService(
            store=self.store,
            settings=self.settings,
            make_driver=self.parts.make_driver,
            runtime=self.parts.runtime,
        )
        self.bridge = StoreBridge(self.store)
        self.notices = Notices(self.store)
        self.tasks = Tasks(self.notify)
        self._server = InstanceServer(InstanceCommands(self).handle)
        self._window: WindowController | None = None
        self._tools: ToolWindows | None = None
        self._cards: CardParts | None = None
        self._bench: BenchParts | None = None
        self._live: LiveParts | None = None
        self._chat: asyncio.Task[ChatService] | None = None
        self.desktop = DesktopParts(self)
        self._tray = SessionTray(self)

    # life

    async def run(self) -> None:
        """Until `quit`."""
        self._tray.connect()
        self._handle_signals()
        try:
            await self._listen()
            for problem in (*self.settings_file.problems, *self._refused, *self._last_end()):
                self.notify(problem)
            if not self._options.background:
                self.open_window(getattr(self._options, "activation_token", ""))
            self.tasks.spawn(self.engine.begin(), name="find the engine")
            self.tasks.spawn(self.desktop.start(), name="meet the desktop")
            self.settings_changed.append(self._meet_export)
            self._meet_export(self.settings)
            await self._ended.wait()
        finally:
            await self._take_down()

    def _last_end(self) -> tuple[Problem, ...]:
        """What is to be said of the last run, if it did not end in order."""
        self.crash.on_mistake = self.notices.add
        report = self.crash.previous()
        if report is None:
            return ()
        from arcdesk.app.crash_words import crash_problem

        return (crash_problem(report),)

    async def _listen(self) -> None:
        """Let other commands reach us; without a usable socket the app works on, alone."""
        try:
            await self._server.start()
        except OSError as error:
            self.notify(
                Problem(
                    cause="no_socket",
                    title="Other ArcDesk commands can't reach this window",
                    detail=f"Its socket can't be made: {error}.",
                    hint="Set XDG_RUNTIME_DIR to a short path that you may write to.",
                )
            )

    def quit(self) -> None:
        """End the app in order (never QApplication.quit: it would stop the loop under the clean-up)."""
        self._ended.set()

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError, AttributeError):
                loop.add_signal_handler(number, self.quit)

    async def _take_down(self) -> None:
        await self._server.aclose()
        if self._window is not None:
            await self._window.keep_draft()
        await self.desktop.aclose()
        if self._tools is not None:
            await self._tools.aclose()
        for parts in (self._bench, self._live, self._cards):
            if parts is not None:
                await parts.aclose()
        await self.tasks.cancel_all()
        if self.chat_or_none is not None:
            await self.chat_or_none.aclose()
        if self.settings.stop_engine_on_quit:
            with contextlib.suppress(ArcDeskError):
                await self.engine.stop()
        await self.engine.aclose()
        await self.parts.aclose()
        if self._tools is not None:
            self._tools.close()
        self.bridge.close()
        if self._window is not None:
            self._window.close()
        self.tray.hide()
        await self.desktop.release_shutdown()

    async def store_all(self) -> None:
        """Store what is on its way: drafts, and the text of answers so far."""
        if self._window is not None:
            self._window.window.prompt.flush_draft()
        await self.desktop.keep_drafts()
        if self.chat_or_none is not None:
            await self.chat_or_none.flush()

    # parts made when first wanted

    async def chat(self) -> ChatService:
        """The conversations, opened at the first call."""
        if self._chat is None:
            self._chat = asyncio.ensure_future(self._open_chat())
        return await asyncio.shield(self._chat)

    @property
    def chat_or_none(self) -> ChatService | None:
        """The conversations, if they are open."""
        return (
            self._chat.result() if self._chat and self._chat.done() and not self._chat.exception() else None
        )

    async def _open_chat(self) -> ChatService:
        from arcdesk.services.chat_service import ChatService
        from arcdesk.storage.history_db import HistoryDb

        history = HistoryDb()
        await self.load("live_parts")
        chat = ChatService(store=self.store, history=history, backend=self.parts.backend, engine=self.engine)
        await chat.open()
        self.desktop.listen_to(chat)
        self.live.listen_to(chat)
        if self._cards is not None:
            self._cards.listen_to(chat)
        for problem in history.problems:
            self.notify(problem)
        return chat

    @property
    def window(self) -> WindowController:
        """The chat window, made at the first call."""
        if self._window is None:
            from arcdesk.app.window_controller import WindowController

            self._window = WindowController(self)
        return self._window

    @property
    def window_or_none(self) -> WindowController | None:
        """The chat window, if there is one."""
        return self._window

    @property
    def tools(self) -> ToolWindows:
        """Settings and doctor, made at the first call."""
        if self._tools is None:
            from arcdesk.app.tool_windows import ToolWindows

            self._tools = ToolWindows(self)
        return self._tools

    @property
    def cards(self) -> CardParts:
        """The graphics cards, met at the first call."""
        if self._cards is None:
            from arcdesk.app.card_parts import CardParts

            self._cards = CardParts(self)
        return self._cards

    @property
    def cards_or_none(self) -> CardParts | None:
        """The graphics cards, if they were met."""
        return self._cards

    @property
    def bench(self) -> BenchParts:
        """Benchmark, ledger and comparisons, made at the first call."""
        if self._bench is None:
            from arcdesk.app.bench_parts import BenchParts

            self._bench = BenchParts(self)
        return self._bench

    @property
    def live(self) -> LiveParts:
        """The live figures, made at the first call."""
        if self._live is None:
            from arcdesk.app.live_parts import LiveParts

            self._live = LiveParts(self)
        return self._live

    def open_bench(self, target: str = "") -> None:
        """Show the benchmark; 'suite' begins the small suite, 'ledger:7,9' shows two runs, 'ab' compares."""
        window = {"ledger": "ledger_controller", "ab": "ab_controller"}.get(target.partition(":")[0])

        async def show() -> None:
            await self.load("bench_parts", window or "bench_controller")
            self.bench.open(target)

        self.tasks.spawn(show(), name="show the benchmark")

    def open_live(self) -> None:
        """Show the live figures."""

        async def show() -> None:
            await self.load("live_parts")
            self.live.open()

        self.tasks.spawn(show(), name="show the live figures")

    def _meet_export(self, settings: Settings) -> None:
        """The page of the live figures is wanted: from now on their part listens to the settings itself."""
        if settings.live_export and self._live is None:

            async def begin() -> None:
                await self.load("live_parts")
                self.live.follow_settings()

            self.tasks.spawn(begin(), name="show the live figures to Prometheus")

    def open_window(self, token: str = "") -> None:
        """Show the chat window and bring it to the front; `token` is the desktop's leave to do so."""
        self.window.show(token)

    def perform(self, action: Action, token: str = "") -> None:
        """Do what a button says, wherever it stands."""
        from arcdesk.app import actions

        actions.perform(self, action, token)

    def notify(self, problem: Problem) -> None:
        """Show a problem that no snapshot and no bubble shows."""
        log.warning("%s", problem.sentence())
        self.notices.add(problem)

    async def load(self, *names: str) -> None:
        """Import modules of the app aside: on the loop's thread it would take longer than a frame."""
        for name in names:
            await in_thread("arcdesk-load", partial(import_module, f"arcdesk.app.{name}"))

    def start_engine(self) -> None:
        """Start; a failure is in the snapshot."""
        self.tasks.spawn(self.engine.start(), name="start the engine", is_shown_elsewhere=True)

    def stop_engine(self) -> None:
        """Stop."""
        self.tasks.spawn(self.engine.stop(), name="stop the engine")

    def restart_engine(self) -> None:
        """Stop, then start."""
        self.tasks.spawn(self.engine.restart(), name="restart the engine", is_shown_elsewhere=True)

    async def apply(self, settings: Settings, *, start: bool = False) -> None:
        """Take other settings, then keep them; if they can't be kept, they hold for this run."""
        self.parts.ledger.declare(settings)
        await self.engine.use(settings)
        self.settings = settings
        self.keep(settings)
        self.tell_settings(settings)
        if start:
            await self.engine.start()

    def take(self, settings: Settings) -> None:
        """Take settings that no engine needs to know."""
        self.settings = settings
        self.keep(settings)
        self.tell_settings(settings)

    def tell_settings(self, settings: Settings) -> None:
        """Other settings hold from now on."""
        self.parts.ledger.declare(settings)
        for listener in tuple(self.settings_changed):
            listener(settings)

    def keep(self, settings: Settings) -> None:
        """Write the settings. What only the command line or a variable said stays out of the file."""
        try:
            self.settings_file.save(settings)
        except ArcDeskError as error:
            self.notify(error.problem)
