"""Measures one streamed answer on a clock that is handed in."""

from __future__ import annotations

import time
from collections.abc import Callable

from arcdesk.core.chat import AnswerStats


class LatencyMeter:
    """Turns moments into AnswerStats. `clock` counts seconds and never steps (time.monotonic's kind)."""

    __slots__ = (
        "_clock",
        "_connected",
        "_first",
        "_last",
        "_parsed_s",
        "_read_at",
        "_sent",
        "_via",
        "chunks",
    )

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._sent = clock()
        self._first: float | None = None
        self._last: float | None = None
        self._connected: float | None = None
        self._via = ""
        self._read_at: float | None = None  # while one read of the stream is being taken apart
        self._parsed_s: float | None = None
        self.chunks = 0

    def sent(self) -> None:
        """The request leaves now."""
        self._sent = self._clock()

    def connected(self, at: float | None, via: str = "") -> None:
        """The connection stood `at` (by the same clock; None: nobody saw it), through a proxy `via`."""
        self._connected = at
        self._via = via

    def read_begins(self) -> None:
        """Bytes have arrived: the chunks in them are of this moment, whenever they are found."""
        self._read_at = self._clock()

    def read_ends(self) -> None:
        """All that was in them is read and handed on."""
        if self._read_at is not None:
            self._parsed_s = (self._parsed_s or 0.0) + self._clock() - self._read_at
            self._read_at = None

    def chunk(self) -> None:
        """A chunk with text has arrived: a thought or a word."""
        now = self._clock() if self._read_at is None else self._read_at
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
            ttft_ms=self._since_sent_ms(self._first),
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
            connect_ms=None if self._connected is None else max(0.0, self._connected - self._sent) * 1000,
            last_ms=self._since_sent_ms(self._last),
            parse_ms=None if self._parsed_s is None else self._parsed_s * 1000,
            via=self._via,
        )

    def _since_sent_ms(self, at: float | None) -> float | None:
        return None if at is None else (at - self._sent) * 1000

    def _decode_rate(self, completion_tokens: int | None) -> tuple[float | None, str]:
        if completion_tokens is None:
            return None, "The server sent no token count."
        if completion_tokens < 2 or self._first is None or self._last is None:
            return None, "A rate needs at least two tokens."
        span_s = self._last - self._first
        if span_s <= 0:
            return None, "All tokens came in one piece."
        return (completion_tokens - 1) / span_s, ""
