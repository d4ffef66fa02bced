"""Servers elsewhere: addresses as people type them, keys, and what a look finds."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from arcdesk.api.openai_client import OpenAIClient
from arcdesk.app.parts import make_parts
from arcdesk.core.chat import MessageState
from arcdesk.core.engine_state import EngineKind, EnginePhase, EngineSnapshot
from arcdesk.core.errors import ActionKind, ArcDeskError, NotReadyError, Problem, UsageError
from arcdesk.core.ports import EngineDriver
from arcdesk.core.secrets import remote_key
from arcdesk.core.settings import Settings
from arcdesk.services.remote_driver import RemoteDriver, endpoint_of_url
from arcdesk.storage.keyring_thread import KeyringThread
from arcdesk.storage.secrets import API_KEY_VARIABLE, SecretStore
from tests.fakes.openai_server import MODEL, OpenAIServer, response
from tests.unit.api import llama_server
from tests.unit.services.chat_rig import open_chat

KEY = "sk-remote-test"


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[tuple[EngineDriver, list[EngineSnapshot]]]:
    parts, told = make_parts(), []
    driver = parts.make_driver(EngineKind.REMOTE, Settings(engine=url), told.append)
    try:
        yield driver, told
    finally:
        await driver.aclose()
        await parts.aclose()


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.mark.parametrize(
    ("typed", "base_url"),
    [
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/v1"),
        (" https://host/llm \n", "https://host/llm/v1"),
        ("https://host/llm/v1", "https://host/llm/v1"),
        ("http://host/v1/chat/completions", "http://host/v1"),
        ("http://[::1]:8000", "http://[::1]:8000/v1"),
    ],
)
def test_an_address_is_understood(typed: str, base_url: str) -> None:
    endpoint = endpoint_of_url(typed, KEY)
    assert endpoint.base_url == base_url
    assert endpoint.root_url + "/v1" == base_url
    assert endpoint.api_key == KEY
    assert KEY not in repr(endpoint)


@pytest.mark.parametrize(
    "typed",
    [
        "http://",
        "ftp://host",
        "host:8000",
        "http://user:secret@host/v1",
        "http://host/v1?key=1",
        "http://host:port",
        "http://host:99999",
        "http://[::1",
        "",
    ],
)
def test_what_is_no_address_is_refused_with_an_example(typed: str) -> None:
    with pytest.raises(UsageError) as refused:
        endpoint_of_url(typed, None)
    assert "http://127.0.0.1:8000/v1" in str(refused.value)


async def test_start_connects_and_takes_the_first_model(server: OpenAIServer) -> None:
    async with connected(server.base_url.removesuffix("/v1")) as (driver, told):
        assert driver.endpoint is None
        await driver.start()
        assert [snapshot.phase for snapshot in told] == [EnginePhase.STARTING, EnginePhase.READY]
        assert told[-1].model == MODEL
        assert told[-1].base_url == server.base_url
        assert told[-1].place in server.base_url
        assert driver.endpoint is not None
        assert driver.endpoint.model == MODEL
        await driver.stop()
        assert driver.endpoint is None
        assert told[-1].phase is EnginePhase.STOPPED


async def test_a_closed_port_is_told_and_a_later_start_forgets_it(server: OpenAIServer) -> None:
    async with connected(f"http://127.0.0.1:{closed_port()}") as (driver, told):
        with pytest.raises(NotReadyError) as refused:
            await driver.start()
        assert refused.value.problem.title == "The server isn't running"
        assert refused.value.problem.actions
        assert (told[-1].phase, told[-1].problem) == (EnginePhase.FAILED, refused.value.problem)


async def test_a_server_that_is_no_chat_server_is_told() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response(200, b"<html>It works!</html>", "text/html"))
        writer.close()

    website = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{website.sockets[0].getsockname()[1]}"
    async with website, connected(address) as (driver, told):
        with pytest.raises(NotReadyError) as refused:
            await driver.start()
        assert refused.value.problem.cause == "bad_answer"
        assert told[-1].phase is EnginePhase.FAILED


async def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async with OpenAIServer(api_key=KEY) as server:
        for key, cause in (
            (None, "unauthorized"),
            ("", "unauthorized"),
            ("wrong", "unauthorized"),
            (KEY, ""),
        ):
            if key is None:
                monkeypatch.delenv(API_KEY_VARIABLE, raising=False)
            else:
                monkeypatch.setenv(API_KEY_VARIABLE, key)
            async with connected(server.base_url) as (driver, told):
                try:
                    await driver.start()
                    found = ""
                except NotReadyError as error:
                    found = error.problem.cause
                assert found == cause
                assert KEY not in repr(told)


async def test_a_look_finds_a_server_that_went_and_came_back(server: OpenAIServer) -> None:
    changed = asyncio.Event()
    parts = make_parts()
    told: list[EngineSnapshot] = []

    def note(snapshot: EngineSnapshot) -> None:
        told.append(snapshot)
        changed.set()

    driver = parts.make_driver(EngineKind.REMOTE, Settings(engine=server.base_url), note)
    watching = asyncio.ensure_future(driver.run())
    await driver.start()
    for has_key, phase in ((True, EnginePhase.FAILED), (False, EnginePhase.READY)):
        server.api_key = KEY if has_key else None
        changed.clear()
        driver.look()
        async with asyncio.timeout(10):
            await changed.wait()
        assert told[-1].phase is phase
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await driver.aclose()
    await parts.aclose()


async def test_llama_cpp_elsewhere_answers_a_chat(
    llama_address: str, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    monkeypatch.setenv(API_KEY_VARIABLE, llama_server.API_KEY)
    async with open_chat(llama_address, path) as rig:
        answer = await rig.chat.ask("What is the capital of France?")
        assert (answer.state, answer.problem) == (MessageState.DONE, None)
        assert answer.text
        assert rig.store.state.engine.model == llama_server.MODEL


async def test_the_key_that_is_kept_for_this_server_is_used() -> None:
    async with OpenAIServer(api_key=KEY) as server:
        keys = SecretStore(keyring=KeyringThread(pick=lambda: None))
        await keys.put(remote_key(server.base_url), KEY)
        await keys.put(remote_key("http://127.0.0.1:1"), "sk-of-another-server")
        async with connected(server.base_url) as (driver, _):
            await driver.start()
            assert driver.snapshot.phase is EnginePhase.READY
        assert server.requests[-1].headers["authorization"] == f"Bearer {KEY}"


async def test_a_locked_keyring_is_why_and_the_next_try_may_find_it_open() -> None:
    is_locked = True

    async def find_key() -> str:
        if is_locked:
            raise ArcDeskError(Problem(cause="keyring_locked", title="The keyring is locked"))
        return KEY

    async with OpenAIServer(api_key=KEY) as server, aclosing(OpenAIClient()) as backend:
        driver = RemoteDriver(
            backend=backend, url=server.base_url, find_key=find_key, report=lambda snapshot: None
        )
        with pytest.raises(NotReadyError):
            await driver.start()
        problem = driver.snapshot.problem
        assert problem is not None and problem.cause == "keyring_locked"
        assert [action.kind for action in problem.actions] == [ActionKind.START]
        assert server.requests == [], "the server is not asked without its key"
        is_locked = False
        await driver.start()
        assert driver.snapshot.phase is EnginePhase.READY
        await driver.aclose()
