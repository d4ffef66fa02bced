"""Marked secrets go through the real program, and are then looked for wherever it left a trace."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.fakes.openai_server import STREAM_HEAD, OpenAIServer, chunked, delta, event
from tests.unit.app.command import Done, environment, finish, run, started

KEY = "sk-MARK-of-the-api-key-4711"
TOKEN = "hf_MARK_of_the_hub_token_0815"
MARKS = (KEY, TOKEN)
QUESTION = "What is the capital of France?"


def traces(folders: Iterable[Path], texts: Iterable[str]) -> list[str]:
    """Where a mark is found: in a file, in its name, or in a text."""
    found = [text[:80] for text in texts if any(mark in text for mark in MARKS)]
    for folder in folders:
        for file in folder.rglob("*"):
            content = file.read_bytes() if file.is_file() else b""
            if any(mark.encode() in content or mark in file.name for mark in MARKS):
                found.append(str(file))
    return found


def command_lines() -> list[str]:
    """Of every process on this computer."""
    lines = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            lines.append((process / "cmdline").read_bytes().decode(errors="replace"))
        except OSError:  # ended meanwhile
            continue
    return lines


@pytest.fixture
def home(own_home: Path) -> Path:
    """All folders that the program may write to are in here."""
    return own_home


def secret_environment(**more: str) -> dict[str, str]:
    return environment(ARCDESK_API_KEY=KEY, HF_TOKEN=TOKEN, **more)


def check(home: Path, done: Done) -> None:
    assert traces([home], [done.out, done.err]) == []


async def test_a_question_leaves_no_trace_of_the_key(home: Path) -> None:
    """While the answer is on its way no command line shows it; afterwards no file and no output does."""
    async with OpenAIServer(api_key=KEY) as server:
        go_on = asyncio.Event()
        server.script(STREAM_HEAD, chunked(event(delta(content="Half"))), go_on)
        async with started(
            "ask", "-v", "--engine", server.base_url, QUESTION, env=secret_environment()
        ) as process:
            await server.until(lambda server: bool(server.requests and server.requests[-1].body))
            assert traces([], command_lines()) == []
            go_on.set()
            done = await finish(process)
        assert server.requests[-1].headers["authorization"] == f"Bearer {KEY}", "the key was used"
    check(home, done)


@pytest.mark.parametrize("status", [400, 401, 500])
async def test_a_server_that_repeats_the_key_is_not_repeated(home: Path, status: int) -> None:
    async with OpenAIServer(api_key=KEY) as server:
        body = json.dumps({"error": {"message": f"what is 'Bearer {KEY}'?"}}).encode()
        head = (
            f"HTTP/1.1 {status} No\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        server.script(head.encode() + body)
        done = await run(
            "ask", "-v", "--json", "--engine", server.base_url, QUESTION, env=secret_environment()
        )
    assert done.code != 0
    check(home, done)


async def test_the_other_commands_leave_none_either(home: Path) -> None:
    for command in (
        ("status", "--json"),
        ("start",),
        ("logs",),
        ("ask", "--engine", "http://u:p@h/v1", "Hi"),
    ):
        check(home, await run(*command, env=secret_environment()))


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    """The test of the test."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "log").write_text(f"… Bearer {KEY} …")
    (tmp_path / f"{TOKEN}.txt").write_text("")
    assert len(traces([tmp_path], [f"error: {TOKEN}", "harmless"])) == 3
    assert traces([], [f"x{KEY}y"]) != []
