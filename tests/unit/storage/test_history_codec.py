"""Figures and problems as JSON: there and back, and what a strange file may hold."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from arcdesk.core.chat import AnswerStats, MessageState, Role
from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.core.xray_record import XRayRecord
from arcdesk.storage.history_codec import (
    message_from_row,
    problem_from_json,
    problem_to_json,
    stats_from_json,
    stats_to_json,
    storable,
)

any_text = st.text(st.characters(codec=None))
numbers = st.none() | st.floats(allow_nan=False, min_value=-1e200, max_value=1e200)
counts = st.none() | st.integers(min_value=-(2**62), max_value=2**62)
words = st.none() | any_text

all_xrays = st.builds(
    XRayRecord,
    paint_ms=numbers,
    paint_reason=any_text,
    stall_ms=numbers,
    is_local=st.booleans(),
    queue_ms=numbers,
    prefill_ms=numbers,
    decode_ms=numbers,
    first_ms=numbers,
    whole_ms=numbers,
    at_least=st.sampled_from([(), ("queue_ms",), ("prefill_ms", "whole_ms")]),
    is_ours=st.booleans(),
    had_company=st.booleans(),
    reason=any_text,
)
all_stats = st.builds(
    AnswerStats,
    ttft_ms=numbers,
    decode_tokens_per_s=numbers,
    prompt_tokens=counts,
    completion_tokens=counts,
    total_ms=numbers,
    chunks=st.integers(0, 10**9),
    finish_reason=words,
    model=words,
    device=words,
    engine=words,
    reason_unknown=any_text,
    connect_ms=numbers,
    last_ms=numbers,
    parse_ms=numbers,
    via=any_text,
    xray=st.none() | all_xrays,
)
all_actions = st.builds(
    Action,
    kind=st.sampled_from(ActionKind),
    label=any_text,
    target=any_text,
    settings=st.lists(st.tuples(any_text, any_text), max_size=3).map(tuple),
)
all_problems = st.builds(
    Problem,
    cause=any_text,
    title=any_text,
    detail=any_text,
    hint=any_text,
    evidence=any_text,
    actions=st.lists(all_actions, max_size=3).map(tuple),
)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
known_names = st.sampled_from(
    [f.name for f in (*fields(AnswerStats), *fields(Problem), *fields(Action), *fields(XRayRecord))]
)


@given(all_stats)
def test_stats_come_back_as_they_were(stats: AnswerStats) -> None:
    assert stats_from_json(stats_to_json(stats)) == stats


@given(all_problems)
def test_problems_come_back_as_they_were(problem: Problem) -> None:
    assert problem_from_json(problem_to_json(problem)) == problem


def test_every_field_is_stored() -> None:
    values: dict[str, Any] = {f.name: "x" if "str" in str(f.type) else 1 for f in fields(AnswerStats)}
    values["xray"] = XRayRecord(paint_ms=1.0)
    whole = AnswerStats(**values)
    assert set(json.loads(stats_to_json(whole) or "")) == {f.name for f in fields(AnswerStats)}
    problem = json.loads(problem_to_json(Problem(cause="c", title="t")) or "")
    assert set(problem) == {f.name for f in fields(Problem)}


def test_nothing_stays_nothing() -> None:
    assert stats_to_json(None) is None
    assert stats_from_json(None) is None
    assert problem_to_json(None) is None
    assert problem_from_json(None) is None


@given(st.dictionaries(known_names | st.text(), any_json))
def test_any_object_can_be_read(data: dict[str, object]) -> None:
    text = json.dumps(data)
    stats, problem = stats_from_json(text), problem_from_json(text)
    assert stats is not None
    assert problem is not None
    assert stats_from_json(stats_to_json(stats)) == stats
    assert problem_from_json(problem_to_json(problem)) == problem


@given(st.text() | any_json.map(json.dumps))
def test_any_text_can_be_read(text: str) -> None:
    assert stats_from_json(text) is None or isinstance(json.loads(text), dict)


def test_an_x_ray_of_another_version_is_read_as_far_as_it_is_known() -> None:
    text = (
        '{"xray": {"paint_ms": 3, "queue_ms": "long", "at_least": ["first_ms", 7], "new": [1], "reason": 5}}'
    )
    stats = stats_from_json(text)
    assert stats is not None
    assert stats.xray == XRayRecord(paint_ms=3, at_least=("first_ms",))
    assert stats_from_json('{"xray": "bones"}') == AnswerStats()


def test_unknown_keys_and_actions_are_left_out() -> None:
    assert stats_from_json('{"ttft_ms": 3, "invented": 1, "chunks": "many"}') == AnswerStats(ttft_ms=3)
    text = '{"cause": "c", "title": "t", "new": 1, "actions": [{"kind": "fly", "label": "Fly"}, 7]}'
    assert problem_from_json(text) == Problem(cause="c", title="t")


def test_a_row_with_unknown_words_is_still_a_message() -> None:
    message = message_from_row((1, "tool", "text", "", "dreaming", 5.0, "{", "[]"))
    assert (message.role, message.state) == (Role.ASSISTANT, MessageState.DONE)
    assert message.stats is None
    assert message.problem is None


@given(any_text)
def test_storable_text_is_utf8_and_stable(text: str) -> None:
    kept = storable(text)
    assert storable(kept.encode().decode()) == kept
    assert kept == text or any("\ud800" <= char <= "\udfff" for char in text)


def test_halves_of_a_sign_are_joined() -> None:
    assert storable("a\ud83d\ude00b") == "a😀b"
    assert storable("a\ud83d") == "a\ufffd"
