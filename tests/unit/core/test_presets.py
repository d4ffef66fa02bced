"""Presets: which one is meant, what it asks, and that nothing typed gets lost on the way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcdesk.core.presets import BUILT_IN, Preset, all_presets, called, matching, with_attached_text

PRESETS = all_presets((("Commit", "Write a commit message for: {text}"), ("now", "Use {clipboard|nothing}.")))
NAMES = [preset.name for preset in PRESETS]


def question(typed: str, **given: str) -> str:
    call = called(typed, PRESETS)
    assert call is not None, typed
    return call.question(given)


def test_own_presets_stand_among_the_built_in_ones_and_replace_them() -> None:
    assert sorted({*dict(BUILT_IN), "commit", "now"}) == NAMES
    (fix,) = (preset for preset in all_presets((("fix", "Mend: {text}"),)) if preset.name == "fix")
    assert (fix.text, fix.is_own) == ("Mend: {text}", True)
    assert all_presets((("", "x"), ("empty", " "))) == all_presets(())


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("/", NAMES),
        ("/s", ["shell", "summarize"]),
        ("/S", ["shell", "summarize"]),
        ("/fix", ["fix"]),
        ("/fix ", []),
        ("/nothing", []),
        ("fix", []),
        ("a /fix", []),
        ("", []),
    ],
)
def test_a_name_that_is_being_typed_offers_what_it_may_become(typed: str, names: list[str]) -> None:
    assert [preset.name for preset in matching(typed, PRESETS)] == names


@pytest.mark.parametrize(
    ("typed", "argument", "text"),
    [
        ("/translate German: Hello", "German", "Hello"),
        ("/translate Hello", "", "Hello"),
        ("/translate German:\nOne\nTwo", "German", "\nOne\nTwo"),
        ("/translate https://example.org is down", "", "https://example.org is down"),
        ("/fix One: two", "", "One: two"),
        ("/FIX teh", "", "teh"),
        ("/fix\nteh cat\nsat", "", "teh cat\nsat"),
        ("/fix", "", ""),
    ],
)
def test_what_stands_behind_the_name_is_told_apart(typed: str, argument: str, text: str) -> None:
    call = called(typed, PRESETS)
    assert call is not None
    assert (call.argument, call.text) == (argument, text)


@pytest.mark.parametrize("typed", ["/etc/fstab", "/unknown text", "text /fix", "/", "", "1/2", "/ fix"])
def test_other_text_is_no_call(typed: str) -> None:
    assert called(typed, PRESETS) is None


def test_places_are_filled_and_defaults_stand_in() -> None:
    assert question("/translate Hello").startswith("Translate into English.")
    assert question("/translate Danish: Hello").startswith("Translate into Danish.")
    assert question("/commit", text="a diff") == "Write a commit message for: a diff"
    assert question("/now") == "Use nothing."
    assert question("/now", clipboard="{text}") == "Use {text}.", "what is filled in is not filled again"
    assert question("/now but quickly") == "Use nothing.\n\nbut quickly"


def test_a_short_line_is_the_argument_when_a_text_is_attached() -> None:
    call = called("/translate French", PRESETS)
    assert call is not None
    assert (with_attached_text(call).argument, with_attached_text(call).text) == ("French", "")
    fix = called("/fix gently", PRESETS)
    assert fix is not None
    assert with_attached_text(fix) == fix


def test_a_summary_is_one_short_line() -> None:
    for preset in PRESETS:
        assert preset.summary
        assert "\n" not in preset.summary
        assert "{" not in preset.summary


@given(st.sampled_from(NAMES), st.text(st.characters(codec="utf-8"), min_size=1, max_size=200))
def test_nothing_typed_is_lost(name: str, rest: str) -> None:
    call = called(f"/{name} {rest}", PRESETS)
    assert call is not None
    asked = call.question({})
    for word in rest.replace(":", " ", 1).split():
        assert word in asked


@given(st.text(), st.text())
def test_any_text_can_be_a_preset(text: str, typed: str) -> None:
    preset = Preset(name="own", text=text)
    call = called(f"/own {typed}", (preset,))
    assert call is not None
    assert isinstance(call.question({}), str)
    assert preset.summary is not None
