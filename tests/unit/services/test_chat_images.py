"""Questions with images over the real history and client, and the real llama.cpp that takes none."""

from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from arcdesk.core.chat import MessageState
from arcdesk.core.errors import ActionKind, UsageError
from arcdesk.core.image import MOST_IMAGES, Image
from tests.fakes.openai_server import ANSWER, OpenAIServer, json_response, vllm_error
from tests.unit.services.chat_rig import ChatRig, open_chat

WHOLE = "".join(ANSWER)


def png(width: int, height: int) -> Image:
    """A whole PNG file of one grey."""

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = part(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    rows = part(b"IDAT", zlib.compress((b"\0" + b"\x80" * width) * height))
    return Image(mime="image/png", data=b"\x89PNG\r\n\x1a\n" + head + rows + part(b"IEND", b""))


PICTURE = png(64, 40)


@pytest_asyncio.fixture
async def rig(server: OpenAIServer, path: Path) -> AsyncIterator[ChatRig]:
    async with open_chat(server.base_url, path) as rig:
        yield rig


def contents(server: OpenAIServer) -> list[Any]:
    """What the server was last told, message by message: words, and kinds of parts."""
    return [
        content if isinstance(content, str) else [part["type"] for part in content]
        for content in (message["content"] for message in server.requests[-1].body["messages"])
    ]


async def test_an_image_is_sent_stored_and_sent_again_as_the_talk_goes_on(
    server: OpenAIServer, rig: ChatRig
) -> None:
    begun: list[int] = []
    answer = await rig.chat.ask_quick("What is this?", on_begun=begun.append, images=(PICTURE,))
    assert (answer.state, answer.text) == (MessageState.DONE, WHOLE)
    assert contents(server) == [["text", "image_url"]]
    assert (await rig.stored(begun[0]))[0].images == (PICTURE,)
    await rig.chat.promote(begun[0])
    await rig.chat.ask("And now?", begun[0])
    assert contents(server) == [["text", "image_url"], WHOLE, "And now?"]


async def test_asking_again_sends_the_image_again(server: OpenAIServer, rig: ChatRig) -> None:
    server.script(json_response(400, vllm_error("tinyllama is not a multimodal model", "BadRequest", 400)))
    begun: list[int] = []
    failed = await rig.chat.ask_quick("What is this?", on_begun=begun.append, images=(PICTURE,))
    assert failed.problem is not None
    assert failed.problem.title == "This model takes no images"
    again = await rig.chat.ask_again(begun[0])
    assert again is not None
    assert again.text == WHOLE
    assert contents(server) == [["text", "image_url"]]


async def test_an_image_without_a_word_can_be_asked(server: OpenAIServer, rig: ChatRig) -> None:
    begun: list[int] = []
    await rig.chat.ask_quick("", on_begun=begun.append, images=(PICTURE,))
    assert contents(server) == [["image_url"]]
    await rig.chat.promote(begun[0])
    assert [conversation.title for conversation in rig.store.state.conversations] == ["Image"]


async def test_too_many_images_are_refused_and_nothing_is_begun(server: OpenAIServer, rig: ChatRig) -> None:
    begun: list[int] = []
    with pytest.raises(UsageError, match="Too many images"):
        await rig.chat.ask_quick("?", on_begun=begun.append, images=(PICTURE,) * (MOST_IMAGES + 1))
    assert begun == []
    assert await rig.chat.quick_history(5) == []
    assert not [request for request in server.requests if request.method == "POST"]


async def test_the_real_starter_model_takes_no_images_and_says_so(path: Path) -> None:
    async with open_chat("embedded", path) as rig:
        answer = await rig.chat.ask_quick("What is this?", images=(PICTURE,))
        assert (answer.state, answer.text) == (MessageState.FAILED, "")
        assert answer.problem is not None
        assert (answer.problem.cause, answer.problem.title) == ("no_images", "This model takes no images")
        assert "image input is not supported" in answer.problem.evidence
        assert [action.kind for action in answer.problem.actions] == [ActionKind.NEW_CHAT]
        plain = await rig.chat.ask_quick("What is the capital of France?")
        assert (plain.state, "Paris" in plain.text) == (MessageState.DONE, True)
