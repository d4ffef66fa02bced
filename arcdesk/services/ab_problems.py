"""Problems of an A/B comparison, in words for people."""

from __future__ import annotations

from arcdesk.core.engine_state import EnginePhase, EngineSnapshot
from arcdesk.core.errors import Action, ActionKind, Problem, mistake_of_ours


def why_gone(snapshot: EngineSnapshot, told: Problem | None = None) -> Problem:
    """Why the engine under comparison does not answer; `told` is what a request said, if one did."""
    if snapshot.problem is not None:
        return snapshot.problem
    if snapshot.phase is EnginePhase.READY and told is not None:
        return told
    if snapshot.phase in (EnginePhase.STARTING, EnginePhase.LOADING):
        what = "The engine was restarted meanwhile"
    else:
        what = "The engine was stopped meanwhile"
    return Problem(
        cause="ab_interrupted",
        title=what,
        detail="ArcDesk did not do it for the comparison, so it ended there.",
        hint="Compare again when nothing else needs the engine.",
    )


def changed_meanwhile() -> Problem:
    """Somebody gave the engine other settings."""
    return Problem(
        cause="ab_interrupted",
        title="The engine was given other settings meanwhile",
        detail="They hold now, and the comparison ended there.",
        hint="Compare again when nothing else needs the engine.",
    )


def busy_container() -> Problem:
    """B would replace a container that runs beside the engine in use."""
    return Problem(
        cause="ab_busy",
        title="A container of ArcDesk runs already",
        detail="B would take its place, and it could not be put back.",
        hint="Choose the container as the engine, so that it is A, or stop it first.",
    )


def unpaid_settings() -> Problem:
    """The engine runs with older settings than those that are shown."""
    return Problem(
        cause="ab_restart_first",
        title="Your changed settings wait for a restart",
        detail="The engine still runs with the ones before, so A would not be what is shown.",
        hint="Restart the engine, then compare.",
        actions=(Action(kind=ActionKind.RESTART, label="Restart now"),),
    )


def engine_on_its_way() -> Problem:
    """The engine ends, or an image is on its way: nothing to compare with yet."""
    return Problem(
        cause="ab_wait",
        title="The engine is stopping",
        hint="Compare when it has stopped.",
    )


def bench_running() -> Problem:
    """A benchmark measures with the engine now."""
    return Problem(
        cause="ab_wait",
        title="A benchmark is running",
        detail="Both need the engine for themselves.",
        hint="Wait for its end, or cancel it.",
        actions=(Action(kind=ActionKind.OPEN_BENCH, label="Show the benchmark"),),
    )


def question_waits() -> Problem:
    """A chat was asked something while the comparison has the engine."""
    return Problem(
        cause="ab_question_waits",
        title="Your question waits for the comparison",
        detail="The engine answers the comparison first, so that its figures are not disturbed.",
        hint="It is asked as soon as the comparison has ended or was cancelled.",
        actions=(Action(kind=ActionKind.OPEN_BENCH, label="Show the comparison", target="ab"),),
    )


def unexpected(error: BaseException) -> Problem:
    """A mistake of ours."""
    return mistake_of_ours(
        error,
        cause="ab_broke",
        what="The comparison",
        kept="What was answered until then is shown.",
        again="Compare anew",
    )
