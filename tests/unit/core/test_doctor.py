"""How findings are counted, ordered and told."""

from __future__ import annotations

from arcdesk.core.doctor import (
    Area,
    Finding,
    Status,
    exit_code,
    finding_json,
    from_problem,
    in_order,
    ok,
    summary,
    unknown,
    worst,
)
from arcdesk.core.errors import Action, ActionKind, Problem


def found(status: Status, area: Area = Area.DISK) -> Finding:
    return Finding(id="x", area=area, status=status, title="x")


def test_only_what_is_bad_fails() -> None:
    harmless = [found(Status.OK), found(Status.WARN), found(Status.UNKNOWN)]
    assert exit_code(harmless) == 0
    assert worst(harmless) is Status.WARN
    assert exit_code([*harmless, found(Status.BAD)]) == 1
    assert worst([]) is Status.OK


def test_the_summary_counts() -> None:
    assert summary([]) == summary([found(Status.OK)]) == "Everything looks right"
    statuses = [Status.BAD, Status.WARN, Status.WARN, Status.UNKNOWN, Status.UNKNOWN]
    assert summary([found(status) for status in statuses]) == "1 problem, 2 warnings, 2 unknown"


def test_areas_have_their_order_and_findings_keep_theirs() -> None:
    late, first, second = ok("n", Area.NETWORK, "n"), ok("d1", Area.DOCKER, "a"), ok("d2", Area.DOCKER, "b")
    assert in_order([late, first, second]) == [first, second, late]


def test_a_problem_becomes_a_finding_with_its_command() -> None:
    actions = (
        Action(kind=ActionKind.START, label="Try again"),
        Action(kind=ActionKind.COPY, label="Copy", target="sudo x"),
    )
    problem = Problem(cause="c", title="T", detail="D", hint="H", actions=actions)
    finding = from_problem("docker.socket", Area.DOCKER, Status.BAD, problem)
    assert finding_json(finding) == {
        "id": "docker.socket",
        "area": "docker",
        "status": "bad",
        "title": "T",
        "detail": "D",
        "fix": "H",
        "command": "sudo x",
    }


def test_what_is_not_known_has_a_reason() -> None:
    finding = unknown("x", Area.CARDS, "Cards", "No answer.")
    assert (finding.status, finding.detail) == (Status.UNKNOWN, "No answer.")
