"""What reaches beyond our windows: hotkey, quick prompt, session bus, notifications, sleep, session end."""

from __future__ import annotations

import asyncio
import linecache
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication

from arcdesk.app.hotkey_controller import HotkeyController
from arcdesk.core.errors import Action, ActionKind, ArcDeskError
from arcdesk.core.settings import Settings
from arcdesk.storage import paths

if TYPE_CHECKING:
    from arcdesk.app.dbus_controller import DbusController
    from arcdesk.app.desktop_life import DesktopLife
    from arcdesk.app.quick_controller import QuickController
    from arcdesk.app.session import Session
    from arcdesk.core.chat import Message
    from arcdesk.core.doctor import Finding
    from arcdesk.core.hotkey import HotkeyState
    from arcdesk.services.chat_service import ChatService
    from arcdesk.services.doctor import Check

log = logging.getLogger(__name__)

TOLD_HOTKEY = "hotkey/toldCause"  # of the last problem with the key that was told


class DesktopParts:
    """Made with the session (cheap), `start`ed when the tray is seen, closed with it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.hotkey = HotkeyController(session.tasks, self.toggle_quick, self._keep_hotkey, session.perform)
        self.hotkey.listeners.append(self._on_hotkey_state)
        self._quick: QuickController | None = None
        self._dbus: DbusController | None = None
        self._life: DesktopLife | None = None
        self._starting: asyncio.Task[object] | None = None

    async def start(self) -> None:
        """Meet the desktop. What it does not have is told by the part that needs it, or the doctor."""
        from arcdesk.app.dbus_controller import DbusController, Hands
        from arcdesk.app.desktop_life import DesktopLife

        self._starting = asyncio.current_task()
        session = self._session
        hands = Hands(
            present_quick=self.ask_quick,
            open_chat=self._open_chat,
            perform=session.perform,
            is_looked_at=lambda: QApplication.activeWindow() is not None,
            is_hidden=self._is_hidden,
            tray_message=session.tray.say,
        )
        self._dbus = DbusController(session, hands)
        self._life = DesktopLife(
            session.app,
            self._dbus.bus,
            flush=session.store_all,
            quit=session.quit,
            on_resume=self._on_resume,
        )
        session.bridge.state_changed.connect(self._life.on_state)
        session.settings_changed.append(self._on_settings)
        await self._dbus.start()  # before the key: a dialog of the portal may wait for long
        await self.hotkey.start(session.settings.hotkey)
        await self._life.start()
        # PySide6 reads the source of each module that is imported after it; linecache would keep it all.
        linecache.clearcache()
        if session.settings.start_engine_with_app:
            await session.engine.settle()
            await session.engine.first_look()
            if session.engine.snapshot.phase.can_start:
                session.start_engine()

    def _is_hidden(self) -> bool:
        """Neither the window nor the bar can be seen."""
        window = self._session.window_or_none
        bar_is_seen = self._quick is not None and self._quick.bar.isVisible()
        return not bar_is_seen and (window is None or not window.window.isVisible())

    def listen_to(self, chat: ChatService) -> None:
        """Tell of answers that end while nobody looks."""
        from arcdesk.services.chat_listeners import ChatListener

        def on_message(conversation_id: int, message: Message) -> None:
            if self._dbus is not None:
                self._dbus.on_message(conversation_id, message)

        chat.listen(ChatListener(on_message=on_message, hears_quick=True))

    async def aclose(self) -> None:
        """Let bus, key and bar go; the bus first, so that the app's end is no news."""
        if self._starting is not None:
            self._starting.cancel()  # a bus that is slow: what it had still to begin would never be closed
            await asyncio.wait([self._starting])
        if self._dbus is not None:
            await self._dbus.aclose()
        await self.hotkey.aclose()
        if self._quick is not None:
            await self._quick.aclose()
        if self._life is not None:
            self._session.bridge.state_changed.disconnect(self._life.on_state)

    def keep_awake(self, topic: str, why: str) -> None:
        """Hold off sleep for this topic; an empty reason ends it."""
        if self._life is not None:
            self._life.keep_awake(topic, why)

    def tell_download(self, title: str, body: str, action: Action) -> None:
        """A download is over."""
        if self._dbus is not None:
            self._dbus.notifier.on_download(title, body, action)

    def tell_bench(self, title: str, body: str, action: Action) -> None:
        """A measurement is over."""
        if self._dbus is not None:
            self._dbus.notifier.on_bench(title, body, action)

    def tell_regression(self, title: str, body: str, actions: tuple[tuple[str, Action], ...]) -> None:
        """Measured: it has become slower. `actions` are the note's buttons: (key, action)."""
        if self._dbus is not None:
            self._dbus.notifier.on_regression(title, body, actions)

    async def release_shutdown(self) -> None:
        """The last step of all: everything is stored, the computer may end."""
        if self._life is not None:
            await self._life.aclose()

    # the quick prompt

    @property
    def quick(self) -> QuickController:
        """The bar, made at the first call."""
        if self._quick is None:
            from arcdesk.app.quick_controller import QuickController

            self._quick = QuickController(self._session)
        return self._quick

    def toggle_quick(self, token: str = "") -> None:
        """The key was pressed."""
        self.quick.toggle(token)

    def ask_quick(self, text: str = "", token: str = "") -> None:
        """Show the bar; with a text, ask it."""
        if text:
            self.quick.ask(text, token)
        else:
            self.quick.present(token)

    async def on_quick_command(self, action: str, text: str, token: str) -> None:
        """`arcdesk quick …`, also bound to a key by the desktop."""
        if action == "toggle" and not self.hotkey.command_pressed():
            self.toggle_quick(token)
        elif action == "present":
            self.ask_quick("", token)
        elif action == "ask":
            self.ask_quick(text, token)

    async def keep_drafts(self) -> None:
        """Store what stands in the bar."""
        if self._quick is not None:
            await self._quick.keep_draft()

    # the hotkey

    def _keep_hotkey(self, shortcut: str) -> None:
        settings = replace(self._session.settings, hotkey=shortcut)
        self._session.take(settings)

    def _on_settings(self, settings: Settings) -> None:
        if self._quick is not None:
            self._quick.apply_settings(settings)
        work = self.hotkey.settings_changed(settings.hotkey)
        self._session.tasks.spawn(work, name="another hotkey")

    def _on_hotkey_state(self, state: HotkeyState) -> None:
        """The menu names the key that works; why none does is told once, not at each start."""
        self._session.tray.set_quick_key(state.trigger if state.works else "")
        if state.is_asking:
            return
        memory = QSettings(str(paths.state_dir() / "window.ini"), QSettings.Format.IniFormat)
        cause = state.problem.cause if state.problem else ""
        if str(memory.value(TOLD_HOTKEY, "")) != cause:
            memory.setValue(TOLD_HOTKEY, cause)
            if state.problem is not None:
                self._session.notify(state.problem)

    # the doctor

    def checks(self) -> list[Check]:
        """What only the running app knows of its desktop."""
        from arcdesk.core.doctor import Area
        from arcdesk.services.doctor import Check

        return [
            Check(id="desktop.bound", area=Area.DESKTOP, title="The key of the quick prompt", run=self._key),
            Check(id="desktop.logind", area=Area.DESKTOP, title="Sleep and shutdown", run=self._sleep),
        ]

    async def _key(self) -> Sequence[Finding]:
        from arcdesk.core.doctor import Area, Status, from_problem, ok
        from arcdesk.ui.hotkey_words import state_line

        state = self.hotkey.state
        if state.problem is not None:
            return [from_problem("desktop.bound", Area.DESKTOP, Status.WARN, state.problem)]
        title = f"{state.trigger} opens the quick prompt" if state.works else "No key opens the quick prompt"
        return [ok("desktop.bound", Area.DESKTOP, title, state_line(state))]

    async def _sleep(self) -> Sequence[Finding]:
        from arcdesk.core.doctor import Area, ok, unknown

        why = await self._life.why_unavailable() if self._life is not None else "It was not asked yet."
        if why:
            return [unknown("desktop.logind", Area.DESKTOP, "Sleep and shutdown", why)]
        detail = "A shutdown waits until all is stored; an answer on its way keeps the computer awake."
        return [ok("desktop.logind", Area.DESKTOP, "Sleep and shutdown are heard", detail)]

    # what others want

    def _open_chat(self, conversation_id: int, token: str) -> None:
        self._session.perform(
            Action(kind=ActionKind.OPEN_CHAT, label="", target=str(conversation_id or "")), token
        )

    def _on_resume(self, slept_s: float) -> None:
        """What the engine was before the sleep may be wrong now."""
        log.info("looking at the engine again after %.0f s of sleep", slept_s)
        for tell in tuple(self._session.slept):
            tell()

        async def look() -> None:
            try:
                await self._session.engine.settle()
                self._session.engine.look()
            except ArcDeskError as error:
                log.info("after the sleep: %s", error)

        self._session.tasks.spawn(look(), name="look at the engine after the sleep")
