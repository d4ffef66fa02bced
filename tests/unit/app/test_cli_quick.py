"""`arcdesk quick`: what the running app is told, quickly; and what is said where none can be shown."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from arcdesk.desktop.instance_client import MESSAGE_LIMIT_BYTES
from arcdesk.desktop.instance_server import InstanceLock, InstanceServer
from tests.unit.app.command import environment, run

Json = dict[str, Any]


@pytest_asyncio.fixture
async def told() -> AsyncIterator[list[Json]]:
    """What a running app is told."""
    requests: list[Json] = []

    async def handle(request: Json, _progress: Callable[[Json], None]) -> Json:
        requests.append(request)
        return {"exit_code": 0}

    lock = InstanceLock.take()
    assert lock is not None
    server = InstanceServer(handle)
    await server.start()
    yield requests
    await server.aclose()
    lock.release()


@pytest.mark.parametrize(
    ("words", "action", "text"),
    [
        ([], "present", ""),
        (["--toggle"], "toggle", ""),
        (["What", "is", "it?"], "ask", "What is it?"),
        (["/fix teh"], "ask", "/fix teh"),
        (["-"], "ask", "from a pipe\n"),
    ],
)
async def test_the_running_app_is_told(told: list[Json], words: list[str], action: str, text: str) -> None:
    env = environment(XDG_ACTIVATION_TOKEN="a-token")
    done = await run("quick", *words, env=env, text=b"from a pipe\n")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert told == [{"command": "quick", "action": action, "text": text, "activation_token": "a-token"}]


async def test_nothing_heavy_is_loaded_for_it(told: list[Json]) -> None:
    code = (
        "import sys; from arcdesk.app.cli import run; assert run(['quick', '--toggle']) == 0;"
        "print([name for name in ('PySide6', 'qasync', 'asyncio', 'httpx', 'subprocess', 'logging')"
        " if name in sys.modules])"
    )
    done = await run(program=(sys.executable, "-c", code))
    assert (done.code, done.out.strip(), done.err) == (0, "[]", "")
    assert len(told) == 1


async def test_without_app_and_display_the_way_out_is_named() -> None:
    done = await run("quick", "Hello")
    assert (done.code, done.out) == (1, "")
    assert "there is no display here" in done.err
    assert "arcdesk ask" in done.err


@pytest.mark.parametrize(
    "text", [b"", b" \n", b"x" * MESSAGE_LIMIT_BYTES], ids=["empty", "blank", "too long"]
)
async def test_a_question_that_is_none_is_refused(told: list[Json], text: bytes) -> None:
    done = await run("quick", "-", text=text)
    assert done.code == 2
    assert "the question is empty or longer" in done.err
    assert told == []
