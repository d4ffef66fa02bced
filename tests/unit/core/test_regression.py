"""The alarm on synthetic series: silent on noise of many kinds, awake at a loss of a tenth."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable

import pytest

from arcdesk.core.regression import (
    ALPHA,
    CHANCE,
    LEAST_EFFECT,
    MOST_RUNS,
    SUITE_REQUESTS,
    Finding,
    Verdict,
    judge,
)

Series = Callable[[random.Random], list[float]]
N = SUITE_REQUESTS
NOISE_TRIALS = 500
LOSS_TRIALS = 40


def _normal(rng: random.Random) -> list[float]:
    return [rng.gauss(100, 8) for _ in range(N)]


def _heavy_tailed(rng: random.Random) -> list[float]:
    """Student's t with 3 degrees of freedom: now and then a request is far off."""
    return [100 * math.exp(0.045 * _student(rng)) for _ in range(N)]


def _student(rng: random.Random) -> float:
    return rng.gauss(0, 1) / math.sqrt(rng.gammavariate(1.5, 2) / 3)


def _bimodal(rng: random.Random) -> list[float]:
    """Two clocks: most requests at one, some at the other."""
    return [rng.gauss(100, 2) if rng.random() < 0.7 else rng.gauss(86, 2) for _ in range(N)]


def _drifting(rng: random.Random) -> list[float]:
    """A card that warms up or settles: each run goes its own way, by up to 8 %."""
    slope = rng.uniform(-0.08, 0.08)
    return [rng.gauss(100, 3) * (1 + slope * (place / N - 0.5)) for place in range(N)]


def _wandering(rng: random.Random) -> list[float]:
    """Neighbours are alike (0.8): 40 requests tell what 5 independent ones would."""
    values, level = [], 0.0
    for _ in range(N):
        level = 0.8 * level + rng.gauss(0, 0.6)
        values.append(100 * math.exp(0.03 * level))
    return values


def _runs_differ(rng: random.Random) -> list[float]:
    level = rng.gauss(1, 0.02)
    return [rng.gauss(100, 4) * level for _ in range(N)]


NOISES: list[Series] = [_normal, _heavy_tailed, _bimodal, _drifting, _wandering, _runs_differ]
STEADY: list[Series] = [_normal, _heavy_tailed, _bimodal, _drifting]


def _verdicts(series: Series, *, factor: float, trials: int, runs: int = 1) -> Counter[Verdict]:
    rng = random.Random(f"{series.__name__} {factor} {runs}")
    return Counter(_judged(series, rng, factor, runs).verdict for _ in range(trials))


def _judged(series: Series, rng: random.Random, factor: float, runs: int) -> Finding:
    """Measured, and again while it is suspect."""
    before, now = [series(rng) for _ in range(runs)], []
    for _ in range(MOST_RUNS):
        now.append([value * factor for value in series(rng)])
        finding = judge(before, now, is_rate=True)
        if finding.verdict is not Verdict.SUSPECT:
            break
    return finding


@pytest.mark.parametrize("series", NOISES)
def test_noise_raises_at_most_one_alarm_in_a_hundred(series: Series) -> None:
    found = _verdicts(series, factor=1.0, trials=NOISE_TRIALS)
    assert found[Verdict.SLOWER] <= 0.01 * NOISE_TRIALS


@pytest.mark.parametrize("series", STEADY)
def test_a_loss_of_a_tenth_is_found(series: Series) -> None:
    found = _verdicts(series, factor=0.9, trials=LOSS_TRIALS, runs=2)
    assert found[Verdict.SLOWER] >= 0.95 * LOSS_TRIALS


@pytest.mark.parametrize("series", STEADY)
def test_a_gain_is_no_alarm(series: Series) -> None:
    found = _verdicts(series, factor=1.2, trials=30)
    assert found[Verdict.SLOWER] == 0
    assert found[Verdict.FASTER] > 25


@pytest.mark.parametrize("series", STEADY)
def test_a_loss_too_small_to_matter_hardly_ever_alarms(series: Series) -> None:
    found = _verdicts(series, factor=0.97, trials=60)
    assert found[Verdict.SLOWER] <= 1
    assert found[Verdict.FASTER] == 0


def test_one_run_alone_never_alarms_but_asks_for_another() -> None:
    rng = random.Random(3)
    before = [_normal(rng) for _ in range(8)]
    now = [value / 2 for value in _normal(rng)]
    assert judge(before, [now], is_rate=True).verdict is Verdict.SUSPECT
    assert judge(before, [now, now], is_rate=True).verdict is Verdict.SLOWER


