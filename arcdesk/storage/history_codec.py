"""Turns answer figures and problems into JSON text and back; what it does not know it leaves out."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import Enum
from typing import Any, TypeVar

from arcdesk.core.chat import AnswerStats, Message, MessageState, Role
from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.core.xray_record import XRayRecord

Row = tuple[int, str, str, str, str, float, str | None, str | None]  # the columns of MESSAGE_COLUMNS
MESSAGE_COLUMNS = "id, role, text, thoughts, state, created_at, stats, problem"

LARGEST = 1e300

_NUMBERS = (
    "ttft_ms",
    "decode_tokens_per_s",
    "total_ms",
    "energy_j",
    "connect_ms",
    "last_ms",
    "parse_ms",
)
_COUNTS = ("prompt_tokens", "completion_tokens", "chunks")
_WORDS = ("finish_reason", "model", "device", "engine", "reason_unknown", "via")
_XRAY_NUMBERS = (
    "paint_ms",
    "stall_ms",
    "queue_ms",
    "prefill_ms",
    "decode_ms",
    "first_ms",
    "whole_ms",
)
_XRAY_FLAGS = ("is_local", "is_ours", "had_company")
_XRAY_WORDS = ("reason", "paint_reason")
_PROBLEM_WORDS = ("cause", "title", "detail", "hint", "evidence")

_E = TypeVar("_E", bound=Enum)


def storable(text: str) -> str:
    """`text` as UTF-8 can hold it: surrogate pairs joined, half ones replaced by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def stats_to_json(stats: AnswerStats | None) -> str | None:
    """The figures that are known, as a JSON object; None stays None."""
    if stats is None:
        return None
    return json.dumps({name: value for name, value in asdict(stats).items() if value is not None})


def stats_from_json(text: str | None) -> AnswerStats | None:
    """Read figures; a value of the wrong kind counts as unknown, and damaged JSON as None."""
    data = _object(text)
    if data is None:
        return None
    known: dict[str, Any] = {name: data[name] for name in _NUMBERS if _is_number(data.get(name))}
    known |= {name: data[name] for name in _COUNTS if _is_count(data.get(name))}
    known |= {name: data[name] for name in _WORDS if isinstance(data.get(name), str)}
    if isinstance(data.get("xray"), dict):
        known["xray"] = _xray_from_data(data["xray"])
    return AnswerStats(**known)


def _xray_from_data(data: dict[str, Any]) -> XRayRecord:
    known: dict[str, Any] = {name: data[name] for name in _XRAY_NUMBERS if _is_number(data.get(name))}
    known |= {name: data[name] for name in _XRAY_FLAGS if isinstance(data.get(name), bool)}
    known |= {name: data[name] for name in _XRAY_WORDS if isinstance(data.get(name), str)}
    bounds = data.get("at_least")
    return XRayRecord(
        **known,
        at_least=tuple(name for name in _XRAY_NUMBERS if isinstance(bounds, list) and name in bounds),
    )


def problem_to_json(problem: Problem | None) -> str | None:
    """A problem with its actions, as a JSON object; None stays None."""
    if problem is None:
        return None
    data: dict[str, Any] = {name: getattr(problem, name) for name in _PROBLEM_WORDS}
    data["actions"] = [_action_to_data(action) for action in problem.actions]
    return json.dumps(data)


def problem_from_json(text: str | None) -> Problem | None:
    """Read a problem. Actions of an unknown kind are left out: a button must do something."""
    data = _object(text)
    if data is None:
        return None
    words = {name: data[name] for name in _PROBLEM_WORDS if isinstance(data.get(name), str)}
    listed = data.get("actions")
    actions = [_action_from_data(item) for item in (listed if isinstance(listed, list) else ())]
    known = tuple(action for action in actions if action is not None)
    return Problem(**{"cause": "unknown", "title": "Something went wrong", **words}, actions=known)


def message_from_row(row: Row) -> Message:
    """A message from its columns, in the order of MESSAGE_COLUMNS."""
    message_id, role, text, thoughts, state, created_at, stats, problem = row
    return Message(
        id=message_id,
        role=_member(Role, role, Role.ASSISTANT),
        text=text,
        thoughts=thoughts,
        state=_member(MessageState, state, MessageState.DONE),
        created_at=created_at,
        stats=stats_from_json(stats),
        problem=problem_from_json(problem),
    )


def _action_to_data(action: Action) -> dict[str, Any]:
    return {
        "kind": action.kind.value,
        "label": action.label,
        "target": action.target,
        "settings": [list(pair) for pair in action.settings],
    }


def _action_from_data(data: Any) -> Action | None:
    if not isinstance(data, dict) or not isinstance(data.get("label"), str):
        return None
    try:
        kind = ActionKind(data.get("kind"))
    except ValueError:
        return None
    target, listed = data.get("target"), data.get("settings")
    pairs = [_pair(item) for item in (listed if isinstance(listed, list) else ())]
    return Action(
        kind=kind,
        label=data["label"],
        target=target if isinstance(target, str) else "",
        settings=tuple(pair for pair in pairs if pair is not None),
    )


def _pair(item: Any) -> tuple[str, str] | None:
    match item:
        case [str() as name, str() as value]:
            return name, value
        case _:
            return None


def _object(text: str | None) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _is_number(value: object) -> bool:
    # Also refuses 'not a number', and whole numbers that no float can hold.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _member(kind: type[_E], value: str, default: _E) -> _E:
    try:
        return kind(value)
    except ValueError:
        return default
