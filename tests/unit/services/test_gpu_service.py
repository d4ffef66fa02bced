"""Looking at cards: only while somebody watches, never twice at once, and never in the loop's way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from arcdesk.core.energy import EnergyUsed, IdleCost
from arcdesk.core.errors import EngineError
from arcdesk.core.gpu import ContainerFdinfo, GpuSnapshot, Why
from arcdesk.core.gpu_used_values import UsedState, UsedVerdict
from arcdesk.core.gpu_view import GpuView, HistoryKey, Plotted
from arcdesk.services.gpu_service import GpuService
from tests.unit.services.gpu_rig import (
    ADDRESS,
    ScriptedContainers,
    ScriptedReader,
    gpu_threads,
    reading,
    until,
)

BUSY = reading(power_w=90.0, busy_pct={"gt0": 70.0, "gt1": 0.0}, vram_used_bytes=5 << 30)


@pytest.fixture
def reader() -> ScriptedReader:
    return ScriptedReader(cards=(BUSY,))


@pytest.fixture
def stale_after_s() -> float:
    return 1000.0


@pytest_asyncio.fixture
async def service(reader: ScriptedReader, stale_after_s: float) -> AsyncIterator[GpuService]:
    service = GpuService(reader, interval_s=0.01, stale_after_s=stale_after_s)
    yield service
    reader.gate.set()
    await service.aclose()
    await until(lambda: gpu_threads() == [])


class TestWatching:
    async def test_a_watcher_is_told_again_and_again(
        self, service: GpuService, reader: ScriptedReader
    ) -> None:
        views: list[GpuView] = []
        end = service.watch(views.append)
        await until(lambda: len(views) >= 3)
        end()

        assert views[0].snapshot.cards[0].address == ADDRESS
        assert views[0].snapshot.at < views[1].snapshot.at < views[2].snapshot.at
        assert not views[2].is_stale and views[2].problem is None

    async def test_nothing_lives_while_nobody_watches(
        self, service: GpuService, reader: ScriptedReader
    ) -> None:
        loop = asyncio.get_running_loop()
        timers = {handle for handle in loop._scheduled if not handle.cancelled()}  # type: ignore[attr-defined]
        assert gpu_threads() == []

        end = service.watch(lambda view: None)
        await until(lambda: reader.looks >= 2)
        assert gpu_threads() == ["gpu-sampler"]
        end()

        await until(lambda: gpu_threads() == [])
        looks = reader.looks
        left = {handle for handle in loop._scheduled if not handle.cancelled()}  # type: ignore[attr-defined]
        assert left - timers == set()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await asyncio.sleep(0.1)  # ten intervals
        assert reader.looks == looks

    async def test_watchers_share_one_thread_and_the_last_one_ends_it(
        self, service: GpuService, reader: ScriptedReader
    ) -> None:
        first: list[GpuView] = []
        second: list[GpuView] = []
        end_first, end_second = service.watch(first.append), service.watch(second.append)
        await until(lambda: len(first) > 1 and len(second) > 1)
        assert gpu_threads() == ["gpu-sampler"]
        end_first()
        end_first()  # twice is once
        seen = len(first)
        await until(lambda: len(second) > seen + 3)

        assert len(first) == seen
        assert service.is_watched
        end_second()
        assert not service.is_watched

    async def test_a_new_watcher_gets_the_newest_view_at_once(
        self, service: GpuService, reader: ScriptedReader
    ) -> None:
        views: list[GpuView] = []
        end = service.watch(views.append)
        await until(lambda: len(views) >= 2)
        end()
        late: list[GpuView] = []

        service.watch(late.append)()

        assert late == [views[-1]]

    async def test_before_the_first_look_there_is_nothing_to_hand_out(
        self, service: GpuService, reader: ScriptedReader
    ) -> None:
        views: list[GpuView] = []
        reader.gate.clear()
        service.watch(views.append)()

        assert views == []

    async def test_a_look_now_does_not_wait_for_the_interval(self, reader: ScriptedReader) -> None:
        service = GpuService(reader, interval_s=1000.0)
        end = service.watch(lambda view: None)
        await until(lambda: reader.looks == 2)  # the second one is for what needs two

        service.look_soon()

        await until(lambda: reader.looks == 3)
        end()
        await service.aclose()

    async def test_a_reader_that_breaks_its_promise_does_not_end_the_watch(
        self, service: GpuService, reader: ScriptedReader, caplog: pytest.LogCaptureFixture
    ) -> None:
        views: list[GpuView] = []
        reader.failure = ZeroDivisionError("a bug")
        end = service.watch(views.append)
        await until(lambda: reader.looks >= 2)
        reader.failure = None
        await until(lambda: len(views) >= 1)
        end()

        assert "looking at the cards failed" in caplog.text

    async def test_switching_on_and_off_quickly_never_looks_twice_at_once(
        self, service: GpuService, reader: ScriptedReader
    ) -> None:
        for _ in range(200):
            service.watch(lambda view: None)()
        end = service.watch(lambda view: None)
        await until(lambda: reader.looks >= 3)

        assert reader.most_inside == 1
        assert gpu_threads() == ["gpu-sampler"]
        end()


class TestPause:
    async def test_after_a_pause_the_first_look_tells_no_averages_of_it(
        self, service: GpuService, reader: ScriptedReader
    ) -> None:
        views: list[GpuView] = []
        end = service.watch(views.append)
        await until(lambda: len(views) >= 2)
        end()

        first, second = views[0].snapshot.cards[0], views[1].snapshot.cards[0]
        for figure in (first.power_w, first.busy_pct):
            assert figure.value is None
            assert figure.unknown is not None and figure.unknown.why is Why.SECOND_LOOK
        assert first.vram_used_bytes.value == 5 << 30
        assert second.power_w.value == 90.0

    async def test_the_lines_of_a_plot_are_not_drawn_across_a_pause(
        self, service: GpuService, reader: ScriptedReader
    ) -> None:
        views: list[GpuView] = []
        end = service.watch(views.append)
        await until(lambda: len(views) >= 3)
        end()
        end = service.watch(views.append)
        count = len(views)
        await until(lambda: len(views) >= count + 3)
        end()

        points = service.view.history.points(HistoryKey(ADDRESS, Plotted.VRAM))
        values = [point.value for point in points]
        assert None in values[1:-1]
        assert {value for value in values if value is not None} == {5 << 30}
        assert [point.at for point in points] == sorted(point.at for point in points)


class TestHanging:
    @pytest.fixture
    def stale_after_s(self) -> float:
        return 0.1

    async def test_a_look_that_hangs_is_told_and_holds_up_nobody(
        self, service: GpuService, reader: ScriptedReader
    ) -> None:
        views: list[GpuView] = []
        end = service.watch(views.append)
        await until(lambda: len(views) >= 2)
        reader.gate.clear()
        await until(lambda: views[-1].is_stale)

        stale = views[-1]
        assert stale.problem is not None and stale.problem.cause == "gpu_no_answer"
        assert stale.snapshot.cards  # the figures of the look before, marked
        assert 0 < stale.stale_since <= time.monotonic()

        reader.gate.set()
        await until(lambda: not views[-1].is_stale)
        assert views[-1].problem is None
        end()

    async def test_a_new_watcher_takes_over_a_thread_that_hangs(
        self, service: GpuService, reader: ScriptedReader
    ) -> None:
        reader.gate.clear()
        end = service.watch(lambda view: None)
        await until(lambda: reader.inside == 1)
        end()
        views: list[GpuView] = []
        end = service.watch(views.append)
        await until(lambda: any(view.is_stale for view in views))

        assert gpu_threads() == ["gpu-sampler"]
        reader.gate.set()
        await until(lambda: bool(views) and not views[-1].is_stale)
        assert reader.most_inside == 1
        end()

    async def test_a_watch_that_ends_while_a_look_hangs_tells_nothing_later(
        self, service: GpuService, reader: ScriptedReader
    ) -> None:
        views: list[GpuView] = []
        reader.gate.clear()
        end = service.watch(views.append)
        await until(lambda: reader.inside == 1)
        end()
        reader.gate.set()
        await until(lambda: gpu_threads() == [])
        await asyncio.sleep(0)

        assert views == []

    async def test_one_look_gives_up_after_its_patience(
        self, service: GpuService, reader: ScriptedReader
    ) -> None:
        reader.gate.clear()

        with pytest.raises(EngineError) as refused:
            await service.sample_once(patience_s=0.05)

        assert refused.value.problem.cause == "gpu_no_answer"


class TestOneLook:
    async def test_one_look_needs_no_watcher(self, service: GpuService, reader: ScriptedReader) -> None:
        snapshot = await service.sample_once()

        assert snapshot.cards[0].address == ADDRESS
        assert service.view.snapshot is snapshot
        await until(lambda: gpu_threads() == [])

    async def test_one_look_beside_a_watch_waits_its_turn(
        self, service: GpuService, reader: ScriptedReader
    ) -> None:
        end = service.watch(lambda view: None)
        await asyncio.gather(*(service.sample_once() for _ in range(8)))

        assert reader.most_inside == 1
        end()

    async def test_who_overhears_causes_no_look(self, service: GpuService, reader: ScriptedReader) -> None:
        heard: list[GpuSnapshot] = []
        end = service.overhear(heard.append)
        assert gpu_threads() == [] and reader.looks == 0

        snapshot = await service.sample_once()
        end()
        await service.sample_once()

        assert heard == [snapshot]


class TestContainers:
    async def test_containers_are_asked_while_somebody_watches(self, reader: ScriptedReader) -> None:
        answer = ContainerFdinfo(name="vllm", container_id="1", pid=7, text="/proc/1/fdinfo/1:drm-x: 1")
        containers = ScriptedContainers(answers=(answer,))
        service = GpuService(reader, containers, interval_s=0.01, containers_every_s=0.02)
        assert containers.questions == 0

        end = service.watch(lambda view: None)
        await until(lambda: containers.questions >= 3 and reader.told[-1:] == [(answer,)])
        end()

        await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})
        asked = containers.questions
        await asyncio.sleep(0.1)
        assert containers.questions == asked
        assert containers.most_inside == 1
        await service.aclose()

    async def test_a_slow_docker_delays_no_look_and_is_not_asked_twice(self, reader: ScriptedReader) -> None:
        containers = ScriptedContainers()
        containers.gate.clear()
        service = GpuService(reader, containers, interval_s=0.01, containers_every_s=0.01)

        end = service.watch(lambda view: None)
        await until(lambda: reader.looks >= 5)
        end()
        end = service.watch(lambda view: None)
        await until(lambda: reader.looks >= 10)

        assert containers.questions == 1
        end()
        await service.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    async def test_one_look_can_ask_them(self, reader: ScriptedReader) -> None:
        answer = ContainerFdinfo(name="vllm", container_id="1", pid=7)
        containers = ScriptedContainers(answers=(answer,))
        service = GpuService(reader, containers)

        await service.sample_once()
        await service.sample_once(asks_containers=True)
        await service.sample_once()

        assert reader.told == [(), (answer,), (answer,)]
        assert service.answers == (answer,)
        await service.aclose()


class TestNotes:
    async def test_what_was_found_out_stands_beside_the_figures(self, service: GpuService) -> None:
        views: list[GpuView] = []
        end = service.watch(views.append)
        await until(lambda: len(views) >= 1)
        verdict = UsedVerdict(state=UsedState.USED)

        service.note(used=verdict)
        service.note(idle=IdleCost(n=3), last_answer=EnergyUsed(tokens=4))
        count = len(views)
        await until(lambda: len(views) > count)
        end()

        assert views[-1].used is verdict
        assert views[-1].idle == IdleCost(n=3)
        assert views[-1].last_answer == EnergyUsed(tokens=4)
        service.forget_run()
        assert (service.view.used, service.view.idle, service.view.last_answer) == (None, None, None)


async def test_closing_ends_all_watches(reader: ScriptedReader) -> None:
    service = GpuService(reader, ScriptedContainers(), interval_s=0.01)
    service.watch(lambda view: None)
    await until(lambda: reader.looks >= 1)

    await service.aclose()

    await until(lambda: gpu_threads() == [])
    assert asyncio.all_tasks() == {asyncio.current_task()}


class TestSleep:
    async def test_containers_are_not_asked_while_a_card_sleeps(self, reader: ScriptedReader) -> None:
        containers = ScriptedContainers()
        reader.cards = (BUSY, reading("0000:08:00.0", is_asleep=True))
        service = GpuService(reader, containers, interval_s=0.01, containers_every_s=0.01)
        views: list[GpuView] = []
        end = service.watch(views.append)
        await until(lambda: len(views) >= 5)
        await service.sample_once(asks_containers=True)
        assert containers.questions == 0

        reader.cards = (BUSY,)
        await until(lambda: containers.questions > 0)
        end()
        await service.aclose()
        await until(lambda: gpu_threads() == [])
