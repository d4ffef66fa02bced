"""All that a benchmark's results show, worked out once and off the window's thread."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from arcdesk.core.bench import BenchRun, BenchStep
from arcdesk.core.bench_report_words import joules_per_token
from arcdesk.core.bench_series import (
    Point,
    Timeline,
    thinned,
    throughput_over_time,
    token_timeline,
    typical_record,
)
from arcdesk.core.bench_stats import StepStats, gaps_ms, step_stats, ttft_ms
from arcdesk.core.fair_sort import sorted_fairly

MOST_POINTS = 300  # of a line; a plot is hardly wider
MOST_BUCKETS = 120
_TAIL = 40  # of the largest values each stays: a distribution is read at its end


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """How values are spread: (value in ms, how many of 100 are not larger). Empty where there is none."""

    points: tuple[tuple[float, float], ...] = ()
    n: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepShown:
    """One concurrency. `arrivals` are (ms, arrivals so far) of the typical answer, thinned for a plot."""

    source: BenchStep
    stats: StepStats
    ttft: Distribution
    itl: Distribution
    timeline: Timeline | None  # of the answer in the middle; None: none had text
    arrivals: tuple[tuple[float, int], ...]
    over_time: tuple[Point, ...]
    bucket_s: float  # of a point in `over_time`


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchShown:
    """A run with everything that its tables and plots need; steps in the order of the run."""

    run: BenchRun
    steps: tuple[StepShown, ...]
    joules_per_token: float | None
    is_under_way: bool = False  # more steps are to come, and what the cards did

    @property
    def stats(self) -> tuple[StepStats, ...]:
        """Of each step."""
        return tuple(step.stats for step in self.steps)

    @property
    def has_answers(self) -> bool:
        """At least one request was answered: there is something to show."""
        return any(step.stats.good for step in self.steps)


def shown_of(run: BenchRun, before: BenchShown | None = None, *, is_under_way: bool = False) -> BenchShown:
    """Everything to show of a run. Call it in a thread: 512 answers of 1,024 tokens take about a second.

    `before`: what was made of the same run when it had fewer steps; those are not worked out again.
    """
    known = (
        {} if before is None or before.run.plan != run.plan else {id(one.source): one for one in before.steps}
    )
    steps = tuple(known.get(id(step)) or _step(step, run) for step in run.steps)
    stats = tuple(step.stats for step in steps)
    return BenchShown(
        run=run, steps=steps, joules_per_token=joules_per_token(run, stats), is_under_way=is_under_way
    )


def _step(step: BenchStep, run: BenchRun) -> StepShown:
    good = [record for record in step.records if record.is_good]
    typical = typical_record(step)
    timeline = None if typical is None else token_timeline(typical)
    bucket_s = max(step.duration_s / MOST_BUCKETS, _round_bucket_s(step.duration_s))
    return StepShown(
        source=step,
        stats=step_stats(step, run.plan),
        ttft=distribution(ms for record in good if (ms := ttft_ms(record)) is not None),
        itl=distribution(gap for record in good for gap in gaps_ms(record)),
        timeline=timeline,
        arrivals=() if timeline is None else thinned(timeline, MOST_POINTS),
        over_time=throughput_over_time(step, bucket_s),
        bucket_s=bucket_s,
    )


def _round_bucket_s(duration_s: float) -> float:
    """A second; of a short step a part of one, so that there is a line at all."""
    return 1.0 if duration_s >= 20 else 0.25 if duration_s >= 4 else 0.1


def distribution(values: Iterable[float]) -> Distribution:
    """The values' shares, thinned to what a plot can show; each of the largest stays."""
    ordered = sorted_fairly(values)
    if not ordered:
        return Distribution()
    ranks = _ranks(len(ordered))
    points = [(ordered[rank], 100 * (rank + 1) / len(ordered)) for rank in ranks]
    return Distribution(points=tuple(points), n=len(ordered))


def _ranks(n: int) -> Sequence[int]:
    if n <= MOST_POINTS:
        return range(n)
    body, most = n - _TAIL, MOST_POINTS - _TAIL
    return [*(round(number * (body - 1) / (most - 1)) for number in range(most)), *range(body, n)]
