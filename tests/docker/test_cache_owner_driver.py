"""A start and a stop of the container engine give the person's cache back, each by itself."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from arcdesk.core.engine_state import EnginePhase
from arcdesk.core.settings import ContainerSettings
from arcdesk.engine import cache_owner
from arcdesk.engine.cache_owner import Owner, foreign_uids
from tests.docker.engine_helpers import (
    PATIENCE_S,
    arcdesk_on,
    daemon,
    docker,
    our_containers,
    own_daemon,
    settings,
    the_container,
)
from tests.docker.test_cache_owner import DOWNLOAD, PERSON, owners
from tests.rig.private_engine import PrivateEngine

__all__ = ["daemon", "own_daemon", "settings"]  # fixtures
pytestmark = pytest.mark.docker  # which needs root here, and so may play another person

IN_THE_CONTAINER = ("sh", "-c", DOWNLOAD)


@pytest.fixture
def cache(settings: ContainerSettings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's cache, in which an earlier container left a file of root's."""
    monkeypatch.setattr(cache_owner, "this_person", lambda: PERSON)
    folder = Path(settings.hf_cache_dir)
    cache_owner.make_cache_folders(folder)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, PERSON.uid, PERSON.gid)
    (folder / "hub" / "of-root").write_text("from last time")
    assert foreign_uids(folder, PERSON) == {0: 1}
    return folder


async def test_ready_and_stop_give_the_cache_back(
    daemon: PrivateEngine, settings: ContainerSettings, cache: Path
) -> None:
    async with arcdesk_on(daemon, settings) as desk:
        await desk.start()
        await given_back(cache)  # soon after READY, for which nobody has to wait
        container = await the_container(daemon)
        assert (cache / "hub" / "of-root").read_text() == "from last time"

        await docker(daemon, "exec", container, *IN_THE_CONTAINER)  # as a server that loads an adapter
        assert foreign_uids(cache, PERSON).keys() == {0}
        await desk.service.stop()
        assert desk.now.phase is EnginePhase.STOPPED
    assert owners(cache) == {(PERSON.uid, PERSON.gid)}
    assert await our_containers(daemon) == [], "neither the engine's nor another one is left"
    assert (cache / "hub" / "models--org--tiny" / "blobs" / "abc").read_text() == "weights\n"


async def test_a_terminal_that_goes_with_ready_has_given_it_back(
    daemon: PrivateEngine, settings: ContainerSettings, cache: Path
) -> None:
    async with arcdesk_on(daemon, settings) as desk:
        await desk.start()
    assert owners(cache) == {(PERSON.uid, PERSON.gid)}


async def test_quit_does_not_wait_for_a_large_cache(
    daemon: PrivateEngine, settings: ContainerSettings, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def large(folder: Path, owner: Owner) -> dict[int, int]:
        begun.set()
        assert go_on.wait(PATIENCE_S)
        return {}

    monkeypatch.setattr(cache_owner, "foreign_uids", large)
    try:
        async with arcdesk_on(daemon, settings) as desk:
            await desk.start()
            async with asyncio.timeout(PATIENCE_S):
                while not begun.is_set():
                    await asyncio.sleep(0.01)
            async with asyncio.timeout(PATIENCE_S / 2):
                await desk.service.aclose()
            go_on.set()
    finally:
        go_on.set()


async def given_back(cache: Path) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while foreign_uids(cache, PERSON):
            await asyncio.sleep(0.05)
