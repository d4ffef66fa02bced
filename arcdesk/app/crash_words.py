"""What is said about a crash: its kinds, and the notices with their buttons."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from arcdesk.core.errors import Action, ActionKind, Problem


class CrashKind(Enum):
    """How a run ended."""

    FAULT = "fault"  # a signal such as SIGSEGV: there is a traceback
    EXCEPTION = "exception"  # Python gave up
    KILLED = "killed"  # it just was not there any more: kill -9, out of memory


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashReport:
    """What is known of the last run's end. `path` is None where no report could be written."""

    kind: CrashKind
    path: Path | None
    text: str


END_WORDS = {
    CrashKind.FAULT: "a fault in a library",
    CrashKind.EXCEPTION: "a mistake of ArcDesk",
    CrashKind.KILLED: "something ended it",
}


def crash_problem(report: CrashReport) -> Problem:
    """The notice of the next start."""
    reasons = {
        CrashKind.FAULT: "A library that it uses failed.",
        CrashKind.EXCEPTION: "It made a mistake.",
        CrashKind.KILLED: "It was killed, or the memory was full; no trace of a mistake was found.",
    }
    kept = (
        "A report was written; it stays on this computer." if report.path else "No report could be written."
    )
    return Problem(
        cause="crashed",
        title="ArcDesk ended unexpectedly last time",
        detail=f"{reasons[report.kind]} {kept}",
        hint="Your chats are kept as far as they had come.",
        actions=_report_actions(report.path),
    )


def mistake_problem(error: BaseException, path: Path | None) -> Problem:
    """The notice of a mistake that ArcDesk survived."""
    return Problem(
        cause="bug",
        title="ArcDesk made a mistake",
        detail=f"It goes on, but something may be missing now ({type(error).__name__}).",
        hint="A report was written; it stays on this computer." if path else "No report could be written.",
        actions=_report_actions(path),
    )


def _report_actions(path: Path | None) -> tuple[Action, ...]:
    bundle = Action(kind=ActionKind.SAVE_BUNDLE, label="Save support bundle…")
    if path is None:
        return (bundle,)
    return (Action(kind=ActionKind.SHOW_REPORT, label="Show report", target=str(path)), bundle)
