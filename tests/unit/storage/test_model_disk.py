"""The loop's face of the models on the disk, and the speeds that conversations tell."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from arcdesk.core.chat import AnswerStats, Message, Role
from arcdesk.core.models import Place, SpeedSeen
from arcdesk.core.settings import ContainerSettings, Settings
from arcdesk.engine.starter_model import find_starter_model
from arcdesk.storage import model_speeds
from arcdesk.storage.history_db import HistoryDb
from arcdesk.storage.model_disk import THREAD, ModelDisk
from arcdesk.storage.model_folders import ASIDE_FOLDER
from tests.unit.storage.model_rig import COMMIT, cache_model, gguf, plain_model, tree, whole_files


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        model_folders=str(tmp_path / "mine"),
        container=ContainerSettings(hf_cache_dir=str(tmp_path / "cache")),
    )


@pytest.fixture
async def disk(settings: Settings, tmp_path: Path) -> AsyncIterator[ModelDisk]:
    made = ModelDisk(
        lambda: settings, starter=find_starter_model, environ={}, history=tmp_path / "history.db"
    )
    async with aclosing(made):
        yield made


async def one(disk: ModelDisk, name: str):  # type: ignore[no-untyped-def]
    return next(entry for entry in await disk.entries() if entry.id.endswith(name))


class TestList:
    async def test_all_places_and_each_model_once(self, disk: ModelDisk, tmp_path: Path) -> None:
        cache_model(tmp_path / "cache" / "hub", "org/cached", whole_files())
        plain_model(tmp_path / "mine" / "own")
        (tmp_path / "mine" / "x.gguf").write_bytes(gguf())
        cache_model(tmp_path / "mine" / "hub", "org/moved", whole_files())
        found = [(entry.id.rpartition("/")[2], entry.place) for entry in await disk.entries()]
        assert found == [
            ("cached", Place.CACHE),
            ("moved", Place.CACHE),
            ("own", Place.FOLDER),
            ("x.gguf", Place.FOLDER),
            ("SmolLM2-135M-Instruct", Place.STARTER),
        ]

    async def test_the_loop_is_free_meanwhile(self, disk: ModelDisk, tmp_path: Path) -> None:
        for number in range(50):
            cache_model(tmp_path / "cache" / "hub", f"org/{number}", whole_files())
        reading = asyncio.ensure_future(disk.entries())
        await asyncio.sleep(0)
        assert THREAD in {thread.name for thread in threading.enumerate()}
        assert len(await reading) == 51

    async def test_settings_are_asked_each_time(self, tmp_path: Path) -> None:
        plain_model(tmp_path / "later" / "m")
        now = Settings(container=ContainerSettings(hf_cache_dir=str(tmp_path / "none")))
        disk = ModelDisk(lambda: now, environ={})
        assert await disk.entries() == ()
        now = Settings(model_folders=str(tmp_path / "later"), container=now.container)
        assert len(await disk.entries()) == 1


class TestRemove:
    async def test_what_was_set_aside_goes_with_the_program(self, settings: Settings, tmp_path: Path) -> None:
        hub = tmp_path / "cache" / "hub"
        cache_model(hub, "org/m", whole_files())
        disk = ModelDisk(lambda: settings, environ={})
        aside = await disk.set_aside(await disk.plan_removal(await one(disk, "m")))
        assert await disk.entries() == () and Path(aside.folder).is_dir()
        await disk.aclose()
        assert list(hub.iterdir()) == []

    async def test_a_crash_leaves_it_to_the_next_start(self, settings: Settings, tmp_path: Path) -> None:
        hub = tmp_path / "cache" / "hub"
        cache_model(hub, "org/m", whole_files())
        crashed = ModelDisk(lambda: settings, environ={})
        removal = await crashed.plan_removal(await one(crashed, "m"))
        await crashed.set_aside(removal)
        assert (hub / ASIDE_FOLDER).is_dir()
        assert await ModelDisk(lambda: settings, environ={}).empty_asides() == removal.size_bytes
        assert list(hub.iterdir()) == []

    async def test_undo_and_then_nothing_goes(self, settings: Settings, tmp_path: Path) -> None:
        hub = tmp_path / "cache" / "hub"
        cache_model(hub, "org/m", whole_files())
        before = tree(hub)
        disk = ModelDisk(lambda: settings, environ={})
        aside = await disk.set_aside(await disk.plan_removal(await one(disk, "m")))
        await disk.restore(aside)
        await disk.aclose()
        assert tree(hub) == before


class TestLongWork:
    async def test_a_move_tells_how_far_it_is(self, disk: ModelDisk, tmp_path: Path) -> None:
        cache_model(tmp_path / "cache" / "hub", "org/m", whole_files())
        told: list[tuple[int, int]] = []
        path = await disk.move(await one(disk, "m"), tmp_path / "mine", lambda *step: told.append(step))
        assert (await one(disk, "m")).path == path

    async def test_cancelling_a_check_ends_its_thread(self, disk: ModelDisk, tmp_path: Path) -> None:
        folder = cache_model(tmp_path / "cache" / "hub", "org/m", {"config.json": b"{}"})
        with (folder / "blobs" / ("a" * 64)).open("wb") as file:
            file.truncate(16 << 30)  # sparse; its hash takes half a minute and more
        (folder / "snapshots" / COMMIT / "model.pt").symlink_to(f"../../blobs/{'a' * 64}")
        told: list[int] = []
        begun = asyncio.Event()

        def progress(done: int, _total: int) -> None:
            told.append(done)
            begun.set()

        check = asyncio.ensure_future(disk.verify(await one(disk, "m"), progress))
        await asyncio.wait_for(begun.wait(), 60)
        check.cancel()
        with pytest.raises(asyncio.CancelledError):
            await check
        for thread in threading.enumerate():
            if thread.name == THREAD:
                thread.join(20)
        assert THREAD not in {thread.name for thread in threading.enumerate()}
        assert told[-1] < 16 << 30

    async def test_a_check_hears_the_end(self, disk: ModelDisk, tmp_path: Path) -> None:
        cache_model(tmp_path / "cache" / "hub", "org/m", whole_files())
        told: list[tuple[int, int]] = []
        report = await disk.verify(await one(disk, "m"), lambda *step: told.append(step))
        await asyncio.sleep(0)
        assert report.is_sound and told[-1] == (report.size_bytes, report.size_bytes)


class TestSpeeds:
    async def answers(self, path: Path, *stats: AnswerStats | None) -> None:
        async with aclosing(HistoryDb(path)) as history:
            conversation = await history.create("chat")
            for one in stats:
                await history.add(conversation.id, Message(role=Role.ASSISTANT, text="yes", stats=one))

    async def test_medians_of_the_last_answers(self, disk: ModelDisk, tmp_path: Path) -> None:
        rates = [1.0] * 10 + [float(rate) for rate in range(1, 51)]
        stats = [
            AnswerStats(model="tiny", decode_tokens_per_s=rate, ttft_ms=rate * 10, engine="container")
            for rate in rates
        ]
        await self.answers(
            tmp_path / "history.db",
            *stats,
            AnswerStats(model="other", decode_tokens_per_s=7.0),
            AnswerStats(model="tiny", reason_unknown="The server sent no token count."),
            AnswerStats(decode_tokens_per_s=3.0),
            None,
        )
        assert await disk.speeds() == {
            "tiny": SpeedSeen(n=50, decode_tokens_per_s=25.5, ttft_ms=255.0, engine="container"),
            "other": SpeedSeen(n=1, decode_tokens_per_s=7.0),
        }

    async def test_while_the_app_holds_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / "history.db"
        await self.answers(path, AnswerStats(model="m", decode_tokens_per_s=5.0))
        async with aclosing(HistoryDb(path)) as history:
            await history.create("begun")
            assert model_speeds.speeds_seen(path)["m"].n == 1

    def test_no_file_or_a_bad_one_is_no_speed(self, tmp_path: Path) -> None:
        assert model_speeds.speeds_seen(tmp_path / "none.db") == {}
        (tmp_path / "bad.db").write_bytes(b"no database at all" * 100)
        assert model_speeds.speeds_seen(tmp_path / "bad.db") == {}
        sqlite3.connect(tmp_path / "empty.db").close()
        assert model_speeds.speeds_seen(tmp_path / "empty.db") == {}
