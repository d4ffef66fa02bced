"""A server of streamed answers that counts as vLLM does: known delays in, the same delays in its /metrics."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.rig.fast_sse import DONE, END, HEAD, Answer, Asked, SseServer, Write, chat, chunk, plain, usage
from tests.unit.core.metrics_rig import CountingServer

METRICS_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: %d\r\n\r\n"


@dataclass
class MeteredServer(SseServer):
    """Each answer waits in the queue, is prefilled, and then comes token by token, as the fields say.

    What it counts is what its own clock measured, except for what a test bends: `claims` is called with
    the measured (queue, prefill, gaps) and returns what is counted instead. `on_answer` is called at the
    moment of an answer's first token.
    """

    answer: Callable[[Asked], Answer] = field(init=False)
    queue_s: float = 0.02
    prefill_s: float = 0.06
    gaps_s: list[float] = field(default_factory=lambda: [0.01] * 10)
    tokens_per_chunk: int = 1
    is_held_back: bool = False  # something on the way keeps all pieces until the last
    has_usage: bool = True
    has_metrics: bool = True
    is_counting: bool = True
    counts_late_s: float = 0.0
    text: str = " word"
    claims: Callable[[float, float, list[float]], tuple[float, float, list[float]]] | None = None
    on_answer: Callable[[], None] = lambda: None
    counting: CountingServer = field(default_factory=CountingServer)
    looks: int = 0
    took_s: float = 0.0  # the last answer, from the question's arrival to its last token

    def __post_init__(self) -> None:
        self.answer = self._steps

    def _steps(self, asked: Asked) -> Answer:
        if asked.path == "/metrics":
            self.looks += 1
            if not self.has_metrics:
                return (plain(404, {"detail": "Not Found"}),)
            body = self.counting.text().encode()
            return (METRICS_HEAD % len(body) + body,)
        if asked.path == "/v1/chat/completions":
            return (self._answer,)
        return (plain(200, {}),)

    async def _answer(self, write: Write) -> None:
        began = time.perf_counter()
        await asyncio.sleep(self.queue_s)
        scheduled = time.perf_counter()
        await asyncio.sleep(self.prefill_s)
        first = last = time.perf_counter()
        self.on_answer()
        held: list[bytes] = []
        send = held.append if self.is_held_back else write
        write(HEAD)
        send(chunk(chat(self.text)))
        gaps: list[float] = []
        for start in range(0, len(self.gaps_s), self.tokens_per_chunk):
            together = self.gaps_s[start : start + self.tokens_per_chunk]
            await asyncio.sleep(sum(together))
            now = time.perf_counter()
            gaps += [(now - last) / len(together)] * len(together)
            last = now
            send(chunk(chat(self.text * len(together))))
        self.took_s = last - began
        self._count(scheduled - began, first - scheduled, gaps)
        send(chunk(chat("", "stop")))
        if self.has_usage:
            send(chunk(usage(8, len(gaps) + 1)))
        write(b"".join(held) + chunk(DONE) + END)

    def _count(self, queue_s: float, prefill_s: float, gaps: list[float]) -> None:
        if not self.is_counting:
            return
        if self.claims is not None:
            queue_s, prefill_s, gaps = self.claims(queue_s, prefill_s, gaps)

        def count() -> None:
            self.counting.finish(queue_s=queue_s, prefill_s=prefill_s, gaps_s=gaps)

        if self.counts_late_s:
            asyncio.get_running_loop().call_later(self.counts_late_s, count)
        else:
            count()
