"""What an examination of this computer finds: one Finding per fact, each with its way out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from arcdesk.core.errors import Action, ActionKind, Problem


class Status(Enum):
    """How a fact is. UNKNOWN: it could not be found out, the detail says why."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"
    UNKNOWN = "unknown"


class Area(Enum):
    """What a finding is about, in the order in which it is shown."""

    APP = "app"
    DOCKER = "docker"
    CARDS = "cards"
    DISK = "disk"
    DESKTOP = "desktop"
    NETWORK = "network"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fact: `title` says what is, `detail` why or how much, `fix` what to do, `command` what to run.

    `id` is stable ("docker.socket"); findings of one id come again with another status when asked again.
    """

    id: str
    area: Area
    status: Status
    title: str
    detail: str = ""
    fix: str = ""
    command: str = ""
    action: Action | None = None


def ok(id: str, area: Area, title: str, detail: str = "") -> Finding:
    """A fact as it should be."""
    return Finding(id=id, area=area, status=Status.OK, title=title, detail=detail)


def unknown(id: str, area: Area, title: str, reason: str, fix: str = "") -> Finding:
    """A fact that could not be found out, and why."""
    return Finding(id=id, area=area, status=Status.UNKNOWN, title=title, detail=reason, fix=fix)


def from_problem(id: str, area: Area, status: Status, problem: Problem) -> Finding:
    """A finding in the words of a problem; its command is that of the problem's copy button."""
    copies = [action.target for action in problem.actions if action.kind is ActionKind.COPY]
    return Finding(
        id=id,
        area=area,
        status=status,
        title=problem.title,
        detail=problem.detail,
        fix=problem.hint,
        command=copies[0] if copies else "",
    )


def worst(findings: Sequence[Finding]) -> Status:
    """The status that counts: BAD before WARN before UNKNOWN before OK."""
    order = (Status.BAD, Status.WARN, Status.UNKNOWN)
    return next((one for one in order if any(found.status is one for found in findings)), Status.OK)


def exit_code(findings: Sequence[Finding]) -> int:
    """0 if nothing is BAD, else 1."""
    return 1 if worst(findings) is Status.BAD else 0


def summary(findings: Sequence[Finding]) -> str:
    """All of it in one line: '2 problems, 1 warning'."""
    counts = [(sum(found.status is status for found in findings), word) for status, word in _COUNTED]
    said = [
        f"{count} {word}{'s' if count > 1 and word != 'unknown' else ''}" for count, word in counts if count
    ]
    return ", ".join(said) if said else "Everything looks right"


_COUNTED = ((Status.BAD, "problem"), (Status.WARN, "warning"), (Status.UNKNOWN, "unknown"))


def in_order(findings: Sequence[Finding]) -> list[Finding]:
    """By area, in each area as they came."""
    areas = list(Area)
    return sorted(findings, key=lambda found: areas.index(found.area))


def finding_json(found: Finding) -> dict[str, object]:
    """As `arcdesk doctor --json` and the support bundle have it; empty is null."""
    return {
        "id": found.id,
        "area": found.area.value,
        "status": found.status.value,
        "title": found.title,
        "detail": found.detail or None,
        "fix": found.fix or None,
        "command": found.command or None,
    }
