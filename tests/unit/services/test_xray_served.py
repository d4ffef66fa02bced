"""X-rays of answers over real sockets, from servers whose every delay is known."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import anyio._backends._asyncio  # noqa: F401  (the first question of all would wait for it)
import httpx  # noqa: F401
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arcdesk.api.metrics_client import MetricsClient
from arcdesk.api.openai_client import OpenAIClient
from arcdesk.core.chat import (
    AnswerFailed,
    AnswerFinished,
    AnswerStats,
    ChatRequest,
    Message,
    Role,
    TokenArrived,
)
from arcdesk.core.ports import Endpoint
from arcdesk.core.xray import Cause, Part, Span, XRay
from arcdesk.core.xray_answer import record_of, xray_of
from arcdesk.core.xray_server import NOT_COUNTED, OTHERS_ENDED
from arcdesk.services.live_xray import LiveXRay
from arcdesk.services.xray_stall import StallWatch
from tests.rig.metered_sse import MeteredServer
from tests.unit.core import metrics_rig

QUESTION = ChatRequest(messages=(Message(role=Role.USER, text="How long?"),))


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One answer: its X-ray, and how long it took by clocks beside: the server's, and the asker's."""

    picture: XRay
    stats: AnswerStats
    at_least_s: float
    at_most_s: float


class Client:
    """What the program uses, without its window."""

    def __init__(self) -> None:
        self.backend = OpenAIClient()
        self.metrics = MetricsClient()
        self.xrays = LiveXRay(self.metrics, lambda: None)

    async def ask(
        self,
        server: MeteredServer,
        *,
        stop_after: int = 0,
        stall: StallWatch | None = None,
        is_local: bool = True,
    ) -> Seen:
        """Ask, and take the answer apart. `stall` watches meanwhile how long the loop is held up."""
        endpoint = Endpoint(base_url=server.base_url, model="m")
        self.xrays.expect(endpoint)
        await asyncio.gather(*self.xrays._asking)  # what typing leaves time for
        before = self.xrays.begin(endpoint)
        stats = AnswerStats()
        began = last = time.perf_counter()
        pieces = 0
        events = self.backend.ask(endpoint, QUESTION)
        if stall is not None:
            stall.start()
        async for event in events:
            match event:
                case TokenArrived():
                    last = time.perf_counter()
                    pieces += 1
                    if pieces == stop_after:
                        await events.aclose()
                case AnswerFinished() | AnswerFailed():
                    stats = event.stats
        stall_s = 0.0
        if stall is not None:
            stall.stop()
            stall_s = stall.worst_s or 0.0
        told = await self.xrays.times(before, stats.completion_tokens)
        record = record_of(told, paint_lag_s=None, stall_s=stall_s, is_local=is_local)
        stats = AnswerStats(
            **{name: getattr(stats, name) for name in AnswerStats.__slots__ if name != "xray"}, xray=record
        )
        return Seen(picture=xray_of(stats), stats=stats, at_least_s=server.took_s, at_most_s=last - began)

    async def aclose(self) -> None:
        await self.xrays.aclose()
        await self.backend.aclose()
        await self.metrics.aclose()


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    client = Client()
    yield client
    await client.aclose()


def assert_whole(seen: Seen) -> None:
    """The parts sum to the whole within 5 %, and the whole is what passed, however busy the machine."""
    picture = seen.picture
    assert picture.total_s is not None
    assert picture.known_s == pytest.approx(picture.total_s, rel=0.05)
    assert seen.at_least_s <= picture.total_s <= seen.at_most_s


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    queue_s=st.floats(0, 0.1),
    prefill_s=st.floats(0.005, 0.15),
    gaps=st.lists(st.floats(0.002, 0.03), max_size=8),
    tokens_per_chunk=st.integers(1, 3),
)
def test_the_parts_sum_to_the_whole_and_each_delay_is_found(
    queue_s: float, prefill_s: float, gaps: list[float], tokens_per_chunk: int
) -> None:
    async def one() -> None:
        client = Client()
        server = MeteredServer(
            queue_s=queue_s, prefill_s=prefill_s, gaps_s=gaps, tokens_per_chunk=tokens_per_chunk
        )
        try:
            async with server:
                seen = await client.ask(server)
        finally:
            await client.aclose()
        assert_whole(seen)
        counted = server.counting.seen
        assert seen.picture[Part.QUEUE].seconds == pytest.approx(
            counted["request_queue_time_seconds"][-1], abs=1e-6
        )
        assert seen.picture[Part.PREFILL].seconds == pytest.approx(
            counted["request_prefill_time_seconds"][-1], abs=1e-6
        )
        assert seen.picture[Part.CONNECT].seconds is not None
        assert seen.picture[Part.PARSE].seconds is not None

    asyncio.run(one())


async def test_the_sample_of_the_typing_serves_and_the_one_after_is_the_only_other(client: Client) -> None:
    async with MeteredServer(gaps_s=[]) as server:
        seen = await client.ask(server)
        assert seen.picture[Part.PREFILL].is_servers
        assert server.looks == 2


async def test_a_server_that_counts_late_is_waited_for(client: Client) -> None:
    async with MeteredServer(counts_late_s=0.1) as server:
        seen = await client.ask(server)
    assert seen.picture[Part.PREFILL].is_servers
    assert_whole(seen)


