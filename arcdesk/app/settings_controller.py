"""Connects the settings window to the session: wishes down, values and their sources up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from arcdesk.app.settings_apply import RUNNING, Listener, SettingsApply
from arcdesk.core.engine_state import EngineKind
from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.core.presets import BUILT_IN
from arcdesk.core.settings import Settings
from arcdesk.core.settings_info import Value
from arcdesk.core.store import AppState
from arcdesk.ui import theme
from arcdesk.ui.settings_window import SettingsWindow

if TYPE_CHECKING:
    from arcdesk.app.session import Session

CAUSES = ("settings_unreadable", "settings_broken", "settings_newer", "bad_setting", "storage_unwritable")


class SettingsController:
    """Owns the settings window. `listeners` hear of every change, with the new Settings."""

    def __init__(self, session: Session, listeners: Sequence[Listener] = ()) -> None:
        self._session = session
        self._apply = SettingsApply(session, listeners)
        self._running: EngineKind | None = None
        self._dismissed: Problem | None = None
        self.window = SettingsWindow(built_in_presets=tuple(name for name, _ in BUILT_IN))
        self._theme = session.settings.theme
        self._unfollow = theme.follow(session.app, self._theme, self._on_palette)
        window = self.window
        window.changed.connect(self._on_changed)
        window.reset.connect(self._on_reset)
        window.restart_requested.connect(self._on_restart)
        window.open_file_requested.connect(self._on_open_file)
        window.problem_dismissed.connect(self._on_dismissed)
        window.about.set_file(str(session.settings_file.path))
        session.bridge.state_changed.connect(self._on_state)
        self._running = self._running_kind(session.store.state)
        self.present()

    def show(self, page: str = "") -> None:
        """Show the window, turned to `page` ('' is where it was), and bring it to the front."""
        self.present()
        if page:
            self.window.show_page(page)
        if self.window.isMinimized():
            self.window.showNormal()
        self.window.show()
        self.window.raise_()
        self.window.activateWindow()

    def present(self, _settings: Settings | None = None) -> None:
        """Show the settings of now; also to be called when something else has changed them."""
        session = self._session
        self.window.present(session.settings, session.settings_file.sources, self._running)
        self.window.present_problem(self._problem(session.store.state))

    def close(self) -> None:
        """Delete the window, when nothing tells it anything any more."""
        self._session.bridge.state_changed.disconnect(self._on_state)
        self._unfollow()
        self.window.close()
        self.window.deleteLater()

    # what comes up

    def _on_palette(self, palette: theme.Palette) -> None:
        theme.apply(self._session.app, palette)
        self.window.set_palette_colors(palette)

    def _on_state(self, state: AppState) -> None:
        self._apply.on_engine(state.engine)
        if self._apply.is_switching:
            return
        running = self._running_kind(state)
        if running is not self._running:
            self._running = running
            self.present()
        self.window.present_problem(self._problem(state))

    @staticmethod
    def _running_kind(state: AppState) -> EngineKind | None:
        return state.engine.kind if state.engine.phase in RUNNING else None

    def _problem(self, state: AppState) -> Problem | None:
        """The newest notice about settings; its buttons are in the chat window."""
        found = [replace(notice, actions=()) for notice in state.notices if notice.cause in CAUSES]
        return found[-1] if found and found[-1] != self._dismissed else None

    # what goes down

    def _on_changed(self, table: str, name: str, value: Value) -> None:
        self._session.tasks.spawn(self._change(table, name, value), name="change a setting")

    async def _change(self, table: str, name: str, value: Value) -> None:
        self._dismissed = None
        try:
            await self._apply.change(table, name, value)
        except ArcDeskError as error:
            self.window.refuse(table, name, error.problem.detail or error.problem.title)
            return
        self._after_change()

    def _on_reset(self, table: str, name: str) -> None:
        async def reset() -> None:
            await self._apply.reset(table, name)
            self._after_change()

        self._session.tasks.spawn(reset(), name="reset a setting")

    def _after_change(self) -> None:
        chosen = self._session.settings.theme
        if chosen != self._theme:
            self._theme = chosen
            self._unfollow()
            self._unfollow = theme.follow(self._session.app, chosen, self._on_palette)
        self._running = self._running_kind(self._session.store.state)
        self.present()

    def _on_restart(self) -> None:
        self._session.tasks.spawn(self._apply.restart(), name="restart the engine", is_shown_elsewhere=True)

    def _on_open_file(self) -> None:
        """In whatever opens such files; the folder where there is no file yet."""
        path = Path(self._session.settings_file.path)
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(path if path.exists() else path.parent)))

    def _on_dismissed(self) -> None:
        self._dismissed = self.window.problem.problem
        self.window.present_problem(None)
