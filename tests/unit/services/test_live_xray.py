"""X-rays around an answer: one sample before and one after, however the server counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from arcdesk.core.errors import AnswerError, Problem
from arcdesk.core.metrics_values import NO_METRICS, MetricsSample
from arcdesk.core.ports import Endpoint
from arcdesk.core.xray import ClientTimes, Part
from arcdesk.core.xray_server import NOT_COUNTED
from arcdesk.services.live_xray import BROKEN_OFF, TRIES, TRY_AGAIN_S, LiveXRay
from tests.unit.core.metrics_rig import CountingServer

HERE = Endpoint(base_url="http://127.0.0.1:8001/v1", model="m")
OURS = ClientTimes(
    sent_s=1.0, connected_s=1.001, first_token_s=1.405, last_token_s=2.405, parse_s=0.004, paint_lag_s=0.016
)


class Server:
    """Counts an answer at the look `counts_at`."""

    def __init__(self) -> None:
        self.server = CountingServer()
        self.looks = 0
        self.counts_at = 2
        self.problem: Problem | None = None
        self.pauses: list[float] = []
        self.dated = 0.0

    async def fetch(self, endpoint: Endpoint) -> MetricsSample:
        await asyncio.sleep(0)
        self.looks += 1
        if self.problem is not None:
            raise AnswerError(self.problem)
        if self.looks == self.counts_at:
            self.server.finish(queue_s=0.1, prefill_s=0.3, gaps_s=[0.02] * 50)
        return self.server.sample(self.dated + self.looks / 1000)

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def xray(self, newest: Callable[[], MetricsSample | None] = lambda: None) -> LiveXRay:
        return LiveXRay(self, newest, clock=lambda: 100.0, pause=self.pause)


@pytest.fixture
def server() -> Server:
    return Server()


async def test_a_sample_before_and_one_after_make_the_picture(server: Server) -> None:
    xrays = server.xray()
    before = xrays.begin(HERE)
    assert server.looks == 0  # the question does not wait for it
    picture = await xrays.finish(before, OURS, 51)
    assert picture[Part.PREFILL].seconds == pytest.approx(0.3)
    assert (server.looks, server.pauses) == (2, [])


async def test_a_sample_that_a_watch_took_a_moment_ago_serves(server: Server) -> None:
    watched = server.server.sample(99.5)
    server.counts_at = 1
    xrays = server.xray(lambda: watched)
    picture = await xrays.finish(xrays.begin(HERE), OURS, 51)
    assert picture[Part.QUEUE].seconds == pytest.approx(0.1)
    assert server.looks == 1


async def test_one_of_long_ago_does_not(server: Server) -> None:
    stale = server.server.sample(50.0)
    xrays = server.xray(lambda: stale)
    await xrays.finish(xrays.begin(HERE), OURS, 51)
    assert server.looks == 2


async def test_one_from_before_our_last_answer_was_counted_does_not_either(server: Server) -> None:
    watched = server.server.sample(99.5)
    server.counts_at = 1
    xrays = server.xray(lambda: watched)
    await xrays.finish(xrays.begin(HERE), OURS, 51)
    server.counts_at = 3
    picture = await xrays.finish(xrays.begin(HERE), OURS, 51)  # with 99.5, two answers would be in between
    assert picture[Part.PREFILL].seconds == pytest.approx(0.3)
    assert server.looks == 3


async def test_the_sample_after_an_answer_is_the_one_before_the_next(server: Server) -> None:
    server.dated = 100.0
    xrays = server.xray()
    await xrays.finish(xrays.begin(HERE), OURS, 51)
    server.counts_at = 3
    picture = await xrays.finish(xrays.begin(HERE), OURS, 51)
    assert picture[Part.PREFILL].seconds == pytest.approx(0.3)
    assert server.looks == 3


async def test_a_server_that_counts_a_moment_later_is_asked_again(server: Server) -> None:
    server.counts_at = 3
    xrays = server.xray()
    picture = await xrays.finish(xrays.begin(HERE), OURS, 51)
    assert picture[Part.PREFILL].seconds == pytest.approx(0.3)
    assert server.pauses == [TRY_AGAIN_S]


async def test_one_that_never_counts_it_is_given_up(server: Server) -> None:
    server.counts_at = 99
    xrays = server.xray()
    picture = await xrays.finish(xrays.begin(HERE), OURS, 51)
    assert picture.note == NOT_COUNTED
    assert picture[Part.WAIT].seconds == pytest.approx(0.404)
    assert server.looks == 1 + TRIES


async def test_without_metrics_our_own_times_remain_and_it_is_asked_once(server: Server) -> None:
    server.problem = Problem(cause=NO_METRICS, title="This server tells no figures")
    xrays = server.xray()
    for _ in range(3):
        picture = await xrays.finish(xrays.begin(HERE), OURS, 51)
        assert picture.note == "This server tells no figures."
        assert picture[Part.DECODE].seconds == pytest.approx(0.996)
    assert server.looks == 1
    server.problem, server.counts_at = None, 3
    xrays.engine_changed()
    assert (await xrays.finish(xrays.begin(HERE), OURS, 51))[Part.PREFILL].seconds is not None


class TestTyping:
    """The sample before, taken while a question is being typed."""

    async def test_it_serves_and_the_question_takes_none(self, server: Server) -> None:
        server.dated = 100.0
        xrays = server.xray()
        for _ in range(5):  # key presses
            xrays.expect(HERE)
            await asyncio.sleep(0.01)
        assert server.looks == 1
        before = xrays.begin(HERE)
        await asyncio.sleep(0.01)
        assert server.looks == 1
        picture = await xrays.finish(before, OURS, 51)
        assert picture[Part.PREFILL].seconds == pytest.approx(0.3)

    async def test_one_under_way_is_waited_for_after_the_answer(self, server: Server) -> None:
        xrays = server.xray()
        xrays.expect(HERE)
        picture = await xrays.finish(xrays.begin(HERE), OURS, 51)
        assert picture[Part.PREFILL].seconds == pytest.approx(0.3)
        assert server.looks == 2

    async def test_a_server_without_figures_is_not_asked_by_typing(self, server: Server) -> None:
        server.problem = Problem(cause=NO_METRICS, title="None")
        xrays = server.xray()
        for _ in range(5):
            xrays.expect(HERE)
            await asyncio.sleep(0.01)
        assert server.looks == 1

    async def test_a_sample_of_another_engine_is_not_used(self, server: Server) -> None:
        server.dated = 100.0
        xrays = server.xray()
        xrays.expect(HERE)
        await asyncio.sleep(0.01)
        xrays.engine_changed()
        server.counts_at = 3
        picture = await xrays.finish(xrays.begin(HERE), OURS, 51)
        assert picture[Part.PREFILL].seconds == pytest.approx(0.3)
        assert server.looks == 3

    async def test_the_end_leaves_no_question_behind(self, server: Server) -> None:
        xrays = server.xray()
        xrays.expect(HERE)
        await xrays.aclose()
        assert not xrays._asking


async def test_a_picture_that_nobody_wants_is_dropped(server: Server) -> None:
    before = server.xray().begin(HERE)
    before.cancel()
    assert await before.sample() is None
    assert server.looks == 0


async def test_one_dropped_by_an_answer_that_shared_it_leaves_it_to_the_other(server: Server) -> None:
    xrays = server.xray()
    xrays.expect(HERE)
    one, other = xrays.begin(HERE), xrays.begin(HERE)
    one.cancel()
    picture = await xrays.finish(other, OURS, 51)
    assert picture[Part.PREFILL].seconds == pytest.approx(0.3)
    await xrays.aclose()


async def test_an_answer_that_was_broken_off_takes_nobody_elses_times(server: Server) -> None:
    """The server does not count it; what ended meanwhile is another's."""
    xrays = server.xray()
    told = await xrays.times(xrays.begin(HERE), None, is_whole=False)
    assert told.reason == BROKEN_OFF
    assert server.looks <= 1


async def test_a_server_that_refuses_is_not_asked_with_every_key(server: Server) -> None:
    server.problem = Problem(cause="server_error", title="The server failed")
    xrays = server.xray()
    for _ in range(40):
        xrays.expect(HERE)
        await asyncio.sleep(0.001)
    assert server.looks == 1


async def test_after_the_end_nothing_is_asked_any_more(server: Server) -> None:
    """A window that closes empties its prompt, which looks like typing."""
    xrays = server.xray()
    await xrays.aclose()
    xrays.expect(HERE)
    assert await xrays.begin(HERE).sample() is None
    assert server.looks == 0


async def test_a_server_that_tells_figures_by_now_is_believed(server: Server) -> None:
    watched: list[MetricsSample] = []
    xrays = server.xray(lambda: watched[-1] if watched else None)
    server.problem = Problem(cause=NO_METRICS, title="This server tells no figures")
    await xrays.finish(xrays.begin(HERE), OURS, 51)
    server.problem = None
    server.counts_at = server.looks + 1
    watched.append(server.server.sample(99.9))
    server.dated = 100.0
    await asyncio.sleep(0)
    told = await xrays.times(xrays.begin(HERE), 51)
    assert told.reason != "This server tells no figures."