async def test_one_that_never_counts_leaves_the_wait_in_one_piece(client: Client) -> None:
    async with MeteredServer(is_counting=False) as server:
        seen = await client.ask(server)
    assert seen.picture.note == NOT_COUNTED
    waited_s = seen.picture[Part.WAIT].seconds
    assert waited_s is not None and waited_s > 0.07
    assert_whole(seen)


async def test_without_metrics_it_is_asked_once(client: Client) -> None:
    async with MeteredServer(has_metrics=False) as server:
        for _ in range(3):
            seen = await client.ask(server)
            assert seen.picture.note == "This server tells no figures."
            assert_whole(seen)
        assert server.looks == 1


async def test_without_usage_our_answer_is_known_by_being_the_only_one(client: Client) -> None:
    async with MeteredServer(has_usage=False) as server:
        seen = await client.ask(server)
    assert seen.stats.completion_tokens is None
    assert seen.picture[Part.PREFILL].is_servers
    assert_whole(seen)


async def test_others_that_end_meanwhile_are_said(client: Client) -> None:
    async with MeteredServer() as server:
        server.on_answer = lambda: server.counting.finish(queue_s=1.0, prefill_s=2.0, gaps_s=[0.1] * 30)
        seen = await client.ask(server)
    assert seen.picture.note == OTHERS_ENDED
    assert {one.cause for one in seen.picture.disagreements} == {Cause.OTHER_USERS}
    assert_whole(seen)


async def test_a_restart_in_between_is_said(client: Client) -> None:
    async with MeteredServer() as server:
        server.on_answer = lambda: server.counting.restart(started_at=1.9e9)
        seen = await client.ask(server)
    assert "anew" in seen.picture.note
    assert_whole(seen)


async def test_pieces_held_back_on_the_way_are_found(client: Client) -> None:
    async with MeteredServer(gaps_s=[0.1] * 8, is_held_back=True) as server:
        seen = await client.ask(server)
    found = {one.span: one.cause for one in seen.picture.disagreements}
    assert found == {Span.FIRST: Cause.PROXY, Span.DECODE: Cause.PROXY}
    assert_whole(seen)


async def test_a_server_that_claims_less_is_found(client: Client) -> None:
    async with MeteredServer(claims=lambda queue_s, prefill_s, gaps: (0.001, 0.002, gaps)) as server:
        seen = await client.ask(server)
    assert Span.FIRST in {one.span for one in seen.picture.disagreements}
    assert_whole(seen)


def causes(seen: Seen) -> dict[Span, Cause]:
    return {one.span: one.cause for one in seen.picture.disagreements}


async def test_a_far_server_that_claims_less_points_to_the_network(client: Client) -> None:
    async with MeteredServer(claims=lambda queue_s, prefill_s, gaps: (0.001, 0.002, gaps)) as server:
        here, far = await client.ask(server), await client.ask(server, is_local=False)
    assert causes(here)[Span.FIRST] is Cause.UNKNOWN
    assert causes(far)[Span.FIRST] is Cause.NETWORK


async def test_pieces_that_lay_here_while_arcdesk_was_busy_are_its_own_fault(client: Client) -> None:
    async with MeteredServer(gaps_s=[0.01] * 4) as server:
        server.on_answer = lambda: time.sleep(0.4)  # this loop is held up, with the first token under way
        seen = await client.ask(server, stall=StallWatch())
    assert causes(seen) == {Span.FIRST: Cause.BUSY_UI, Span.DECODE: Cause.BUSY_UI}
    assert_whole(seen)


async def test_others_under_way_are_seen_by_their_tokens(client: Client) -> None:
    async with MeteredServer(claims=lambda queue_s, prefill_s, gaps: (0.001, 0.002, gaps)) as server:

        def others_stream() -> None:
            server.counting.generated += 300

        server.on_answer = others_stream
        seen = await client.ask(server)
    assert causes(seen)[Span.FIRST] is Cause.OTHER_USERS
    assert seen.picture.note == ""  # the one that ended is ours


async def test_a_full_top_bucket_is_a_bound_and_named(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("time_to_first_token_seconds", "e2e_request_latency_seconds"):
        monkeypatch.setitem(metrics_rig._HISTOGRAMS, name, (0.005, 0.02))
    async with MeteredServer(counting=metrics_rig.CountingServer(has_sums=False)) as server:
        seen = await client.ask(server)
    found = {one.span: (one.cause, one.is_at_least, one.servers_s) for one in seen.picture.disagreements}
    assert found == {
        Span.FIRST: (Cause.SATURATED, True, 0.02),
        Span.WHOLE: (Cause.SATURATED, True, 0.02),
    }
    assert_whole(seen)


async def test_one_token_has_a_picture_and_none_has_not(client: Client) -> None:
    async with MeteredServer(gaps_s=[]) as server:
        seen = await client.ask(server)
        assert seen.picture[Part.DECODE].seconds == 0
        assert_whole(seen)
        server.text = ""
        empty = await client.ask(server)
    assert empty.picture.total_s is None
    assert all(part.seconds is None and part.reason for part in empty.picture.parts)
