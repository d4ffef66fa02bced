"""A server's /metrics at one moment: values by name and labels, histograms as cumulative buckets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from arcdesk.core.ports import Endpoint

Labels = tuple[tuple[str, str], ...]  # sorted by name; without `le`

PROCESS_START = "process_start_time_seconds"  # Unix seconds; not every server tells it


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Observations counted into buckets. `buckets`: (upper bound, how many up to it), ascending.

    The last bound is infinity where the server sends it. `sum` and `count` are None where it does not.
    """

    buckets: tuple[tuple[float, float], ...] = ()
    sum: float | None = None
    count: float | None = None

    @property
    def observations(self) -> float | None:
        """How many were counted; None if neither the count nor the last bucket is there."""
        if self.count is not None:
            return self.count
        if self.buckets and math.isinf(self.buckets[-1][0]):
            return self.buckets[-1][1]
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSample:
    """What /metrics said. `at` is monotonic seconds, when the answer was here; values are as sent (NaN too).

    `skipped_lines` could not be read. `size_bytes` is the size of the text.
    """

    at: float
    values: Mapping[str, Mapping[Labels, float]] = field(default_factory=dict)
    histograms: Mapping[str, Mapping[Labels, Histogram]] = field(default_factory=dict)
    skipped_lines: int = 0
    size_bytes: int = 0

    @property
    def names(self) -> frozenset[str]:
        """All names that have a value."""
        return frozenset(self.values) | frozenset(self.histograms)


class MetricsSource(Protocol):
    """Where samples come from."""

    async def fetch(self, endpoint: Endpoint) -> MetricsSample:
        """One sample. Raises AnswerError; its cause says whether asking again makes sense: FINAL_CAUSES."""
        ...


NO_METRICS = "metrics_none"  # this server has no such page
METRICS_REFUSED = "metrics_refused"  # it wants another key
METRICS_UNREADABLE = "metrics_unreadable"  # a page, but no metrics
FINAL_CAUSES = frozenset({NO_METRICS, METRICS_REFUSED, METRICS_UNREADABLE})


def merged(histograms: Iterable[Histogram]) -> Histogram:
    """Several series of one metric as one: engines and models together.

    Buckets are summed where all series have the bound; a bound that one lacks says nothing of the whole.
    """
    each = tuple(histograms)
    if len(each) == 1:
        return each[0]
    bounds = set.intersection(*({bound for bound, _ in one.buckets} for one in each)) if each else set()
    totals = dict.fromkeys(sorted(bounds), 0.0)
    for one in each:
        for bound, count in one.buckets:
            if bound in totals:
                totals[bound] += count
    return Histogram(
        buckets=tuple(totals.items()),
        sum=_total(one.sum for one in each),
        count=_total(one.count for one in each),
    )


def _total(parts: Iterable[float | None]) -> float | None:
    known = list(parts)
    return None if not known or None in known else math.fsum(part for part in known if part is not None)
