"""The person's wishes about log-in and the applications menu: from switches to files and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from arcdesk.core.autostart_state import OFF, AutostartState
from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.desktop import autostart, install
from arcdesk.services.threads import in_thread
from arcdesk.ui.first_run import FirstRun, FirstRunCard, FirstRunMemory

if TYPE_CHECKING:
    from arcdesk.core.settings import Settings
    from arcdesk.ui.autostart_row import AutostartRow
    from arcdesk.ui.tasks import Tasks


class DesktopSetup:
    """Serves the settings' row and the first-run card, either of which may be missing.

    `texts` gives the card's lines for engine and quick prompt; `settings` and `save` are the session's.
    """

    def __init__(
        self,
        tasks: Tasks,
        *,
        settings: Callable[[], Settings],
        save: Callable[[Settings], None],
        texts: Callable[[], tuple[str, str]] = lambda: ("", ""),
    ) -> None:
        self._tasks = tasks
        self._settings = settings
        self._save = save
        self._texts = texts
        self._row: AutostartRow | None = None
        self._card: FirstRunCard | None = None
        self._memory: FirstRunMemory | None = None
        self._problem: Problem | None = None

    def serve_row(self, row: AutostartRow) -> None:
        """Keep the row true and do what it asks."""
        self._row = row
        row.change_requested.connect(self.set_autostart)
        self.refresh()

    def serve_card(self, card: FirstRunCard, memory: FirstRunMemory) -> None:
        """Keep the card true and do what it asks; it stays hidden once it was dismissed."""
        self._card, self._memory = card, memory
        card.autostart_requested.connect(self.set_autostart)
        card.start_engine_requested.connect(self._on_start_engine)
        card.install_requested.connect(self.install)
        card.dismissed.connect(self._on_dismissed)
        self.refresh()

    def refresh(self) -> None:
        """Look at the files again: others may have changed them. A few small reads."""
        state = _autostart_state()
        if self._row is not None:
            self._row.present(state, self._problem)
        if self._card is None or self._memory is None:
            return
        self._card.setVisible(self._memory.is_due)
        if not self._memory.is_due:
            return
        engine, hotkey = self._texts()
        self._card.present(
            FirstRun(
                engine=engine,
                hotkey=hotkey,
                autostart=state,
                starts_engine=self._settings().start_engine_with_app,
                is_in_menu=_is_in_menu(),
                problem=self._problem,
            )
        )

    def set_autostart(self, is_on: bool) -> None:
        """Open ArcDesk at log-in, or not."""
        self._do(autostart.turn_on if is_on else autostart.turn_off, "change what opens at log-in")

    def install(self) -> None:
        """Put ArcDesk into the applications menu."""
        self._do(install.install, "put ArcDesk into the applications menu")

    def _do(self, work: Callable[[], object], name: str) -> None:
        async def run() -> None:
            self._problem = None
            try:
                await in_thread("arcdesk-desktop-files", work)
            except ArcDeskError as error:
                self._problem = error.problem
            self.refresh()

        self._tasks.spawn(run(), name=name)

    def _on_start_engine(self, is_on: bool) -> None:
        self._save(replace(self._settings(), start_engine_with_app=is_on))
        self.refresh()

    def _on_dismissed(self) -> None:
        if self._memory is not None:
            self._memory.dismiss()
        self.refresh()


def _autostart_state() -> AutostartState:
    try:
        return autostart.state()
    except ArcDeskError:  # no home: a wish to turn it on will say so
        return OFF


def _is_in_menu() -> bool:
    try:
        return install.is_current()
    except ArcDeskError:
        return False
