"""A text is cut by the server's own count, as vLLM and llama.cpp offer it, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest

from arcdesk.api.load_client import LoadClient
from arcdesk.api.load_tokens import Tokenizer
from arcdesk.core.ports import Endpoint
from tests.rig.fast_sse import Answer, Asked, SseServer, plain

TEXT = "one two three four five six seven eight"
MARK = 1


def vllm(asked: Asked) -> Answer:
    """A word is a token; a prompt is marked at its beginning, if that is wanted."""
    if asked.path == "/tokenize":
        words = asked.body["prompt"].split()
        tokens = [MARK] * asked.body["add_special_tokens"] + [10 + WORDS.index(word) for word in words]
        return (plain(200, {"count": len(tokens), "max_model_len": 99, "tokens": tokens}),)
    return (plain(200, {"prompt": words_of(asked.body["tokens"])}),)


def llama(asked: Asked) -> Answer:
    """The same, with llama.cpp's names; what it does not know is no error to it."""
    if asked.path == "/tokenize":
        words = asked.body.get("content", "").split()
        tokens = [MARK] * bool(words and asked.body.get("add_special"))
        return (plain(200, {"tokens": tokens + [10 + WORDS.index(word) for word in words]}),)
    return (plain(200, {"content": words_of(asked.body["tokens"])}),)


WORDS = TEXT.split()


def words_of(tokens: list[int]) -> str:
    return " ".join(WORDS[token - 10] for token in tokens)


async def cut(answer: Callable[[Asked], Any], tokens: int, *, is_marked: bool = False) -> str | None:
    async with SseServer(answer) as server:
        endpoint = Endpoint(base_url=server.base_url, model="small")
        async with aclosing(LoadClient(endpoint)) as client:
            return await Tokenizer(client, endpoint).cut(TEXT, tokens, is_marked=is_marked)


@pytest.mark.parametrize("server", [vllm, llama])
async def test_the_text_is_cut_to_the_tokens(server: Callable[[Asked], Answer]) -> None:
    assert await cut(server, 3) == "one two three"
    assert await cut(server, 3, is_marked=True) == "one two"
    assert await cut(server, 1, is_marked=True) == "one"
    assert await cut(server, 9) is None  # the text has not so many


@pytest.mark.parametrize(
    "answer",
    [
        plain(404, {"detail": "Not Found"}),
        plain(200, b"hello"),
        plain(200, []),
        plain(200, {"tokens": ["a"]}),
        plain(200, {"tokens": 5}),
        plain(401, {"error": "Unauthorized"}),
    ],
)
async def test_a_server_that_counts_nothing_says_nothing(answer: bytes) -> None:
    assert await cut(lambda asked: (answer,), 3) is None


async def test_a_server_that_can_not_put_tokens_together_says_nothing() -> None:
    assert (
        await cut(lambda asked: vllm(asked) if asked.path == "/tokenize" else (plain(500, b""),), 3) is None
    )
