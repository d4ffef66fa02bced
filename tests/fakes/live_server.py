"""A server that answers at a known pace and counts what it does on /metrics."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.openai_server import (
    DONE,
    LAST_CHUNK,
    STREAM_HEAD,
    OpenAIServer,
    chunked,
    delta,
    event,
    response,
    usage,
)
from tests.unit.core.metrics_rig import CountingServer

WORDS = ("The", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog,", "and", "drinks.")


@dataclass
class LiveServer(OpenAIServer):
    """An OpenAI-compatible server with /metrics: those of its own work, or a fixed page."""

    tokens: int = 24
    prefill_s: float = 0.02
    token_delay_s: float = 0.01
    page: str = ""  # instead of its own count
    has_metrics: bool = True
    counts: CountingServer = field(default_factory=CountingServer)
    gate: asyncio.Event | None = None  # an answer waits here after its first half

    @property
    def times_asked(self) -> int:
        """How often /metrics was read."""
        return sum(request.path == "/metrics" for request in self.requests)

    async def _respond(
        self, request: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        if request.path == "/metrics" and self.has_metrics:
            text = self.page or self.counts.text()
            writer.write(response(200, text.encode(), "text/plain; version=0.0.4"))
            await writer.drain()
            return True
        return await super()._respond(request, reader, writer)

    async def _stream(self, body: Any, prompt_tokens: int, count: int, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        counts = self.counts
        counts.running += 1
        counts.kv_use = 0.18 + 0.02 * counts.running
        counts.prompt_tokens += prompt_tokens
        counts.queries += prompt_tokens
        counts.hits += prompt_tokens // 2
        writer.write(STREAM_HEAD + chunked(event(delta(role="assistant", content=""))))
        began = loop.time()
        last = began
        gaps: list[float] = []
        try:
            await asyncio.sleep(self.prefill_s)
            for index in range(self.tokens):
                if self.gate is not None and index == self.tokens // 2:
                    await self.gate.wait()
                now = loop.time()
                gaps.append(now - last)
                last = now
                counts.generated += 1
                writer.write(chunked(event(delta(content=WORDS[index % len(WORDS)] + " "))))
                await writer.drain()
                await asyncio.sleep(self.token_delay_s)
        finally:
            counts.running -= 1
            counts.generated -= len(gaps)  # `finish` counts them all at once
            counts.finish(queue_s=0.0, prefill_s=gaps[0] if gaps else 0.0, gaps_s=gaps[1:], prompt_tokens=0)
        writer.write(chunked(event(delta("stop", content=""))))
        if body.get("stream_options", {}).get("include_usage"):
            writer.write(chunked(event(usage(prompt_tokens, self.tokens))))
        writer.write(chunked(DONE) + LAST_CHUNK)


@contextmanager
def live_server_aside(**wishes: Any) -> Iterator[LiveServer]:
    """The same in a thread, for a program that runs by itself."""
    loop = asyncio.new_event_loop()
    server = LiveServer(**wishes)
    ready = threading.Event()

    async def serve() -> None:
        async with server:
            loop.call_soon(ready.set)
            await ended.wait()

    ended = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), name="live-server")
    thread.start()
    try:
        assert ready.wait(10)
        yield server
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)
        loop.close()
