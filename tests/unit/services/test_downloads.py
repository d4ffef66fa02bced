"""Downloads from start to end: over the real library and a hub of this computer."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import pytest_asyncio

from arcdesk.core.downloads import Patience
from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.core.hub import Download, DownloadPhase
from arcdesk.core.hub_error import HubError
from arcdesk.services.download_problems import DownloadsBusy, NoDownload
from arcdesk.services.downloads import TELL_EVERY_S, Downloads
from arcdesk.storage.download_state import DownloadState
from tests.rig.hub_server import Fault, HubServer, Repo
from tests.unit.api.hub_rig import Rig, model, noise, until

WEIGHTS = noise(600_000)
STORED = "/storage/org/model/model.safetensors"
HURRY = Patience(pauses_s=(0.01, 0.02, 0.03, 0.04, 0.05), stall_told_s=0.2, spare_bytes=0)
TOTAL = len(WEIGHTS) + 23


class Watched:
    """A Downloads with all that it told."""

    def __init__(self, rig: Rig, memory: Path, patience: Patience = HURRY) -> None:
        self.awake: list[bool] = []
        self.over: list[Download] = []
        self.told: list[tuple[float, tuple[Download, ...]]] = []
        self.downloads = Downloads(
            rig.client,
            rig.files,
            DownloadState(memory),
            keep_awake=self.awake.append,
            on_over=self.over.append,
            patience=patience,
        )
        self.downloads.listen(lambda all_: self.told.append((monotonic(), all_)))

    def one(self, repo: str = "org/model") -> Download:
        return next(each for each in self.downloads.list() if each.repo == repo)

    async def reaches(self, phase: DownloadPhase, repo: str = "org/model") -> Download:
        def has() -> bool:
            found = self.one(repo)
            assert found.phase is phase or not found.phase.is_over, found
            return found.phase is phase

        await until(has)
        return self.one(repo)

    def done_bytes(self) -> list[int]:
        return [one.done_bytes for _, all_ in self.told for one in all_]


@pytest_asyncio.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    with HubServer() as hub:
        hub.repos["org/model"] = model(model_safetensors=WEIGHTS)
        yield Rig(hub, tmp_path / "hub")
        hub.release()


Make = Callable[..., Watched]


@pytest_asyncio.fixture
async def make(rig: Rig, tmp_path: Path) -> AsyncIterator[Make]:
    made: list[Watched] = []

    def one(patience: Patience = HURRY) -> Watched:
        made.append(Watched(rig, tmp_path / "downloads.json", patience))
        return made[-1]

    yield one
    for each in made:
        await each.downloads.aclose()


async def test_a_download_from_start_to_end(rig: Rig, make: Make) -> None:
    watched = make()
    rig.hub.fails(STORED, Fault(pause_s=0.03))
    await watched.downloads.start("org/model")
    assert watched.one().phase is DownloadPhase.WAITING
    running = await watched.reaches(DownloadPhase.RUNNING)
    assert running.total_bytes == TOTAL and running.files_total == 2
    await until(lambda: watched.one().bytes_per_s is not None or watched.over)
    done = await watched.reaches(DownloadPhase.DONE)
    assert (done.done_bytes, done.files_done, done.problem) == (TOTAL, 2, None)
    await until(lambda: watched.over)
    assert watched.over == [done]
    assert watched.awake == [True, False]
    await until(lambda: watched.told[-1][1] == (done,))
    assert watched.done_bytes() == sorted(watched.done_bytes())
    assert (rig.cache / "models--org--model" / "refs" / "main").read_text() == rig.hub.repos[
        "org/model"
    ].commit
    assert DownloadState(rig.cache.parent / "downloads.json").load() == ()


async def test_listeners_hear_at_most_four_times_a_second(rig: Rig, make: Make) -> None:
    watched = make()
    rig.hub.fails(STORED, Fault(pause_s=0.03))
    await watched.downloads.start("org/model")
    await watched.reaches(DownloadPhase.DONE)
    times = [at for at, _ in watched.told[1:]]  # the first is the answer to listen()
    assert len(times) >= 4
    assert all(later - earlier > TELL_EVERY_S * 0.95 for earlier, later in pairwise(times))


async def test_pause_and_resume_fetch_nothing_twice(rig: Rig, make: Make) -> None:
    watched = make()
    rig.hub.fails(STORED, Fault(stall_after=300_000))
    await watched.downloads.start("org/model")
    await until(lambda: watched.one().done_bytes > 200_000)
    await watched.downloads.pause("org/model")
    paused = watched.one()
    assert paused.phase is DownloadPhase.PAUSED and paused.bytes_per_s is None
    await watched.downloads.pause("org/model")
    await until(lambda: watched.awake == [True, False])
    kept = rig.partial(WEIGHTS).stat().st_size
    await watched.downloads.resume("org/model")
    await watched.reaches(DownloadPhase.DONE)
    assert [one.range for one in rig.hub.requests(STORED)] == ["", f"bytes={kept}-"]
    assert rig.blob(WEIGHTS).read_bytes() == WEIGHTS
    assert watched.done_bytes() == sorted(watched.done_bytes())
    await until(lambda: len(watched.over) == 1)


async def test_a_bad_line_is_tried_again_and_progress_never_falls(rig: Rig, make: Make) -> None:
    watched = make()
    for fault in (
        Fault(cut_after=200_000),
        Fault(status=503),
        Fault(cut_after=100_000),
        Fault(end_early=400_000),
    ):
        rig.hub.fails(STORED, replace(fault))
    await watched.downloads.start("org/model")
    done = await watched.reaches(DownloadPhase.DONE)
    assert done.done_bytes == TOTAL
    assert len(rig.hub.requests(STORED)) == 5
    assert watched.done_bytes() == sorted(watched.done_bytes())


async def test_each_byte_renews_the_patience(rig: Rig, make: Make) -> None:
    watched = make()
    rig.hub.fails(STORED, Fault(cut_after=70_000, times=7))
    await watched.downloads.start("org/model")
    await watched.reaches(DownloadPhase.DONE)
    assert len(rig.hub.requests(STORED)) > 1 + len(HURRY.pauses_s)


async def test_progress_does_not_fall_where_the_file_begins_anew(rig: Rig, make: Make) -> None:
    watched = make()
    rig.hub.fails(STORED, Fault(cut_after=400_000))
    rig.hub.fails(STORED, Fault(ignores_range=True, stall_after=100_000))
    await watched.downloads.start("org/model")
    await until(lambda: len(rig.hub.requests(STORED)) == 2 and watched.one().stalled_s > 0)
    assert rig.partial(WEIGHTS).stat().st_size <= 100_000
    assert watched.one().done_bytes > 300_000
    rig.hub.release()
    assert (await watched.reaches(DownloadPhase.DONE)).done_bytes == TOTAL


async def test_patience_ends_where_no_byte_comes(rig: Rig, make: Make) -> None:
    watched = make()
    rig.hub.fails(STORED, Fault(status=502, times=100))
    await watched.downloads.start("org/model")
    failed = await watched.reaches(DownloadPhase.FAILED)
    assert failed.problem is not None and failed.problem.cause == "hub_down"
    assert len(rig.hub.requests(STORED)) == 1 + len(HURRY.pauses_s)
    await until(lambda: [one.phase for one in watched.over] == [DownloadPhase.FAILED])


async def test_what_will_not_pass_is_told_at_once(rig: Rig, make: Make) -> None:
    watched = make()
    rig.hub.repos["org/model"].gated = "manual"
    await watched.downloads.start("org/model")
    failed = await watched.reaches(DownloadPhase.FAILED)
    assert failed.problem is not None and failed.problem.cause == "hub_gated"
    assert len([one for one in rig.hub.seen if one.method == "HEAD"]) == 1
    rig.hub.token = rig.token = "hf_accepted"
    await watched.downloads.retry("org/model")
    await watched.reaches(DownloadPhase.DONE)


async def test_a_hub_that_asks_to_wait_is_waited_for(rig: Rig, make: Make) -> None:
    watched = make()
    rig.hub.fails(STORED, Fault(status=429, headers={"Retry-After": "1"}))
    begun = monotonic()
    await watched.downloads.start("org/model")
    await watched.reaches(DownloadPhase.DONE)
    assert monotonic() - begun >= 1.0


async def test_a_stall_is_told_with_its_length_and_ends_with_the_bytes(rig: Rig, make: Make) -> None:
    watched = make()
    rig.hub.fails(STORED, Fault(stall_after=200_000))
    await watched.downloads.start("org/model")
    await until(lambda: watched.one().stalled_s > 0.5)
    assert watched.one().phase is DownloadPhase.RUNNING
    rig.hub.release()
    done = await watched.reaches(DownloadPhase.DONE)
    assert done.stalled_s == 0.0 and len(rig.hub.requests(STORED)) == 1


async def test_a_damaged_file_is_fetched_once_more_and_then_given_up(rig: Rig, make: Make) -> None:
    watched = make()
    rig.hub.fails(STORED, Fault(flip=True))
    await watched.downloads.start("org/model")
    await watched.reaches(DownloadPhase.DONE)
    assert len(rig.hub.requests(STORED)) == 2
    rig.hub.repos["org/other"] = model(model_safetensors=noise(50_000, seed=2))
    rig.hub.fails("/storage/org/other/model.safetensors", Fault(flip=True, times=100))
    await watched.downloads.start("org/other")
    failed = await watched.reaches(DownloadPhase.FAILED, "org/other")
    assert failed.problem is not None and failed.problem.cause == "hub_damaged"
    assert len(rig.hub.requests("/storage/org/other/model.safetensors")) == 2


async def test_no_room_is_told_with_figures_before_the_first_byte(rig: Rig, make: Make) -> None:
    watched = make(replace(HURRY, spare_bytes=1 << 62))
    await watched.downloads.start("org/model")
    failed = await watched.reaches(DownloadPhase.FAILED)
    assert failed.problem is not None and failed.problem.cause == "disk_full"
    assert "586 KiB more" in failed.problem.detail and "GiB are free" in failed.problem.detail
    assert rig.hub.requests(STORED) == [] and not rig.cache.exists()


async def test_one_at_a_time_and_the_others_wait(rig: Rig, make: Make) -> None:
    watched = make()
    rig.hub.repos["org/other"] = model(model_safetensors=noise(50_000, seed=2))
    rig.hub.fails(STORED, Fault(stall_after=100_000))
    await watched.downloads.start("org/model")
    await watched.downloads.start("org/other")
    await until(lambda: watched.one().done_bytes > 30_000)
    assert watched.one("org/other").phase is DownloadPhase.WAITING
    for repo in ("org/model", "org/other"):
        with pytest.raises(DownloadsBusy):
            await watched.downloads.start(repo)
    await watched.downloads.pause("org/model")
    await watched.reaches(DownloadPhase.DONE, "org/other")
    await watched.downloads.start("org/model")
    await watched.reaches(DownloadPhase.DONE)
    await until(lambda: [one.repo for one in watched.over] == ["org/other", "org/model"])


async def test_one_that_waits_can_be_paused_and_cancelled(rig: Rig, make: Make) -> None:
    watched = make()
    rig.hub.repos["org/other"] = model(model_safetensors=noise(50_000, seed=2))
    rig.hub.fails(STORED, Fault(stall_after=100_000))
    await watched.downloads.start("org/model")
    await watched.downloads.start("org/other")
    await watched.downloads.pause("org/other")
    await watched.downloads.cancel("org/model")
    await until(lambda: watched.awake == [True, False])
    assert rig.hub.requests("/api/models/org/other/revision/main") == []
    await watched.downloads.cancel("org/other")
    assert {one.phase for one in watched.downloads.list()} == {DownloadPhase.CANCELLED}
    with pytest.raises(NoDownload):
        await watched.downloads.pause("org/none")


async def test_cancel_removes_what_it_made_and_nothing_else(rig: Rig, make: Make, tmp_path: Path) -> None:
    watched = make()
    rig.hub.repos["org/model"].files["a.safetensors"] = noise(20_000, seed=3)
    rig.hub.fails(STORED, Fault(stall_after=300_000))
    await watched.downloads.start("org/model")
    await until(lambda: watched.one().done_bytes > 200_000)
    finished = rig.blob(noise(20_000, seed=3))
    assert finished.exists()
    await watched.downloads.cancel("org/model")
    assert watched.one().phase is DownloadPhase.CANCELLED
    assert not rig.partial(WEIGHTS).exists() and finished.exists()
    assert DownloadState(tmp_path / "downloads.json").load() == ()
    assert watched.over == []
    await watched.downloads.start("org/model")
    await watched.reaches(DownloadPhase.DONE)


async def test_connections_that_somebody_else_closed_pause_it(rig: Rig, make: Make) -> None:
    watched = make()
    rig.hub.fails(STORED, Fault(stall_after=300_000))
    await watched.downloads.start("org/model")
    await until(lambda: watched.one().done_bytes > 200_000)
    await rig.caller.aclose()
    await watched.reaches(DownloadPhase.PAUSED)
    await watched.downloads.resume("org/model")
    await watched.reaches(DownloadPhase.DONE)


async def test_the_first_question_can_be_stopped_as_well(rig: Rig, make: Make) -> None:
    watched = make()
    rig.hub.fails("/config.json", Fault(stall_after=3))
    await watched.downloads.start("org/model")
    await until(lambda: rig.hub.requests("/config.json"))
    assert watched.one().phase is DownloadPhase.CHECKING
    await watched.downloads.pause("org/model")
    await until(lambda: watched.awake == [True, False])
    await watched.downloads.resume("org/model")
    await watched.reaches(DownloadPhase.DONE)


async def test_quit_keeps_all_and_the_next_start_goes_on_when_told(
    rig: Rig, make: Make, tmp_path: Path
) -> None:
    first = make()
    rig.hub.fails(STORED, Fault(stall_after=300_000))
    await first.downloads.start("org/model")
    await until(lambda: first.one().done_bytes > 200_000)
    commit = rig.hub.repos["org/model"].commit
    await first.downloads.aclose()
    kept = rig.partial(WEIGHTS).stat().st_size
    assert first.one().phase is DownloadPhase.PAUSED and first.over == []
    seen = len(rig.hub.seen)
    second = make()
    restored = second.one()
    assert (restored.phase, restored.total_bytes) == (DownloadPhase.PAUSED, TOTAL)
    assert 200_000 < restored.done_bytes <= kept + 23
    assert len(rig.hub.seen) == seen  # nothing is asked before somebody wants it
    await second.downloads.resume("org/model")
    await second.reaches(DownloadPhase.DONE)
    assert rig.hub.requests(STORED)[-1].range == f"bytes={kept}-"
    assert rig.hub.requests(f"/api/models/org/model/revision/{commit}")  # the same revision as before
    assert second.done_bytes() == sorted(second.done_bytes())


async def test_what_a_crash_leaves_is_known(rig: Rig, make: Make, tmp_path: Path) -> None:
    """Nothing is written any more once a program is killed: what the memory holds has to be enough."""
    first = make()
    rig.hub.fails(STORED, Fault(stall_after=300_000))
    await first.downloads.start("org/model")
    await until(lambda: first.one().done_bytes > 200_000)
    copy = tmp_path / "as-it-was.json"
    copy.write_bytes((tmp_path / "downloads.json").read_bytes())
    (record,) = DownloadState(copy).load()
    assert (record.commit, record.total_bytes) == (rig.hub.repos["org/model"].commit, TOTAL)
    assert record.partials == (rig.partial(WEIGHTS).name,)


async def test_cancel_after_a_restart_still_knows_what_it_made(rig: Rig, make: Make) -> None:
    first = make()
    rig.hub.fails(STORED, Fault(stall_after=300_000))
    await first.downloads.start("org/model")
    await until(lambda: rig.partial(WEIGHTS).exists() and first.one().done_bytes > 200_000)
    await first.downloads.aclose()
    second = make()
    await second.downloads.cancel("org/model")
    assert not rig.partial(WEIGHTS).exists()


async def test_what_another_program_remembers_stays(rig: Rig, make: Make, tmp_path: Path) -> None:
    """The window and the terminal have one memory."""
    memory = DownloadState(tmp_path / "downloads.json")
    window, terminal = make(), make()
    assert (window.downloads.list(), terminal.downloads.list()) == ((), ())
    rig.hub.repos["org/other"] = model(model_safetensors=noise(50_000, seed=2))
    rig.hub.fails(STORED, Fault(stall_after=300_000))
    await window.downloads.start("org/model")
    await until(lambda: window.one().done_bytes > 200_000)
    await terminal.downloads.start("org/other")
    await terminal.reaches(DownloadPhase.DONE, "org/other")
    await until(lambda: [record.repo for record in memory.load()] == ["org/model"])
    await terminal.downloads.aclose()
    await window.downloads.pause("org/model")
    assert [record.repo for record in memory.load()] == ["org/model"]


async def test_one_file_of_many(rig: Rig, make: Make) -> None:
    watched = make()
    rig.hub.repos["org/gguf"] = Repo(files={"m-Q4_0.gguf": noise(30_000), "m-Q8_0.gguf": noise(40_000)})
    await watched.downloads.start("org/gguf", file="m-Q8_0.gguf")
    done = await watched.reaches(DownloadPhase.DONE, "org/gguf")
    assert (done.total_bytes, done.files_total) == (40_000, 1)
    await watched.downloads.start("org/gguf", file="none.gguf")
    failed = await watched.reaches(DownloadPhase.FAILED, "org/gguf")
    assert failed.problem is not None and failed.problem.cause == "hub_no_file"


async def test_a_model_that_is_there_already_is_done_without_a_byte(rig: Rig, make: Make) -> None:
    watched = make(replace(HURRY, spare_bytes=0))
    await watched.downloads.start("org/model")
    await watched.reaches(DownloadPhase.DONE)
    await watched.downloads.start("org/model")
    await until(lambda: len(watched.over) == 2)
    assert len(rig.hub.requests(STORED)) == 1


async def test_a_mistake_of_ours_ends_in_words(rig: Rig, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = make()
    monkeypatch.setattr("arcdesk.services.download_run.choose_files", lambda files, wanted: 1 / 0)
    await watched.downloads.start("org/model")
    failed = await watched.reaches(DownloadPhase.FAILED)
    assert failed.problem is not None and failed.problem.cause == "unexpected"


async def test_a_memory_that_takes_nothing_does_not_stop_a_download(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    watched = Watched(rig, tmp_path / "file" / "downloads.json")
    await watched.downloads.start("org/model")
    await watched.reaches(DownloadPhase.DONE)
    await watched.downloads.aclose()


async def test_a_keyring_that_is_locked_is_told(
    rig: Rig, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from arcdesk.core.errors import Problem

    async def locked() -> str | None:
        raise ArcDeskError(Problem(cause="keyring_locked", title="The keyring is locked"))

    monkeypatch.setattr(rig.caller, "_token", locked)
    watched = make()
    await watched.downloads.start("org/model")
    failed = await watched.reaches(DownloadPhase.FAILED)
    assert failed.problem is not None and failed.problem.cause == "keyring_locked"


class TestOneMomentEarlierOrLater:
    """A wish that comes while a thread is between two steps."""

    async def test_a_pause_just_when_a_file_is_whole_stops_the_next(
        self, rig: Rig, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = make()
        fetch = rig.files.fetch

        async def fetch_and_pause(*arguments: Any) -> None:
            await fetch(*arguments)
            await one.downloads.pause("org/model")

        monkeypatch.setattr(rig.files, "fetch", fetch_and_pause)
        await one.downloads.start("org/model")
        await one.reaches(DownloadPhase.PAUSED)
        monkeypatch.setattr(rig.files, "fetch", fetch)
        rig.hub.repos["org/other"] = model(model_safetensors=noise(20_000, 2))
        await one.downloads.start("org/other")  # its turn comes when the first has ended
        await one.reaches(DownloadPhase.DONE, "org/other")
        assert rig.hub.requests("/config.json") and not rig.hub.requests(STORED)
        await one.downloads.resume("org/model")
        await one.reaches(DownloadPhase.DONE)
        assert rig.blob(WEIGHTS).read_bytes() == WEIGHTS

    async def test_pause_and_at_once_go_on(self, rig: Rig, make: Make) -> None:
        rig.hub.fails(STORED, Fault(stall_after=200_000))
        one = make()
        await one.downloads.start("org/model")
        await until(lambda: one.one().done_bytes > 100_000)
        for _ in range(3):
            await one.downloads.pause("org/model")
            await one.downloads.resume("org/model")
        await one.reaches(DownloadPhase.DONE)
        assert rig.blob(WEIGHTS).read_bytes() == WEIGHTS
        ranges = [seen.range for seen in rig.hub.requests(STORED)]
        assert (len(ranges), ranges[0]) == (2, "") and ranges[1].startswith("bytes=")
        await until(lambda: max(one.done_bytes()) == TOTAL)
        assert one.done_bytes() == sorted(one.done_bytes())

    async def test_pause_and_at_once_cancel_leaves_nothing(
        self, rig: Rig, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rig.hub.fails(STORED, Fault(stall_after=200_000))
        order: list[str] = []
        fetch, discard = rig.files.fetch, rig.files.discard

        async def fetching(*arguments: Any) -> None:
            try:
                await fetch(*arguments)
            finally:
                order.append(f"fetched {arguments[2].path}")

        async def discarding(*arguments: Any) -> None:
            order.append("discarded")
            await discard(*arguments)

        monkeypatch.setattr(rig.files, "fetch", fetching)
        monkeypatch.setattr(rig.files, "discard", discarding)
        one = make()
        await one.downloads.start("org/model")
        await until(lambda: one.one().done_bytes > 100_000)
        await one.downloads.pause("org/model")
        await one.downloads.cancel("org/model")
        assert order == ["fetched config.json", "fetched model.safetensors", "discarded"]
        assert list(rig.cache.rglob("*.incomplete")) == []
        await one.downloads.start("org/model")
        await one.reaches(DownloadPhase.DONE)
        assert rig.blob(WEIGHTS).read_bytes() == WEIGHTS

    async def test_a_refusal_that_comes_with_the_pause_does_not_hold_up_the_others(
        self, rig: Rig, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rig.hub.repos["org/other"] = model(model_safetensors=noise(20_000, 2))
        one = make()
        fetch = rig.files.fetch

        async def refuse_and_pause(*arguments: Any) -> None:
            monkeypatch.setattr(rig.files, "fetch", fetch)
            await one.downloads.pause("org/model")
            raise HubError(busy_problem(), is_passing=True, retry_after_s=599.0)

        monkeypatch.setattr(rig.files, "fetch", refuse_and_pause)
        await one.downloads.start("org/model")
        await one.downloads.start("org/other")
        await one.reaches(DownloadPhase.DONE, "org/other")
        assert one.one().phase is DownloadPhase.PAUSED

    async def test_quit_while_another_program_holds_the_file_leaves_no_task(
        self, rig: Rig, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from filelock import FileLock

        monkeypatch.setattr("arcdesk.services.downloads.END_PATIENCE_S", 0.2)
        monkeypatch.setattr("arcdesk.api.hub_download.LOCK_PATIENCE_S", 1.5)
        folder = rig.cache / ".locks" / "models--org--model"
        folder.mkdir(parents=True)
        others = asyncio.all_tasks()
        with FileLock(folder / f"{rig.blob(WEIGHTS).name}.lock"):
            one = make()
            await one.downloads.start("org/model")
            await until(lambda: rig.hub.requests("/model.safetensors", "HEAD"))
            await one.downloads.aclose()
            assert one.one().phase is DownloadPhase.PAUSED
            assert not [task for task in asyncio.all_tasks() - others if not task.done()]
        threads = [thread for thread in threading.enumerate() if thread.name == "arcdesk-download"]
        await until(lambda: not any(thread.is_alive() for thread in threads))
        assert not rig.partial(WEIGHTS).exists()


async def test_a_commit_that_its_owner_has_removed_does_not_block_the_download_for_ever(
    rig: Rig, make: Make
) -> None:
    rig.hub.fails(STORED, Fault(stall_after=200_000))
    one = make()
    await one.downloads.start("org/model")
    await until(lambda: one.one().done_bytes > 100_000)
    await one.downloads.pause("org/model")
    fresh = noise(300_000, 3)
    rig.hub.repos["org/model"] = model(model_safetensors=fresh)  # which has another commit
    await one.downloads.resume("org/model")
    await one.reaches(DownloadPhase.DONE)
    assert rig.blob(fresh).read_bytes() == fresh
    assert rig.partial(WEIGHTS).exists()
    main = rig.cache / "models--org--model" / "refs" / "main"
    assert main.read_text() == rig.hub.repos["org/model"].commit


def busy_problem() -> Problem:
    return Problem(cause="hub_busy", title="The hub gets too many requests from here")


async def test_a_name_that_the_hub_does_not_know_is_forgotten_with_the_program(
    rig: Rig, make: Make, tmp_path: Path
) -> None:
    rig.hub.fails("/model.safetensors", Fault(status=418, times=9), "HEAD")
    one = make()
    for repo in ("org/typo", "org/model"):
        await one.downloads.start(repo)
        await until(lambda repo=repo: one.one(repo).phase is DownloadPhase.FAILED)  # type: ignore[misc]
    await one.downloads.aclose()
    assert [one.repo for one in DownloadState(tmp_path / "downloads.json").load()] == ["org/model"]


async def test_a_model_that_is_deleted_while_it_comes(rig: Rig, make: Make) -> None:
    """By the terminal, or by another program."""
    rig.hub.fails(STORED, Fault(stall_after=200_000))
    one = make()
    await one.downloads.start("org/model")
    await until(lambda: one.one().done_bytes > 100_000)
    shutil.rmtree(rig.cache / "models--org--model")
    rig.hub.release()
    await until(lambda: one.one().phase is DownloadPhase.FAILED)
    problem = one.one().problem
    assert problem is not None and problem.cause == "download_removed"
    await one.downloads.retry("org/model")
    await one.reaches(DownloadPhase.DONE)
    assert rig.blob(WEIGHTS).read_bytes() == WEIGHTS
