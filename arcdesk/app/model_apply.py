"""Brings the settings of a chosen model to the engine: now, when it has ended, or with a restart."""

from __future__ import annotations

from arcdesk.app.model_choice import changes_between
from arcdesk.app.settings_apply import RUNNING, SettingsApply
from arcdesk.core.settings import Settings


class ModelApply(SettingsApply):
    """Like a change in the settings window, but of several settings that belong together."""

    async def take(self, settings: Settings) -> bool:
        """Take and keep them. True: the running engine still has others, a restart is needed.

        Raises ArcDeskError; then all stays as it was.
        """
        async with self._turn:
            before = self._session.settings
            changed = [change.id for change in changes_between(before, settings)]
            if not changed:
                return False
            was_running = self._session.engine.snapshot.phase in RUNNING
            decisive = "engine.engine" if "engine.engine" in changed else changed[0]
            await self._take(settings, decisive)
            return was_running
