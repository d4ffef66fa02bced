"""The live figures' service: samples only while watched, never two at once, and says what is wrong once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from arcdesk.core.chat import (
    AnswerFailed,
    AnswerFinished,
    AnswerStats,
    Message,
    MessageState,
    Role,
    ThoughtArrived,
    TokenArrived,
)
from arcdesk.core.errors import AnswerError, Problem
from arcdesk.core.live_server import SECOND_LOOK
from arcdesk.core.live_stats import LiveKey, LiveView, Source, keys_of
from arcdesk.core.metrics_values import METRICS_REFUSED, NO_METRICS, MetricsSample
from arcdesk.core.ports import Endpoint
from arcdesk.services.live_stats import ASKED, NO_ENGINE, PAUSE_S, LiveStatsService
from tests.unit.core.metrics_rig import CountingServer

HERE = Endpoint(base_url="http://127.0.0.1:8001/v1", model="m")
THERE = Endpoint(base_url="http://127.0.0.1:9001/v1", model="m")


class ScriptedTime:
    """A clock and a pause that moves it: each look is let through by `look`."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []
        self._go = asyncio.Semaphore(0)
        self._waiting = asyncio.Event()

    def __call__(self) -> float:
        return self.now

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self._waiting.set()
        await self._go.acquire()
        self.now += seconds

    async def rest(self) -> None:
        """Return when the service pauses between two looks."""
        async with asyncio.timeout(10):
            await self._waiting.wait()

    async def look(self, times: int = 1) -> None:
        """Let it look again, and return when it has."""
        for _ in range(times):
            await self.rest()
            self._waiting.clear()
            self._go.release()
            await self.rest()


