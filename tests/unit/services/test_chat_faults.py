"""What a bad server leaves in the bubble: the text so far, a problem in words, and a way out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from arcdesk.core.chat import MessageState
from arcdesk.core.errors import ActionKind
from arcdesk.services.chat_listeners import ChatListener
from tests.fakes.openai_server import (
    DONE,
    LAST_CHUNK,
    STREAM_HEAD,
    Cut,
    OpenAIServer,
    Step,
    chunked,
    delta,
    event,
    json_response,
    too_long,
    vllm_error,
)
from tests.unit.services.chat_rig import open_chat

HALF = chunked(event(delta(content="Half an")))
UMLAUT = chunked(event(delta(content="Grüße")))
IN_THE_UMLAUT = UMLAUT.index("ü".encode()) + 1


@dataclass(frozen=True)
class Fault:
    """What the server does, and what a person then sees."""

    steps: tuple[Step, ...]
    cause: str
    text: str = ""
    action: ActionKind = ActionKind.RETRY


FAULTS = {
    "killed in the answer": Fault((STREAM_HEAD, HALF, 0.01, Cut.RESET), "server_gone", "Half an"),
    "closed in the answer": Fault((STREAM_HEAD, HALF, Cut.CLOSE), "server_gone", "Half an"),
    "closed before the answer": Fault((Cut.CLOSE,), "server_gone"),
    "ended without an end": Fault((STREAM_HEAD, HALF, LAST_CHUNK), "cut_off", "Half an"),
    "cut inside a character": Fault(
        (STREAM_HEAD, HALF, UMLAUT[:IN_THE_UMLAUT], Cut.CLOSE), "server_gone", "Half an"
    ),
    "401 with a string": Fault((json_response(401, {"error": "Unauthorized"}),), "unauthorized"),
    "400 too long": Fault(
        (json_response(400, vllm_error(too_long(2040, 16), "BadRequestError", 400)),),
        "too_long",
        action=ActionKind.NEW_CHAT,
    ),
    "500": Fault((json_response(500, {"error": {"message": "out of memory"}}),), "server_error"),
    "error inside the stream": Fault(
        (STREAM_HEAD, HALF, chunked(event({"error": vllm_error("boom", "InternalServerError", 500)}))),
        "server_error",
        "Half an",
    ),
    "empty choices only": Fault(
        (STREAM_HEAD, chunked(event({"choices": []})), chunked(DONE) + LAST_CHUNK), "cut_off"
    ),
    "no JSON": Fault((STREAM_HEAD, HALF, chunked(b"data: {oh\n\n")), "bad_answer", "Half an"),
    "no HTTP": Fault((b"SSH-2.0-OpenSSH_9.2\r\n\r\n",), "bad_answer"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_a_fault_ends_in_the_bubble_with_a_way_out(
    server: OpenAIServer, path: Path, fault: Fault
) -> None:
    async with open_chat(server.base_url, path) as rig:
        server.script(*fault.steps)
        answer = await rig.chat.ask("Why?")
        assert (answer.state, answer.text) == (MessageState.FAILED, fault.text)
        problem = answer.problem
        assert problem is not None
        assert problem.cause == fault.cause
        assert problem.title
        assert problem.hint
        assert fault.action in [action.kind for action in problem.actions]
        assert (await rig.stored())[-1] == answer
        # and the app goes on
        assert (await rig.chat.ask("And now?", 1)).state is MessageState.DONE


@pytest.mark.parametrize("last", [(LAST_CHUNK,), (Cut.CLOSE,), (Cut.RESET,)], ids=["end", "fin", "rst"])
async def test_an_answer_with_its_last_word_needs_no_done(
    server: OpenAIServer, path: Path, last: tuple[Step, ...]
) -> None:
    async with open_chat(server.base_url, path) as rig:
        server.script(STREAM_HEAD, HALF, chunked(event(delta("stop", content=" hour"))), 0.01, *last)
        answer = await rig.chat.ask("When?")
        assert (answer.state, answer.text, answer.problem) == (MessageState.DONE, "Half an hour", None)
        assert answer.stats is not None
        assert answer.stats.completion_tokens is None
        assert answer.stats.reason_unknown


async def test_chunks_without_choices_are_no_harm(server: OpenAIServer, path: Path) -> None:
    async with open_chat(server.base_url, path) as rig:
        nothing = chunked(event({"choices": []}))
        server.script(STREAM_HEAD, nothing, HALF, nothing, chunked(event(delta("stop"))), chunked(DONE))
        answer = await rig.chat.ask("When?")
        assert (answer.state, answer.text) == (MessageState.DONE, "Half an")


async def test_a_character_cut_between_two_packets_arrives_whole(server: OpenAIServer, path: Path) -> None:
    async with open_chat(server.base_url, path) as rig:
        server.script(
            STREAM_HEAD,
            UMLAUT[:IN_THE_UMLAUT],
            0.02,
            UMLAUT[IN_THE_UMLAUT:],
            chunked(event(delta("stop"))),
            chunked(DONE),
        )
        assert (await rig.chat.ask("Hello?")).text == "Grüße"


async def test_a_mistake_of_ours_ends_the_answer_and_keeps_what_came(
    server: OpenAIServer, path: Path
) -> None:
    async with open_chat(server.base_url, path) as rig:

        def break_down(*_: object) -> None:
            raise ZeroDivisionError("a listener's mistake")

        unlisten = rig.chat.listen(ChatListener(on_event=break_down))
        server.script(STREAM_HEAD, HALF, chunked(event(delta("stop"))), chunked(DONE))
        answer = await rig.chat.ask("Why?")
        assert (answer.state, answer.text) == (MessageState.FAILED, "Half an")
        assert answer.problem is not None and answer.problem.cause == "answer_broke"
        assert "ZeroDivisionError" in answer.problem.evidence
        assert (await rig.stored())[-1] == answer and not rig.store.state.answering
        unlisten()
        assert (await rig.chat.ask("And now?", 1)).state is MessageState.DONE
