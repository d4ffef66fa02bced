"""Every request is counted with what went over the wire, and none leads to an undeclared host."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import httpx
import pytest

from arcdesk.api.openai_client import OpenAIClient
from arcdesk.core.chat import AnswerFailed, ChatEvent, ChatRequest, Message, Role
from arcdesk.core.egress import Contact, Reason, is_declared
from arcdesk.core.errors import AnswerError
from arcdesk.core.ports import Endpoint
from tests.fakes.openai_server import MODEL, OpenAIServer

QUESTION = ChatRequest(messages=(Message(role=Role.USER, text="Hello"),))
FAR = Endpoint(base_url="http://undeclared.example/v1", model="m", api_key="sk-secret")


class Gate:
    """Declares what it is given, keeps what it is told."""

    def __init__(self, *declared: str) -> None:
        self.declared = declared
        self.contacts: list[Contact] = []

    def allows(self, host: str) -> bool:
        return is_declared(host, self.declared)

    def record(self, contact: Contact) -> None:
        self.contacts.append(contact)


class Wire:
    """A relay on the loopback interface that counts what passes."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.sent = self.received = 0

    async def __aenter__(self) -> Wire:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._port)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, is_up: bool) -> None:
            while data := await source.read(65_536):
                self.sent += len(data) * is_up
                self.received += len(data) * (not is_up)
                sink.write(data)
            sink.close()

        await asyncio.gather(pump(reader, up_writer, is_up=True), pump(up_reader, writer, is_up=False))


async def ask(client: OpenAIClient, endpoint: Endpoint) -> list[ChatEvent]:
    async with aclosing(client.ask(endpoint, QUESTION)) as events:
        return [event async for event in events]


async def test_the_bytes_are_those_of_the_wire() -> None:
    gate = Gate()
    async with OpenAIServer(api_key="sk-x") as server, Wire(httpx.URL(server.base_url).port or 0) as wire:
        client = OpenAIClient(egress=gate)
        endpoint = Endpoint(base_url=f"http://127.0.0.1:{wire.port}/v1", model=MODEL, api_key="sk-x")
        await client.list_models(endpoint)
        await client.probe(endpoint)
        await ask(client, endpoint)
        await client.aclose()
    assert [contact.reason for contact in gate.contacts] == [Reason.MODELS, Reason.PROBE, Reason.QUESTION]
    assert {contact.host for contact in gate.contacts} == {"127.0.0.1"}
    assert sum(contact.bytes_out for contact in gate.contacts) == wire.sent
    # The lengths of chunks (a few bytes each) are httpx's own affair.
    received = sum(contact.bytes_in for contact in gate.contacts)
    assert 0.8 * wire.received <= received <= wire.received


async def test_an_undeclared_host_is_not_even_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[object] = []
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "getaddrinfo", lambda *args, **_: looked_up.append(args))
    gate = Gate()
    client = OpenAIClient(egress=gate)
    with pytest.raises(AnswerError) as caught:
        await client.list_models(FAR)
    assert caught.value.problem.cause == "undeclared_host"
    assert await client.is_healthy(FAR) is False
    (failed,) = await ask(client, FAR)
    assert isinstance(failed, AnswerFailed) and failed.problem.cause == "undeclared_host"
    await client.aclose()
    assert looked_up == []
    assert all(contact.is_refused and contact.bytes_out == 0 for contact in gate.contacts)
    assert [contact.reason for contact in gate.contacts] == [Reason.MODELS, Reason.HEALTH, Reason.QUESTION]


async def test_a_declared_host_is_asked() -> None:
    gate = Gate("undeclared.example")
    client = OpenAIClient(
        egress=gate, transport=httpx.MockTransport(lambda _: httpx.Response(200, json={"data": []}))
    )
    assert await client.list_models(FAR) == []
    await client.aclose()
    (contact,) = gate.contacts
    assert (contact.host, contact.is_refused, contact.via) == ("undeclared.example", False, "")
    assert contact.bytes_out > 100


async def test_a_refused_connection_is_an_attempt_that_sent_nothing() -> None:
    gate = Gate()
    client = OpenAIClient(egress=gate)
    assert await client.is_healthy(Endpoint(base_url="http://127.0.0.1:9/v1", model="m")) is False
    await client.aclose()
    (contact,) = gate.contacts
    assert (contact.bytes_out, contact.bytes_in, contact.is_refused) == (0, 0, False)


@pytest.fixture
def proxy_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of this computer's environment."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def test_a_proxy_of_the_environment_is_named(
    monkeypatch: pytest.MonkeyPatch, proxy_environment: None
) -> None:
    gate = Gate("undeclared.example")
    async with OpenAIServer() as server:
        port = httpx.URL(server.base_url).port
        monkeypatch.setenv(
            "http_proxy", f"http://127.0.0.1:{port}"
        )  # it sees the whole address and answers 404
        client = OpenAIClient(egress=gate)
        with pytest.raises(AnswerError):
            await client.list_models(FAR)
        await client.aclose()
    (contact,) = gate.contacts
    assert (contact.host, contact.via) == ("undeclared.example", "127.0.0.1")


async def test_a_given_up_answer_is_counted_too() -> None:
    gate = Gate()
    async with OpenAIServer(token_delay_s=0.2) as server:
        client = OpenAIClient(egress=gate)
        events = client.ask(Endpoint(base_url=server.base_url, model=MODEL), QUESTION)
        await anext(events)
        await events.aclose()
        await client.aclose()
    (contact,) = gate.contacts
    assert contact.reason is Reason.QUESTION
    assert contact.bytes_in > 0
