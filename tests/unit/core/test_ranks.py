"""Rank tests: against counting by hand, against published values, and on all that is tied or tiny."""

from __future__ import annotations

import itertools
import random
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arcdesk.core.ranks import clumping, midranks, rank_test, shift

FEW = st.lists(st.integers(0, 6).map(float), min_size=1, max_size=4)


def _by_hand(first: list[float], second: list[float]) -> tuple[float, float, float]:
    """U and its two chances, by going through all ways to divide the values."""

    def u_of(a: list[float], b: list[float]) -> float:
        return sum(1.0 if y > x else 0.5 if y == x else 0.0 for x in a for y in b)

    values, seen = [*first, *second], u_of(first, second)
    found = []
    for chosen in itertools.combinations(range(len(values)), len(second)):
        rest = [values[i] for i in range(len(values)) if i not in chosen]
        found.append(u_of(rest, [values[i] for i in chosen]))
    count = len(found)
    return seen, sum(u >= seen for u in found) / count, sum(u <= seen for u in found) / count


@settings(max_examples=30, deadline=None)
@given(first=FEW, second=FEW)
def test_small_samples_agree_with_counting_all_divisions(first: list[float], second: list[float]) -> None:
    u, greater, less = _by_hand(first, second)
    test = rank_test(first, second)
    assert test.u == u
    assert test.p_greater == pytest.approx(greater)
    assert test.p_less == pytest.approx(less)


@settings(max_examples=30, deadline=None)
@given(first=FEW, second=FEW)
def test_the_shift_is_the_median_of_all_differences(first: list[float], second: list[float]) -> None:
    found = shift(first, second)
    assert found.by == median(b - a for a in first for b in second)
    assert found.low is None or found.low <= found.by <= (found.high or 0.0)


def test_the_normal_chance_is_near_the_exact_one() -> None:
    rng = random.Random(5)
    first = [rng.gauss(0, 1) for _ in range(12)]
    second = [rng.gauss(1, 1) for _ in range(12)]
    exact = rank_test(first, second)
    # A 13th value that beats as many as it loses to leaves the exact path.
    rough = rank_test([*first, median(first + second)], second)
    assert rough.p_greater == pytest.approx(exact.p_greater, rel=0.5)


def test_ties_share_their_rank() -> None:
    assert midranks([3.0, 1.0, 3.0, 2.0]) == ([3.5, 1.0, 3.5, 2.0], [2])


def test_equal_values_say_nothing() -> None:
    test = rank_test([5.0] * 40, [5.0] * 40)
    assert (test.p_greater, test.p_less) == (1.0, 1.0)


def test_no_values_say_nothing() -> None:
    assert rank_test([], [1.0]).p_greater == 1.0
    with pytest.raises(ValueError, match="no values"):
        shift([], [1.0])


def test_two_values_a_side_have_no_interval() -> None:
    assert shift([1.0, 2.0], [3.0, 4.0]).low is None


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng, held = random.Random(11), 0
    for _ in range(300):
        first = [rng.gauss(0, 1) for _ in range(30)]
        second = [rng.gauss(0.5, 1) for _ in range(30)]
        found = shift(first, second, confidence=0.95)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.5 <= found.high
    assert 0.92 * 300 <= held <= 0.98 * 300


def test_neighbours_that_are_alike_count_for_less() -> None:
    rng = random.Random(3)
    independent = [rng.gauss(0, 1) for _ in range(100)]
    drifting = [place / 20 + rng.gauss(0, 0.3) for place in range(100)]
    assert clumping([independent]) == 1.0
    assert clumping([drifting]) > 5
    assert clumping([[1.0] * 40]) == 1.0
