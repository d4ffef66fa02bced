"""Compares two samples by their ranks: Mann-Whitney's test, Hodges-Lehmann's shift with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist, fmean, median

EXACT_UP_TO = 12  # values a side: the exact distribution is counted, ties and all
LARGEST_SIDE = 200  # values a side of which the pairwise differences are taken
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class RankTest:
    """Chances, if nothing changed, of a second sample at least so far above (or below) the first."""

    u: float  # pairs in which the second sample's value is greater; a tie is half a pair
    p_greater: float
    p_less: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """By how much the second sample lies above the first; the bounds are None where n is too small."""

    by: float
    low: float | None
    high: float | None


def rank_test(first: Sequence[float], second: Sequence[float], *, clumping: float = 1.0) -> RankTest:
    """Mann-Whitney, one-sided both ways. `clumping`: variance over that of independent values, >= 1."""
    if not first or not second:
        return RankTest(u=0.0, p_greater=1.0, p_less=1.0)
    ranks, ties = midranks([*first, *second])
    n_first, n_second = len(first), len(second)
    u = sum(ranks[n_first:]) - n_second * (n_second + 1) / 2
    middle = n_first * n_second / 2
    spread = math.sqrt(_variance(n_first, n_second, ties) * max(1.0, clumping))
    greater, less = _tail(u - middle, spread), _tail(middle - u, spread)
    if max(n_first, n_second) <= EXACT_UP_TO:
        exact_greater, exact_less = _exact(ranks, n_first)
        if clumping > 1:  # the exact count knows of no clumping: the more careful of both
            exact_greater, exact_less = max(exact_greater, greater), max(exact_less, less)
        greater, less = exact_greater, exact_less
    return RankTest(u=u, p_greater=greater, p_less=less)


def shift(
    first: Sequence[float], second: Sequence[float], *, confidence: float = 0.95, clumping: float = 1.0
) -> Shift:
    """The median of all differences second - first, with the interval that inverts the rank test.

    Raises ValueError without values.
    """
    few, many = _thinned(first), _thinned(second)
    differences = sorted(b - a for a in few for b in many)
    spread = math.sqrt(_variance(len(few), len(many), ()) * max(1.0, clumping))
    reach = _NORMAL.inv_cdf((1 + confidence) / 2) * spread
    cut = math.floor(len(differences) / 2 - reach)
    if cut < 1:
        return Shift(by=_middle(differences), low=None, high=None)
    return Shift(by=_middle(differences), low=differences[cut - 1], high=differences[-cut])


def clumping(runs: Sequence[Sequence[float]]) -> float:
    """How much less than independent values the runs' neighbours tell: variance factor, 1 to 10.

    A card that warms up or shares its clock gives neighbours that are alike; 40 of them are worth fewer.
    """
    over = under = 0.0
    count = 0
    for run in runs:
        ranks, _ = midranks(run)
        middle = fmean(ranks) if ranks else 0.0
        away = [rank - middle for rank in ranks]
        over += sum(a * b for a, b in pairwise(away))
        under += sum(a * a for a in away)
        count += len(run)
    if under <= 0 or count < 3:
        return 1.0
    likeness = over / under + len(runs) / count  # the estimate is too low by about 1/n
    if likeness < 2 / math.sqrt(count):  # chance gives as much
        return 1.0
    likeness = min(likeness, 0.82)
    return (1 + likeness) / (1 - likeness)


def midranks(values: Sequence[float]) -> tuple[list[float], list[int]]:
    """The rank of each value from 1, equal ones sharing their mean rank; and the sizes of ties."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks, ties, start = [0.0] * len(values), [], 0
    while start < len(order):
        end = start + 1
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for place in order[start:end]:
            ranks[place] = (start + 1 + end) / 2
        if end - start > 1:
            ties.append(end - start)
        start = end
    return ranks, ties


def _variance(n_first: int, n_second: int, ties: Sequence[int]) -> float:
    count = n_first + n_second
    loss = sum(size**3 - size for size in ties) / (count * (count - 1)) if count > 1 else 0.0
    return n_first * n_second / 12 * (count + 1 - loss)


def _tail(above: float, spread: float) -> float:
    """The normal chance of lying so far above the middle; half a pair is granted, as U is a count."""
    if spread <= 0:  # all values are equal
        return 1.0
    return 1 - _NORMAL.cdf((above - 0.5) / spread)


def _exact(ranks: Sequence[float], n_first: int) -> tuple[float, float]:
    """Chances of the second sample's rank sum, counted over all ways to divide these ranks."""
    doubled = [round(2 * rank) for rank in ranks]
    size = len(doubled) - n_first
    ways: list[dict[int, int]] = [{0: 1}, *({} for _ in range(size))]  # [how many chosen][sum] = ways
    for rank in doubled:
        for chosen in range(size, 0, -1):
            for total, count in ways[chosen - 1].items():
                ways[chosen][total + rank] = ways[chosen].get(total + rank, 0) + count
    seen, all_ways = sum(doubled[n_first:]), sum(ways[size].values())
    greater = sum(count for total, count in ways[size].items() if total >= seen)
    less = sum(count for total, count in ways[size].items() if total <= seen)
    return greater / all_ways, less / all_ways


def _thinned(values: Sequence[float]) -> Sequence[float]:
    if len(values) <= LARGEST_SIDE:
        return values
    return [values[place * len(values) // LARGEST_SIDE] for place in range(LARGEST_SIDE)]


def _middle(in_order: Sequence[float]) -> float:
    if not in_order:
        raise ValueError("no values to compare")
    return median(in_order)
