"""The words at a benchmark's end: why it ended early with a button that helps, and what a note tells."""

from __future__ import annotations

from dataclasses import replace

from arcdesk.core.bench_ports import BenchOutcome
from arcdesk.core.bench_shown import BenchShown
from arcdesk.core.engine_state import EngineKind, EnginePhase, EngineSnapshot
from arcdesk.core.errors import Action, ActionKind, Problem

AGAIN = Action(kind=ActionKind.RETRY, label="Measure again")
START = Action(kind=ActionKind.START, label="Start the engine and measure")
SHOW_LOG = Action(kind=ActionKind.SHOW_LOG, label="Show log")
KEEP = Action(kind=ActionKind.KEEP_RUN, label="Keep this run")
# What begins the causes of its refusals.
LEDGER = ("bench_ledger", "disk_full", "storage_unwritable")
# Who else has the engine or the server: no words of the engine's own belong there.
LENT, BUSY = "engine_lent", "bench_running"
SHOW = Action(kind=ActionKind.OPEN_BENCH, label="Show")


def engine_problem(engine: EngineSnapshot, problem: Problem) -> Problem:
    """Why there is no engine to measure: its own words, or that it does not run."""
    if engine.problem is not None:
        return engine.problem
    if problem.cause != "not_ready":
        return problem
    return Problem(
        cause="not_ready",
        title="The engine is not running",
        detail="It was stopped before it was ready.",
        actions=(START,),
    )


def with_ways_out(problem: Problem, engine: EngineSnapshot, *, is_unkept: bool = False) -> Problem:
    """The problem with what the engine says of itself, and buttons that fit what it is now.

    `is_unkept`: the run in view is not in the ledger, and can be put there.
    """
    if is_unkept and problem.cause.startswith(LEDGER):  # of the file: the engine has no part in it
        return replace(problem, actions=(*problem.actions, KEEP))
    is_down = engine.phase in (EnginePhase.FAILED, EnginePhase.UNAVAILABLE)
    if engine.problem is not None and is_down and problem.cause not in (LENT, BUSY):
        own = engine.problem
        if own == problem:
            return problem
        detail = " ".join(filter(None, (f"{own.title}.", own.detail)))
        return replace(
            problem, detail=detail, hint=own.hint, evidence=own.evidence, actions=own.actions or (START,)
        )
    if problem.actions or problem.cause.startswith(LEDGER):  # measuring again would lose what is not kept
        return problem
    if engine.phase.can_start:
        log = () if engine.kind is EngineKind.REMOTE else (SHOW_LOG,)
        return replace(problem, actions=(START, *log))
    return replace(problem, actions=(AGAIN,))


def end_note(outcome: BenchOutcome, shown: BenchShown | None) -> tuple[str, str]:
    """Title and text of what is told while nobody looks."""
    parts = [outcome.problem.title + "."] if outcome.problem is not None else []
    if shown is not None and shown.has_answers:
        parts.append(_figures(shown))
    return _title(outcome), " ".join(parts)


def cancelled_note(outcome: BenchOutcome, shown: BenchShown | None) -> str:
    """What became of a benchmark that the person ended."""
    if outcome.run is None:
        return "Ended before anything was measured."
    if outcome.run.id:
        return "Ended early. What was done is kept."
    if shown is not None and shown.has_answers:
        return "Ended early. It is not in the ledger."
    return "Ended before anything was answered."


def _title(outcome: BenchOutcome) -> str:
    if outcome.problem is None:
        return "Benchmark done"
    if outcome.problem.cause.startswith(LEDGER):  # it was measured to its end
        return "The benchmark is done, but not in the ledger"
    return "The benchmark ended early"


def _figures(shown: BenchShown) -> str:
    """'tiny: up to 812 tok/s, first token after 131 ms.'"""
    rates = [
        one.output_tokens_per_s.value for one in shown.stats if one.output_tokens_per_s.value is not None
    ]
    first = next((one.ttft_ms.p50 for one in shown.stats if one.ttft_ms.p50 is not None), None)
    words = []
    if rates:
        words.append(f"{'up to ' if len(rates) > 1 else ''}{max(rates):.0f}\u202ftok/s")
    if first is not None:
        words.append(f"first token after {first:.0f}\u202fms")
    return f"{shown.run.surroundings.model or 'The engine'}: {', '.join(words)}." if words else ""
