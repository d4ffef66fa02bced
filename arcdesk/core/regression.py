"""Decides from the requests of earlier runs and of a new one whether something became slower.

Two gates must both open for SLOWER (or FASTER): Mann-Whitney with p < ALPHA, and an effect of at least
LEAST_EFFECT, more where earlier runs differed more among themselves. Neighbours that are alike count for less
(`clumping`).

With SUITE_REQUESTS a side, requests that differ by up to 8 % (standard deviation; outliers hardly matter,
since ranks decide) show a loss of 10 % in at least 95 of 100 suites, and noise alone raises fewer than one
alarm in 100. What whole runs of the same thing differ by shows in several runs only: with fewer than five
earlier ones alarms stay below one in 100 as long as that is 2 % or less (standard deviation), with five or
more whatever it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import fmean, variance

from arcdesk.core.ranks import clumping, rank_test, shift

ALPHA = 0.001  # one-sided, for each figure: a suite has several
LEAST_EFFECT = 0.07
SUITE_REQUESTS = 40
LEAST_VALUES = 8
CONFIDENCE = 0.95

# What whole runs differ by (standard deviation) is taken to be this, with the weight of so many runs, until
# five runs tell themselves.
_SPREAD_EXPECTED, _SPREAD_WEIGHT = 0.01, 3
# Student's t, one-sided 1 %, by degrees of freedom from 4; beyond the table the last one is careful enough.
_LEAST_FREEDOM = _SPREAD_WEIGHT + 1
_T_99 = (3.747, 3.365, 3.143, 2.998, 2.896, 2.821, 2.764)


class Verdict(Enum):
    """What the values carry."""

    SLOWER = "slower"
    FASTER = "faster"
    SAME = "same"  # the whole interval is nearer to no change than LEAST_EFFECT
    UNCLEAR = "unclear"  # too few values, or they differ too much among themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One figure, before and now. `change` is the ratio now / before less one: -0.18 is 18 % less."""

    verdict: Verdict
    change: float | None = None
    low: float | None = None  # the interval of `change`, CONFIDENCE
    high: float | None = None
    p: float | None = None  # of the direction in which it changed
    n_before: int = 0
    n_now: int = 0
    runs_before: int = 0
    least_effect: float = LEAST_EFFECT  # what was asked of the effect, more where earlier runs differed


def judge(before: Sequence[Sequence[float]], now: Sequence[float], *, is_rate: bool) -> Finding:
    """Compare the values of earlier runs (each in the order sent) with those of the new one.

    `is_rate`: more is better (tokens/s), else less is (ms). Only values above zero are comparable: others
    are left out.
    """
    logs = [found for run in before if (found := _logs(run))]
    fresh = _logs(now)
    pool = [value for run in logs for value in run]
    counts = {"n_before": len(pool), "n_now": len(fresh), "runs_before": len(logs)}
    if min(len(pool), len(fresh)) < LEAST_VALUES:
        return Finding(verdict=Verdict.UNCLEAR, **counts)
    factor = clumping([*logs, fresh])
    test = rank_test(pool, fresh, clumping=factor)
    moved = shift(pool, fresh, confidence=CONFIDENCE, clumping=factor)
    p_up, p_down = test.p_greater, test.p_less
    least = max(LEAST_EFFECT, _differed(logs))
    change, low, high = _ratio(moved.by), _ratio(moved.low), _ratio(moved.high)
    assert change is not None
    return Finding(
        verdict=_verdict(change, low, high, p_up=p_up, p_down=p_down, least=least, is_rate=is_rate),
        change=change,
        low=low,
        high=high,
        p=p_up if change > 0 else p_down,
        least_effect=least,
        **counts,
    )


def _verdict(
    change: float,
    low: float | None,
    high: float | None,
    *,
    p_up: float,
    p_down: float,
    least: float,
    is_rate: bool,
) -> Verdict:
    if change >= least and p_up < ALPHA:
        return Verdict.FASTER if is_rate else Verdict.SLOWER
    if change <= -least and p_down < ALPHA:
        return Verdict.SLOWER if is_rate else Verdict.FASTER
    if low is not None and high is not None and max(-low, high) < LEAST_EFFECT:
        return Verdict.SAME
    return Verdict.UNCLEAR


def _differed(runs: Sequence[Sequence[float]]) -> float:
    """What one more run of the same thing may differ by (99 %), judged by the earlier ones' means."""
    told = _without_extremes([run for run in runs if len(run) >= LEAST_VALUES])
    if len(told) < 2:
        return 0.0
    within = fmean(variance(run) * clumping([run]) / len(run) for run in told)
    between = max(0.0, variance([fmean(run) for run in told]) - within)
    freedom = len(told) - 1
    square = max(between, _SPREAD_EXPECTED**2)
    if freedom < _LEAST_FREEDOM:  # too few to be believed alone
        square = (_SPREAD_WEIGHT * _SPREAD_EXPECTED**2 + freedom * between) / (_SPREAD_WEIGHT + freedom)
        freedom += _SPREAD_WEIGHT
    t = _T_99[min(freedom - _LEAST_FREEDOM, len(_T_99) - 1)]
    return math.expm1(t * math.sqrt(square * (1 + 1 / len(told))))


def _without_extremes(runs: Sequence[Sequence[float]]) -> list[list[float]]:
    """The runs with the farthest 5 % on each side drawn in: one stray request must not move a mean."""
    pool = sorted(value for run in runs for value in run)
    if not pool:
        return []
    low, high = pool[len(pool) // 20], pool[-1 - len(pool) // 20]
    return [[min(max(value, low), high) for value in run] for run in runs]


def _logs(values: Sequence[float]) -> list[float]:
    """Logarithms, so that a shift is a ratio."""
    return [math.log(value) for value in values if value > 0 and math.isfinite(value)]


def _ratio(by: float | None) -> float | None:
    return None if by is None else math.expm1(by)
