"""Points of a benchmark's plots: figures against concurrency, throughput over time, one answer's arrivals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from arcdesk.core.bench import BenchStep, RequestRecord
from arcdesk.core.bench_figures import Spread, Total
from arcdesk.core.bench_stats import StepStats, tokens_of

MOST_BUCKETS = 2000
_MS = 1000.0


class Latency(Enum):
    """Which latency is drawn; the value is its field in StepStats."""

    TTFT = "ttft_ms"
    TPOT = "tpot_ms"
    ITL = "itl_ms"
    E2E = "e2e_ms"


class Throughput(Enum):
    """Which rate is drawn; the value is its field in StepStats."""

    REQUESTS = "requests_per_s"
    OUTPUT_TOKENS = "output_tokens_per_s"
    TOTAL_TOKENS = "total_tokens_per_s"
    GOODPUT = "goodput_per_s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """`y` None is unknown: the line has a gap there, and `reason` says why.

    `low` and `high` are the ends of a band around it, where one was asked for.
    """

    x: float
    y: float | None
    n: int
    reason: str = ""
    concurrency: int = 0  # of the step that it belongs to; 0: it is of no single step
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """One answer, in ms since the request was sent. Unknown moments are None.

    `arrivals_ms` has a time for each event with text. `tokens_each` is the server's count divided by the
    events (None: not counted): 1.0 means that each arrival is one token.
    """

    connected_ms: float | None = None
    arrivals_ms: tuple[float, ...] = ()
    ended_ms: float | None = None
    tokens_each: float | None = None
    longest_gap_ms: float | None = None
    longest_gap_at: int | None = None  # the arrival that ended it, counted from 0

    @property
    def is_exact(self) -> bool:
        """Each arrival is one token."""
        return self.tokens_each == 1.0


def latency_series(
    steps: Iterable[StepStats], kind: Latency, percentile: int = 50, up_to: int | None = None
) -> tuple[Point, ...]:
    """A percentile (50, 90, 95 or 99), in ms, against concurrency; in the order of concurrency.

    `up_to`: another percentile, at which a band ends that begins at the first.
    """
    points = []
    for step in _ordered(steps):
        spread: Spread = getattr(step, kind.value)
        value = spread.at(percentile)
        points.append(
            Point(
                x=step.concurrency,
                y=value,
                n=spread.n,
                reason="" if spread.is_known else spread.reason,
                concurrency=step.concurrency,
                low=None if up_to is None else value,
                high=None if up_to is None else spread.at(up_to),
            )
        )
    return tuple(points)


def throughput_series(steps: Iterable[StepStats], kind: Throughput) -> tuple[Point, ...]:
    """A rate per second against concurrency; in the order of concurrency."""
    points = []
    for step in _ordered(steps):
        total: Total = getattr(step, kind.value)
        point = Point(
            x=step.concurrency,
            y=total.value,
            n=total.n,
            reason=total.reason,
            concurrency=step.concurrency,
        )
        points.append(point)
    return tuple(points)


def trade_off(steps: Iterable[StepStats], kind: Latency, percentile: int = 50) -> tuple[Point, ...]:
    """Latency in ms (y) against output tokens per second (x): after its knee, streams only wait.

    Steps of which one of both is unknown are left out.
    """
    points = []
    for step in _ordered(steps):
        spread: Spread = getattr(step, kind.value)
        rate, latency = step.output_tokens_per_s.value, spread.at(percentile)
        if rate is not None and latency is not None:
            points.append(Point(x=rate, y=latency, n=spread.n, concurrency=step.concurrency))
    return tuple(points)


def throughput_over_time(step: BenchStep, bucket_s: float = 1.0) -> tuple[Point, ...]:
    """Output tokens per second in buckets of about `bucket_s` (x: the middle, in seconds; n: arrivals in it).

    An answer's tokens are spread evenly over its arrivals. All y are None if one has no token count. Failed
    requests have no part. The buckets are of one width, so that a short last one can't show a false peak.
    """
    end_s = max(step.duration_s, *(record.events_s[-1] for record in step.records if record.events_s), 0.0)
    if end_s <= 0:
        return ()
    amount = max(1, min(MOST_BUCKETS, round(end_s / bucket_s)))
    width_s = end_s / amount
    tokens, arrivals, is_counted = [0.0] * amount, [0] * amount, True
    for record in step.records:
        if not record.is_good or not record.events_s:
            continue
        counted = tokens_of(record)
        is_counted = is_counted and counted is not None
        each = (counted or 0) / len(record.events_s)
        for at in record.events_s:
            index = min(max(int(at / width_s), 0), amount - 1)
            tokens[index] += each
            arrivals[index] += 1
    reason = "" if is_counted else "The server sent no token count for some answers."
    return tuple(
        Point(
            x=(index + 0.5) * width_s,
            y=tokens[index] / width_s if is_counted else None,
            n=arrivals[index],
            reason=reason,
        )
        for index in range(amount)
    )


def token_timeline(record: RequestRecord) -> Timeline:
    """When the text of one answer came."""
    arrivals = tuple((at - record.sent_s) * _MS for at in record.events_s)
    tokens = tokens_of(record)
    gap, at = _longest_gap(arrivals)
    return Timeline(
        connected_ms=_since(record, record.connected_s),
        arrivals_ms=arrivals,
        ended_ms=_since(record, record.ended_s),
        tokens_each=None if tokens is None or not arrivals else tokens / len(arrivals),
        longest_gap_ms=gap,
        longest_gap_at=at,
    )


def typical_record(step: BenchStep) -> RequestRecord | None:
    """The good request whose end to end time is in the middle (of two, the faster one): worth a timeline."""
    good = [
        (record.ended_s - record.sent_s, index, record)
        for index, record in enumerate(step.records)
        if record.is_good and record.ended_s is not None and record.events_s
    ]
    good.sort(key=lambda each: each[:2])
    return good[(len(good) - 1) // 2][2] if good else None


def thinned(timeline: Timeline, most: int) -> tuple[tuple[float, int], ...]:
    """(ms, arrivals so far) for a plot that is `most` points wide, at least 4: no gap is lost by it.

    Of the arrivals that fall into one slot of time, the first and the last stay.
    """
    arrivals = timeline.arrivals_ms
    points = [(at, index + 1) for index, at in enumerate(arrivals)]
    if len(points) <= most:
        return tuple(points)
    width = (arrivals[-1] - arrivals[0]) / max(1, most // 2)
    kept: list[tuple[float, int]] = []
    slot = -1
    for point in points:
        this = min(int((point[0] - arrivals[0]) / width), most // 2 - 1) if width > 0 else 0
        if this != slot:
            kept += [point, point]
            slot = this
        else:
            kept[-1] = point
    return tuple(dict.fromkeys(kept))


def _ordered(steps: Iterable[StepStats]) -> list[StepStats]:
    return sorted(steps, key=lambda step: step.concurrency)


def _longest_gap(arrivals: Sequence[float]) -> tuple[float | None, int | None]:
    gaps = [later - earlier for earlier, later in pairwise(arrivals)]
    if not gaps:
        return None, None
    longest = max(gaps)
    return longest, gaps.index(longest) + 1


def _since(record: RequestRecord, moment_s: float | None) -> float | None:
    return None if moment_s is None else (moment_s - record.sent_s) * _MS
