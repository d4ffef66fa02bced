"""Measures the CPU time per streamed token and the added time to the first one, against a bare httpx loop.

The server, the bare loop and our client run in processes of their own, on loopback, in the same run and
by turns. `python -m tests.bench.token_cpu` prints the figures as JSON.

cpu_us_per_token   {"paced_200": {...}, "paced_2000": {...}, "unpaced": {...}}, each by client:
                   bare_asyncio, ours_asyncio, ours_qasync (the HTTP client alone) and app_qasync (what the
                   app runs without a window: question and answer stored as they come), medians over rounds
ratio_…            ours / bare on plain asyncio
added_ttft_ms_…    median TTFT of ours minus that of the bare loop, over 60 answers each; of the app from
                   the question to its first token, storing the question included
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROUNDS = 5
LOADS = {"paced_200": (200, 400), "paced_2000": (2000, 4000), "unpaced": (0, 20000)}  # tokens/s, tokens
CLIENTS = ("bare_asyncio", "ours_asyncio", "ours_qasync", "app_qasync")
TTFT_ANSWERS = 60
QUESTION = "What is the capital of France?"

Measured = tuple[int, float | None]  # tokens, TTFT in ms


def run() -> dict[str, Any]:
    """All figures. Takes about a minute."""
    with clients() as started:
        return _measure(started)


@contextmanager
def clients() -> Iterator[dict[str, subprocess.Popen[str]]]:
    """All of CLIENTS before one server; `order` has them ask."""
    server = _child("server")
    assert server.stdout is not None
    try:
        port = int(server.stdout.readline())
        started = {name: _child(name, str(port)) for name in CLIENTS}
        try:
            yield started
        finally:
            for child in started.values():
                _end(child)
    finally:
        _end(server)


def _measure(clients: dict[str, subprocess.Popen[str]]) -> dict[str, Any]:
    for child in clients.values():  # imports, connections and caches
        order(child, "cpu", 0, 2000)
        order(child, "ttft", 0, 10)
    cpu = {load: {name: list[float]() for name in clients} for load in LOADS}
    for _ in range(ROUNDS):
        for load, (rate, tokens) in LOADS.items():
            for name, child in clients.items():
                cpu[load][name].append(order(child, "cpu", rate, tokens)["cpu_us_per_token"])
    ttft: dict[str, list[float]] = {name: [] for name in clients}
    for _ in range(TTFT_ANSWERS // 10):
        for name, child in clients.items():
            ttft[name] += order(child, "ttft", 0, 10)["ttft_ms"]
    medians = {load: {name: statistics.median(each) for name, each in by.items()} for load, by in cpu.items()}
    first = {name: statistics.median(values) for name, values in ttft.items()}
    result: dict[str, Any] = {"cpu_us_per_token": medians, "ttft_ms": first, "ttft_n": len(ttft[CLIENTS[0]])}
    for ours in CLIENTS[1:]:
        result[f"ratio_{ours}"] = {load: by[ours] / by["bare_asyncio"] for load, by in medians.items()}
        result[f"added_ttft_ms_{ours}"] = first[ours] - first["bare_asyncio"]
    return result


def _child(*args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.bench.token_cpu", *args],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _end(child: subprocess.Popen[str]) -> None:
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.close()  # each child ends with its input
    child.wait(10)
    child.stdout.close()


def order(child: subprocess.Popen[str], what: str, rate: int, count: int) -> dict[str, Any]:
    """Have a client ask: 'cpu' for `count` tokens at `rate` a second (0: at once), 'ttft' `count` times."""
    assert child.stdin is not None
    assert child.stdout is not None
    print(what, rate, count, file=child.stdin, flush=True)
    line = child.stdout.readline()
    if not line:
        raise RuntimeError(f"the client {child.args!r} ended")
    answer: dict[str, Any] = json.loads(line)
    return answer


# --- the server ---------------------------------------------------------------------------------------


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    head = {"id": "chatcmpl-5f2a", "object": "chat.completion.chunk", "created": 1747000000, "model": "m"}
    return _http_chunk(json.dumps({**head, "choices": [choice]}))


def _http_chunk(payload: str) -> bytes:
    data = f"data: {payload}\n\n".encode()
    return b"%x\r\n%s\r\n" % (len(data), data)


async def _serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer requests on one connection; the first path segments say rate and number of tokens."""
    token = _event({"content": " word"})
    start_line = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    while head := await _read_head(reader):
        rate, count = (int(part) for part in head.split()[1].decode().split("/")[1:3])
        writer.write(start_line + b"Transfer-Encoding: chunked\r\n\r\n")
        writer.write(_event({"role": "assistant", "content": ""}))
        start = time.perf_counter()
        for number in range(count):
            if rate:
                await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
            writer.write(token)
            if not rate:
                await writer.drain()
        usage = {"prompt_tokens": 9, "completion_tokens": count, "total_tokens": count + 9}
        writer.write(_event({"content": ""}, "stop"))
        writer.write(_http_chunk(json.dumps({"choices": [], "usage": usage})))
        writer.write(_http_chunk("[DONE]") + b"0\r\n\r\n")
        await writer.drain()
    writer.close()


