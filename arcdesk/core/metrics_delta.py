"""What happened between two samples of /metrics: counters' differences, histograms' means and quantiles."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from arcdesk.core.metrics_names import RULES, WANTED_NAMES, Fact, Found, Kind, metric_of, missing
from arcdesk.core.metrics_values import PROCESS_START, Histogram, Labels, MetricsSample, merged

RESTARTED = "The server has started anew since."
NOTHING_YET = "Nothing was counted in this time."
NO_BUCKETS = "The server sends no buckets for this."
_SLACK = 1e-9  # sums of floats go back by a rounding error now and then


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile in the histogram's unit. `is_at_least`: it lies above `value`, the highest bound."""

    value: float | None = None
    is_at_least: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Observed:
    """What a histogram took in between two samples; `histogram` is the difference, or None with a reason."""

    histogram: Histogram | None = None
    metric: str = ""
    reason: str = ""

    @property
    def count(self) -> float | None:
        """How many observations."""
        return None if self.histogram is None else self.histogram.observations

    @property
    def total(self) -> float | None:
        """Their sum: exact, whatever the buckets are."""
        return None if self.histogram is None else self.histogram.sum

    @property
    def mean(self) -> float | None:
        """Their mean: exact as well."""
        count, total = self.count, self.total
        return total / count if count and total is not None else None

    def quantile(self, share: float) -> Quantile:
        """The quantile at `share` (0..1), linear within its bucket; the lowest bucket begins at 0."""
        if self.histogram is None:
            return Quantile(reason=self.reason)
        if not self.histogram.buckets:
            return Quantile(reason=NO_BUCKETS)
        if not self.count:
            return Quantile(reason=NOTHING_YET)
        return _quantile(self.histogram.buckets, self.count * share)


def _quantile(buckets: tuple[tuple[float, float], ...], rank: float) -> Quantile:
    below, floor = 0.0, 0.0
    for bound, cumulative in buckets:
        if math.isinf(bound):
            break
        if cumulative >= rank and cumulative > below:
            return Quantile(floor + (bound - floor) * (rank - below) / (cumulative - below))
        below, floor = max(below, cumulative), bound
    if not floor:
        return Quantile(reason=NO_BUCKETS)
    return Quantile(floor, is_at_least=True)


def is_restarted(old: MetricsSample, new: MetricsSample) -> bool:
    """The server began anew between the samples: its process did, or something counted went back."""
    began = [sample.values.get(PROCESS_START, {}) for sample in (old, new)]
    if began[0] and began[1] and set(began[0].values()).isdisjoint(began[1].values()):
        return True
    if _is_another(old, new):
        return True
    return any(_went_back(name, old, new) for name in WANTED_NAMES & old.names & new.names)


def counted_series(sample: MetricsSample) -> set[tuple[str, Labels]]:
    """All series of counters and histograms in this sample."""
    counters = {(name, labels) for name in _COUNTERS & sample.values.keys() for labels in sample.values[name]}
    return counters | {(name, labels) for name, each in sample.histograms.items() for labels in each}


def _is_another(old: MetricsSample, new: MetricsSample) -> bool:
    """Not one series is in both: another server, or another model, answers at this address."""
    before, after = counted_series(old), counted_series(new)
    return bool(before and after) and before.isdisjoint(after)


def _went_back(name: str, old: MetricsSample, new: MetricsSample) -> bool:
    if name in old.histograms and name in new.histograms:
        before, after = old.histograms[name], new.histograms[name]
        return any(
            (after[labels].observations or 0) < (one.observations or 0)
            for labels, one in before.items()
            if labels in after
        )
    if name not in _COUNTERS or name not in old.values or name not in new.values:
        return False
    latest = new.values[name]
    return any(latest[labels] < value for labels, value in old.values[name].items() if labels in latest)


_COUNTERS = frozenset(name for rule in RULES.values() if rule.kind is Kind.COUNTER for name in rule.names)


class MetricsDelta:
    """Two samples of one server, compared. After a restart all that was counted in between is unknown."""

    def __init__(self, old: MetricsSample, new: MetricsSample) -> None:
        self.old = old
        self.new = new
        self.seconds = new.at - old.at
        self.is_restarted = is_restarted(old, new)

    def counted(self, fact: Fact) -> Found:
        """By how much a counter grew, all engines and labels together."""
        metric = metric_of(fact, self.new)
        if not metric:
            return Found(reason=missing(fact, self.new))
        if self.is_restarted:
            return Found(metric=metric, reason=RESTARTED)
        grown = _grown(self.old.values.get(metric, {}), self.new.values[metric])
        if not math.isfinite(grown):
            return Found(metric=metric, reason="The server sent no number.")
        return Found(grown, metric)

    def rate(self, fact: Fact) -> Found:
        """A counter's growth per second."""
        found = self.counted(fact)
        if found.value is None:
            return found
        if self.seconds <= 0:
            return replace(found, value=None, reason="The clock did not move.")
        return replace(found, value=found.value / self.seconds)

    def observed(self, fact: Fact) -> Observed:
        """What a histogram took in, all engines and labels together."""
        metric = metric_of(fact, self.new)
        if not metric:
            return Observed(reason=missing(fact, self.new))
        if self.is_restarted:
            return Observed(metric=metric, reason=RESTARTED)
        before = self.old.histograms.get(metric, {})
        after = self.new.histograms[metric]
        return Observed(merged(_less(one, before.get(labels)) for labels, one in after.items()), metric)


def _grown(before: Mapping[Labels, float], after: Mapping[Labels, float]) -> float:
    """A series that was not there before began at 0; one that has gone adds nothing."""
    return math.fsum(value - before.get(labels, 0.0) for labels, value in after.items())


def _less(new: Histogram, old: Histogram | None) -> Histogram:
    if old is None:
        return new
    before = dict(old.buckets)
    return Histogram(
        buckets=tuple(_rising((bound, count - before.get(bound, 0.0)) for bound, count in new.buckets)),
        sum=_minus(new.sum, old.sum),
        count=_minus(new.count, old.count),
    )


def _rising(buckets: Iterable[tuple[float, float]]) -> Iterable[tuple[float, float]]:
    """Cumulative counts never fall; a page that was written while it counted may say so all the same."""
    highest = 0.0
    for bound, count in buckets:
        highest = max(highest, count)
        yield bound, highest


def _minus(new: float | None, old: float | None) -> float | None:
    if new is None or old is None:
        return None
    return 0.0 if -_SLACK < new - old < 0 else new - old
