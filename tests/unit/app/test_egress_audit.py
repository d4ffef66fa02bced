"""No command contacts a host that no setting leads to: seen below all libraries, by an audit hook."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.fakes.openai_server import OpenAIServer
from tests.unit.app.command import environment, run
from tests.watch.contacts import seen, watching

QUESTION = "What is the capital of France?"
FAR = "192.0.2.1"  # for documentation only: nobody has it
CONTACT = f"import socket; socket.create_connection(('{FAR}', 9), timeout=1)"
LOOK_UP = "import socket; socket.getaddrinfo('undeclared.example', 80)"
DATAGRAM = f"import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('{FAR}', 9))"


@pytest_asyncio.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    """A server on this computer."""
    async with OpenAIServer() as server:
        yield server


async def test_a_question_goes_to_the_chosen_server_and_nowhere_else(
    server: OpenAIServer, tmp_path: Path
) -> None:
    watch = tmp_path / "watch"
    done = await run("ask", "--engine", server.base_url, QUESTION, env=environment(**watching(watch)))
    assert (done.code, done.err) == (0, "")
    assert ("socket.connect", "127.0.0.1") in seen(watch)


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("start",),
        ("logs",),
        ("ask", "--engine", "embedded", "--max-tokens", "2", QUESTION),
        ("models", "list"),
        ("models", "show", "SmolLM2-135M-Instruct"),
        ("doctor", "--json"),
    ],
)
async def test_no_other_command_leaves_this_computer(arguments: tuple[str, ...], tmp_path: Path) -> None:
    watch = tmp_path / "watch"
    await run(*arguments, env=environment(**watching(watch)))
    assert seen(watch)


async def test_the_watch_sees_a_server_that_was_not_declared(tmp_path: Path) -> None:
    """The test of the test: the program itself, told to ask a host that the watch does not know."""
    watch = tmp_path / "watch"
    done = await run("ask", "--engine", f"http://{FAR}:9/v1", QUESTION, env=environment(**watching(watch)))
    assert done.code != 0
    with pytest.raises(AssertionError, match=FAR):
        seen(watch)


@pytest.mark.parametrize("code", [CONTACT, LOOK_UP, DATAGRAM])
async def test_the_watch_sees_each_way_out(code: str, tmp_path: Path) -> None:
    watch = tmp_path / "watch"
    program = (sys.executable, "-c", code)
    done = await run(env=environment(**watching(watch)), program=program)
    assert "PermissionError: undeclared host" in done.err
    with pytest.raises(AssertionError, match="undeclared hosts"):
        seen(watch)


async def test_a_watch_that_did_not_run_is_no_proof(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="nothing was seen"):
        seen(tmp_path / "watch")
