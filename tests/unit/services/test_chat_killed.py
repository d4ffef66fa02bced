"""What is left of an answer after `kill -9` in its middle, by the server's own clock, and on a full disk."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from arcdesk.core.chat import MessageState, Role
from tests.fakes.openai_server import STREAM_HEAD, chunked, delta, event
from tests.unit.services.chat_rig import PATIENCE_S, open_chat
from tests.unit.services.paced_server import PacedServer

ROOT = Path(__file__).parents[3]
LOST_AT_MOST_S = 0.25


async def kill_while_streaming(
    server: PacedServer, path: Path, after_tokens: int
) -> tuple[float, dict[int, float]]:
    """Returns the moment of the kill, and when the process had which number in its hands."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.unit.services.chat_child",
        str(path),
        server.base_url,
        cwd=ROOT,
        stdout=PIPE,
    )
    assert child.stdout is not None
    reading = asyncio.ensure_future(child.stdout.read())
    try:
        await server.until_sent(after_tokens, patience_s=PATIENCE_S)
        killed_at = time.monotonic()
    finally:
        os.kill(child.pid, signal.SIGKILL)
        await child.wait()
        told = await reading
    lines = [line.split() for line in told.decode().splitlines()]
    return killed_at, {int(number): float(at) for at, number in lines}


@pytest.mark.parametrize("after_tokens", [150, 163, 176, 189])
async def test_at_most_the_last_quarter_of_a_second_is_lost(path: Path, after_tokens: int) -> None:
    async with PacedServer() as server:
        killed_at, arrived_at = await kill_while_streaming(server, path, after_tokens)
        sent_at = list(server.sent_at)
        async with open_chat(server.base_url, path) as rig:  # the next start
            question, answer = await rig.stored()
    assert (question.role, question.text) == (Role.USER, "Count!")
    assert answer.state is MessageState.FAILED
    assert answer.problem is not None
    assert answer.problem.cause == "interrupted"
    kept = [int(number) for number in answer.text.split()]
    assert kept == list(range(len(kept)))
    # What a loaded machine delays between the server's clock and the process is not the process's loss.
    recent = [number for number in arrived_at if sent_at[number] > killed_at - 1]
    lag_s = max((arrived_at[number] - sent_at[number] for number in recent), default=0.0)
    due = [number for number, at in enumerate(sent_at) if at < killed_at - LOST_AT_MOST_S - max(0, lag_s)]
    assert len(due) > 20, "the server was too slow to tell anything"
    assert len(kept) >= len(due), f"{(killed_at - sent_at[len(kept)]) * 1000:.0f} ms lost"


async def test_an_answer_on_a_full_disk_ends_with_a_notice_and_is_saved_later(path: Path) -> None:
    text = "word " * 20_000
    async with PacedServer() as server:
        server.script(STREAM_HEAD, chunked(event(delta(content="x"))), 0.3)
        server.script(
            STREAM_HEAD,
            *[chunked(event(delta(content=text)))] * 3,
            0.4,
            chunked(event(delta("stop", content="end"))),
        )
        async with open_chat(server.base_url, path) as rig:
            await rig.chat.ask("First")  # the file and its log exist
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.unit.services.chat_child",
            str(path),
            server.base_url,
            "full",
            cwd=ROOT,
            stdout=PIPE,
        )
        out, _ = await asyncio.wait_for(child.communicate(), PATIENCE_S)
        assert child.returncode == 0
        state, causes, was_told = out.decode().splitlines()
        assert state == f"done {3 * len(text) + 3}"
        assert causes == "storage_unwritable"
        assert was_told == "True"
        async with open_chat(server.base_url, path) as rig:
            answer = (await rig.stored(2))[-1]
            assert (answer.state, answer.text) == (MessageState.DONE, 3 * text + "end")
