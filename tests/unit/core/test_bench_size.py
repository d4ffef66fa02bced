"""How much a benchmark asks for, and about how long it takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arcdesk.core.bench import BenchPlan, BenchRun, BenchStep, Dataset, RequestRecord
from arcdesk.core.bench_size import Pace, estimate_s, paces_of, plan_size

PLAN = BenchPlan(concurrencies=(1, 4, 8), input_tokens=1000, output_tokens=101)
ALONE = Pace(concurrency=1, ttft_ms=100.0, tpot_ms=10.0, input_tokens=1000)
CROWDED = Pace(concurrency=8, ttft_ms=400.0, tpot_ms=20.0, input_tokens=1000)


def test_the_documents_factors_are_counted() -> None:
    size = plan_size(PLAN)
    assert (size.steps, size.requests, size.warm_up) == (3, 4 * 13, 2 * 13)
    assert size.tokens == 6 * 13 * 1101


def test_what_nobody_knows_before_is_unknown() -> None:
    timed = plan_size(replace(PLAN, duration_s=10.0, warm_up_requests=0))
    assert timed.requests is None and timed.tokens is None and timed.warm_up == 0
    assert plan_size(replace(PLAN, dataset=Dataset.FILE, dataset_path="/p")).tokens is None


def test_one_after_another_takes_as_long_as_all_of_them() -> None:
    plan = replace(PLAN, concurrencies=(1,), requests=10, warm_up_requests=0)
    assert estimate_s(plan, (ALONE,)) == pytest.approx(10 * (0.1 + 100 * 0.01))


def test_a_longer_prompt_takes_longer_and_a_crowd_is_looked_up() -> None:
    plan = replace(PLAN, concurrencies=(4,), input_tokens=2000, requests=8, warm_up_requests=0)
    assert estimate_s(plan, (ALONE, CROWDED)) == pytest.approx(2 * (0.8 + 100 * 0.02))


def test_more_than_was_ever_measured_shares_what_there_was() -> None:
    plan = replace(PLAN, concurrencies=(16,), requests=16, warm_up_requests=0)
    assert estimate_s(plan, (ALONE, CROWDED)) == pytest.approx(2 * (0.4 + 100 * 0.02))


def test_a_time_ends_a_step_and_a_rate_stretches_it() -> None:
    timed = replace(PLAN, concurrencies=(1, 8), duration_s=30.0, warm_up_requests=0)
    assert estimate_s(timed, (ALONE,)) == pytest.approx(2 * 30.0 + (1.1 + 8.8) / 2)
    slow = replace(PLAN, concurrencies=(8,), requests=100, rate_per_s=1.0, warm_up_requests=0)
    assert estimate_s(slow, (ALONE, CROWDED)) == pytest.approx(100.0)


def test_without_a_pace_there_is_no_estimate() -> None:
    assert estimate_s(PLAN, ()) is None
    assert estimate_s(replace(PLAN, dataset=Dataset.FILE, dataset_path="/p"), (ALONE,)) is None


def _record(sent_s: float, tokens: int | None = 11, error: str = "") -> RequestRecord:
    events = tuple(sent_s + 0.2 + 0.01 * number for number in range(11))
    return RequestRecord(
        sent_s=sent_s,
        events_s=events,
        ended_s=events[-1],
        completion_tokens=tokens,
        prompt_tokens=900,
        error=error,
    )


def _run(*steps: BenchStep) -> BenchRun:
    return BenchRun(plan=PLAN, steps=steps)


def test_the_pace_of_a_run_is_the_median_of_its_good_requests() -> None:
    good = tuple(_record(float(number)) for number in range(5))
    bad = replace(_record(9.0), error="timed out", events_s=(), ended_s=None)
    step = BenchStep(concurrency=4, records=(*good, bad), duration_s=10.0)
    (pace,) = paces_of(_run(step, BenchStep(concurrency=1, records=(bad,), duration_s=1.0)))
    assert pace.concurrency == 4 and pace.input_tokens == 900
    assert pace.ttft_ms == pytest.approx(200.0) and pace.tpot_ms == pytest.approx(10.0)


def test_a_server_that_counts_nothing_is_paced_by_its_gaps() -> None:
    records = tuple(_record(float(number), tokens=None) for number in range(3))
    (pace,) = paces_of(_run(BenchStep(concurrency=1, records=records, duration_s=3.0)))
    assert pace.tpot_ms == pytest.approx(10.0)


def test_paces_come_by_rising_concurrency() -> None:
    records = (_record(0.0),)
    steps = [BenchStep(concurrency=count, records=records, duration_s=1.0) for count in (8, 1, 4)]
    assert [pace.concurrency for pace in paces_of(_run(*steps))] == [1, 4, 8]
