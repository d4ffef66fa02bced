"""Decides from the requests of earlier runs and of new ones whether something became slower.

Three gates must all open for SLOWER: Mann-Whitney over the requests with p < ALPHA, an effect of at least
LEAST_EFFECT, and less than CHANCE that whole runs differ by so much anyway (`run_spread`). No single run is
enough for it: one that looks slower is SUSPECT and asks to be measured again, up to MOST_RUNS runs, until
the runs carry it or it is gone.

Measured on synthetic suites of SUITE_REQUESTS a side (tests/unit/core/test_regression_rates.py), requests
that differ by 3 or 8 % (standard deviation), one to eight earlier runs:

- False alarms of a whole suite, four figures that each go their own way, against one or both kinds of earlier
  runs: at most 1 in 200 where whole runs differ by up to 3 %, at most 1 in 100 at 5 %. At 8 %, more than is
  taken for possible, they are 3 or 4 in 100.
- They are more where runs have outliers (Student's t) and there is one earlier run only: 2 or 3 in 100, which
  is why a first suite is measured twice; and where now and then a whole run is a tenth slower: up to 7.
- A loss of 10 % is found in at least 95 of 100 where whole runs agree to 0.5 % (one earlier run of rough
  requests: 80 to 90), where they differ by 1 % from three earlier runs on, and by 2 % from five on.
- Where whole runs differ by 3 % it takes eight earlier runs to find 9 of 10 such losses, and at 5 % half of
  them stay unseen: the means of few runs miss LEAST_EFFECT too often, and the alarm keeps silent rather than
  cry wolf.

What differs only from one start of the engine to the next is no part of runs measured in one go; earlier runs
from several starts carry it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from arcdesk.core.ranks import clumping, rank_test, shift
from arcdesk.core.run_spread import chance_of_none, levels

ALPHA = 0.001  # one-sided, for each figure: a suite has several
CHANCE = 0.001
LEAST_EFFECT = 0.07
SUSPECT_EFFECT = 0.05  # from here on it is worth a minute to look again
LEAST_RUNS, MOST_RUNS = 2, 6  # new ones that an alarm needs; and that are asked for
SUITE_REQUESTS = 40
LEAST_VALUES = 8
CONFIDENCE = 0.95
FASTER_CHANCE = 0.05  # a gain is no alarm: it may be said earlier


class Verdict(Enum):
    """What the values carry."""

    SLOWER = "slower"
    SUSPECT = "suspect"  # looks slower, not carried yet: measure again
    FASTER = "faster"
    SAME = "same"  # the whole interval is nearer to no change than LEAST_EFFECT
    UNCLEAR = "unclear"  # too few values, or they differ too much among themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One figure, before and now. `change` is the ratio now / before less one: -0.18 is 18 % less."""

    verdict: Verdict
    change: float | None = None
    low: float | None = None  # the interval of `change`, CONFIDENCE, as these requests give it
    high: float | None = None
    p: float | None = None  # of the direction in which it changed, by the requests
    chance: float | None = None  # that whole runs differ by so much anyway
    n_before: int = 0
    n_now: int = 0
    runs_before: int = 0
    runs_now: int = 0


def judge(
    before: Sequence[Sequence[float]],
    now: Sequence[Sequence[float]],
    *,
    is_rate: bool,
    comparisons: int = 1,
) -> Finding:
    """Compare the values of earlier runs with those of the new ones, each run in the order sent.

    `is_rate`: more is better (tokens/s), else less is (ms). Only values above zero are comparable: others
    are left out. `comparisons`: with how many kinds of earlier runs the new ones are compared, each of which
    might alarm; CHANCE is shared among them.
    """
    old, new = _known(before), _known(now)
    pool, fresh = _pooled(old), _pooled(new)
    counts = {"n_before": len(pool), "n_now": len(fresh), "runs_before": len(old), "runs_now": len(new)}
    if min(len(pool), len(fresh)) < LEAST_VALUES:
        return Finding(verdict=Verdict.UNCLEAR, **counts)
    factor = clumping([*old, *new])
    test = rank_test(pool, fresh, clumping=factor)
    moved = shift(pool, fresh, confidence=CONFIDENCE, clumping=factor)
    change, low, high = _ratio(moved.by), _ratio(moved.low), _ratio(moved.high)
    assert change is not None
    p = test.p_greater if change > 0 else test.p_less
    chance = chance_of_none(levels(old), levels(new), sign=1 if change > 0 else -1)
    is_loss = (change < 0) == is_rate
    verdict = (
        decide(abs(change), p, chance * comparisons, len(new)) if is_loss else _gain(abs(change), p, chance)
    )
    if verdict is Verdict.UNCLEAR and low is not None and high is not None and max(-low, high) < LEAST_EFFECT:
        verdict = Verdict.SAME
    return Finding(verdict=verdict, change=change, low=low, high=high, p=p, chance=chance, **counts)


def decide(loss: float, p: float, chance: float, runs_now: int) -> Verdict:
    """SLOWER, SUSPECT or UNCLEAR of a loss: 0.1 is a tenth."""
    is_carried = loss >= LEAST_EFFECT and p < ALPHA and chance < CHANCE
    if is_carried and runs_now >= LEAST_RUNS:
        return Verdict.SLOWER
    if loss >= SUSPECT_EFFECT and runs_now < MOST_RUNS:
        return Verdict.SUSPECT
    return Verdict.UNCLEAR


def _gain(size: float, p: float, chance: float) -> Verdict:
    is_carried = size >= LEAST_EFFECT and p < ALPHA and chance < FASTER_CHANCE
    return Verdict.FASTER if is_carried else Verdict.UNCLEAR


def _known(runs: Sequence[Sequence[float]]) -> list[list[float]]:
    """Logarithms, so that a shift is a ratio; runs without any are left out."""
    return [
        logs
        for run in runs
        if (logs := [math.log(value) for value in run if value > 0 and math.isfinite(value)])
    ]


def _pooled(runs: Sequence[Sequence[float]]) -> list[float]:
    return [value for run in runs for value in run]


def _ratio(by: float | None) -> float | None:
    return None if by is None else math.expm1(by)
