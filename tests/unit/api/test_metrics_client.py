"""Fetching /metrics over real sockets: from servers of several kinds, and from llama.cpp itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from arcdesk.api.metrics_client import MetricsClient
from arcdesk.api.openai_client import OpenAIClient
from arcdesk.core.chat import AnswerFinished, ChatRequest, Message, Role
from arcdesk.core.egress import Contact, Reason
from arcdesk.core.errors import AnswerError
from arcdesk.core.metrics_delta import MetricsDelta
from arcdesk.core.metrics_names import Fact, Generation, generation_of, value_of
from arcdesk.core.metrics_values import METRICS_REFUSED, METRICS_UNREADABLE, NO_METRICS
from arcdesk.core.ports import Endpoint
from arcdesk.core.xray_server import server_times
from tests.fakes.openai_server import response
from tests.unit.api.llama_server import API_KEY, MODEL, running
from tests.unit.core.metrics_rig import text

REDIRECT = response(307, b"", extra="Location: http://127.0.0.1:9/metrics/\r\n")


class MetricsServer:
    """Answers each path with the bytes that a test wants; keeps what was asked."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.heads: list[str] = []
        self._server: asyncio.Server | None = None
        self._port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]

    async def aclose(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(base_url=f"http://127.0.0.1:{self._port}/v1", model="m", api_key="sk-secret")

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        path = head.split(" ")[1]
        self.asked.append(path)
        writer.write(self.pages.get(path, response(404, b'{"detail":"Not Found"}', "application/json")))
        try:
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


class Gate:
    """Lets all pass and keeps what went."""

    def __init__(self) -> None:
        self.contacts: list[Contact] = []

    def allows(self, host: str) -> bool:
        return host == "127.0.0.1"

    def record(self, contact: Contact) -> None:
        self.contacts.append(contact)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[MetricsServer]:
    server = MetricsServer()
    await server.start()
    yield server
    await server.aclose()


@pytest_asyncio.fixture
async def client() -> AsyncIterator[MetricsClient]:
    client = MetricsClient(clock=lambda: 42.0)
    yield client
    await client.aclose()


async def cause_of(client: MetricsClient, server: MetricsServer) -> str:
    with pytest.raises(AnswerError) as raised:
        await client.fetch(server.endpoint)
    problem = raised.value.problem
    assert problem.title and "sk-secret" not in problem.sentence() + problem.evidence
    return problem.cause


async def test_a_page_is_read_and_dated_by_the_clock(client: MetricsClient, server: MetricsServer) -> None:
    server.pages["/metrics"] = response(200, text("vllm-0.26").encode())
    sample = await client.fetch(server.endpoint)
    assert sample.at == 42.0
    assert value_of(Fact.GENERATED_TOKENS, sample).value == 672
    assert sample.size_bytes == len(text("vllm-0.26"))
    assert "Bearer sk-secret" in server.heads[0]  # llama.cpp asks for it here, too


async def test_a_mounted_page_is_found_behind_its_slash_and_remembered(
    client: MetricsClient, server: MetricsServer
) -> None:
    server.pages = {"/metrics": REDIRECT, "/metrics/": response(200, text("vllm-0.8.3").encode())}
    for _ in range(2):
        sample = await client.fetch(server.endpoint)
        assert generation_of(sample) is Generation.VLLM_V0
    assert server.asked == ["/metrics", "/metrics/", "/metrics/"]


async def test_a_redirect_is_never_followed_to_where_it_points(
    client: MetricsClient, server: MetricsServer
) -> None:
    server.pages = {"/metrics": REDIRECT, "/metrics/": REDIRECT}
    assert await cause_of(client, server) == NO_METRICS
    assert server.asked == ["/metrics", "/metrics/"]


@pytest.mark.parametrize(
    ("page", "cause"),
    [
        (response(404, b"Not Found"), NO_METRICS),
        (response(501, b'{"error":{"message":"Start it with `--metrics`"}}'), NO_METRICS),
        (response(401, b'{"error":"Unauthorized, not sk-secret"}'), METRICS_REFUSED),
        (response(403, b""), METRICS_REFUSED),
        (response(200, b"<!doctype html><html>an app's own page</html>", "text/html"), METRICS_UNREADABLE),
        (response(200, b"ollama_up 1\n"), METRICS_UNREADABLE),
        (response(200, b"\xff\xfe\x00vllm:"), METRICS_UNREADABLE),
        (response(500, b"boom"), "metrics_failed"),
    ],
)
async def test_a_server_without_a_page_says_why(
    client: MetricsClient, server: MetricsServer, page: bytes, cause: str
) -> None:
    server.pages["/metrics"] = page
    assert await cause_of(client, server) == cause


@pytest.mark.parametrize("page", [b"", b"# HELP vllm:num_requests_running Running.\n# TYPE vllm:x gauge\n"])
async def test_a_server_that_has_counted_nothing_yet_is_a_server_with_figures(
    client: MetricsClient, server: MetricsServer, page: bytes
) -> None:
    server.pages["/metrics"] = response(200, page, "text/plain")
    assert not (await client.fetch(server.endpoint)).values


async def test_the_slash_of_a_server_before_is_forgotten(
    client: MetricsClient, server: MetricsServer
) -> None:
    server.pages |= {
        "/metrics": REDIRECT,
        "/metrics/": response(200, text("vllm-0.26").encode(), "text/plain"),
    }
    await client.fetch(server.endpoint)
    server.pages = {"/metrics": response(200, text("vllm-0.26").encode(), "text/plain")}
    assert (await client.fetch(server.endpoint)).values


async def test_a_page_without_end_is_given_up(client: MetricsClient, server: MetricsServer) -> None:
    line = b'vllm:num_requests_running{engine="0"} 1.0\n'
    server.pages["/metrics"] = response(200, line * (17 * 2**20 // len(line)))
    assert await cause_of(client, server) not in (NO_METRICS, METRICS_UNREADABLE)


async def test_a_server_that_is_gone_is_a_problem_that_may_pass(
    client: MetricsClient, server: MetricsServer
) -> None:
    await server.aclose()
    assert await cause_of(client, server) not in (NO_METRICS, METRICS_REFUSED, METRICS_UNREADABLE)


async def test_each_look_is_told_to_the_egress_gate(server: MetricsServer) -> None:
    gate = Gate()
    client = MetricsClient(egress=gate)
    server.pages["/metrics"] = response(200, text("vllm-0.14").encode())
    await client.fetch(server.endpoint)
    (contact,) = gate.contacts
    assert (contact.host, contact.reason) == ("127.0.0.1", Reason.HEALTH)
    assert contact.bytes_in > len(text("vllm-0.14"))
    with pytest.raises(AnswerError):
        await client.fetch(Endpoint(base_url="http://elsewhere.example/v1", model="m"))
    assert gate.contacts[-1].is_refused
    await client.aclose()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running(30.0) as address:
        yield address


class TestLlamaCpp:
    """The real thing."""

    async def test_an_answer_is_counted_and_known_as_ours(self, address: str) -> None:
        endpoint = Endpoint(base_url=address + "/v1", model=MODEL, api_key=API_KEY)
        metrics, chat = MetricsClient(), OpenAIClient()
        before = await metrics.fetch(endpoint)
        assert generation_of(before) is Generation.LLAMA_CPP
        question = Message(role=Role.USER, text="Name a river.")
        request = ChatRequest(messages=(question,), max_tokens=2, temperature=0.0)
        events = [event async for event in chat.ask(endpoint, request)]
        finished = events[-1]
        assert isinstance(finished, AnswerFinished)
        tokens = finished.stats.completion_tokens
        after = await metrics.fetch(endpoint)
        assert MetricsDelta(before, after).counted(Fact.GENERATED_TOKENS).value == tokens
        told = server_times(before, after, tokens)
        assert told.is_ours
        assert finished.stats.total_ms is not None
        assert told.prefill.seconds is not None and told.decode.seconds is not None
        assert 0 < told.prefill.seconds + told.decode.seconds <= finished.stats.total_ms / 1000 * 1.05
        await metrics.aclose()
        await chat.aclose()

    async def test_without_the_key_it_is_refused(self, address: str) -> None:
        client = MetricsClient()
        with pytest.raises(AnswerError) as raised:
            await client.fetch(Endpoint(base_url=address + "/v1", model=MODEL))
        assert raised.value.problem.cause == METRICS_REFUSED
        await client.aclose()
