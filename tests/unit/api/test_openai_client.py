"""What the client makes of servers that behave badly, over real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

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
    ThoughtArrived,
    TokenArrived,
)
from arcdesk.core.errors import AnswerError
from arcdesk.core.ports import Endpoint
from tests.fakes.openai_server import (
    DONE,
    LAST_CHUNK,
    MODEL,
    STREAM_HEAD,
    Cut,
    OpenAIServer,
    Step,
    chunked,
    completion,
    delta,
    event,
    json_response,
    response,
    usage,
    vllm_error,
)

REQUEST = ChatRequest(messages=(Message(role=Role.USER, text="What is the capital of France?"),))
PLAIN_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"  # ends with the connection
ROLE = event(delta(role="assistant", content=""))
WORDS = event(delta(content="Par")) + event(delta(content="is"))
STOP = event(delta("stop", content=""))


@pytest_asyncio.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest_asyncio.fixture
async def client() -> AsyncIterator[OpenAIClient]:
    client = OpenAIClient()
    yield client
    await client.aclose()


def endpoint(server: OpenAIServer) -> Endpoint:
    return Endpoint(base_url=server.base_url, model=MODEL, engine="container", device="CPU")


async def ask(client: OpenAIClient, server: OpenAIServer, *steps: Step) -> tuple[str, ChatEvent]:
    """Text and last event of an answer that consists of `steps`."""
    if steps:
        server.script(*steps)
    *events, end = [event async for event in client.ask(endpoint(server), REQUEST)]
    assert all(isinstance(each, TokenArrived) for each in events)
    return "".join(each.text for each in events if isinstance(each, TokenArrived)), end


def failure(end: ChatEvent) -> str:
    assert isinstance(end, AnswerFailed)
    assert end.problem.title
    assert end.problem.hint
    assert end.problem.actions
    return end.problem.cause


# --- good answers in odd clothes ----------------------------------------------------------------------------


def one_byte_at_a_time(data: bytes) -> Iterator[bytes]:
    return (data[place : place + 1] for place in range(len(data)))


async def test_an_answer_in_single_bytes_is_whole(client: OpenAIClient, server: OpenAIServer) -> None:
    body = event(delta(content="Größe 😀")) + STOP + event(usage(9, 4)) + DONE
    text, end = await ask(client, server, PLAIN_HEAD, *one_byte_at_a_time(body))
    assert text == "Größe 😀"
    assert isinstance(end, AnswerFinished)
    assert (end.stats.prompt_tokens, end.stats.completion_tokens) == (9, 4)
    assert (end.stats.engine, end.stats.device, end.stats.model) == ("container", "CPU", MODEL)


@pytest.mark.parametrize("newline", [b"\r\n", b"\r"])
async def test_other_line_ends_are_fine(client: OpenAIClient, server: OpenAIServer, newline: bytes) -> None:
    body = (ROLE + b": ping\n\n" + WORDS + STOP + DONE).replace(b"\n", newline)
    text, end = await ask(client, server, PLAIN_HEAD + body)
    assert text == "Paris"
    assert isinstance(end, AnswerFinished)


async def test_an_answer_without_done_and_usage_is_whole_but_its_rate_unknown(
    client: OpenAIClient, server: OpenAIServer
) -> None:
    text, end = await ask(client, server, STREAM_HEAD, chunked(ROLE + WORDS + STOP), LAST_CHUNK)
    assert text == "Paris"
    assert isinstance(end, AnswerFinished)
    assert end.stats.completion_tokens is None
    assert end.stats.decode_tokens_per_s is None
    assert end.stats.reason_unknown == "The server sent no token count."
    assert end.stats.chunks == 2


@pytest.mark.parametrize("told", [-5, 0, 10**12, 10**400, "7", True, None, 2.5])
async def test_a_count_that_can_not_be_one_is_unknown(
    client: OpenAIClient, server: OpenAIServer, told: object
) -> None:
    counts = event({"choices": [], "usage": {"prompt_tokens": told, "completion_tokens": told}})
    text, end = await ask(
        client, server, STREAM_HEAD, chunked(ROLE + WORDS + STOP + counts + DONE), LAST_CHUNK
    )
    assert text == "Paris" and isinstance(end, AnswerFinished)
    assert end.stats.completion_tokens is None and end.stats.decode_tokens_per_s is None


async def test_a_connection_lost_after_the_last_word_does_not_matter(
    client: OpenAIClient, server: OpenAIServer
) -> None:
    text, end = await ask(client, server, STREAM_HEAD, chunked(WORDS + STOP), 0.05, Cut.RESET)
    assert text == "Paris"
    assert isinstance(end, AnswerFinished)


async def test_a_last_event_without_a_line_end_counts(client: OpenAIClient, server: OpenAIServer) -> None:
    text, end = await ask(client, server, PLAIN_HEAD + WORDS + STOP.rstrip(b"\n"))
    assert text == "Paris"
    assert isinstance(end, AnswerFinished)
    assert end.stats.finish_reason == "stop"


@pytest.mark.parametrize(
    "fields",
    [
        {"reasoning_content": "Hm."},
        {"reasoning": "Hm."},
        {"reasoning": "Hm.", "reasoning_content": "Hm."},
        {"role": "assistant", "content": None, "reasoning": "Hm."},
    ],
)
async def test_thoughts_are_told_from_the_answer_and_count_for_the_figures(
    client: OpenAIClient, server: OpenAIServer, fields: dict[str, object]
) -> None:
    body = event(delta(**fields)) + WORDS + STOP + event(usage(9, 3)) + DONE
    server.script(PLAIN_HEAD + body)
    thought, *tokens, end = [each async for each in client.ask(endpoint(server), REQUEST)]
    assert thought == ThoughtArrived("Hm.")
    assert tokens == [TokenArrived("Par"), TokenArrived("is")]
    assert isinstance(end, AnswerFinished)
    assert end.stats.chunks == 3


async def test_chunks_without_choices_or_with_odd_ones_are_read_over(
    client: OpenAIClient, server: OpenAIServer
) -> None:
    odd: list[object] = [
        {"choices": []},
        {"choices": [{}]},
        {"choices": [None]},
        {"choices": {"a": 1}},
        {"choices": [{"delta": None}]},
        {"choices": [{"delta": [1]}]},
        {"choices": [{"delta": {"content": 7}}]},
        {"choices": [{"delta": {"tool_calls": [{"index": 0}]}}]},
        {"usage": None, "choices": None},
    ]
    body = b"".join(event(chunk) for chunk in odd) + WORDS + STOP + DONE
    text, end = await ask(client, server, PLAIN_HEAD + body)
    assert text == "Paris"
    assert isinstance(end, AnswerFinished)


async def test_the_role_chunk_is_not_the_first_token(client: OpenAIClient, server: OpenAIServer) -> None:
    text, end = await ask(client, server, PLAIN_HEAD, ROLE, 0.2, WORDS + STOP + DONE)
    assert text == "Paris"
    assert isinstance(end, AnswerFinished)
    assert end.stats.ttft_ms is not None
    assert end.stats.ttft_ms >= 200


async def test_llama_cpp_counters_stand_in_for_a_missing_usage(
    client: OpenAIClient, server: OpenAIServer
) -> None:
    timings = {"cache_n": 30, "prompt_n": 1, "predicted_n": 2}
    last = event({**delta("stop"), "timings": timings})
    _, end = await ask(client, server, PLAIN_HEAD + WORDS + last + DONE)
    assert isinstance(end, AnswerFinished)
    assert (end.stats.prompt_tokens, end.stats.completion_tokens) == (31, 2)


async def test_an_answer_in_one_piece_is_an_answer(client: OpenAIClient, server: OpenAIServer) -> None:
    text, end = await ask(client, server, json_response(200, completion("Paris", "stop")))
    assert text == "Paris"
    assert isinstance(end, AnswerFinished)


async def test_half_a_surrogate_pair_does_not_reach_the_history(
    client: OpenAIClient, server: OpenAIServer
) -> None:
    half = b'data: {"choices": [{"delta": {"content": "x\\ud83d"}}]}\n\n'
    text, _ = await ask(client, server, PLAIN_HEAD + half + STOP + DONE)
    assert text == "x\ufffd"


# --- answers that fail --------------------------------------------------------------------------------------

KEPT: list[tuple[str, tuple[Step, ...], str]] = [
    ("stream ends early", (STREAM_HEAD, chunked(ROLE + WORDS), LAST_CHUNK), "cut_off"),
    ("connection ends early", (PLAIN_HEAD, WORDS), "cut_off"),
    ("cut in a character", (PLAIN_HEAD, WORDS + event(delta(content="é"))[:-20]), "cut_off"),
    ("cut inside a chunk", (STREAM_HEAD, chunked(WORDS), b"40\r\ndata: {"), "server_gone"),
    ("reset", (STREAM_HEAD, chunked(WORDS), 0.05, Cut.RESET), "server_gone"),
    ("given up by the server", (PLAIN_HEAD, WORDS, event(delta("abort")), DONE), "cut_off"),
    ("no JSON", (PLAIN_HEAD, WORDS, b"data: <html>\n\n"), "bad_answer"),
    ("JSON, but no object", (PLAIN_HEAD, WORDS, b"data: [1]\n\n"), "bad_answer"),
    ("JSON too deep", (PLAIN_HEAD, WORDS, b"data: " + b"[" * 100_000 + b"\n\n"), "bad_answer"),
    ("no chunked encoding", (STREAM_HEAD, chunked(WORDS), b"zz\r\n"), "bad_answer"),
    (
        "error of 0.8 inside",
        (PLAIN_HEAD, WORDS, event({"error": vllm_error("boom", "InternalServerError", 500)}), DONE),
        "server_error",
    ),
    ("error as text inside", (PLAIN_HEAD, WORDS, event({"error": "boom"}), DONE), "server_error"),
    ("error of FastChat", (PLAIN_HEAD, WORDS, event({"text": "boom", "error_code": 50002})), "server_error"),
    ("error as the end", (PLAIN_HEAD, WORDS, event(delta("error")), DONE), "server_error"),
]


@pytest.mark.parametrize(("steps", "cause"), [case[1:] for case in KEPT], ids=[case[0] for case in KEPT])
async def test_an_answer_that_breaks_off_keeps_its_text_and_says_why(
    client: OpenAIClient, server: OpenAIServer, steps: tuple[Step, ...], cause: str
) -> None:
    text, end = await ask(client, server, *steps)
    assert text == "Paris"
    assert failure(end) == cause
    assert isinstance(end, AnswerFailed)
    assert end.stats.chunks == 2


MODEL_MISSING = "The model `x` does not exist."
REFUSED: list[tuple[str, bytes, str]] = [
    ("401 as text", json_response(401, {"error": "Unauthorized"}), "unauthorized"),
    ("403 without a body", response(403, b""), "unauthorized"),
    ("404 of 0.8", json_response(404, vllm_error(MODEL_MISSING, "NotFoundError", 404)), "model_unknown"),
    (
        "404 of 0.10",
        json_response(404, {"error": {"message": MODEL_MISSING, "type": "NotFoundError", "code": 404}}),
        "model_unknown",
    ),
    ("404 of Ollama", json_response(404, {"error": {"message": 'model "x" not found'}}), "model_unknown"),
    ("404 page", response(404, b"<html>", "text/html"), "bad_answer"),
    ("404 of FastAPI", json_response(404, {"detail": "Not Found"}), "server_error"),
    ("422 of FastAPI", json_response(422, {"detail": [{"msg": "field required"}]}), "server_error"),
    ("500 without a body", response(500, b""), "server_error"),
    ("503 while loading", json_response(503, {"error": {"message": "Loading model"}}), "server_error"),
    ("an error with 200", json_response(200, vllm_error("no chat", "BadRequestError", 400)), "server_error"),
    ("a page with 200", response(200, b"<html>Router</html>", "text/html"), "bad_answer"),
    ("other JSON with 200", json_response(200, {"hello": 1}), "bad_answer"),
    ("broken JSON with 200", response(200, b"{", "application/json"), "bad_answer"),
    ("a redirect", response(307, b"", extra="Location: http://192.0.2.1/v1\r\n"), "bad_answer"),
    ("no HTTP", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "bad_answer"),
    ("an empty stream", PLAIN_HEAD, "cut_off"),
    ("a stream of nothing but its end", PLAIN_HEAD + DONE, "cut_off"),
]


@pytest.mark.parametrize(
    ("answer", "cause"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
async def test_what_is_no_answer_says_what_it_is(
    client: OpenAIClient, server: OpenAIServer, answer: bytes, cause: str
) -> None:
    text, end = await ask(client, server, answer)
    assert text == ""
    assert failure(end) == cause


async def test_a_server_that_closes_without_a_word_went_away(
    client: OpenAIClient, server: OpenAIServer
) -> None:
    _, end = await ask(client, server, Cut.CLOSE)
    assert failure(end) == "server_gone"


async def test_nothing_listening_is_told_as_such_and_offers_a_start(client: OpenAIClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    nobody = Endpoint(base_url=f"http://127.0.0.1:{port}/v1", model="m", engine="container")
    (end,) = [each async for each in client.ask(nobody, REQUEST)]
    assert failure(end) == "server_refused"
    assert isinstance(end, AnswerFailed)
    assert [action.kind.value for action in end.problem.actions] == ["start"]
    assert not await client.is_healthy(nobody)
    with pytest.raises(AnswerError, match="isn't running"):
        await client.list_models(nobody)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/v1", "http://[::1/v1", "nonsense", "http://a..b/v1"])
async def test_an_address_that_is_none_is_told_as_such(client: OpenAIClient, url: str) -> None:
    (end,) = [each async for each in client.ask(Endpoint(base_url=url, model="m"), REQUEST)]
    assert failure(end) == "unreachable"


async def test_a_key_never_appears_in_a_problem(client: OpenAIClient, server: OpenAIServer) -> None:
    server.script(json_response(401, {"error": {"message": "Incorrect API key provided: sk-secret"}}))
    keyed = Endpoint(base_url=server.base_url, model=MODEL, api_key="sk-secret")
    (end,) = [each async for each in client.ask(keyed, REQUEST)]
    assert failure(end) == "unauthorized"
    assert server.requests[-1].headers["authorization"] == "Bearer sk-secret"
    assert "sk-secret" not in repr(end)


# --- time limits, health, giving up -------------------------------------------------------------------------


async def test_a_silent_prefill_is_waited_for(client: OpenAIClient, server: OpenAIServer) -> None:
    prefilled = asyncio.Event()
    server.script(STREAM_HEAD, prefilled, chunked(WORDS + STOP + DONE) + LAST_CHUNK)
    task = asyncio.create_task(ask(client, server))
    await server.until(lambda each: each.chats_in_progress == 1)
    done, _ = await asyncio.wait((task,), timeout=0.3)
    assert not done
    prefilled.set()
    assert (await task)[0] == "Paris"


async def test_a_probe_gives_up_on_a_silent_server(server: OpenAIServer) -> None:
    client = OpenAIClient(probe_timeout_s=0.1)
    server.script(asyncio.Event())
    with pytest.raises(AnswerError) as caught:
        await client.probe(endpoint(server))
    assert caught.value.problem.cause == "unreachable"
    await server.until(lambda each: each.chats_given_up == 1)
    await client.aclose()


async def test_a_probe_of_garbage_raises(client: OpenAIClient, server: OpenAIServer) -> None:
    for answer in (json_response(200, {}), response(200, b"ok"), json_response(200, {"error": "x"})):
        server.script(answer)
        with pytest.raises(AnswerError):
            await client.probe(endpoint(server))


async def test_health_follows_the_status(client: OpenAIClient, server: OpenAIServer) -> None:
    for status, healthy in ((200, True), (503, False), (500, False)):
        server.health_status = status
        assert await client.is_healthy(endpoint(server)) is healthy


async def test_a_server_without_health_is_judged_by_its_models(
    client: OpenAIClient, server: OpenAIServer
) -> None:
    server.has_health = False
    assert await client.is_healthy(endpoint(server))
    server.api_key = "sk-other"
    assert await client.is_healthy(endpoint(server))
    assert [request.path for request in server.requests] == ["/health", "/v1/models"] * 2


async def test_closing_while_the_server_is_silent_closes_the_connection(
    client: OpenAIClient, server: OpenAIServer
) -> None:
    server.script(STREAM_HEAD, chunked(WORDS), asyncio.Event())
    async with aclosing(client.ask(endpoint(server), REQUEST)) as events:
        assert await anext(events) == TokenArrived("Par")
    await server.until(lambda each: each.chats_given_up == 1, timeout_s=0.5)


async def test_cancelling_before_the_first_byte_closes_the_connection(
    client: OpenAIClient, server: OpenAIServer
) -> None:
    server.script(asyncio.Event())
    task = asyncio.create_task(ask(client, server))
    await server.until(lambda each: each.chats_in_progress == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await server.until(lambda each: each.chats_given_up == 1, timeout_s=0.5)


async def test_cancelling_at_any_step_leaves_no_connection_open(
    client: OpenAIClient, server: OpenAIServer
) -> None:
    assert await client.is_healthy(endpoint(server))  # httpx is loaded: each step below is a short one
    for steps in range(60):
        task = asyncio.create_task(ask(client, server))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,))
    assert server.connections > 30
    await server.until(lambda each: each.open_connections == 0, timeout_s=1.0)


async def test_closing_the_client_breaks_off_its_answers_and_it_can_be_used_again(
    client: OpenAIClient, server: OpenAIServer
) -> None:
    server.script(STREAM_HEAD, chunked(WORDS), asyncio.Event())
    events = client.ask(endpoint(server), REQUEST)
    assert await anext(events) == TokenArrived("Par")
    assert await anext(events) == TokenArrived("is")
    await client.aclose()
    (end,) = [each async for each in events]
    assert failure(end) == "server_gone"
    text, end = await ask(client, server)
    assert isinstance(end, AnswerFinished)
    assert text == "The capital of France is Paris."


async def test_no_task_is_left_behind_by_a_closed_answer(client: OpenAIClient, server: OpenAIServer) -> None:
    server.script(STREAM_HEAD, chunked(WORDS), asyncio.Event())
    async with aclosing(client.ask(endpoint(server), REQUEST)) as events:
        await anext(events)
    await server.until(lambda each: each.open_connections == 0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


# --- the way out --------------------------------------------------------------------------------------------


async def test_a_server_on_this_machine_is_never_asked_through_a_proxy(
    server: OpenAIServer, client: OpenAIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert await client.is_healthy(endpoint(server))


async def test_a_transport_can_stand_in_for_the_network() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"data": [{"id": "a"}, {"id": "b"}]})

    client = OpenAIClient(transport=httpx.MockTransport(answer))
    far = Endpoint(base_url="https://models.example/v1", model="a")
    assert await client.list_models(far) == ["a", "b"]
    assert str(asked[0].url) == "https://models.example/v1/models"
    await client.aclose()


IMPORT = """
import json, sys, time
start = time.process_time()
import asyncio
baseline = time.process_time() - start
import arcdesk.core.ports
import arcdesk.core.latency
start = time.process_time()
import arcdesk.api.openai_client
ratio = (time.process_time() - start) / baseline
heavy = sorted({"httpx", "httpcore", "anyio", "h11", "PySide6"} & set(sys.modules))
print(json.dumps([ratio, heavy]))
"""


def test_importing_the_client_is_cheap_and_leaves_httpx_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-X", f"pycache_prefix={tmp_path}", "-c", IMPORT]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    root = Path(__file__).parents[3]
    runs = [
        json.loads(subprocess.run(command, cwd=root, env=env, check=True, capture_output=True).stdout)
        for _ in range(6)  # the first one compiles
    ]
    assert all(heavy == [] for _, heavy in runs)
    assert min(ratio for ratio, _ in runs) < 0.3  # of what importing asyncio costs, which is there anyway
