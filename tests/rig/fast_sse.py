"""A small and very fast server of streamed answers, scripted to the token; raw asyncio, no framework.

As a process: `python -m tests.rig.fast_sse --rate 20000 --streams 256 --tokens 400` prints its address. Each
answer then comes at rate / streams tokens a second, all paced by one timer, until stdin ends; then it prints
how many it has sent.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Self

HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
)
END = b"0\r\n\r\n"
DONE = b"data: [DONE]\n\n"


class Cut(Enum):
    """Ends the connection in the middle."""

    CLOSE = "close"
    RESET = "reset"


Write = Callable[[bytes], None]
Step = bytes | Cut | Callable[[Write], Awaitable[None]]  # send, end, or do what the test wants
Answer = Sequence[Step]


@dataclass(frozen=True)
class Asked:
    """What a client sent."""

    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class SseServer:
    """`async with SseServer(answer) as server`: `answer` gives the steps for each request."""

    answer: Callable[[Asked], Answer]
    tls: ssl.SSLContext | None = None
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def open(self, port: int = 0) -> None:
        """Listen; `close` and `open` are a server that restarts."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, backlog=1024, ssl=self.tls)

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End all connections and stop listening."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def base_url(self) -> str:
        assert self._server is not None
        scheme = "https" if self.tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}/v1"

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while (asked := await read_request(reader)) is not None:
                self.asked.append(asked)
                for step in (MODELS,) if asked.path == "/v1/models" else self.answer(asked):
                    if isinstance(step, bytes):
                        writer.write(step)
                    elif isinstance(step, Cut):
                        writer.transport.abort() if step is Cut.RESET else writer.close()
                        return
                    else:
                        await step(writer.write)
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()


async def read_request(reader: asyncio.StreamReader) -> Asked | None:
    """The next request; None if the client has gone."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return Asked(first.split()[1], headers, json.loads(body) if body else None)


def chunk(data: bytes) -> bytes:
    """A chunk of HTTP's chunked encoding."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(body: object) -> bytes:
    """One event, with JSON as vLLM writes it."""
    return b"data: " + json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def completion(text: str, finish: str | None = None) -> bytes:
    """One event of a completion, with the fields of vLLM's."""
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish, "stop_reason": None}
    return event({**_head("text_completion"), "choices": [choice], "usage": None})


def chat(text: str | None, finish: str | None = None, **more: object) -> bytes:
    """One event of a chat, with the fields of vLLM's; None leaves the text out."""
    delta = {**({} if text is None else {"content": text}), **more}
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return event({**_head("chat.completion.chunk"), "choices": [choice]})


def usage(prompt: object, answer: object) -> bytes:
    """The last event, with the server's counts."""
    counts = {"prompt_tokens": prompt, "total_tokens": 0, "completion_tokens": answer}
    return event({**_head("text_completion"), "choices": [], "usage": counts})


def stream(*events: bytes) -> bytes:
    """A whole answer: each event a chunk of its own."""
    return HEAD + b"".join(map(chunk, events)) + END


def plain(status: int, body: object) -> bytes:
    """An answer in one piece."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "text/plain" if isinstance(body, bytes) else "application/json"
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(data)}\r\n\r\n"
    return head.encode() + data


def _head(kind: str) -> dict[str, object]:
    return {"id": "cmpl-5f0c3b7d2a", "object": kind, "created": 1767225600, "model": "small"}


MODELS = plain(200, {"object": "list", "data": [{"id": "small", "object": "model"}]})


# --- as a process: many streams at a pace -----------------------------------------------------------------


class Pacer:
    """Writes a token to each open stream at each tick; one timer for all."""

    def __init__(self, tokens_per_s_each: float, tokens: int) -> None:
        self._tick_s = 1 / tokens_per_s_each if tokens_per_s_each else 0.0
        self._tokens = tokens
        self._open: dict[asyncio.StreamWriter, tuple[int, asyncio.Event]] = {}
        self._token = {
            "/v1/completions": chunk(completion(" word")),
            "/v1/chat/completions": chunk(chat(" word")),
        }
        self._paths: dict[asyncio.StreamWriter, str] = {}
        self.sent = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        while (asked := await read_request(reader)) is not None:
            if asked.path not in self._token:
                is_list = asked.path == "/v1/models"
                writer.write(MODELS if is_list else plain(404, {"detail": "Not Found"}))
                continue
            over = asyncio.Event()
            tokens = min(self._tokens, asked.body.get("max_tokens") or self._tokens)
            writer.write(HEAD)
            self._paths[writer] = asked.path
            self._open[writer] = (tokens, over)
            await over.wait()
        writer.close()

    async def run(self) -> None:
        """Tick for ever, catching up after a late tick."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            for writer, (left, over) in list(self._open.items()):
                if writer.is_closing():
                    self._end(writer, over)
                    continue
                writer.write(self._token[self._paths[writer]])
                self.sent += 1
                if left > 1:
                    self._open[writer] = (left - 1, over)
                    continue
                finish = (
                    completion("", "length")
                    if self._paths[writer] == "/v1/completions"
                    else chat("", "length")
                )
                writer.write(chunk(finish) + chunk(usage(8, self._tokens)) + chunk(DONE) + END)
                self._end(writer, over)
            due_s += self._tick_s
            await asyncio.sleep(max(0.0, due_s - loop.time()))

    def _end(self, writer: asyncio.StreamWriter, over: asyncio.Event) -> None:
        del self._open[writer], self._paths[writer]
        over.set()


async def main() -> None:
    """Serve until stdin ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, default=20_000.0, help="tokens a second of all streams")
    parser.add_argument("--streams", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=400)
    options = parser.parse_args()
    pacer = Pacer(options.rate / options.streams, options.tokens)
    server = await asyncio.start_server(pacer.serve, "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    ticking = asyncio.ensure_future(pacer.run())
    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), lambda: sys.stdin.read(1) or over.set())
    await over.wait()
    ticking.cancel()
    server.close()
    print(pacer.sent, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
