"""The same assertions against the fake server and against llama.cpp's own: what one does, the other does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import replace

import httpx
import pytest
import pytest_asyncio

from arcdesk.api.openai_client import OpenAIClient
from arcdesk.core.chat import (
    AnswerFailed,
    AnswerFinished,
    ChatEvent,
    ChatRequest,
    Message,
    Role,
    TokenArrived,
)
from arcdesk.core.errors import ActionKind, AnswerError
from arcdesk.core.ports import Endpoint
from tests.fakes import openai_server
from tests.fakes.openai_server import OpenAIServer
from tests.unit.api import llama_server

CAPITAL = "What is the capital of France?"


class Server:
    """A server under contract: where it is, and whether it works on an answer."""

    def __init__(self, endpoint: Endpoint, fake: OpenAIServer | None) -> None:
        self.endpoint = endpoint
        self._fake = fake

    async def is_busy(self) -> bool:
        if self._fake is not None:
            return self._fake.chats_in_progress > 0
        headers = {"Authorization": f"Bearer {self.endpoint.api_key}"}
        async with httpx.AsyncClient(trust_env=False, headers=headers) as client:
            slots = (await client.get(self.endpoint.root_url + "/slots")).json()
        return any(slot["is_processing"] for slot in slots)

    async def gives_up_within(self, limit_s: float) -> bool:
        """The server stops before its answer is done (llama.cpp has to be asked again and again)."""
        if self._fake is not None:
            await self._fake.until(lambda fake: fake.chats_given_up == 1, limit_s)
            return self._fake.chats_in_progress == 0
        end = time.monotonic() + limit_s
        while busy := await self.is_busy():
            if time.monotonic() > end:
                break
        return not busy


@pytest.fixture(scope="module")
def llama_address() -> Iterator[str]:
    with llama_server.running(end_patience_s=10) as address:
        yield address


@pytest_asyncio.fixture(params=["fake", "llama.cpp"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    if request.param == "fake":
        # as slow as a real one, so that there is something to give up
        async with OpenAIServer(api_key="sk-test-fake", token_delay_s=0.2) as fake:
            yield Server(
                Endpoint(base_url=fake.base_url, model=openai_server.MODEL, api_key="sk-test-fake"), fake
            )
        return
    address = request.getfixturevalue("llama_address")
    yield Server(
        Endpoint(base_url=address + "/v1", model=llama_server.MODEL, api_key=llama_server.API_KEY), None
    )


@pytest_asyncio.fixture
async def client() -> AsyncIterator[OpenAIClient]:
    client = OpenAIClient()
    yield client
    await client.aclose()


def question(text: str = CAPITAL, max_tokens: int | None = None) -> ChatRequest:
    system = Message(role=Role.SYSTEM, text="You are a helpful assistant.")
    messages = (system, Message(role=Role.USER, text=text))
    return ChatRequest(messages=messages, temperature=0.0, max_tokens=max_tokens)


# llama.cpp fills its context with this answer, which takes 15 s and more; the fake needs 1.4 s.
LONG = replace(question("Tell a story."), extra={"ignore_eos": True})
GIVE_UP_S = 4.0  # a busy machine needs some time for the token under way


async def ask(client: OpenAIClient, endpoint: Endpoint, request: ChatRequest) -> list[ChatEvent]:
    return [event async for event in client.ask(endpoint, request)]


async def test_a_running_server_is_healthy(server: Server, client: OpenAIClient) -> None:
    assert await client.is_healthy(server.endpoint)


async def test_models_are_listed_by_their_served_names(server: Server, client: OpenAIClient) -> None:
    assert await client.list_models(server.endpoint) == [server.endpoint.model]


async def test_a_probe_has_a_token_generated(server: Server, client: OpenAIClient) -> None:
    await client.probe(server.endpoint)


async def test_an_answer_streams_with_its_figures(server: Server, client: OpenAIClient) -> None:
    *tokens, end = await ask(client, server.endpoint, question())
    assert isinstance(end, AnswerFinished)
    assert all(isinstance(token, TokenArrived) and token.text for token in tokens)
    assert "capital of France is Paris" in "".join(
        token.text for token in tokens if isinstance(token, TokenArrived)
    )
    stats = end.stats
    assert stats.finish_reason == "stop"
    assert stats.model == server.endpoint.model
    assert stats.chunks == len(tokens)
    assert stats.prompt_tokens is not None
    assert stats.prompt_tokens > 5
    assert stats.completion_tokens is not None
    assert stats.completion_tokens >= 7
    assert stats.ttft_ms is not None
    assert stats.total_ms is not None
    assert 0 < stats.ttft_ms < stats.total_ms
    assert stats.decode_tokens_per_s is not None
    assert stats.decode_tokens_per_s > 1


async def test_a_limited_answer_says_that_it_was_limited(server: Server, client: OpenAIClient) -> None:
    end = (await ask(client, server.endpoint, question(max_tokens=3)))[-1]
    assert isinstance(end, AnswerFinished)
    assert end.stats.finish_reason == "length"
    assert end.stats.completion_tokens == 3


@pytest.mark.parametrize("key", [None, "sk-wrong", "schlüssel\n"])
async def test_without_the_right_key_each_call_says_so(
    server: Server, client: OpenAIClient, key: str | None
) -> None:
    stranger = replace(server.endpoint, api_key=key)
    (end,) = await ask(client, stranger, question())
    assert isinstance(end, AnswerFailed)
    problems = [end.problem]
    for call in (client.list_models(stranger), client.probe(stranger)):
        with pytest.raises(AnswerError) as caught:
            await call
        problems.append(caught.value.problem)
    assert {problem.cause for problem in problems} == {"unauthorized"}
    assert all("key" in problem.hint for problem in problems)
    assert ("refused" in end.problem.title) == (key is not None)
    assert await client.is_healthy(stranger)


async def test_a_conversation_that_is_too_long_comes_with_the_figures(
    server: Server, client: OpenAIClient
) -> None:
    (end,) = await ask(client, server.endpoint, question("word " * 4000, max_tokens=16))
    assert isinstance(end, AnswerFailed)
    problem = end.problem
    assert problem.cause == "too_long"
    assert problem.title == "The conversation is too long for this model"
    assert "It holds 2048 tokens, 40" in problem.detail
    assert [action.kind for action in problem.actions] == [ActionKind.NEW_CHAT]


async def test_closing_the_iterator_makes_the_server_stop(server: Server, client: OpenAIClient) -> None:
    async with aclosing(client.ask(server.endpoint, LONG)) as events:
        async for event in events:
            assert isinstance(event, TokenArrived)
            assert await server.is_busy()
            break
    assert await server.gives_up_within(GIVE_UP_S)


async def test_cancelling_the_task_makes_the_server_stop(server: Server, client: OpenAIClient) -> None:
    begun = asyncio.Event()

    async def consume() -> None:
        async for _ in client.ask(server.endpoint, LONG):
            begun.set()

    task = asyncio.create_task(consume())
    await begun.wait()
    assert await server.is_busy()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await server.gives_up_within(GIVE_UP_S)


async def test_two_answers_stream_at_the_same_time(server: Server, client: OpenAIClient) -> None:
    answers = await asyncio.gather(*(ask(client, server.endpoint, question()) for _ in range(2)))
    assert all(isinstance(events[-1], AnswerFinished) for events in answers)
