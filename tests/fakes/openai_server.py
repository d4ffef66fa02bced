"""A small OpenAI-compatible server on a real socket, which also answers as badly as a test wants.

Left alone it streams a fixed answer, knows keys and models and refuses long conversations, in the words of
vLLM 0.8. `script` replaces its next answer to a chat by raw steps, so that any bytes can be sent, cut
anywhere, late, or never.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Self

ANSWER = ("The", " capital", " of", " France", " is", " Paris", ".")
CONTEXT_TOKENS = 2048
MODEL = "tinyllama"


class Cut(Enum):
    """Ways to end a connection."""

    CLOSE = "close"  # FIN: a server that ends
    RESET = "reset"  # RST: a server that is killed


Step = bytes | float | asyncio.Event | Cut  # send, wait (s), wait until set, end the connection


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class OpenAIServer:
    """`async with OpenAIServer() as server`, then ask `server.base_url`."""

    api_key: str | None = None
    health_status: int = 200
    has_health: bool = True
    token_delay_s: float = 0.0
    requests: list[Request] = field(default_factory=list)
    chats_in_progress: int = 0
    chats_given_up: int = 0  # the client closed the connection before the end
    connections: int = 0
    _scripts: deque[Sequence[Step]] = field(default_factory=deque)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def base_url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    @property
    def open_connections(self) -> int:
        return len(self._tasks)

    def script(self, *steps: Step) -> None:
        """The next POST is answered by these steps; then the connection is closed."""
        self._scripts.append(steps)

    async def until(self, condition: Callable[[Self], bool], timeout_s: float = 5.0) -> None:
        """Wait until the server's counters fit; TimeoutError if they don't."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(lambda: condition(self))

    # --- connections ----------------------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while (request := await _read(reader)) is not None:
                self.requests.append(request)
                if not await self._respond(request, reader, writer):
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
            await self._count(0, 0)

    async def _respond(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answer one request; True if the connection stays open."""
        if request.method == "POST" and self._scripts:
            await self._watched(self._play(self._scripts.popleft(), writer), reader)
            return False
        if request.path == "/health" and self.has_health:
            writer.write(response(self.health_status, b""))
        elif request.path.startswith("/v1") and not self._lets_in(request):
            writer.write(json_response(401, {"error": "Unauthorized"}))
        elif request.path == "/v1/models":
            card = {"id": MODEL, "object": "model", "max_model_len": CONTEXT_TOKENS}
            writer.write(json_response(200, {"object": "list", "data": [card]}))
        elif request.path == "/v1/chat/completions":
            return await self._watched(self._chat(request.body, writer), reader)
        else:
            writer.write(json_response(404, {"detail": "Not Found"}))
        await writer.drain()
        return True

    def _lets_in(self, request: Request) -> bool:
        return self.api_key is None or request.headers.get("authorization") == f"Bearer {self.api_key}"

    async def _watched(self, work: Any, reader: asyncio.StreamReader) -> bool:
        """Do `work` until it is done (True) or the client closes the connection (False)."""
        answering = asyncio.ensure_future(work)
        hanging_up = asyncio.ensure_future(reader.read(1))
        await self._count(1, 0)
        try:
            await asyncio.wait((answering, hanging_up), return_when=asyncio.FIRST_COMPLETED)
            gave_up = not answering.done()
            if not gave_up:
                answering.result()
            return not gave_up
        finally:
            gave_up = not answering.done()
            for each in (answering, hanging_up):
                each.cancel()
            await asyncio.gather(answering, hanging_up, return_exceptions=True)
            await self._count(-1, int(gave_up))

    async def _count(self, in_progress: int, given_up: int) -> None:
        async with self._changed:
            self.chats_in_progress += in_progress
            self.chats_given_up += given_up
            self._changed.notify_all()

    # --- answers --------------------------------------------------------------------------------------

    async def _play(self, steps: Sequence[Step], writer: asyncio.StreamWriter) -> None:
        for step in steps:
            match step:
                case bytes():
                    writer.write(step)
                    await writer.drain()
                    await asyncio.sleep(0.001)  # a packet of its own
                case asyncio.Event():
                    await step.wait()
                case Cut.CLOSE:
                    writer.close()
                case Cut.RESET:
                    sock = writer.get_extra_info("socket")
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    writer.transport.abort()
                case _:
                    await asyncio.sleep(step)

    async def _chat(self, body: Any, writer: asyncio.StreamWriter) -> None:
        prompt_tokens = sum(len(text_of(message["content"]).split()) for message in body["messages"])
        limit = body.get("max_tokens", len(ANSWER))
        if body["model"] != MODEL:
            text = f"The model `{body['model']}` does not exist."
            writer.write(json_response(404, vllm_error(text, "NotFoundError", 404)))
        elif prompt_tokens + limit > CONTEXT_TOKENS:
            text = too_long(prompt_tokens, limit)
            writer.write(json_response(400, vllm_error(text, "BadRequestError", 400)))
        elif body.get("stream"):
            await self._stream(body, prompt_tokens, min(limit, len(ANSWER)), writer)
        else:
            writer.write(json_response(200, completion(ANSWER[0], "length")))
        await writer.drain()

    async def _stream(self, body: Any, prompt_tokens: int, count: int, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        writer.write(chunked(event(delta(role="assistant", content=""))))
        for word in ANSWER[:count]:
            await asyncio.sleep(self.token_delay_s)
            writer.write(chunked(event(delta(content=word))))
            await writer.drain()
        finish = "stop" if count == len(ANSWER) else "length"
        writer.write(chunked(event(delta(finish, content=""))))
        if body.get("stream_options", {}).get("include_usage"):
            writer.write(chunked(event(usage(prompt_tokens, count))))
        writer.write(chunked(DONE) + LAST_CHUNK)


def text_of(content: Any) -> str:
    """The words of a message, which is plain text or a list of parts."""
    if isinstance(content, str):
        return content
    return " ".join(part["text"] for part in content if part["type"] == "text")


async def _read(reader: asyncio.StreamReader) -> Request | None:
    """The next request; None if the client has gone."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    except asyncio.IncompleteReadError:
        return None
    method, path, _ = first.split()
    return Request(method, path, headers, json.loads(body) if body else None)


# --- building blocks of answers ---------------------------------------------------------------------------

STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
)
LAST_CHUNK = b"0\r\n\r\n"
DONE = b"data: [DONE]\n\n"


