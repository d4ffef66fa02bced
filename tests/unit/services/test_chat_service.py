"""Conversations over the real history, the real client and a server on a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from arcdesk.core.chat import AnswerStats, Message, MessageState, Role
from arcdesk.core.engine_state import EnginePhase
from arcdesk.core.errors import ActionKind, AnswerError, ArcDeskError, Problem
from arcdesk.core.xray_record import XRayRecord
from arcdesk.services.chat_listeners import ChatListener
from arcdesk.services.chat_service import TITLE_LENGTH, title_of
from arcdesk.storage.history_db import HistoryDb
from tests.fakes.openai_server import (
    ANSWER,
    DONE,
    LAST_CHUNK,
    MODEL,
    STREAM_HEAD,
    OpenAIServer,
    Step,
    chunked,
    delta,
    event,
    json_response,
)
from tests.unit.services.chat_rig import PATIENCE_S, ChatRig, open_chat

QUESTION = "What is the capital of France?"
UNAUTHORIZED = json_response(401, {"error": "Unauthorized"})


@pytest_asyncio.fixture
async def rig(server: OpenAIServer, path: Path) -> AsyncIterator[ChatRig]:
    async with open_chat(server.base_url, path) as rig:
        yield rig


def words(*texts: str) -> list[Step]:
    return [STREAM_HEAD, *(chunked(event(delta(content=text))) for text in texts)]


def thoughts(*texts: str) -> list[Step]:
    return [STREAM_HEAD, *(chunked(event(delta(reasoning_content=text))) for text in texts)]


def ending() -> list[Step]:
    return [chunked(event(delta("stop", content=""))), chunked(DONE) + LAST_CHUNK]


def chats(server: OpenAIServer) -> list[list[dict[str, str]]]:
    """The messages of each question that the server was asked."""
    return [request.body["messages"] for request in server.requests if request.method == "POST"]


async def test_question_and_answer_are_stored(server: OpenAIServer, path: Path) -> None:
    async with open_chat(server.base_url, path) as rig:
        answer = await rig.chat.ask(QUESTION)
        assert (answer.state, answer.text) == (MessageState.DONE, "".join(ANSWER))
        assert "".join(rig.pieces) == answer.text
        assert [(m.role, m.state) for m in rig.told] == [
            (Role.USER, MessageState.DONE),
            (Role.ASSISTANT, MessageState.WAITING),
            (Role.ASSISTANT, MessageState.DONE),
        ]
        state = rig.store.state
        assert state.answering == frozenset()
        assert state.active_conversation == state.conversations[0].id
        assert state.last_answer == answer.stats
    again = HistoryDb(path)
    asked, answered = await again.messages(state.active_conversation)
    await again.aclose()
    assert (asked.role, asked.text) == (Role.USER, QUESTION)
    assert answered == answer
    assert answered.stats is not None
    assert (answered.stats.model, answered.stats.engine) == (MODEL, "remote")
    assert answered.stats.completion_tokens == len(ANSWER)


async def test_the_next_question_brings_the_conversation_along(server: OpenAIServer, rig: ChatRig) -> None:
    await rig.chat.ask(QUESTION)
    await rig.chat.ask("And of Germany?", rig.store.state.active_conversation)
    assert [turn["role"] for turn in chats(server)[-1]] == ["user", "assistant", "user"]
    assert len(rig.store.state.conversations) == 1


async def test_stop_closes_the_request_and_keeps_the_text(server: OpenAIServer, rig: ChatRig) -> None:
    server.script(*words("Half", " an"), asyncio.Event())
    asking = asyncio.ensure_future(rig.chat.ask(QUESTION))
    await rig.until(lambda rig: len(rig.pieces) == 2)
    assert rig.store.state.answering == {1}
    await rig.chat.stop(1)
    answer = await asking
    await server.until(lambda server: server.chats_given_up == 1)
    assert (answer.state, answer.text, answer.problem) == (MessageState.STOPPED, "Half an", None)
    assert answer.stats is not None
    assert answer.stats.chunks == 2
    assert answer.stats.completion_tokens is None
    assert "token count" in answer.stats.reason_unknown
    assert (await rig.stored())[-1] == answer
    assert rig.store.state.answering == frozenset()


async def test_a_stop_while_the_answer_is_being_closed_changes_nothing(
    server: OpenAIServer, path: Path
) -> None:
    class StoppedAtItsEnd(HistoryDb):
        async def finish(
            self, message_id: int, state: MessageState, stats: AnswerStats | None, problem: Problem | None
        ) -> None:
            stops.append(asyncio.ensure_future(rig.chat.stop(1)))
            await asyncio.sleep(0)  # the stop acts
            await asyncio.sleep(0)  # and would be felt here
            await super().finish(message_id, state, stats, problem)

    stops: list[asyncio.Task[None]] = []
    async with open_chat(server.base_url, path, history=StoppedAtItsEnd(path)) as rig:
        answer = await rig.chat.ask(QUESTION)
        await asyncio.gather(*stops)
        assert answer.state is MessageState.DONE
        assert (await rig.stored())[-1] == answer
        assert rig.told[-1] == answer


async def test_a_stop_before_the_answer_has_begun_leaves_a_stopped_answer(
    server: OpenAIServer, rig: ChatRig
) -> None:
    stops: list[asyncio.Task[None]] = []

    def stop_at_once(answering: frozenset[int]) -> None:
        if answering and not stops:
            stops.append(asyncio.ensure_future(rig.chat.stop(1)))

    unsubscribe = rig.store.subscribe(lambda state: stop_at_once(state.answering))
    answer = await rig.chat.ask(QUESTION)
    unsubscribe()
    assert stops
    assert (answer.state, answer.text) == (MessageState.STOPPED, "")
    assert [m.state for m in await rig.stored()] == [MessageState.DONE, MessageState.STOPPED]
    assert chats(server) == []


async def test_a_cancelled_asker_takes_its_answer_along(server: OpenAIServer, rig: ChatRig) -> None:
    server.script(*words("Half"), asyncio.Event())
    asking = asyncio.ensure_future(rig.chat.ask(QUESTION))
    await rig.until(lambda rig: bool(rig.pieces))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await server.until(lambda server: server.chats_given_up == 1)
    assert [(m.state, m.text) for m in await rig.stored()][-1] == (MessageState.STOPPED, "Half")


async def test_closing_the_chat_stops_and_keeps_what_is_on_its_way(server: OpenAIServer, path: Path) -> None:
    server.script(*words("Half"), asyncio.Event())
    async with open_chat(server.base_url, path) as rig:
        asking = asyncio.ensure_future(rig.chat.ask(QUESTION))
        await rig.until(lambda rig: bool(rig.pieces))
    await asyncio.gather(asking, return_exceptions=True)
    again = HistoryDb(path)
    kept = (await again.messages(1))[-1]
    await again.aclose()
    assert (kept.state, kept.text) == (MessageState.STOPPED, "Half")


async def test_asking_again_replaces_an_answer_that_failed_before_its_first_word(
    server: OpenAIServer, rig: ChatRig
) -> None:
    server.script(UNAUTHORIZED)
    failed = await rig.chat.ask(QUESTION)
    assert (failed.state, failed.text) == (MessageState.FAILED, "")
    assert await rig.chat.is_unanswered(1)
    answer = await rig.chat.ask_again(1)
    assert answer is not None
    assert answer.state is MessageState.DONE
    assert [m.id for m in await rig.stored()] == [1, answer.id]
    assert not await rig.chat.is_unanswered(1)


async def test_asking_again_keeps_a_part_of_an_answer(server: OpenAIServer, rig: ChatRig) -> None:
    server.script(*words("Half"), LAST_CHUNK)
    await rig.chat.ask(QUESTION)
    await rig.chat.ask_again(1)
    assert [m.text for m in await rig.stored()] == [QUESTION, "Half", "".join(ANSWER)]


async def test_a_part_of_an_answer_is_not_asked_along_again(server: OpenAIServer, rig: ChatRig) -> None:
    """Sent along, it would be gone on with instead of answered anew; later it would stand there twice."""
    server.script(*words("Half"), LAST_CHUNK)
    await rig.chat.ask(QUESTION)
    await rig.chat.ask_again(1)
    await rig.chat.ask("And of Germany?", 1)
    user, assistant = "user", "assistant"
    first = {"role": user, "content": QUESTION}
    assert chats(server) == [
        [first],
        [first],
        [
            first,
            {"role": assistant, "content": "".join(ANSWER)},
            {"role": user, "content": "And of Germany?"},
        ],
    ]


async def test_a_stopped_answer_is_known_to_the_next_question(server: OpenAIServer, rig: ChatRig) -> None:
    server.script(*words("Half"), LAST_CHUNK)
    await rig.chat.ask(QUESTION)
    await rig.chat.ask("Go on.", 1)
    assert [turn["content"] for turn in chats(server)[-1]] == [QUESTION, "Half", "Go on."]


async def test_thoughts_are_stored_while_they_come_and_are_never_sent(
    server: OpenAIServer, rig: ChatRig
) -> None:
    go_on = asyncio.Event()
    server.script(*thoughts("Hm, ", "France."), go_on, *words("Paris")[1:], *ending())
    asking = asyncio.ensure_future(rig.chat.ask(QUESTION))
    await rig.until(lambda rig: rig.thoughts == ["Hm, ", "France."])
    assert rig.chat.waiting_message(1) == 0, "it is not waiting for its first word: it thinks"
    assert (await rig.chat.messages(1))[-1].thoughts == "Hm, France."
    async with asyncio.timeout(PATIENCE_S):
        while (await rig.stored())[-1].thoughts != "Hm, France.":
            await asyncio.sleep(0.01)
    go_on.set()
    answer = await asking
    assert (answer.text, answer.thoughts) == ("Paris", "Hm, France.")
    assert (await rig.stored())[-1] == answer
    await rig.chat.ask("Sure?", 1)
    assert "France." not in str(chats(server)[-1]).replace(QUESTION, "")
    assert [set(turn) for turn in chats(server)[-1]] == [{"role", "content"}] * 3


async def test_an_answer_stopped_while_it_thinks_keeps_thoughts_and_figures(
    server: OpenAIServer, rig: ChatRig
) -> None:
    server.script(*thoughts("Hm, ", "France."), asyncio.Event())
    asking = asyncio.ensure_future(rig.chat.ask(QUESTION))
    await rig.until(lambda rig: len(rig.thoughts) == 2)
    await rig.chat.stop(1)
    answer = await asking
    assert (answer.state, answer.text, answer.thoughts) == (MessageState.STOPPED, "", "Hm, France.")
    assert answer.stats is not None
    assert answer.stats.ttft_ms is not None
    assert answer.stats.chunks == 2
    await rig.chat.ask_again(1)
    assert [(m.text, m.thoughts) for m in await rig.stored()][1:] == [
        ("", "Hm, France."),
        ("".join(ANSWER), ""),
    ]


async def test_a_question_that_cannot_be_stored_leaves_its_draft(rig: ChatRig) -> None:
    gone = 4711
    await rig.chat.save_draft(gone, QUESTION)
    with pytest.raises(ArcDeskError) as refused:
        await rig.chat.ask(QUESTION, gone)
    assert refused.value.problem.cause == "history_gone"
    assert await rig.chat.draft(gone) == QUESTION
    assert rig.told == []


async def test_the_draft_goes_only_after_its_question_is_stored(server: OpenAIServer, path: Path) -> None:
    class Watched(HistoryDb):
        async def save_draft(self, conversation_id: int, text: str) -> None:
            if not text:
                stored_then.extend(m.text for m in await self.messages(1))
            await super().save_draft(conversation_id, text)

    stored_then: list[str] = []
    async with open_chat(server.base_url, path, history=Watched(path)) as rig:
        await rig.chat.save_draft(0, QUESTION)
        await rig.chat.ask(QUESTION)
        assert stored_then == [QUESTION]
        assert await rig.chat.draft(0) == ""


async def test_asking_again_twice_at_once_asks_once(server: OpenAIServer, rig: ChatRig) -> None:
    server.script(UNAUTHORIZED)
    await rig.chat.ask(QUESTION)
    answers = await asyncio.gather(rig.chat.ask_again(1), rig.chat.ask_again(1))
    assert [answer.state for answer in answers if answer] == [MessageState.DONE]
    assert len(chats(server)) == 2
    assert len(await rig.stored()) == 2


async def test_nothing_is_asked_again_where_nothing_was_asked(server: OpenAIServer, rig: ChatRig) -> None:
    empty = await rig.history.create("Empty")
    assert await rig.chat.ask_again(empty.id) is None
    assert not await rig.chat.is_unanswered(empty.id)
    assert chats(server) == []


async def test_a_question_into_a_running_answer_is_kept_and_refused(
    server: OpenAIServer, rig: ChatRig
) -> None:
    go_on = asyncio.Event()
    server.script(*words("Half"), go_on, *ending())
    first = asyncio.ensure_future(rig.chat.ask(QUESTION))
    await rig.until(lambda rig: bool(rig.pieces))
    with pytest.raises(AnswerError) as refused:
        await rig.chat.ask("Impatient?", 1)
    assert [action.kind for action in refused.value.problem.actions] == [ActionKind.RETRY]
    go_on.set()
    assert (await first).state is MessageState.DONE
    assert {m.text for m in await rig.stored()} == {QUESTION, "Half", "Impatient?"}
    assert await rig.chat.is_unanswered(1)


async def test_two_conversations_are_answered_at_the_same_time(server: OpenAIServer, rig: ChatRig) -> None:
    go_on = asyncio.Event()
    server.script(*words("One"), go_on, *ending())
    server.script(*words("Two"), go_on, *ending())
    first = asyncio.ensure_future(rig.chat.ask("First?"))
    await rig.until(lambda rig: rig.pieces == ["One"])
    second = asyncio.ensure_future(rig.chat.ask("Second?"))
    await rig.until(lambda rig: rig.pieces == ["One", "Two"])
    await server.until(lambda server: server.chats_in_progress == 2)
    assert rig.store.state.answering == {1, 2}
    assert rig.store.state.active_conversation == 1  # the second came from elsewhere: no jump
    go_on.set()
    assert [(await asking).text for asking in (first, second)] == ["One", "Two"]
    assert [m.text for m in await rig.stored(2)] == ["Second?", "Two"]


async def test_where_docker_cannot_be_reached_the_question_is_kept_and_docker_is_named(path: Path) -> None:
    async with open_chat("container", path) as rig:
        answer = await rig.chat.ask(QUESTION)
        assert answer.state is MessageState.FAILED
        assert answer.problem is not None
        assert answer.problem == rig.store.state.engine.problem
        assert rig.store.state.engine.phase is EnginePhase.UNAVAILABLE
        assert answer.problem.cause == "docker_daemon"
        assert [a.kind for a in answer.problem.actions] == [ActionKind.START, ActionKind.USE_EMBEDDED]
        asked, failed = await rig.stored()
        assert (asked.text, failed.problem) == (QUESTION, answer.problem)
        assert await rig.chat.is_unanswered(1)


async def test_a_server_that_is_gone_is_told_and_the_engine_knows(path: Path) -> None:
    async with OpenAIServer() as server, open_chat(server.base_url, path) as rig:
        await rig.chat.ask(QUESTION)
        await server.__aexit__()
        answer = await rig.chat.ask("Still there?", 1)
        assert answer.state is MessageState.FAILED
        assert answer.problem is not None
        assert answer.problem.actions
        await rig.until_state(lambda state: state.engine.phase is EnginePhase.FAILED)


async def test_a_deleted_conversation_stops_its_answer_and_can_be_restored(
    server: OpenAIServer, rig: ChatRig
) -> None:
    server.script(*words("Half"), asyncio.Event())
    asking = asyncio.ensure_future(rig.chat.ask(QUESTION))
    await rig.until(lambda rig: bool(rig.pieces))
    await rig.chat.delete(1)
    await server.until(lambda server: server.chats_given_up == 1)
    assert (await asking).state is MessageState.STOPPED
    assert (rig.store.state.conversations, rig.store.state.active_conversation) == ((), 0)
    await rig.chat.restore(1)
    assert [c.title for c in rig.store.state.conversations] == [QUESTION]
    assert rig.store.state.active_conversation == 1
    assert [m.text for m in await rig.chat.messages(1)] == [QUESTION, "Half"]


async def test_drafts_survive_the_end(server: OpenAIServer, path: Path) -> None:
    async with open_chat(server.base_url, path) as rig:
        await rig.chat.ask(QUESTION)
        await rig.chat.save_draft(0, "not begun")
        await rig.chat.save_draft(1, "half a thought")
    async with open_chat(server.base_url, path) as rig:
        assert await rig.chat.draft(0) == "not begun"
        assert await rig.chat.draft(1) == "half a thought"
        assert [c.draft for c in rig.store.state.conversations] == ["half a thought"]
        assert await rig.chat.messages(0) == []


async def test_a_conversation_is_renamed_but_never_to_nothing(rig: ChatRig) -> None:
    await rig.chat.ask(QUESTION)
    await rig.chat.rename(1, "  Capitals ")
    await rig.chat.rename(1, "   ")
    assert [c.title for c in rig.store.state.conversations] == ["Capitals"]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("\n\n  First line \nsecond", "First line"),
        ("x" * TITLE_LENGTH, "x" * TITLE_LENGTH),
        ("x" * (TITLE_LENGTH + 1), "x" * (TITLE_LENGTH - 1) + "…"),
        (" \n ", ""),
    ],
)
def test_a_title_is_the_first_line_of_the_question(text: str, title: str) -> None:
    assert title_of(text) == title


async def test_what_a_crash_left_open_is_marked_at_the_next_start(path: Path, server: OpenAIServer) -> None:
    crashed = HistoryDb(path)
    conversation = await crashed.create("Crash")
    await crashed.add(conversation.id, Message(role=Role.USER, text=QUESTION))
    left = await crashed.add(
        conversation.id, Message(role=Role.ASSISTANT, text="Half", state=MessageState.WAITING)
    )
    await crashed.aclose()
    async with open_chat(server.base_url, path) as rig:
        marked = (await rig.stored(conversation.id))[-1]
        assert (marked.id, marked.state, marked.text) == (left.id, MessageState.FAILED, "Half")
        assert marked.problem is not None
        assert marked.problem.cause == "interrupted"


@pytest.mark.parametrize("is_energy_first", [True, False])
async def test_figures_that_come_late_do_not_forget_each_other(rig: ChatRig, is_energy_first: bool) -> None:
    restated: list[Message] = []
    rig.chat.listen(ChatListener(on_restated=lambda _, message: restated.append(message)))
    answer = await rig.chat.ask(QUESTION)
    kept = XRayRecord(paint_ms=12.5)
    energy = rig.chat.note_energy(1, answer, 31.0)
    xray = rig.chat.note_xray(1, answer, kept)
    await asyncio.gather(*((energy, xray) if is_energy_first else (xray, energy)))
    assert answer.stats is not None
    whole = replace(answer.stats, energy_j=31.0, xray=kept)
    assert (await rig.stored())[-1].stats == whole
    assert restated[-1].stats == whole
