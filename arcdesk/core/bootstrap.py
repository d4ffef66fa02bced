"""The ratio of two medians with a bootstrap interval, drawn without resampling a single value."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

DRAWS = 1000
LEAST_VALUES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """after / before of the medians; the bounds are None with fewer than LEAST_VALUES on a side."""

    value: float
    low: float | None = None
    high: float | None = None


def median_ratio(
    before: Sequence[float], after: Sequence[float], *, confidence: float = 0.95, seed: int = 0
) -> Ratio | None:
    """None: a side has no values, or its median is zero. The same values and seed give the same bounds."""
    if not before or not after or not (base := median(before)):
        return None
    value = median(after) / base
    if min(len(before), len(after)) < LEAST_VALUES:
        return Ratio(value=value)
    rng = random.Random(seed)  # noqa: S311 - statistics, not secrets
    a, b = sorted(before), sorted(after)
    drawn = sorted(_resampled(rng, b) / low for _ in range(DRAWS) if (low := _resampled(rng, a)))
    if not drawn:
        return Ratio(value=value)
    cut = round(len(drawn) * (1 - confidence) / 2)
    return Ratio(value=value, low=min(value, drawn[cut]), high=max(value, drawn[-1 - cut]))


def _resampled(rng: random.Random, ordered: Sequence[float]) -> float:
    """The median of a resample of `ordered`, without making one.

    A resample picks n places by n uniform numbers; the k-th smallest of those is Beta(k, n - k + 1).
    """
    count = len(ordered)
    middle = (count + 1) // 2
    lower = rng.betavariate(middle, count - middle + 1)
    first = ordered[min(int(lower * count), count - 1)]
    if count % 2:
        return first
    # The next one: the least of the `count - middle` numbers above `lower`.
    upper = lower + (1 - lower) * (1 - rng.random() ** (1 / (count - middle)))
    return (first + ordered[min(int(upper * count), count - 1)]) / 2
