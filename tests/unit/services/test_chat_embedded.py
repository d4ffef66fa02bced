"""The chat with the real llama.cpp in a child process of ours."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import httpx
import psutil

from arcdesk.core.chat import MessageState
from arcdesk.core.engine_state import EnginePhase
from arcdesk.core.ports import Endpoint
from tests.unit.services.chat_rig import PATIENCE_S, open_chat

QUESTION = "What is the capital of France?"
LONG = "Write a very long story about a dragon, with ten chapters."  # some 4000 tokens, if nobody stops it


async def metrics(endpoint: Endpoint) -> dict[str, float]:
    """llama.cpp's own counters."""
    headers = {"Authorization": f"Bearer {endpoint.api_key}"}
    async with httpx.AsyncClient(trust_env=False, headers=headers, timeout=PATIENCE_S) as client:
        text = (await client.get(endpoint.root_url + "/metrics")).text
    pairs = (line.split() for line in text.splitlines() if line.startswith("llamacpp:"))
    return {name.removeprefix("llamacpp:"): float(value) for name, value in pairs}


async def test_the_first_question_starts_the_engine_and_is_answered(path: Path) -> None:
    async with open_chat("auto", path) as rig:  # no Docker answers
        answer = await rig.chat.ask(QUESTION)
        assert answer.state is MessageState.DONE
        assert answer.text == "".join(rig.pieces)
        assert len(answer.text) > 5
        assert rig.store.state.engine.phase is EnginePhase.READY
        stats = answer.stats
        assert stats is not None
        assert (stats.device, stats.engine, stats.finish_reason) == ("CPU", "embedded", "stop")
        assert stats.completion_tokens is not None
        assert stats.completion_tokens >= 7
        assert stats.decode_tokens_per_s is not None
        assert stats.ttft_ms is not None
        assert stats.total_ms is not None
        assert 0 < stats.ttft_ms < stats.total_ms


async def test_a_question_waits_while_the_engine_loads(path: Path) -> None:
    async with open_chat("embedded", path) as rig:
        await rig.engine.settle()
        starting = asyncio.ensure_future(rig.engine.start())
        await rig.until_state(lambda state: state.engine.phase is EnginePhase.STARTING)
        answer = await rig.chat.ask(QUESTION)
        assert starting.done()
        assert answer.text
        assert [m.state for m in rig.told][1:] == [MessageState.WAITING, MessageState.DONE]


async def test_stopping_a_waiting_question_lets_the_engine_go_on(path: Path) -> None:
    async with open_chat("embedded", path) as rig:
        asking = asyncio.ensure_future(rig.chat.ask(QUESTION))
        await rig.until_state(lambda state: state.engine.phase is EnginePhase.STARTING)
        assert rig.chat.waiting_message(1) == 2
        await rig.chat.stop(1)
        answer = await asking
        assert (answer.state, answer.text) == (MessageState.STOPPED, "")
        await rig.until_state(lambda state: state.engine.phase is EnginePhase.READY)
        again = await rig.chat.ask_again(1)
        assert again is not None
        assert again.state is MessageState.DONE
        assert again.text
        assert len(await rig.stored()) == 2


async def test_stop_makes_llama_cpp_stop(path: Path) -> None:
    async with open_chat("embedded", path) as rig:
        asking = asyncio.ensure_future(rig.chat.ask(LONG))
        await rig.until(lambda rig: len(rig.pieces) >= 3)
        endpoint = rig.engine.endpoint
        assert endpoint is not None
        assert (await metrics(endpoint))["requests_processing"] == 1
        await rig.chat.stop(1)
        answer = await asking
        end = time.monotonic() + PATIENCE_S
        while (now := await metrics(endpoint))["requests_processing"]:
            assert time.monotonic() < end, "llama.cpp goes on"
        assert now["tokens_predicted_total"] < 1000
        assert answer.state is MessageState.STOPPED
        assert answer.text == "".join(rig.pieces)
        assert (await rig.stored())[-1] == answer
        # and it is free for the next question
        assert (await rig.chat.ask(QUESTION)).state is MessageState.DONE


async def test_an_engine_killed_in_the_answer_leaves_the_part_and_starts_for_the_next(path: Path) -> None:
    async with open_chat("embedded", path) as rig:
        asking = asyncio.ensure_future(rig.chat.ask(LONG))
        await rig.until(lambda rig: len(rig.pieces) >= 3)
        (child,) = psutil.Process().children()
        os.kill(child.pid, signal.SIGKILL)
        answer = await asking
        assert answer.state is MessageState.FAILED
        assert answer.text == "".join(rig.pieces)
        assert answer.problem is not None
        assert answer.problem.cause == "server_gone"
        assert answer.problem.actions
        assert (await rig.stored())[-1] == answer
        await rig.until_state(lambda state: state.engine.phase is EnginePhase.FAILED)
        assert (await rig.chat.ask(QUESTION)).state is MessageState.DONE
