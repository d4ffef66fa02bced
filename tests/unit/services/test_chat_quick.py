"""Quick questions over the real history and client: apart from the list, and who hears of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from arcdesk.core.chat import Message, MessageState
from arcdesk.services.chat_listeners import ChatListener
from tests.fakes.openai_server import ANSWER, STREAM_HEAD, OpenAIServer, chunked, delta, event
from tests.unit.services.chat_rig import ChatRig, open_chat

WHOLE = "".join(ANSWER)


@pytest_asyncio.fixture
async def rig(server: OpenAIServer, path: Path) -> AsyncIterator[ChatRig]:
    async with open_chat(server.base_url, path) as rig:
        yield rig


class Ear:
    """Hears of quick conversations too."""

    def __init__(self, rig: ChatRig) -> None:
        self.pieces: list[str] = []
        self.messages: list[Message] = []
        self.end = rig.chat.listen(
            ChatListener(
                on_event=lambda _c, _m, event: self.pieces.append(getattr(event, "text", "")),
                on_message=lambda _c, message: self.messages.append(message),
                hears_quick=True,
            )
        )


async def test_a_quick_question_is_answered_apart_from_the_list(rig: ChatRig) -> None:
    ear, begun = Ear(rig), list[int]()
    answer = await rig.chat.ask_quick("asked in full", 0, "typed", on_begun=begun.append)
    assert (answer.state, answer.text) == (MessageState.DONE, WHOLE)
    assert "".join(ear.pieces) == WHOLE
    assert [message.text for message in ear.messages] == ["asked in full", "", WHOLE]
    assert (rig.pieces, rig.told) == ([], []), "the window hears nothing of it"
    assert (rig.store.state.conversations, rig.store.state.active_conversation) == ((), 0)
    assert rig.store.state.last_answer == answer.stats
    assert [question.text for question in await rig.chat.quick_history(5)] == ["typed"]

    await rig.chat.promote(begun[0])
    assert [conversation.title for conversation in rig.store.state.conversations] == ["typed"]


async def test_a_follow_up_brings_the_conversation_along(server: OpenAIServer, rig: ChatRig) -> None:
    begun: list[int] = []
    await rig.chat.ask_quick("One?", on_begun=begun.append)
    await rig.chat.ask_quick("Two?", begun[0])
    sent = [message["content"] for message in server.requests[-1].body["messages"]]
    assert sent == ["One?", WHOLE, "Two?"]
    assert [question.text for question in await rig.chat.quick_history(5)] == ["Two?", "One?"]


async def test_an_answer_moved_on_its_way_is_heard_by_all_from_then_on(
    server: OpenAIServer, rig: ChatRig
) -> None:
    go_on = asyncio.Event()
    half = [chunked(event(delta(content=text))) for text in ("Half", " and half")]
    server.script(STREAM_HEAD, half[0], go_on, half[1], asyncio.Event())
    ear, begun = Ear(rig), list[int]()
    asking = asyncio.ensure_future(rig.chat.ask_quick("Long?", on_begun=begun.append))
    await server.until(lambda server: server.chats_in_progress == 1)
    async with asyncio.timeout(60):
        while not ear.pieces:
            await asyncio.sleep(0.01)
    await rig.chat.promote(begun[0])
    go_on.set()
    await rig.until(lambda rig: "".join(rig.pieces) == " and half")
    await rig.chat.stop(begun[0])
    assert (await asking).state is MessageState.STOPPED
    assert rig.told[-1].text == "Half and half"


async def test_who_stopped_listening_hears_no_more(rig: ChatRig) -> None:
    ear = Ear(rig)
    ear.end()
    await rig.chat.ask("Hello")
    assert (ear.pieces, ear.messages) == ([], [])
    assert "".join(rig.pieces) == WHOLE


async def test_it_stays_apart_in_the_next_run(server: OpenAIServer, path: Path) -> None:
    async with open_chat(server.base_url, path) as rig:
        await rig.chat.ask_quick("Quick?")
    async with open_chat(server.base_url, path) as rig:
        (question,) = await rig.chat.quick_history(5)
        await rig.chat.ask_quick("More?", question.conversation_id)
        assert rig.told == []
        assert rig.store.state.conversations == ()
        assert len(await rig.stored(question.conversation_id)) == 4


async def test_a_flush_stores_what_has_come_and_the_answer_goes_on(
    server: OpenAIServer, rig: ChatRig
) -> None:
    go_on = asyncio.Event()
    half = [chunked(event(delta(content=text))) for text in ("Half", " and half")]
    server.script(STREAM_HEAD, half[0], go_on, half[1], asyncio.Event())
    asking = asyncio.ensure_future(rig.chat.ask("Long?"))
    await rig.until(lambda rig: rig.pieces == ["Half"])
    await rig.chat.flush()
    assert (await rig.stored())[-1].text == "Half"
    go_on.set()
    await rig.until(lambda rig: len(rig.pieces) == 2)
    await rig.chat.stop(1)
    assert (await asking).text == "Half and half"
