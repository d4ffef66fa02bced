"""A measured figure as a value: how it is spread over many requests, or why it is not known."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from arcdesk.core.fair_sort import sorted_fairly

PERCENTILES = (50, 90, 95, 99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """One figure over `n` values, in the unit that its name tells. All None when n is 0: `reason` says why.

    `reason` may also stand beside known values: then it says which requests have no part in them.
    """

    n: int = 0
    mean: float | None = None
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    reason: str = ""

    @property
    def is_known(self) -> bool:
        """There is at least one value."""
        return self.n > 0

    def at(self, percentile: int) -> float | None:
        """One of PERCENTILES."""
        return {50: self.p50, 90: self.p90, 95: self.p95, 99: self.p99}[percentile]


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """One figure of a whole step, over `n` requests. None is unknown (see `reason`); a 0 is measured."""

    value: float | None = None
    n: int = 0
    reason: str = ""


def spread(values: Iterable[float], reason_none: str = "", reason_some: str = "") -> Spread:
    """The values' mean and percentiles; `reason_none` if there are none, `reason_some` if there are."""
    ordered = sorted_fairly(values)
    if not ordered:
        return Spread(reason=reason_none)
    return Spread(
        n=len(ordered),
        mean=math.fsum(ordered) / len(ordered),
        p50=percentile_of(ordered, 50),
        p90=percentile_of(ordered, 90),
        p95=percentile_of(ordered, 95),
        p99=percentile_of(ordered, 99),
        reason=reason_some,
    )


def percentile_of(ordered: Sequence[float], percentile: float) -> float:
    """Of values in ascending order, at least one; between two ranks linearly, as numpy does by default."""
    rank = (len(ordered) - 1) * percentile / 100
    below = math.floor(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)


def mean_of(values: Sequence[float]) -> float | None:
    """None: there are none."""
    return math.fsum(values) / len(values) if values else None
