"""Figures of our own answers in a sliding window, from the moments at which their pieces arrived."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from arcdesk.core.chat import AnswerStats
from arcdesk.core.live_stats import LiveFigure, LiveKey

WINDOW_S = 60.0
NOW_S = 2.0
KEPT_GAPS = 10_000  # sorting them takes milliseconds; n tells how many there were
RATIO_ANSWERS = 20
SEVERAL = 1.1  # tokens a piece; above, gaps are no longer those between tokens

NO_ANSWER = "No answer came in the last minute."
NONE_NOW = "No answer is on its way."
NONE_ENDED = "No answer ended in the last minute."
ONE_PIECE = "A rate needs at least two pieces."
NO_COUNT = "The server sent no token count."


class _Gap(NamedTuple):
    at: float  # when the later piece came
    gap_s: float  # how long after the one before


class _Ended(NamedTuple):
    at: float
    ttft_ms: float | None
    prompt_tokens: int | None


class _Answer:
    """One answer on its way. `fresh` are the moments that nobody has looked at yet."""

    __slots__ = ("first", "fresh", "last", "last_gap_s")

    def __init__(self) -> None:
        self.fresh: list[float] = []
        self.first: float | None = None
        self.last: float = 0.0
        self.last_gap_s = 0.0

    @property
    def has_text(self) -> bool:
        return bool(self.fresh) or self.first is not None


class OurWindow:
    """Takes one append per piece; everything else is worked out when somebody looks.

    `clock` is the monotonic clock of the arrivals. A key names an answer.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[int, _Answer] = {}
        self._gaps: deque[_Gap] = deque(maxlen=KEPT_GAPS)
        self._spans: deque[tuple[float, float]] = deque(maxlen=KEPT_GAPS)  # first to last piece
        self._ended: deque[_Ended] = deque(maxlen=KEPT_GAPS)
        self._sizes: deque[tuple[int, int]] = deque(maxlen=RATIO_ANSWERS)  # tokens with text, pieces

    # what happens

    def begin(self, key: int) -> None:
        """An answer was asked for."""
        self._open.setdefault(key, _Answer())

    def piece(self, key: int) -> None:
        """A piece with text has arrived. Called once a token."""
        answer = self._open.get(key)
        if answer is None:
            answer = self._open[key] = _Answer()
        answer.fresh.append(self._clock())

    def end(self, key: int, stats: AnswerStats | None) -> bool:
        """The answer is over, whatever became of it; its figures are those of the end.

        Returns whether it was open till now.
        """
        answer = self._open.pop(key, None)
        if answer is None:
            return False
        self._fold(answer)
        if answer.first is not None:
            self._spans.append((answer.first, answer.last))
        if stats is not None:
            self._ended.append(_Ended(self._clock(), stats.ttft_ms, stats.prompt_tokens))
            if stats.completion_tokens and stats.chunks:
                # One that was cut by its length has no end token: each of its tokens has text.
                ends = stats.finish_reason != "length"
                self._sizes.append((stats.completion_tokens - ends, stats.chunks))
        return True

    def has_text(self, key: int) -> bool:
        """Pieces of this answer have come, and more may."""
        answer = self._open.get(key)
        return answer is not None and answer.has_text

    def forget_sizes(self) -> None:
        """Another engine: how many tokens its pieces hold is not known yet."""
        self._sizes.clear()

    # what somebody sees

    @property
    def is_streaming(self) -> bool:
        """Pieces of an answer have come, and more may."""
        return any(answer.has_text for answer in self._open.values())

    def figures(self) -> dict[LiveKey, LiveFigure]:
        """All figures of ours, now."""
        now = self._clock()
        for answer in self._open.values():
            self._fold(answer)
        self._forget(now - WINDOW_S)
        p50, p95, p99 = self._percentiles(now - WINDOW_S)
        ttft_p50, ttft_p95, ttft_p99 = self._ttft()
        return {
            LiveKey.OUR_TOKENS_PER_S: self._rate(now, NOW_S, NONE_NOW),
            LiveKey.OUR_TOKENS_PER_S_MINUTE: self._rate(now, WINDOW_S, NO_ANSWER),
            LiveKey.OUR_PROMPT_TOKENS_PER_S: self._prompt_rate(),
            LiveKey.OUR_TTFT_P50_MS: ttft_p50,
            LiveKey.OUR_TTFT_P95_MS: ttft_p95,
            LiveKey.OUR_TTFT_P99_MS: ttft_p99,
            LiveKey.OUR_ITL_P50_MS: p50,
            LiveKey.OUR_ITL_P95_MS: p95,
            LiveKey.OUR_ITL_P99_MS: p99,
            LiveKey.OUR_RUNNING: LiveFigure(value=float(len(self._open))),
        }

    def _fold(self, answer: _Answer) -> None:
        """Turn the fresh moments into gaps; of very many, those that would be kept."""
        fresh = answer.fresh
        if len(fresh) > KEPT_GAPS:
            answer.first = fresh[0] if answer.first is None else answer.first
            answer.last = fresh[-KEPT_GAPS - 1]
            del fresh[:-KEPT_GAPS]
        for at in fresh:
            if answer.first is None:
                answer.first = at
            else:
                answer.last_gap_s = at - answer.last
                self._gaps.append(_Gap(at, answer.last_gap_s))
            answer.last = at
        fresh.clear()

    def _forget(self, before: float) -> None:
        # Gaps of several answers stand in the order in which they were looked at: nearly that of time.
        while self._gaps and self._gaps[0].at <= before:
            self._gaps.popleft()
        while self._spans and self._spans[0][1] <= before:
            self._spans.popleft()
        while self._ended and self._ended[0].at <= before:
            self._ended.popleft()

    def _rate(self, now: float, window_s: float, none: str) -> LiveFigure:
        """Tokens per second over the part of the window in which answers came."""
        start = now - window_s
        if len(self._gaps) == self._gaps.maxlen:  # more than is kept: the window is as long as that
            start = max(start, self._gaps[0].at - self._gaps[0].gap_s)
        spans = list(self._spans_since(start, now))
        if not spans:
            return LiveFigure(reason=none)
        busy_s = _union_s(spans)
        pieces = math.fsum(_share(gap, start) for gap in self._gaps if gap.at > start)
        if busy_s <= 0 or (not pieces and busy_s < NOW_S):
            return LiveFigure(reason=ONE_PIECE)
        ratio = self._tokens_per_piece
        return LiveFigure(value=pieces * (ratio or 1.0) / busy_s, n=round(pieces), is_estimate=ratio is None)

    def _spans_since(self, start: float, now: float) -> Iterable[tuple[float, float]]:
        for first, last in self._spans:
            if last > start:
                yield max(first, start), last
        for answer in self._open.values():
            if answer.first is None:
                continue
            # Between two pieces the clock runs on; a rate must not sink for that, but for a stall it must.
            is_stalled = now - answer.last > 2 * answer.last_gap_s
            end = now if is_stalled else answer.last
            if end > start:
                yield max(answer.first, start), end

    @property
    def _tokens_per_piece(self) -> float | None:
        """As the last answers' token counts tell; None before the first. Their end token has no piece."""
        if not self._sizes:
            return None
        tokens = sum(tokens for tokens, _ in self._sizes)
        return max(1.0, tokens / sum(pieces for _, pieces in self._sizes))

    def _percentiles(self, since: float) -> tuple[LiveFigure, LiveFigure, LiveFigure]:
        gaps = sorted(gap.gap_s for gap in self._gaps if gap.at > since)
        if not gaps:
            nothing = LiveFigure(n=0, reason=NO_ANSWER if not self._spans else ONE_PIECE)
            return nothing, nothing, nothing
        ratio = self._tokens_per_piece or 1.0
        note = f"Between pieces, which held {ratio:.1f} tokens each." if ratio > SEVERAL else ""
        p50, p95, p99 = (
            LiveFigure(value=percentile(gaps, share) * 1000, n=len(gaps), note=note)
            for share in (0.5, 0.95, 0.99)
        )
        return p50, p95, p99

    def _ttft(self) -> tuple[LiveFigure, LiveFigure, LiveFigure]:
        times = sorted(one.ttft_ms for one in self._ended if one.ttft_ms is not None)
        if not times:
            nothing = LiveFigure(n=0, reason=NONE_ENDED)
            return nothing, nothing, nothing
        shares = (0.5, 0.95, 0.99)
        p50, p95, p99 = (LiveFigure(value=percentile(times, share), n=len(times)) for share in shares)
        return p50, p95, p99

    def _prompt_rate(self) -> LiveFigure:
        known = [(one.prompt_tokens, one.ttft_ms) for one in self._ended if one.prompt_tokens and one.ttft_ms]
        if not known:
            why = NO_COUNT if self._ended else NONE_ENDED
            return LiveFigure(n=0, reason=why)
        seconds = math.fsum(ttft_ms for _, ttft_ms in known) / 1000
        return LiveFigure(
            value=sum(tokens for tokens, _ in known) / seconds,
            n=len(known),
            note="It counts the time in the queue as well.",
        )


def percentile(ordered: Sequence[float], share: float) -> float:
    """The percentile at `share` (0..1) of values in ascending order, linear between neighbours."""
    rank = (len(ordered) - 1) * share
    low = math.floor(rank)
    below, above = ordered[low], ordered[min(low + 1, len(ordered) - 1)]
    return below + (above - below) * (rank - low)


def _share(gap: _Gap, start: float) -> float:
    """How much of a piece belongs to the window, if it was on its way when the window began."""
    return 1.0 if gap.at - gap.gap_s >= start or gap.gap_s <= 0 else (gap.at - start) / gap.gap_s


def _union_s(spans: list[tuple[float, float]]) -> float:
    """Seconds that at least one of the spans covers."""
    total, reached = 0.0, -math.inf
    for first, last in sorted(spans):
        if last > reached:
            total += last - max(first, reached)
            reached = last
    return total
