"""A server of completions and chats whose answers come at a pace that falls with the crowd, as a card's does.

As a process: `python -m tests.rig.paced_server` prints its address and serves until stdin ends.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from tests.rig.fast_sse import DONE, END, HEAD, Asked, chat, chunk, completion, plain, read_request, usage

MODEL = "small"
CHARS_PER_TOKEN = 4


@dataclass
class PacedServer:
    """`async with PacedServer() as server`. Times are of one request alone; each other one adds `crowding`.

    It cuts and counts tokens (of four letters), tells its context, and may `refuse` a request by status.
    """

    first_s: float = 0.002
    token_s: float = 0.001
    crowding: float = 0.0  # of a request's own time, for each other one under way
    context: int | None = 4096
    model: str = MODEL
    refuse: Callable[[Asked], int | None] = lambda _: None
    asked: list[Asked] = field(default_factory=list)
    answering: int = 0
    most_at_once: int = 0
    hold: asyncio.Event | None = None  # while it is there and not set, no answer goes on
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Die: all connections end, nobody listens."""
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

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while (asked := await read_request(reader)) is not None:
                self.asked.append(asked)
                if (status := self.refuse(asked)) is not None:
                    writer.write(plain(status, {"error": {"message": "refused by the test"}}))
                elif asked.body and asked.body.get("stream"):
                    await self._stream(asked, writer)
                else:
                    writer.write(self._plain(asked))
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    def _plain(self, asked: Asked) -> bytes:
        body: dict[str, Any] = asked.body or {}
        match asked.path:
            case "/health":
                return plain(200, b"")
            case "/v1/models":
                line = {"id": self.model, "object": "model", "max_model_len": self.context}
                return plain(200, {"object": "list", "data": [line]})
            case "/tokenize":
                text = str(body.get("prompt", ""))
                return plain(200, {"tokens": list(range(len(text) // CHARS_PER_TOKEN))})
            case "/detokenize":
                return plain(200, {"prompt": "word" * len(body["tokens"])})
            case "/v1/chat/completions":
                message = {"role": "assistant", "content": "word"}
                return plain(200, {"choices": [{"index": 0, "message": message, "finish_reason": "length"}]})
        return plain(404, {"detail": "Not Found"})

    async def _stream(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        is_chat = "chat" in asked.path
        say = chat if is_chat else completion
        tokens = asked.body["max_tokens"]
        prompt = asked.body["messages"][-1]["content"] if is_chat else asked.body["prompt"]
        self.answering += 1
        self.most_at_once = max(self.most_at_once, self.answering)
        try:
            writer.write(HEAD)
            await self._wait(self.first_s)
            for number in range(tokens):
                if number:
                    await self._wait(self.token_s)
                writer.write(chunk(say(" word")))
            counts = usage(len(str(prompt)) // CHARS_PER_TOKEN, tokens)
            writer.write(chunk(say("", "length")) + chunk(counts) + chunk(DONE) + END)
        finally:
            self.answering -= 1

    async def _wait(self, seconds: float) -> None:
        if self.hold is not None:
            await self.hold.wait()
        await asyncio.sleep(seconds * (1 + self.crowding * (self.answering - 1)))


async def main() -> None:
    """Serve at the pace of a small model on a small card until stdin ends."""
    over = asyncio.Event()
    async with PacedServer(first_s=0.035, token_s=0.007, crowding=0.12) as server:
        print(server.base_url, flush=True)
        loop = asyncio.get_running_loop()
        loop.add_reader(sys.stdin.fileno(), over.set)  # it is readable when it ends
        await over.wait()


if __name__ == "__main__":
    asyncio.run(main())