class ScriptedSource:
    """A server's /metrics; `problem` refuses, `gate` holds an answer back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.server = CountingServer()
        self.problem: Problem | None = None
        self.asked: list[Endpoint] = []
        self.gate: asyncio.Event | None = None
        self.under_way = 0
        self.most_under_way = 0
        self._clock = clock

    async def fetch(self, endpoint: Endpoint) -> MetricsSample:
        self.asked.append(endpoint)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            if self.gate is not None:
                await self.gate.wait()
            await asyncio.sleep(0)
            if self.problem is not None:
                raise AnswerError(self.problem)
            return self.server.sample(self._clock())
        finally:
            self.under_way -= 1


class Rig:
    """The service with its scripted surroundings."""

    def __init__(self) -> None:
        self.time = ScriptedTime()
        self.source = ScriptedSource(self.time)
        self.endpoint: Endpoint | None = HERE
        self.views: list[LiveView] = []
        self.service = LiveStatsService(
            self.source, lambda: self.endpoint, clock=self.time, pause=self.time.pause
        )

    @property
    def view(self) -> LiveView:
        return self.views[-1]

    async def told(self, times: int) -> None:
        """Return when so many views were told."""
        async with asyncio.timeout(10):
            while len(self.views) < times:
                await asyncio.sleep(0)


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    yield rig
    await rig.service.aclose()


class TestWatching:
    async def test_nobody_watches_nothing_is_asked(self, rig: Rig) -> None:
        rig.service.listener.on_event(1, 1, TokenArrived("a"))
        tasks = len(asyncio.all_tasks())
        await asyncio.sleep(0)
        assert rig.source.asked == []
        assert rig.time.pauses == []
        assert len(asyncio.all_tasks()) == tasks

    async def test_it_looks_once_a_second_while_watched(self, rig: Rig) -> None:
        end = rig.service.watch(rig.views.append)
        await rig.time.look(3)
        assert [view.at for view in rig.views] == [100.0, 101.0, 102.0, 103.0]
        assert len(rig.source.asked) == 4
        end()
        await asyncio.sleep(0)
        assert not rig.service.is_watched
        asked = len(rig.source.asked)
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(rig.source.asked) == asked
        assert rig.view.history.points(LiveKey.RUNNING)[-1].value is None  # the line is broken off

    async def test_two_watchers_share_each_look(self, rig: Rig) -> None:
        others: list[LiveView] = []
        end = rig.service.watch(rig.views.append)
        await rig.time.look()
        rig.service.watch(others.append)
        assert others == [rig.view]  # at once
        await rig.time.look()
        assert others[-1] is rig.view
        assert len(rig.source.asked) == 3
        end()
        end()  # twice is fine
        assert rig.service.is_watched

    async def test_looks_never_overlap_however_late_an_answer_is(self, rig: Rig) -> None:
        rig.source.gate = asyncio.Event()
        rig.service.watch(rig.views.append)
        once = asyncio.ensure_future(rig.service.look_once())
        for _ in range(10):
            await asyncio.sleep(0)
        assert rig.source.under_way == 1
        rig.source.gate.set()
        await once
        await rig.time.rest()
        assert rig.source.most_under_way == 1

    async def test_a_late_answer_shortens_the_pause_to_nothing(self, rig: Rig) -> None:
        rig.source.gate = asyncio.Event()
        rig.service.watch(rig.views.append)
        await asyncio.sleep(0)
        rig.time.now += 3.0
        rig.source.gate.set()
        await rig.time.rest()
        assert rig.time.pauses == [0.0]

    async def test_a_watcher_that_fails_does_not_end_the_watch(
        self, rig: Rig, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(view: LiveView) -> None:
            raise ValueError("a mistake in a widget")

        rig.service.watch(fail)
        await rig.time.look(2)
        assert len(rig.source.asked) == 3
        assert "a mistake in a widget" in caplog.text

    async def test_closing_in_the_middle_of_a_look_ends_it(self, rig: Rig) -> None:
        rig.source.gate = asyncio.Event()
        rig.service.watch(rig.views.append)
        for _ in range(5):
            await asyncio.sleep(0)
        assert rig.source.under_way == 1
        await rig.service.aclose()
        assert rig.source.under_way == 0
        assert rig.views == []

    async def test_one_look_without_a_watcher_starts_nothing(self, rig: Rig) -> None:
        view = await rig.service.look_once()
        assert view[LiveKey.RUNNING].value == 0
        assert rig.time.pauses == []
        rig.source.server.generated = 150
        rig.time.now += 15
        assert (await rig.service.look_once())[LiveKey.TOKENS_PER_S].value == 10
        rig.time.now += 3600
        assert (await rig.service.look_once())[LiveKey.TOKENS_PER_S].reason == SECOND_LOOK


class TestServer:
    async def test_figures_are_the_servers_differences(self, rig: Rig) -> None:
        rig.service.watch(rig.views.append)
        for _ in range(4):
            rig.source.server.generated += 40
            await rig.time.look()
        assert rig.view[LiveKey.TOKENS_PER_S].value == pytest.approx(40.0)
        assert rig.view.problem is None

    async def test_a_restart_is_counted_and_its_difference_unknown(self, rig: Rig) -> None:
        rig.source.server.generated = 100
        rig.service.watch(rig.views.append)
        await rig.time.look()
        rig.source.server.restart(started_at=1.9e9)
        await rig.time.look()
        assert rig.view.restarts == 1
        assert rig.view[LiveKey.TOKENS_PER_S].reason == SECOND_LOOK

    @pytest.mark.parametrize("cause", [NO_METRICS, METRICS_REFUSED])
    async def test_no_metrics_is_said_once_and_not_asked_again(
        self, rig: Rig, cause: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        rig.source.problem = Problem(cause=cause, title="This server tells no figures")
        with caplog.at_level(logging.INFO, "arcdesk.services.live_stats"):
            rig.service.watch(rig.views.append)
            await rig.time.look(5)
        assert len(rig.source.asked) == 1
        assert caplog.text.count("This server tells no figures") == 1
        assert rig.view.problem == rig.source.problem
        assert rig.view[LiveKey.RUNNING].reason == "This server tells no figures."
        assert rig.view[LiveKey.OUR_RUNNING].value == 0  # ours are there all the same

    async def test_another_engine_is_asked_anew(self, rig: Rig) -> None:
        rig.source.problem = Problem(cause=NO_METRICS, title="None")
        rig.service.watch(rig.views.append)
        await rig.time.look()
        rig.source.problem, rig.endpoint = None, THERE
        await rig.time.look()
        assert rig.source.asked == [HERE, THERE]
        assert rig.view.problem is None

    async def test_the_same_engine_anew_is_asked_again(self, rig: Rig) -> None:
        rig.source.problem = Problem(cause=NO_METRICS, title="None")
        rig.service.watch(rig.views.append)
        await rig.time.look()
        rig.source.problem = None
        rig.service.engine_changed()
        await rig.time.look()
        assert rig.view.problem is None

    async def test_restarts_of_the_engine_before_are_not_this_ones(self, rig: Rig) -> None:
        rig.source.server.generated = 100
        rig.service.watch(rig.views.append)
        await rig.time.look(2)
        rig.source.server.restart(started_at=1.9e9)
        await rig.time.look()
        assert rig.view.restarts == 1
        rig.endpoint = THERE
        rig.service.engine_changed()
        await rig.time.look()
        assert rig.view.restarts == 0

    async def test_an_answer_of_the_engine_before_does_not_count(self, rig: Rig) -> None:
        rig.service.watch(rig.views.append)
        await rig.time.look()
        rig.source.gate = asyncio.Event()
        looking = asyncio.ensure_future(rig.service.look_once())
        for _ in range(5):
            await asyncio.sleep(0)
        rig.service.engine_changed()
        rig.source.gate.set()
        await looking
        assert rig.service.newest_sample is None

    async def test_a_server_that_does_not_answer_is_asked_less_and_less(
        self, rig: Rig, caplog: pytest.LogCaptureFixture
    ) -> None:
        rig.source.problem = Problem(cause="unreachable", title="No answer")
        with caplog.at_level(logging.INFO, "arcdesk.services.live_stats"):
            rig.service.watch(rig.views.append)
            await rig.time.look(40)
            assert 4 <= len(rig.source.asked) <= 8
            assert caplog.text.count("No answer") == 1
            rig.source.problem = None
            await rig.time.look(10)
        assert rig.view.problem is None
        assert rig.view[LiveKey.RUNNING].value == 0
        asked = len(rig.source.asked)
        await rig.time.look(3)
        assert len(rig.source.asked) == asked + 3  # each second again

    async def test_a_slow_server_does_not_hold_up_our_own_figures(self) -> None:
        clock = ScriptedTime()
        source = ScriptedSource(clock)
        views: list[LiveView] = []
        service = LiveStatsService(source, lambda: HERE, clock=clock, pause=clock.pause, interval_s=0.02)
        try:
            source.gate = asyncio.Event()
            service.watch(views.append)
            await clock.rest()
            assert views[-1][LiveKey.OUR_RUNNING].value == 0
            assert {views[-1][key].reason for key in keys_of(Source.SERVER)} == {ASKED}
            source.gate.set()
            await clock.look(3)
            assert views[-1][LiveKey.RUNNING].value == 0
            source.gate = asyncio.Event()
            await clock.look()
            assert views[-1][LiveKey.RUNNING].value == 0  # of a moment ago
            clock.now += 4.0
            await clock.look()
            assert views[-1][LiveKey.RUNNING].value is None
            assert "4 s ago" in views[-1][LiveKey.RUNNING].reason
            assert source.most_under_way == 1
        finally:
            await service.aclose()
        assert source.under_way == 0

    async def test_who_waits_for_a_slow_server_does_not_hold_up_a_watch(self) -> None:
        """As a scraper of the Prometheus page does."""
        clock = ScriptedTime()
        source = ScriptedSource(clock)
        views: list[LiveView] = []
        service = LiveStatsService(source, lambda: HERE, clock=clock, pause=clock.pause, interval_s=0.02)
        source.gate = asyncio.Event()
        scraper = asyncio.ensure_future(service.look_once())
        try:
            await asyncio.sleep(0)
            service.watch(views.append)
            await clock.look(3)
            assert len(views) >= 3 and not scraper.done()
            assert views[-1][LiveKey.OUR_RUNNING].value == 0
            assert source.most_under_way == 1
            source.gate.set()
            assert (await scraper)[LiveKey.RUNNING].value == 0
        finally:
            await service.aclose()

    async def test_after_a_sleep_nothing_before_it_counts(self, rig: Rig) -> None:
        rig.service.watch(rig.views.append)
        await rig.time.look(3)
        rig.source.server.generated += 180_000  # of an hour in which our clock stood still
        rig.service.slept()
        await rig.time.look()
        assert rig.view[LiveKey.TOKENS_PER_S].reason == SECOND_LOOK
        assert len(rig.view.history.rows) <= 2

    async def test_one_look_waits_for_a_slow_server(self, rig: Rig) -> None:
        rig.source.gate = asyncio.Event()
        looking = asyncio.ensure_future(rig.service.look_once())
        done, _ = await asyncio.wait((looking,), timeout=1.2)  # longer than a watch has patience
        assert not done
        rig.source.gate.set()
        assert (await looking)[LiveKey.RUNNING].value == 0

    async def test_a_panel_that_is_moved_keeps_its_minute(self, rig: Rig) -> None:
        end = rig.service.watch(rig.views.append)
        await rig.time.look(3)
        end()
        rig.source.server.generated += 30
        rig.time.now += 2
        told = len(rig.views)
        end = rig.service.watch(rig.views.append)
        await rig.told(told + 2)  # at once what was seen last, then what is now
        assert rig.view[LiveKey.TOKENS_PER_S_MINUTE].value == pytest.approx(30 / 5)
        end()
        rig.time.now += PAUSE_S + 1
        told = len(rig.views)
        rig.service.watch(rig.views.append)
        assert len(rig.views) == told  # what was seen then is not what is now
        await rig.told(told + 1)
        assert rig.view[LiveKey.TOKENS_PER_S_MINUTE].reason == SECOND_LOOK

    async def test_without_an_engine_nothing_is_asked_and_that_is_the_reason(self, rig: Rig) -> None:
        rig.endpoint = None
        rig.service.watch(rig.views.append)
        await rig.time.look(2)
        assert rig.source.asked == []
        assert {rig.view[key].reason for key in keys_of(Source.SERVER)} == {NO_ENGINE}

    async def test_what_is_unknown_always_has_a_reason(self, rig: Rig) -> None:
        rig.service.watch(rig.views.append)
        await rig.time.look(2)
        for view in rig.views:
            for key in LiveKey:
                assert view[key].value is not None or view[key].reason, key


class TestOurs:
    async def test_answers_are_heard_from_the_first_piece_to_the_end(self, rig: Rig) -> None:
        told = rig.service.listener
        assert told.hears_quick
        rig.service.watch(rig.views.append)
        told.on_message(1, Message(role=Role.USER, text="?"))
        told.on_message(1, Message(id=7, role=Role.ASSISTANT, text="", state=MessageState.WAITING))
        told.on_event(1, 7, ThoughtArrived("hm"))
        for _ in range(20):
            rig.time.now += 0.05
            told.on_event(1, 7, TokenArrived("a"))
        await rig.time.look()
        assert rig.view[LiveKey.OUR_RUNNING].value == 1
        assert rig.view[LiveKey.OUR_ITL_P50_MS].value == pytest.approx(50)
        stats = AnswerStats(ttft_ms=120.0, completion_tokens=21, prompt_tokens=12, chunks=21)
        told.on_event(1, 7, AnswerFinished(stats))
        told.on_message(1, Message(id=7, role=Role.ASSISTANT, text="…", state=MessageState.DONE, stats=stats))
        await rig.time.look()
        assert rig.view[LiveKey.OUR_RUNNING].value == 0
        assert (rig.view[LiveKey.OUR_TTFT_P50_MS].value, rig.view[LiveKey.OUR_TTFT_P50_MS].n) == (120.0, 1)
        assert rig.view[LiveKey.OUR_PROMPT_TOKENS_PER_S].value == pytest.approx(100)

    @pytest.mark.parametrize("state", [MessageState.STOPPED, MessageState.FAILED])
    async def test_an_answer_that_breaks_off_is_no_longer_running(
        self, rig: Rig, state: MessageState
    ) -> None:
        told = rig.service.listener
        told.on_event(1, 7, TokenArrived("a"))
        if state is MessageState.FAILED:
            told.on_event(1, 7, AnswerFailed(Problem(cause="x", title="x"), AnswerStats()))
        told.on_message(1, Message(id=7, role=Role.ASSISTANT, text="a", state=state))
        assert (await rig.service.look_once())[LiveKey.OUR_RUNNING].value == 0

    async def test_tokens_that_came_before_somebody_looked_count(self, rig: Rig) -> None:
        for _ in range(50):
            rig.time.now += 0.02
            rig.service.listener.on_event(1, 7, TokenArrived("a"))
        rig.service.watch(rig.views.append)
        await rig.time.rest()
        assert rig.view[LiveKey.OUR_TOKENS_PER_S].value == pytest.approx(50.0)
        assert rig.view[LiveKey.OUR_TOKENS_PER_S].is_estimate
