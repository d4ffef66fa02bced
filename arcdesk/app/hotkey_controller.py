"""Connects the hotkey, its section in the settings, and the rest of the app."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from arcdesk.core.errors import Action, ActionKind
from arcdesk.core.hotkey import HotkeyState
from arcdesk.ui.tasks import Tasks

if TYPE_CHECKING:
    from arcdesk.desktop.hotkey.ladder import HotkeyService
    from arcdesk.ui.hotkey_section import HotkeySection
    from arcdesk.ui.hotkey_words import TestPhase


class HotkeyController:
    """Owns the service, which is loaded by `start`: after the tray is visible.

    `on_pressed` gets the activation token; `keep` stores another shortcut in the settings; `act` runs the
    actions that are not about the hotkey.
    """

    def __init__(
        self,
        tasks: Tasks,
        on_pressed: Callable[[str], None],
        keep: Callable[[str], None],
        act: Callable[[Action], object],
    ) -> None:
        self._tasks = tasks
        self._on_pressed = on_pressed
        self._keep = keep
        self._act = act
        self._service: HotkeyService | None = None
        self._section: HotkeySection | None = None
        self._testing: asyncio.Task[None] | None = None
        self.state = HotkeyState()
        self.has_answered = False  # till then the state says nothing
        self.listeners: list[Callable[[HotkeyState], None]] = []  # e.g. the tray's menu, the first-run card

    async def start(self, shortcut: str) -> None:
        """Load what is needed and look for a way to the key."""
        from arcdesk.desktop.hotkey.ladder import HotkeyService

        self._service = HotkeyService(self._on_pressed, self._on_state)
        await self._service.start(shortcut)

    async def settings_changed(self, shortcut: str) -> None:
        """The settings have a shortcut, perhaps another one."""
        if self._service is not None:
            await self._service.rebind(shortcut)

    def command_pressed(self) -> bool:
        """`arcdesk quick --toggle` came from outside; True when a self-test took it: open nothing then."""
        return self._service is not None and self._service.command_pressed()

    async def aclose(self) -> None:
        """Let the key go."""
        if self._testing is not None:
            self._testing.cancel()
        if self._service is not None:
            await self._service.aclose()

    # the section

    def attach(self, section: HotkeySection) -> None:
        """Serve the section of a settings window."""
        self._section = section
        section.shortcut_chosen.connect(self._keep)
        section.recording_changed.connect(self._on_recording)
        section.test_requested.connect(self._on_test)
        section.bind_requested.connect(lambda: self._spawn("bind_for_me"))
        section.unbind_requested.connect(lambda: self._spawn("unbind"))
        section.configure_requested.connect(lambda: self._spawn("configure"))
        section.copy_requested.connect(self._on_copy)
        section.action_requested.connect(self.handle)
        section.destroyed.connect(self._on_section_gone)
        self._present()

    def handle(self, action: Action) -> None:
        """Do what a problem's button says."""
        match action.kind:
            case ActionKind.RETRY_HOTKEY:
                self._spawn("retry")
            case ActionKind.CHANGE_HOTKEY if self._section is not None:
                self._section.record()
            case ActionKind.INSTALL_DESKTOP:
                self._tasks.spawn(self._install_desktop(), name="put ArcDesk into the menu")
            case _:
                self._act(action)

    async def _install_desktop(self) -> None:
        from arcdesk.desktop.install import install

        install()
        if self._service is not None:
            await self._service.retry()

    def _spawn(self, command: str) -> None:
        if self._service is not None:
            self._tasks.spawn(getattr(self._service, command)(), name=f"hotkey: {command}")

    def _on_recording(self, is_recording: bool) -> None:
        self._spawn("pause" if is_recording else "resume")

    def _on_copy(self, text: str) -> None:
        self._act(Action(kind=ActionKind.COPY, label="", target=text))

    def _on_section_gone(self) -> None:
        self._section = None

    def _on_state(self, state: HotkeyState) -> None:
        self.state, self.has_answered = state, True
        self._present()
        for listener in self.listeners:
            listener(state)

    def _present(self, phase: TestPhase | None = None) -> None:
        from arcdesk.ui.hotkey_words import TestPhase

        if self._section is not None:
            is_testing = self._testing is not None and not self._testing.done()
            self._section.present(self.state, phase or (TestPhase.WAITING if is_testing else TestPhase.IDLE))

    # the self-test

    def _on_test(self) -> None:
        if self._service is not None and (self._testing is None or self._testing.done()):
            self._testing = self._tasks.spawn(self._run_test(self._service), name="hotkey: test")

    async def _run_test(self, service: HotkeyService) -> None:
        """Until a press comes while another program's window is in front, or the patience ends."""
        from PySide6.QtCore import Qt
        from PySide6.QtGui import QGuiApplication

        from arcdesk.desktop.hotkey.self_test import PATIENCE_S
        from arcdesk.ui.hotkey_words import TestPhase

        until_s = time.monotonic() + PATIENCE_S
        phase = TestPhase.WAITING
        while phase in (TestPhase.WAITING, TestPhase.IN_FRONT):
            self._present(phase)
            if not await service.test(until_s - time.monotonic()):
                phase = TestPhase.NOTHING if phase is TestPhase.WAITING else TestPhase.IN_FRONT
                break
            is_in_front = QGuiApplication.applicationState() == Qt.ApplicationState.ApplicationActive
            phase = TestPhase.IN_FRONT if is_in_front else TestPhase.WORKED
        self._present(phase)
