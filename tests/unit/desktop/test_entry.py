"""Desktop entries as text: what is written is read back as the same words, by us and by a shell's rules."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcdesk.desktop import entry

WORDS = st.lists(st.text(st.characters(min_codepoint=32, blacklist_categories=("Cs", "Cc"))), min_size=1)


@given(WORDS)
def test_words_come_back_from_an_exec_value(words: list[str]) -> None:
    value = entry.exec_value(words)
    assert "\n" not in value
    assert entry.exec_words(value) == words


def test_exec_is_quoted_as_the_specification_has_it() -> None:
    assert entry.exec_value(["/a b/x", "--y"]) == '"/a b/x" --y'
    assert entry.exec_value(["/a$b", "100%"]) == r'"/a\\$b" 100%%'
    assert entry.exec_value(['say "hi"']) == r'"say \\"hi\\""'


def test_field_codes_are_no_words() -> None:
    assert entry.exec_words('arcdesk --open %U "a b" 100%%') == ["arcdesk", "--open", "a b", "100%"]


@pytest.mark.parametrize("value", ['"never closed', 'half"quoted"', '"a"b'])
def test_broken_quoting_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="quoting"):
        entry.exec_words(value)


@given(WORDS)
def test_a_service_file_is_split_as_by_a_shell(words: list[str]) -> None:
    assert shlex.split(entry.service_exec(words)) == words


def test_reading_keeps_groups_apart_and_passes_over_the_rest() -> None:
    text = "# no\n[Desktop Entry]\nName = A\nName=B\nnonsense\n\n[Desktop Action x]\nName=C\n"
    assert entry.read_entry(text) == {"Desktop Entry": {"Name": "A"}, "Desktop Action x": {"Name": "C"}}
    assert entry.read_entry("") == {}


@pytest.mark.parametrize(
    ("value", "default", "means"),
    [
        ("true", False, True),
        ("false", True, False),
        ("1", False, True),
        ("", True, True),
        ("maybe", False, False),
    ],
)
def test_booleans(value: str, default: bool, means: bool) -> None:
    assert entry.is_true({"Hidden": value}, "Hidden", default) is means


def test_an_appimage_is_started_by_its_own_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPIMAGE", "/home/me/ArcDesk.AppImage")
    monkeypatch.setenv("APPDIR", "/tmp/.mount_Arc")
    assert entry.own_command() == ["/home/me/ArcDesk.AppImage"]


def test_every_exec_of_a_template_is_filled_in() -> None:
    template = "Exec=arcdesk\nTryExec=arcdesk\nName=arcdesk\nExec=arcdesk stop\n"
    filled = entry.fill_command(template, ["/my folder/arcdesk"])
    assert filled == (
        'Exec="/my folder/arcdesk"\nTryExec=/my folder/arcdesk\n'
        'Name=arcdesk\nExec="/my folder/arcdesk" stop\n'
    )
