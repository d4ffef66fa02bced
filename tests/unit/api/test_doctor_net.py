"""The way to the engine, asked of real servers; proxies, told from the environment."""

from __future__ import annotations

import asyncio
import socket
from contextlib import aclosing

import pytest

from arcdesk.api.doctor_net import engine_findings, excepts_loopback, proxy_findings
from arcdesk.api.openai_client import OpenAIClient
from arcdesk.core.doctor import Finding, Status
from arcdesk.core.ports import Endpoint
from tests.fakes.openai_server import MODEL, OpenAIServer


async def ask(base_url: str, api_key: str | None = None) -> Finding:
    async with aclosing(OpenAIClient()) as client:
        (found,) = await engine_findings(client, Endpoint(base_url=base_url, model="", api_key=api_key), "")
    return found


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


async def test_an_engine_that_answers_is_told_with_its_models() -> None:
    async with OpenAIServer() as server:
        found = await ask(server.base_url)
        assert (found.status, MODEL in found.detail) == (Status.OK, True)
        assert {request.method for request in server.requests} == {"GET"}  # nothing is generated


async def test_an_engine_that_wants_a_key_is_fine_for_those_who_have_none() -> None:
    async with OpenAIServer(api_key="right") as server:
        without = await ask(server.base_url)
        assert (without.status, "wants a key" in without.detail) == (Status.OK, True)
        assert (await ask(server.base_url, api_key="wrong")).status is Status.WARN
        right = await ask(server.base_url, api_key="right")
        assert (right.status, MODEL in right.detail) == (Status.OK, True)


async def test_a_dead_address_is_bad() -> None:
    found = await ask(f"http://127.0.0.1:{closed_port()}/v1")
    assert (found.status, found.title) == (Status.BAD, "The engine does not answer")


async def test_no_engine_is_no_fault() -> None:
    async with aclosing(OpenAIClient()) as client:
        (found,) = await engine_findings(client, None, "It is stopped.")
    assert (found.status, found.detail) == (Status.OK, "It is stopped.")


async def test_without_a_proxy_all_is_well() -> None:
    (found,) = await proxy_findings({})
    assert (found.status, found.title) == (Status.OK, "No proxy is set")


@pytest.mark.parametrize("value", ["http://", "http://host:port", "://", "http://[::1"])
async def test_a_proxy_that_makes_no_sense_is_told(value: str) -> None:
    (found,) = await proxy_findings({"HTTPS_PROXY": value, "no_proxy": "localhost,127.0.0.1"})
    assert (found.id, found.status) == ("network.proxy.https_proxy", Status.WARN)


async def test_a_proxy_here_that_nobody_serves_is_told() -> None:
    environ = {"http_proxy": f"http://127.0.0.1:{closed_port()}", "no_proxy": "*"}
    (found,) = await proxy_findings(environ)
    assert "Nothing listens" in found.detail


async def test_a_proxy_here_that_listens_is_fine() -> None:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        environ = {"http_proxy": f"127.0.0.1:{port}", "NO_PROXY": "localhost, 127.0.0.1"}
        (found,) = await proxy_findings(environ)
    assert (found.status, found.title) == (Status.OK, "A proxy is set")


async def test_a_proxy_elsewhere_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("another host was contacted")

    monkeypatch.setattr(asyncio, "open_connection", forbidden)
    (found,) = await proxy_findings(
        {"http_proxy": "http://proxy.example:3128", "no_proxy": "localhost,127.0.0.1"}
    )
    assert found.status is Status.OK


async def test_a_loopback_that_goes_through_the_proxy_is_told() -> None:
    (found,) = await proxy_findings({"https_proxy": "http://proxy.example:3128", "no_proxy": "localhost"})
    assert (found.id, found.status) == ("network.no_proxy", Status.WARN)
    assert excepts_loopback(found.command.split("no_proxy=")[1].split()[0])
