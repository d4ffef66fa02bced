"""The words of the benchmark's form and progress."""

from __future__ import annotations

from arcdesk.core.bench import BenchPlan
from arcdesk.core.bench_progress import BenchPhase, BenchProgress
from arcdesk.core.bench_size import plan_size
from arcdesk.ui.bench_view import BenchState, BenchView
from arcdesk.ui.bench_words import progress_detail, summary

THIN = "\u202f"


def test_what_warms_up_are_requests_whether_a_count_or_a_time_ends_the_steps() -> None:
    counted = BenchPlan(
        concurrencies=(1, 4), input_tokens=10, output_tokens=10, requests=6, warm_up_requests=2
    )
    timed = BenchPlan(concurrencies=(1, 4), duration_s=10, warm_up_requests=2)
    none = BenchPlan(concurrencies=(1,), duration_s=10, warm_up_requests=0)
    assert summary(plan_size(counted), None) == "2 steps, 12 requests and 4 to warm up, about 320 tokens."
    assert summary(plan_size(timed), None) == "2 steps, 4 requests to warm up."
    assert summary(plan_size(none), None) == "1 step."


def _detail(phase: BenchPhase, step: int) -> str:
    progress = BenchProgress(
        phase=phase, concurrency=4, step=step, steps=2, done=1, total=2, seconds_left=28.0
    )
    return progress_detail(BenchView(state=BenchState.RUNNING, progress=progress))


def test_the_time_left_is_that_of_what_is_under_way() -> None:
    assert _detail(BenchPhase.WARM_UP, 2) == f"1 of 2 requests · 28{THIN}s left of the warm-up"
    assert _detail(BenchPhase.MEASURING, 1) == f"1 of 2 requests · 28{THIN}s left of this step"
    assert _detail(BenchPhase.MEASURING, 2) == f"1 of 2 requests · 28{THIN}s left"
