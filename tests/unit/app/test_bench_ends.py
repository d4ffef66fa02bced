"""What is told at a benchmark's end, and whose words a refusal has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arcdesk.app.bench_ends import AGAIN, cancelled_note, end_note, with_ways_out
from arcdesk.core.bench import BenchRun
from arcdesk.core.bench_ports import BenchOutcome
from arcdesk.core.bench_shown import shown_of
from arcdesk.core.engine_state import EngineKind, EnginePhase, EngineSnapshot
from arcdesk.core.errors import Problem
from arcdesk.services.engine_problems import lent_problem
from tests.unit.storage import bench_rig as rig

RUN = replace(rig.run(), id=3)
REFUSED = Problem(cause="bench_ledger_busy", title="The ledger is busy")
BROKE = Problem(cause="timeout", title="The server does not answer")
FAILED = EngineSnapshot(
    kind=EngineKind.REMOTE,
    phase=EnginePhase.FAILED,
    problem=Problem(cause="x", title="The model does not fit", detail="Out of memory."),
)


@pytest.mark.parametrize(
    ("problem", "title"),
    [
        (None, "Benchmark done"),
        (BROKE, "The benchmark ended early"),
        (REFUSED, "The benchmark is done, but not in the ledger"),
    ],
)
def test_the_title_tells_a_benchmark_that_broke_off_from_one_that_is_not_kept(
    problem: Problem | None, title: str
) -> None:
    run = replace(RUN, id=0)
    told = end_note(BenchOutcome(run=run, problem=problem), shown_of(run))
    assert told[0] == title and "tok/s" in told[1]
    assert problem is None or told[1].startswith(f"{problem.title}.")


@pytest.mark.parametrize(
    ("run", "note"),
    [
        (None, "Ended before anything was measured."),
        (RUN, "Ended early. What was done is kept."),
        (replace(RUN, id=0), "Ended early. It is not in the ledger."),
        (replace(RUN, id=0, steps=()), "Ended before anything was answered."),
    ],
)
def test_kept_is_said_of_what_is_kept_alone(run: BenchRun | None, note: str) -> None:
    shown = shown_of(run) if run is not None and run.steps else None
    assert cancelled_note(BenchOutcome(run=run, is_cancelled=True), shown) == note


def test_an_engine_that_fails_puts_no_words_under_what_others_do() -> None:
    assert with_ways_out(lent_problem(), FAILED) == lent_problem()
    busy = Problem(cause="bench_running", title="A benchmark is running already", hint="Wait for its end.")
    assert with_ways_out(busy, FAILED).hint == busy.hint
    assert with_ways_out(busy, EngineSnapshot(phase=EnginePhase.READY)).actions == (AGAIN,)
    assert with_ways_out(BROKE, FAILED).detail == "The model does not fit. Out of memory."