async def _read_head(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    await reader.readexactly(int(lengths[0].partition(b":")[2]))
    return head


async def _server() -> None:
    server = await asyncio.start_server(_serve_one, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await _until_input_ends()
    server.close()


async def _until_input_ends() -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(0, lambda: None if os.read(0, 4096) else ended.set())
    await ended.wait()
    loop.remove_reader(0)


# --- the clients --------------------------------------------------------------------------------------


def _bare(port: int) -> Callable[[int, int], Awaitable[Measured]]:
    """The shortest way to read a stream with httpx."""
    import httpx

    client = httpx.AsyncClient(trust_env=False, timeout=None)
    messages = [{"role": "user", "content": QUESTION}]

    async def ask(rate: int, count: int) -> Measured:
        url = f"http://127.0.0.1:{port}/{rate}/{count}/v1/chat/completions"
        body = {"model": "m", "messages": messages, "stream": True, "stream_options": {"include_usage": True}}
        tokens, first, start = 0, None, time.perf_counter()
        async with client.stream("POST", url, json=body) as response:
            async for line in response.aiter_lines():
                if not line.startswith("data: ") or line == "data: [DONE]":
                    continue
                chunk = json.loads(line[6:])
                if chunk["choices"] and chunk["choices"][0]["delta"].get("content"):
                    tokens += 1
                    if first is None:
                        first = (time.perf_counter() - start) * 1000
        return tokens, first

    return ask


def _ours(port: int) -> Callable[[int, int], Awaitable[Measured]]:
    from arcdesk.api.openai_client import OpenAIClient
    from arcdesk.core.chat import AnswerFinished, ChatRequest, Message, Role, TokenArrived
    from arcdesk.core.ports import Endpoint

    client = OpenAIClient()
    request = ChatRequest(messages=(Message(role=Role.USER, text=QUESTION),))

    async def ask(rate: int, count: int) -> Measured:
        endpoint = Endpoint(base_url=f"http://127.0.0.1:{port}/{rate}/{count}/v1", model="m")
        tokens, first, start = 0, None, time.perf_counter()
        async for event in client.ask(endpoint, request):
            if isinstance(event, TokenArrived):
                tokens += 1
                if first is None:
                    first = (time.perf_counter() - start) * 1000
            else:
                assert isinstance(event, AnswerFinished), event
                assert event.stats.completion_tokens == count
        return tokens, first

    return ask


class _ReadyEngine:
    """An engine that is ready at once, at an address that changes with each question."""

    def __init__(self) -> None:
        from arcdesk.core.engine_state import EngineKind, EnginePhase, EngineSnapshot

        self.snapshot = EngineSnapshot(kind=EngineKind.REMOTE, phase=EnginePhase.READY)
        self.endpoint: Any = None

    async def settle(self) -> _ReadyEngine:
        return self

    async def first_look(self) -> None:
        pass

    async def until_free(self) -> None:
        pass

    def look(self) -> None:
        raise AssertionError("an answer failed")


def _app(port: int, folder: Path) -> Callable[[int, int], Awaitable[Measured]]:
    from arcdesk.api.openai_client import OpenAIClient
    from arcdesk.core.chat import ChatEvent, MessageState
    from arcdesk.core.ports import Endpoint
    from arcdesk.core.store import Store
    from arcdesk.services.chat_listeners import ChatListener
    from arcdesk.services.chat_service import ChatService
    from arcdesk.storage.history_db import HistoryDb

    engine = _ReadyEngine()
    chat = ChatService(
        store=Store(),
        history=HistoryDb(folder / "history.db"),
        backend=OpenAIClient(),
        engine=engine,  # type: ignore[arg-type]
    )

    async def ask(rate: int, count: int) -> Measured:
        engine.endpoint = Endpoint(base_url=f"http://127.0.0.1:{port}/{rate}/{count}/v1", model="m")
        first: list[float] = []

        def on_event(_conversation: int, _message: int, _event: ChatEvent) -> None:
            if not first:
                first.append((time.perf_counter() - start) * 1000)

        unlisten = chat.listen(ChatListener(on_event=on_event))
        chat.select(0)  # a chat not begun: all clients send the same one question
        start = time.perf_counter()
        answer = await chat.ask(QUESTION)
        unlisten()
        assert answer.state is MessageState.DONE, answer
        assert answer.stats is not None
        return answer.stats.chunks, first[0]

    return ask


async def _client(ask: Callable[[int, int], Awaitable[Measured]]) -> None:
    """Take orders from the input until it ends: 'cpu RATE TOKENS' or 'ttft 0 ANSWERS'."""
    while order := sys.stdin.readline().split():
        what, rate, count = order[0], int(order[1]), int(order[2])
        if what == "cpu":
            used_s = time.process_time()
            tokens, _ = await ask(rate, count)
            assert tokens == count, (tokens, count)
            answer: dict[str, Any] = {"cpu_us_per_token": (time.process_time() - used_s) / count * 1e6}
        else:
            answer = {"ttft_ms": [(await ask(0, 20))[1] for _ in range(count)]}
        print(json.dumps(answer), flush=True)


def _run_on_qasync(main: Coroutine[Any, Any, None]) -> None:
    from PySide6.QtWidgets import QApplication
    from qasync import QEventLoop

    with QEventLoop(QApplication([])) as loop:
        loop.run_until_complete(main)


def _main(args: list[str]) -> None:
    match args:
        case []:
            print(json.dumps(run(), indent=2))
        case ["server"]:
            asyncio.run(_server())
        case ["bare_asyncio", port]:
            asyncio.run(_client(_bare(int(port))))
        case ["ours_asyncio", port]:
            asyncio.run(_client(_ours(int(port))))
        case ["ours_qasync", port]:
            _run_on_qasync(_client(_ours(int(port))))
        case ["app_qasync", port]:
            with tempfile.TemporaryDirectory() as folder:
                _run_on_qasync(_client(_app(int(port), Path(folder))))


if __name__ == "__main__":
    _main(sys.argv[1:])
