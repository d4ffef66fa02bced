"""Measures one streamed answer on a clock that is handed in."""

from __future__ import annotations

import time
from collections.abc import Callable

from arcdesk.core.chat import AnswerStats


class LatencyMeter:
    """Turns moments into AnswerStats. `clock` counts seconds and never steps (time.monotonic's kind)."""

    __slots__ = ("_clock", "_first", "_last", "_sent", "chunks")

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._sent = clock()
        self._first: float | None = None
        self._last: float | None = None
        self.chunks = 0

    def sent(self) -> None:
        """The request leaves now."""
        self._sent = self._clock()

    def chunk(self) -> None:
        """A chunk with text has arrived: a thought or a word."""
        now = self._clock()
        if self._first is None:
            self._first = now
        self._last = now
        self.chunks += 1

    def stats(
        self,
        *,
        prompt_tokens: int | None = None,
        completion_tokens: int | None = None,
        finish_reason: str | None = None,
        model: str | None = None,
        device: str | None = None,
        engine: str | None = None,
    ) -> AnswerStats:
        """The figures so far. What can't be known is None, with the reason."""
        rate, reason = self._decode_rate(completion_tokens)
        return AnswerStats(
            ttft_ms=None if self._first is None else (self._first - self._sent) * 1000,
            decode_tokens_per_s=rate,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            total_ms=(self._clock() - self._sent) * 1000,
            chunks=self.chunks,
            finish_reason=finish_reason,
            model=model,
            device=device,
            engine=engine,
            reason_unknown=reason,
        )

    def _decode_rate(self, completion_tokens: int | None) -> tuple[float | None, str]:
        if completion_tokens is None:
            return None, "The server sent no token count."
        if completion_tokens < 2 or self._first is None or self._last is None:
            return None, "A rate needs at least two tokens."
        span_s = self._last - self._first
        if span_s <= 0:
            return None, "All tokens came in one piece."
        return (completion_tokens - 1) / span_s, ""
