"""What the results show is worked out once, complete, and thin enough for a plot."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arcdesk.core.bench import BenchRun
from arcdesk.core.bench_shown import MOST_POINTS, distribution, shown_of
from arcdesk.core.bench_stats import run_stats
from tests.unit.core.bench_runs import failed, run_of, steady, step_of


def two_steps() -> BenchRun:
    first = step_of(1, *(steady(number * 0.4) for number in range(5)))
    second = step_of(4, *(steady(number * 0.1, first_s=0.2) for number in range(8)), failed())
    return replace(run_of(first, second), energy_j=26.0)


def test_it_holds_the_figures_of_every_step_in_the_order_of_the_run() -> None:
    run = two_steps()
    shown = shown_of(run)
    assert shown.stats == run_stats(run)
    assert [step.stats.concurrency for step in shown.steps] == [1, 4]
    assert shown.joules_per_token == pytest.approx(26.0 / 130)
    assert shown.has_answers


def test_a_distribution_tells_how_many_of_100_are_not_larger() -> None:
    assert distribution([30.0, 10.0, 20.0, 20.0]).points == (
        (10.0, 25.0),
        (20.0, 50.0),
        (20.0, 75.0),
        (30.0, 100.0),
    )
    assert distribution([]).points == ()
    assert distribution([]).n == 0


def test_a_large_distribution_is_thin_but_keeps_its_ends_and_its_tail() -> None:
    values = [float(number) for number in range(50_000)]
    spread = distribution(reversed(values))
    assert len(spread.points) == MOST_POINTS
    assert spread.n == 50_000
    assert spread.points[0][0] == 0.0
    tail = [value for value, _ in spread.points[-40:]]
    assert tail == values[-40:]
    assert list(spread.points) == sorted(spread.points)
    for value, share in spread.points:  # thinned, never moved
        assert share == pytest.approx(100 * (value + 1) / 50_000)


def test_gaps_and_first_texts_are_of_good_requests_only() -> None:
    step = shown_of(two_steps()).steps[1]
    assert step.ttft.n == 8
    assert step.itl.n == 8 * 9
    assert [value for value, _ in step.ttft.points] == pytest.approx([200.0] * 8)


def test_the_typical_answer_keeps_its_longest_gap() -> None:
    step = shown_of(two_steps()).steps[0]
    assert step.timeline is not None
    assert step.timeline.arrivals_ms[0] == pytest.approx(100.0)
    assert step.arrivals[-1][1] == 10


def test_a_run_without_answers_has_nothing_to_draw() -> None:
    shown = shown_of(run_of(step_of(2, failed(), failed("timed out"))))
    assert not shown.has_answers
    assert shown.steps[0].timeline is None
    assert shown.steps[0].arrivals == ()
    assert not shown_of(run_of()).has_answers


def test_steps_that_were_shown_are_not_worked_out_again() -> None:
    run = two_steps()
    before = shown_of(replace(run, steps=run.steps[:1]))
    after = shown_of(run, before)
    assert after.steps[0] is before.steps[0]
    assert after.stats == run_stats(run)


def test_a_run_that_was_asked_otherwise_is_worked_out_anew() -> None:
    run = two_steps()
    before = shown_of(run)
    asked = replace(run.plan, ttft_limit_ms=150.0)
    after = shown_of(replace(run, plan=asked), before)
    assert after.steps[0].stats.goodput_per_s.value is not None
    assert before.steps[0].stats.goodput_per_s.value is None
