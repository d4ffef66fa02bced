"""The live figures' service over a real client and a real server, once for each generation of /metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from arcdesk.api.metrics_client import MetricsClient
from arcdesk.core.live_server import SECOND_LOOK
from arcdesk.core.live_stats import LiveKey, LiveView, Source, keys_of
from arcdesk.core.metrics_delta import NOTHING_YET
from arcdesk.core.metrics_names import Generation
from arcdesk.services.live_stats import ASKED, LiveStatsService
from tests.fakes.openai_server import response
from tests.unit.api.test_metrics_client import MetricsServer
from tests.unit.core.metrics_rig import text

GENERATIONS = {
    "vllm-0.8.3": Generation.VLLM_V0,
    "vllm-0.9.2": Generation.VLLM_V1_EARLY,
    "vllm-0.11": Generation.VLLM_V1_EARLY,
    "vllm-0.14": Generation.VLLM_V1,
    "vllm-0.26": Generation.VLLM_V1,
    "llama.cpp": Generation.LLAMA_CPP,
}
PATIENCE_S = 20.0
Key = LiveKey


def page(body: str) -> bytes:
    return response(200, body.encode(), "text/plain; version=0.0.4")


@pytest_asyncio.fixture
async def server() -> AsyncIterator[MetricsServer]:
    server = MetricsServer()
    await server.start()
    yield server
    await server.aclose()


class Watch:
    """The service, watched."""

    def __init__(self, server: MetricsServer) -> None:
        self.client = MetricsClient()
        self.service = LiveStatsService(self.client, lambda: server.endpoint, interval_s=0.05)
        self.views: list[LiveView] = []
        self.end = self.service.watch(self.views.append)

    async def until(self, condition: Callable[[LiveView], object]) -> LiveView:
        """The first view from now on that is so."""
        told = len(self.views)
        async with asyncio.timeout(PATIENCE_S):
            while len(self.views) == told or not condition(self.views[-1]):
                await asyncio.sleep(0.01)
        return self.views[-1]

    async def aclose(self) -> None:
        await self.service.aclose()
        await self.client.aclose()


@pytest_asyncio.fixture
async def watch(server: MetricsServer) -> AsyncIterator[Watch]:
    made = Watch(server)
    yield made
    await made.aclose()


def fresh(name: str) -> str:
    """The page of a server that has answered nothing yet: every number 0."""
    lines = [line if line.startswith("#") else f"{line.rpartition(' ')[0]} 0" for line in _lines(name)]
    return "\n".join(lines) + "\n"


def _lines(name: str) -> list[str]:
    return [line for line in text(name).splitlines() if line and "process_start_time" not in line]


def _only_above_the_top(line: str) -> str:
    """All that the histogram of TTFT saw lies above its highest bound."""
    name, _, _ = line.rpartition(" ")
    if not name.startswith("vllm:time_to_first_token_seconds"):
        return line
    return f"{name} {9 if '+Inf' in name or '_count' in name else 0}"


@pytest.mark.parametrize("name", GENERATIONS)
async def test_each_generation_is_told_in_full_or_says_why_not(
    server: MetricsServer, watch: Watch, name: str
) -> None:
    server.pages["/metrics"] = page(fresh(name))
    await watch.until(lambda view: view[Key.TOKENS_PER_S_MINUTE].reason not in (SECOND_LOOK, ASKED))
    server.pages["/metrics"] = page("\n".join(_lines(name)) + "\n")
    view = await watch.until(lambda view: view[Key.PROMPT_TOKENS_PER_S].value)
    assert view.generation is GENERATIONS[name]
    for key in keys_of(Source.SERVER):
        figure = view[key]
        assert (figure.value is None) == bool(figure.reason), key
        assert figure.value is None or figure.metric, key
    always = {Key.RUNNING, Key.WAITING, Key.TOKENS_PER_S_MINUTE, Key.PROMPT_TOKENS_PER_S}
    if GENERATIONS[name] is not Generation.LLAMA_CPP:
        always |= {Key.KV_USE, Key.PREEMPTIONS, Key.TTFT_P50_MS, Key.TTFT_P95_MS, Key.ITL_P99_MS}
        assert (view[Key.TTFT_P50_MS].n or 0) > 0
    assert (view[Key.SWAPPED].value is not None) == (GENERATIONS[name] is Generation.VLLM_V0)
    known = {key for key in keys_of(Source.SERVER) if view[key].value is not None}
    assert always <= known
    asked = len(server.asked)
    watch.end()
    await asyncio.sleep(0.2)
    assert len(server.asked) <= asked + 1  # the one under way


async def test_a_full_top_bucket_says_at_least(server: MetricsServer, watch: Watch) -> None:
    server.pages["/metrics"] = page(fresh("vllm-0.14"))
    await watch.until(lambda view: view[Key.TTFT_P50_MS].reason == NOTHING_YET)
    lines = [_only_above_the_top(line) for line in _lines("vllm-0.14")]
    server.pages["/metrics"] = page("\n".join(lines) + "\n")
    figure = (await watch.until(lambda view: view[Key.TTFT_P50_MS].n))[Key.TTFT_P50_MS]
    assert figure.is_at_least
    assert figure.value is not None
    assert figure.n == 9


async def test_a_server_that_begins_anew_is_told(server: MetricsServer, watch: Watch) -> None:
    server.pages["/metrics"] = page("\n".join(_lines("vllm-0.14")) + "\n")
    assert (await watch.until(lambda view: view[Key.RUNNING].value is not None)).restarts == 0
    server.pages["/metrics"] = page(fresh("vllm-0.14"))
    view = await watch.until(lambda view: view.restarts)
    assert view.restarts == 1
    assert view[Key.TOKENS_PER_S].reason == SECOND_LOOK


async def test_a_server_without_the_page_is_asked_once(server: MetricsServer, watch: Watch) -> None:
    view = await watch.until(lambda view: view.problem is not None)
    told = len(watch.views)
    await watch.until(lambda _: len(watch.views) > told + 4)
    assert server.asked == ["/metrics"]
    assert view.problem is not None
    assert view[Key.OUR_RUNNING].value == 0
