"""Runs of a benchmark with times and counts that a test can reckon with."""

from __future__ import annotations

from dataclasses import replace

from arcdesk.core.bench import BenchPlan, BenchRun, BenchStep, RequestRecord, Surroundings


def steady(
    start: float = 0.0,
    *,
    pieces: int = 10,
    first_s: float = 0.1,
    gap_s: float = 0.02,
    tokens: int | None = 10,
    silent_s: tuple[float, ...] = (),
) -> RequestRecord:
    """An answer whose pieces come `gap_s` apart and which ends 5 ms after the last."""
    events = tuple(start + first_s + index * gap_s for index in range(pieces))
    last = events[-1] if events else start + first_s
    return RequestRecord(
        sent_s=start,
        connected_s=start + 0.001,
        events_s=events,
        ended_s=last + 0.005,
        prompt_tokens=100,
        completion_tokens=tokens,
        silent_s=tuple(start + at for at in silent_s),
    )


def failed(text: str = "HTTP 500", start: float = 0.0) -> RequestRecord:
    return RequestRecord(sent_s=start, error=text)


def step_of(concurrency: int, *records: RequestRecord, duration_s: float = 2.0) -> BenchStep:
    return BenchStep(concurrency=concurrency, records=records, duration_s=duration_s)


def run_of(*steps: BenchStep, plan: BenchPlan | None = None, **around: str) -> BenchRun:
    concurrencies = tuple(step.concurrency for step in steps)
    asked = plan or BenchPlan(input_tokens=100, output_tokens=10)
    return BenchRun(
        id=3,
        at=1_790_000_000.0,
        plan=replace(asked, concurrencies=concurrencies),
        surroundings=Surroundings(**{"model": "TinyLlama-1.1B", "kernel": "6.14", **around}),
        steps=steps,
    )