def test_a_chance_is_shared_among_what_new_runs_are_compared_with() -> None:
    """Between half of CHANCE and all of it: enough for one comparison, and not for each of two."""
    rng = random.Random(8)
    before = [[rng.gauss(level, 2) for _ in range(N)] for level in (98, 100, 102, 101)]
    runs = [[rng.gauss(level, 2) for _ in range(N)] for level in (99, 101, 100)]
    losses = [0.90 + step * 0.0005 for step in range(100)]
    found = [
        (now, one)
        for factor in losses
        for now in ([[value * factor for value in run] for run in runs],)
        if CHANCE / 2 < ((one := judge(before, now, is_rate=True)).chance or 0) < CHANCE
    ]
    alarms = [now for now, one in found if one.verdict is Verdict.SLOWER]
    assert alarms
    for now in alarms:
        assert judge(before, now, is_rate=True, comparisons=2).verdict is Verdict.SUSPECT


def test_a_slow_moment_is_gone_when_it_is_measured_again() -> None:
    """A backup ran meanwhile: the second run is as fast as ever."""
    rng = random.Random(4)
    before = [[rng.gauss(100, 2) for _ in range(N)] for _ in range(3)]
    slow, fine = [rng.gauss(85, 2) for _ in range(N)], [rng.gauss(101, 2) for _ in range(N)]
    assert judge(before, [slow], is_rate=True).verdict is Verdict.SUSPECT
    found = judge(before, [slow, fine, fine], is_rate=True)
    assert found.verdict not in (Verdict.SLOWER, Verdict.SUSPECT)


def test_what_stays_suspect_is_not_asked_for_without_end() -> None:
    rng = random.Random(5)
    before = [[rng.gauss(level, 2) for _ in range(N)] for level in (85, 100, 115)]
    now = [[rng.gauss(level, 2) for _ in range(N)] for level in (80, 99, 88, 95, 84, 100)]
    assert judge(before, now[: MOST_RUNS - 1], is_rate=True).verdict is Verdict.SUSPECT
    assert judge(before, now, is_rate=True).verdict is Verdict.UNCLEAR


def test_two_clocks_do_not_pass_for_runs_that_differ() -> None:
    """Half the requests at one clock, half at another: only a run's median jumps between them."""

    def two_clocks(rng: random.Random) -> list[float]:
        return [rng.gauss(100, 2) if rng.random() < 0.5 else rng.gauss(80, 2) for _ in range(N)]

    found = _verdicts(two_clocks, factor=0.9, trials=20, runs=5)
    assert found[Verdict.SLOWER] >= 19


def test_what_is_the_same_is_called_the_same() -> None:
    rng = random.Random(1)
    before, now = [rng.gauss(100, 2) for _ in range(N)], [rng.gauss(100, 2) for _ in range(N)]
    finding = judge([before], [now], is_rate=True)
    assert finding.verdict is Verdict.SAME
    assert finding.low is not None
    assert finding.high is not None
    assert -LEAST_EFFECT < finding.low < 0 < finding.high < LEAST_EFFECT


def test_longer_times_are_a_loss() -> None:
    rng = random.Random(2)
    before, now = ([[rng.gauss(middle, 3) for _ in range(N)] for _ in range(2)] for middle in (100, 118))
    slower = judge(before, now, is_rate=False)
    assert slower.verdict is Verdict.SLOWER
    assert slower.change == pytest.approx(0.18, abs=0.02)
    assert slower.p is not None
    assert slower.p < ALPHA
    assert slower.chance is not None
    assert slower.chance < CHANCE
    assert (slower.n_before, slower.n_now, slower.runs_before, slower.runs_now) == (2 * N, 2 * N, 2, 2)
    assert judge(before, now, is_rate=True).verdict is Verdict.FASTER


@pytest.mark.parametrize(
    ("before", "now"),
    [([], []), ([[100.0] * N], []), ([[100.0] * 7], [[50.0] * N]), ([[0.0] * N], [[math.nan] * N])],
)
def test_too_few_values_are_no_verdict(before: list[list[float]], now: list[list[float]]) -> None:
    finding = judge(before, now, is_rate=True)
    assert finding.verdict is Verdict.UNCLEAR
    assert finding.change is None


def test_a_few_values_alarm_only_if_all_of_them_are_lower() -> None:
    """Eight of each run: the exact test decides."""
    before = [100.0, 104, 101, 107, 99, 103, 106, 102]
    halves = [value / 2 for value in before]
    assert judge([before, before], [halves, halves], is_rate=True).verdict is Verdict.SLOWER
    mixed = [100.0, 80, 101, 82, 99, 81, 103, 79]
    now = [79.5, 80.5, 98, 78, 82.5, 97, 77, 80.2]
    assert judge([mixed], [now] * MOST_RUNS, is_rate=True).verdict is Verdict.UNCLEAR


def test_equal_values_are_the_same() -> None:
    assert judge([[100.0] * N], [[100.0] * N], is_rate=True).verdict is Verdict.SAME
    assert judge([[100.0] * N], [[80.0] * N] * 2, is_rate=True).verdict is Verdict.SLOWER
