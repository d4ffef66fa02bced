"""What the client measures of an answer beside its tokens: connection, last piece, reading."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus

import httpx
import pytest

from arcdesk.api.meter import RequestMeter
from arcdesk.api.openai_client import OpenAIClient
from arcdesk.core.chat import AnswerFailed, AnswerFinished, AnswerStats, ChatRequest, Message, Role
from arcdesk.core.egress import Reason
from arcdesk.core.ports import Endpoint
from tests.rig.fast_sse import DONE, END, HEAD, SseServer, Write, chat, chunk, stream, usage

QUESTION = ChatRequest(messages=(Message(role=Role.USER, text="How long?"),))
WHOLE = stream(b"".join((*(chat(" word") for _ in range(5)), chat("", "stop"), usage(8, 5), DONE)))


@pytest.fixture
async def client() -> AsyncIterator[OpenAIClient]:
    client = OpenAIClient()
    yield client
    await client.aclose()


async def asked(client: OpenAIClient, base_url: str) -> AnswerStats:
    stats = None
    async for event in client.ask(Endpoint(base_url=base_url, model="m"), QUESTION):
        if isinstance(event, AnswerFinished | AnswerFailed):
            stats = event.stats
    assert stats is not None
    return stats


async def test_the_parts_of_a_real_answer_are_in_order(client: OpenAIClient) -> None:
    async def slowly(write: Write) -> None:
        await asyncio.sleep(0.05)
        write(HEAD + chunk(chat("one")))
        await asyncio.sleep(0.1)
        write(chunk(chat("two")) + chunk(chat("", "stop")) + chunk(usage(8, 2)) + chunk(DONE) + END)

    async with SseServer(lambda _: (slowly,)) as server:
        stats = await asked(client, server.base_url)
    assert stats.connect_ms is not None and stats.ttft_ms is not None and stats.last_ms is not None
    assert stats.parse_ms is not None and stats.total_ms is not None
    assert 0 < stats.connect_ms < stats.ttft_ms < stats.last_ms <= stats.total_ms
    assert stats.ttft_ms >= stats.connect_ms + 45
    assert stats.last_ms - stats.ttft_ms >= 90
    assert 0 < stats.parse_ms < stats.total_ms
    assert stats.via == ""


async def test_an_answer_of_one_read_has_one_moment(client: OpenAIClient) -> None:
    async with SseServer(lambda _: (WHOLE,)) as server:
        stats = await asked(client, server.base_url)
    assert stats.ttft_ms == stats.last_ms
    assert (stats.decode_tokens_per_s, stats.completion_tokens) == (None, 5)
    assert stats.reason_unknown


async def test_a_server_that_is_not_there_has_no_connection(client: OpenAIClient) -> None:
    async with SseServer(lambda _: ()) as server:
        base_url = server.base_url
    stats = await asked(client, base_url)
    assert (stats.connect_ms, stats.ttft_ms, stats.parse_ms) == (None, None, None)


async def test_a_transport_that_tells_nothing_leaves_the_connection_unknown() -> None:
    head = {"content-type": "text/event-stream"}
    reply = httpx.Response(HTTPStatus.OK, headers=head, content=chat("a") + DONE)
    client = OpenAIClient(transport=httpx.MockTransport(lambda _: reply))
    stats = await asked(client, "http://127.0.0.1:1/v1")
    await client.aclose()
    assert stats.connect_ms is None
    assert stats.ttft_ms is not None


class TestConnection:
    """When a connection stands, as httpcore tells of it."""

    @pytest.fixture
    def clock(self) -> list[float]:
        return [0.0]

    @pytest.mark.parametrize("layer", ["connection", "proxy", "socks"])
    async def test_it_stands_with_its_tls(self, layer: str, clock: list[float]) -> None:
        request = httpx.Request("POST", "https://far.example/v1/chat/completions")
        meter = RequestMeter(None, request, Reason.QUESTION, lambda: clock[0])
        await meter.trace("connection.connect_tcp.started", {"host": "proxy.example"})
        clock[0] = 1.0
        await meter.trace("connection.connect_tcp.complete", {"return_value": object()})
        assert meter.connected_at == 1.0
        clock[0] = 2.0
        await meter.trace(f"{layer}.start_tls.complete", {"return_value": object()})
        assert meter.connected_at == 2.0
        assert meter.via == "proxy.example"
