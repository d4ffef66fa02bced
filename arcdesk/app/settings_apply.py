"""Brings a changed setting to where it counts, and never ends a running engine for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from arcdesk.core.engine_state import EngineKind, EnginePhase, EngineSnapshot
from arcdesk.core.settings import Settings
from arcdesk.core.settings_info import Effect, Value, with_value
from arcdesk.core.settings_table import BY_ID
from arcdesk.services.engine_service import EngineService
from arcdesk.storage.settings_file import SettingsFile

RUNNING = (EnginePhase.STARTING, EnginePhase.LOADING, EnginePhase.READY)
_OWN_KIND = {Effect.NEW_CONTAINER: EngineKind.CONTAINER, Effect.NEXT_START: EngineKind.EMBEDDED}

Listener = Callable[[Settings], None]


class Spawner(Protocol):
    """Runs a coroutine as a task of the app."""

    def spawn(self, work: Coroutine[Any, Any, Any], *, name: str) -> Any:  # noqa: D102
        ...


class Seat(Protocol):
    """What is needed of the session."""

    settings: Settings

    @property
    def settings_file(self) -> SettingsFile: ...  # noqa: D102
    @property
    def engine(self) -> EngineService: ...  # noqa: D102
    @property
    def tasks(self) -> Spawner: ...  # noqa: D102

    async def apply(self, settings: Settings, *, start: bool = False) -> None:
        """Bring them to the engine, then keep them. Raises ArcDeskError."""

    def keep(self, settings: Settings) -> None:
        """Write them; a failure is told, not raised."""


class SettingsApply:
    """One change after the other. What a running engine can't take yet it gets when it has ended."""

    def __init__(self, session: Seat, listeners: Sequence[Listener]) -> None:
        self._session = session
        self._listeners = listeners
        self._turn = asyncio.Lock()
        self._owes_engine = False  # it was started with other settings and can't take these while it runs
        self.is_switching = False  # the engine is looked for anew: what it seems to be now is no news

    async def change(self, table: str, name: str, value: Value) -> None:
        """Take one setting and keep it. Raises ArcDeskError; then all stays as it was."""
        async with self._turn:
            await self._take(with_value(self._session.settings, table, name, value), f"{table}.{name}")

    async def reset(self, table: str, name: str) -> None:
        """Take what the layers below say, and take the setting out of the person's file."""
        source = self._session.settings_file.source_of(f"{table}.{name}")
        self._session.settings_file.forget(f"{table}.{name}")
        await self.change(table, name, source.base)

    async def restart(self) -> None:
        """Stop the engine and start it with the settings of now. Raises ArcDeskError."""
        async with self._turn:
            session = self._session
            self._owes_engine = False
            if session.engine.snapshot.phase.can_stop:
                await session.engine.stop()
            await session.apply(session.settings, start=True)

    async def _take(self, settings: Settings, setting_id: str) -> None:
        session = self._session
        match self._way(setting_id, session.engine.snapshot):
            case "now":
                await self._switch(settings)
            case "later":
                self._owes_engine = True
                self._keep(settings)
            case _:
                self._keep(settings)
        for listener in self._listeners:
            listener(session.settings)

    def _keep(self, settings: Settings) -> None:
        self._session.settings = settings
        self._session.keep(settings)

    @staticmethod
    def _way(setting_id: str, engine: EngineSnapshot) -> str:
        """How a change reaches the engine: 'now', 'later' or 'not'."""
        if setting_id == "engine.engine":
            return "now"
        info = BY_ID.get(setting_id)
        own_kind = _OWN_KIND.get(info.effect) if info else None
        if own_kind is None:
            return "not"
        if engine.phase.can_start:
            return "now"
        if engine.kind is not own_kind:
            return "not"  # the running one does not read it; the next switch takes all settings
        # A container outlives whoever watches it; the embedded engine ends with its driver.
        return "now" if own_kind is EngineKind.CONTAINER and engine.phase is EnginePhase.READY else "later"

    async def _switch(self, settings: Settings) -> None:
        session = self._session
        was_running = session.engine.snapshot.phase in RUNNING
        self.is_switching = True
        try:
            await session.apply(settings)
            if was_running:
                await session.engine.first_look()
        finally:
            self.is_switching = False
        self._owes_engine = False

    def on_engine(self, engine: EngineSnapshot) -> None:
        """The engine changed: it may be able to take now what it could not."""
        may_take = engine.phase.can_start or (
            engine.kind is EngineKind.CONTAINER and engine.phase is EnginePhase.READY
        )
        if self._owes_engine and may_take:
            self._session.tasks.spawn(self._pay(), name="bring the settings to the engine")

    async def _pay(self) -> None:
        async with self._turn:
            if not self._owes_engine:
                return
            await asyncio.sleep(0)  # a restart goes on in this same turn of the loop: then it starts now
            starts = self._session.engine.snapshot.phase is EnginePhase.STARTING
            await self._switch(self._session.settings)
            if starts:  # with the old settings, which nobody wants any more
                await self._session.engine.start()
