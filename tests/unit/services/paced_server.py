"""A server that streams numbers at a known rate, for ever, and notes when each was sent."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.openai_server import STREAM_HEAD, OpenAIServer, chunked, delta, event


@dataclass
class PacedServer(OpenAIServer):
    """Token i is the text 'i '. `sent_at` has the monotonic second at which it was handed to the system."""

    pause_s: float = 0.005
    sent_at: list[float] = field(default_factory=list)

    async def _stream(self, body: Any, prompt_tokens: int, count: int, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        while True:
            writer.write(chunked(event(delta(content=f"{len(self.sent_at)} "))))
            await writer.drain()
            self.sent_at.append(time.monotonic())
            await asyncio.sleep(self.pause_s)

    async def until_sent(self, count: int, *, patience_s: float) -> None:
        """Wait until so many numbers have left."""
        async with asyncio.timeout(patience_s):
            while len(self.sent_at) < count:
                await asyncio.sleep(self.pause_s)
