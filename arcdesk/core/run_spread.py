"""What whole runs of the same thing differ by, and how likely a loss between runs is only that.

Two runs differ by more than their requests tell: another clock, another placement in memory, another start of
the engine. How much is not known beforehand, so each spread of `SPREADS` is taken for possible and weighed by
how well the runs at hand agree with it. With few runs the weights say little, and only a large loss counts;
each further run, before or after, makes the answer surer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from arcdesk.core.ranks import clumping

# Standard deviations of a run's level (logarithm), with the weight of each before any run was seen.
SPREADS = ((0.0, 1.0), (0.005, 1.0), (0.01, 1.0), (0.02, 1.0), (0.03, 1.0), (0.05, 2.0), (0.08, 2.0))
_LEAST_VARIANCE = 1e-6  # no two runs agree better than to 0.1 %, whatever their requests say


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLevel:
    """One run's mean logarithm, and the variance that its own requests give this mean."""

    mean: float
    variance: float


def levels(runs: Sequence[Sequence[float]]) -> list[RunLevel]:
    """Of logarithms, each run in the order sent; runs with fewer than two values are left out."""
    factor = clumping(runs)
    return [
        RunLevel(mean=fmean(run), variance=variance(run) * factor / len(run))
        for run in _without_extremes(runs)
        if len(run) > 1
    ]


def chance_of_none(before: Sequence[RunLevel], now: Sequence[RunLevel], *, sign: int) -> float:
    """How likely it is that nothing changed in the direction of `sign` (1: up), or that it went against it.

    It is 1 without a run on each side.
    """
    if not before or not now:
        return 1.0
    first, second = [one.mean for one in before], [one.mean for one in now]
    moved = sign * (fmean(second) - fmean(first))
    within = fmean(one.variance for one in (*before, *now))
    apart = _squares(first) + _squares(second)
    freedom = len(first) + len(second) - 2
    share = 1 / len(first) + 1 / len(second)
    logs, chances = [], []
    for spread, weight in SPREADS:
        square = max(_LEAST_VARIANCE, spread * spread + within)
        logs.append(math.log(weight) - freedom / 2 * math.log(square) - apart / (2 * square))
        chances.append(_below(-moved / math.sqrt(square * share)))
    most = max(logs)
    weights = [math.exp(each - most) for each in logs]
    return sum(a * b for a, b in zip(weights, chances, strict=True)) / sum(weights)


def _below(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))


def _squares(means: Sequence[float]) -> float:
    middle = fmean(means)
    return math.fsum((mean - middle) ** 2 for mean in means)


def _without_extremes(runs: Sequence[Sequence[float]]) -> list[list[float]]:
    """The runs with the farthest 5 % on each side drawn in: one stray request must not move a mean."""
    pool = sorted(value for run in runs for value in run)
    if not pool:
        return []
    low, high = pool[len(pool) // 20], pool[-1 - len(pool) // 20]
    return [[min(max(value, low), high) for value in run] for run in runs]
