"""The question of the quick prompt, and the way back to earlier lines."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from arcdesk.core.presets import all_presets
from arcdesk.core.quick import Attachment, Recall, compose, fenced, with_attached

PRESETS = all_presets(())
COPIED = Attachment(source="clipboard", text="teh cat\n")


@given(st.text(st.sampled_from("`a\n "), max_size=60))
def test_no_text_ends_its_fence_early(text: str) -> None:
    first, *body, last = fenced(text).split("\n")
    assert first == last
    assert re.fullmatch("`{3,}", first)
    assert "\n".join(body) == text.strip("\n")
    assert all(first not in line for line in body)


def test_attached_text_follows_the_question() -> None:
    assert with_attached("What is it?", ()) == "What is it?"
    assert with_attached("What is it?", (COPIED,)) == "What is it?\n\n```\nteh cat\n```"
    assert with_attached("", (COPIED, COPIED)) == "```\nteh cat\n```\n\n```\nteh cat\n```"
    assert (COPIED.lines, Attachment(source="selection", text="a\nb").lines) == (1, 2)


def test_a_preset_works_on_what_is_attached_or_typed_or_both() -> None:
    asked = compose("/fix", (COPIED,), PRESETS, {})
    assert asked.startswith("Correct spelling")
    assert asked.endswith("```\nteh cat\n```")
    asked = compose("/translate Danish", (COPIED,), PRESETS, {})
    assert asked.startswith("Translate into Danish.")
    assert asked.count("teh cat") == 1
    asked = compose("/fix this too", (COPIED,), PRESETS, {})
    assert "this too" in asked
    assert asked.count("teh cat") == 1
    assert compose("/etc/fstab?", (), PRESETS, {}) == "/etc/fstab?"


def test_arrows_lead_through_earlier_lines_and_back_to_the_typed_one() -> None:
    recall = Recall(lines=["two", "one"])
    assert [recall.older("mine"), recall.older("two"), recall.older("one")] == ["two", "one", None]
    assert [recall.newer(), recall.newer(), recall.newer()] == ["two", "mine", None]
    assert not recall.is_under_way


def test_a_line_that_is_shown_is_not_offered_again() -> None:
    recall = Recall(lines=["two", "one"])
    assert recall.older("two") == "one"
    recall.add("one")
    assert recall.lines == ["one", "two"]
    assert recall.older("") == "one"
    recall.stay()
    assert recall.older("one more") == "one"


@given(st.lists(st.sampled_from(["older", "newer", "stay"]), max_size=30), st.lists(st.text(), max_size=5))
def test_the_typed_line_is_never_lost(steps: list[str], lines: list[str]) -> None:
    recall, shown, typed = Recall(lines=list(dict.fromkeys(lines))), "typed", "typed"
    for step in steps:
        if step == "stay":
            recall.stay()
            typed = shown
        else:
            line = recall.older(shown) if step == "older" else recall.newer()
            shown = shown if line is None else line
    while (line := recall.newer()) is not None:
        shown = line
    assert shown == typed