def response(status: int, body: bytes, content_type: str = "text/plain", extra: str = "") -> bytes:
    """A whole HTTP answer."""
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}{extra}\r\n".encode() + body


def json_response(status: int, body: object) -> bytes:
    return response(status, json.dumps(body).encode(), "application/json")


def chunked(data: bytes) -> bytes:
    """A chunk of HTTP's chunked encoding."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(body: object) -> bytes:
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"


def delta(finish_reason: str | None = None, /, **fields: object) -> dict[str, object]:
    choice = {"index": 0, "delta": fields, "logprobs": None, "finish_reason": finish_reason}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": MODEL, "choices": [choice]}


def usage(prompt_tokens: int, completion_tokens: int) -> dict[str, object]:
    total = prompt_tokens + completion_tokens
    counts = {"prompt_tokens": prompt_tokens, "total_tokens": total, "completion_tokens": completion_tokens}
    return {"id": "chatcmpl-1", "model": MODEL, "choices": [], "usage": counts}


def completion(text: str, finish_reason: str) -> dict[str, object]:
    """An answer in one piece."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    return {"id": "chatcmpl-1", "object": "chat.completion", "model": MODEL, "choices": [choice]}


def vllm_error(message: str, kind: str, code: int) -> dict[str, object]:
    """An error as vLLM 0.8 words it: at the top level."""
    return {"object": "error", "message": message, "type": kind, "param": None, "code": code}


def too_long(prompt_tokens: int, answer_tokens: int) -> str:
    return (
        f"This model's maximum context length is {CONTEXT_TOKENS} tokens. However, you requested "
        f"{prompt_tokens + answer_tokens} tokens ({prompt_tokens} in the messages, {answer_tokens} in the "
        "completion). Please reduce the length of the messages or completion."
    )
