"""Settings of the container that are changed while it runs: it goes on, and the next start has them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from arcdesk.app.settings_apply import SettingsApply
from arcdesk.core.engine_state import EnginePhase
from arcdesk.core.settings import ContainerSettings, Settings
from arcdesk.services.engine_service import EngineService
from arcdesk.storage.settings_file import SettingsFile
from tests.docker.engine_helpers import (
    Desk,
    arcdesk_on,
    daemon,
    inspected,
    own_daemon,
    settings,
    text_of,
    the_container,
)
from tests.rig.private_engine import PrivateEngine

__all__ = ["daemon", "own_daemon", "settings"]  # fixtures

SEQS = "{{range .Config.Env}}{{println .}}{{end}}"


class Seat:
    """The session as the window needs it, without a desktop."""

    def __init__(self, desk: Desk, file: Path) -> None:
        self.engine: EngineService = desk.service
        self.settings: Settings = desk.service.settings
        self.settings_file = SettingsFile(file, environ={})
        self.tasks = self
        self.running: list[asyncio.Task[Any]] = []

    def spawn(self, work: Coroutine[Any, Any, Any], *, name: str) -> None:
        self.running.append(asyncio.create_task(work, name=name))

    async def apply(self, settings: Settings, *, start: bool = False) -> None:
        await self.engine.use(settings)
        self.settings = settings
        self.keep(settings)
        if start:
            await self.engine.start()

    def keep(self, settings: Settings) -> None:
        self.settings_file.save(settings)

    async def settle(self) -> None:
        await asyncio.gather(*self.running)


async def seqs_of(daemon: PrivateEngine, container: str) -> str:
    lines = (await inspected(daemon, container, SEQS)).splitlines()
    return next(line.partition("=")[2] for line in lines if line.startswith("MAX_NUM_SEQS="))


async def test_a_container_that_runs_goes_on_and_is_made_anew_by_the_restart(
    daemon: PrivateEngine, settings: ContainerSettings, tmp_path: Path
) -> None:
    async with arcdesk_on(daemon, settings) as desk:
        await desk.start()
        before = await the_container(daemon)
        seat = Seat(desk, tmp_path / "config.toml")
        apply = SettingsApply(seat, ())
        await apply.change("container", "max_num_seqs", 4)
        await desk.until(EnginePhase.READY)
        assert await the_container(daemon) == before
        assert await seqs_of(daemon, before) == "8"
        assert text_of(await desk.ask())
        assert seat.settings_file.load().container.max_num_seqs == 4
        await apply.restart()
        await desk.until(EnginePhase.READY)
        after = await the_container(daemon)
        assert after != before
        assert await seqs_of(daemon, after) == "4"


async def test_a_change_during_the_start_waits_and_reaches_a_restart_from_elsewhere(
    daemon: PrivateEngine, settings: ContainerSettings, tmp_path: Path
) -> None:
    async with arcdesk_on(daemon, settings) as desk:
        seat = Seat(desk, tmp_path / "config.toml")
        apply = SettingsApply(seat, ())
        unsubscribe = desk.store.subscribe(lambda state: apply.on_engine(state.engine))
        await desk.service.start()
        assert desk.now.phase in (EnginePhase.STARTING, EnginePhase.LOADING)
        await apply.change("container", "max_num_seqs", 4)
        assert desk.service.settings.container.max_num_seqs == 8, "the start must not be disturbed"
        before = await the_container(daemon)
        await desk.until_true(lambda: desk.service.settings.container.max_num_seqs == 4, "the change")
        await seat.settle()
        await desk.until(EnginePhase.READY)
        assert await the_container(daemon) == before
        unsubscribe()
        await desk.service.restart()
        await desk.until(EnginePhase.READY)
        assert await seqs_of(daemon, await the_container(daemon)) == "4"
