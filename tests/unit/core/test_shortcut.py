"""Key combinations: how they are read and written, and which ones are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcdesk.core.errors import UsageError
from arcdesk.core.shortcut import (
    DEFAULT_SHORTCUT,
    Modifier,
    Shortcut,
    caution,
    parse_shortcut,
    refusal,
    shortcut_of_gtk,
    shortcut_of_qt,
)
from arcdesk.core.shortcut_keys import key_named

NAMES = ["Space", "Plus", "Esc", "PageUp", "F1", "F35", "Pause", "A", "7", ",", "\\", "~", "É", "Ж"]
shortcuts = st.builds(
    lambda modifiers, name: Shortcut(modifiers=modifiers, key=parse_shortcut(name).key),
    st.frozensets(st.sampled_from(Modifier)),
    st.sampled_from(NAMES),
)


def test_the_default_is_written_as_each_desktop_wants_it() -> None:
    shortcut = parse_shortcut(DEFAULT_SHORTCUT)
    assert str(shortcut) == "Ctrl+Alt+Space"
    assert shortcut.portal == "CTRL+ALT+space"
    assert shortcut.gtk == "<Control><Alt>space"
    assert shortcut.qt == 0x0C000020
    assert shortcut.key.keysym == 0x20


@pytest.mark.parametrize(
    ("text", "portal", "keysym"),
    [
        ("super+shift+f5", "SHIFT+LOGO+F5", 0xFFC2),
        ("Ctrl+Plus", "CTRL+plus", 0x2B),
        ("Meta+PgUp", "LOGO+Page_Up", 0xFF55),
        ("Alt+é", "ALT+U00E9", 0xE9),
        ("Alt+Ж", "ALT+U0436", 0x01000436),
        (" ctrl + alt + , ", "CTRL+ALT+comma", 0x2C),
    ],
)
def test_other_spellings_are_understood(text: str, portal: str, keysym: int) -> None:
    shortcut = parse_shortcut(text)
    assert (shortcut.portal, shortcut.key.keysym) == (portal, keysym)


@pytest.mark.parametrize("text", ["", "Ctrl+", "Ctrl++", "Hyper+A", "Ctrl+Nokey", "Ctrl+ß", "Ctrl+\n"])
def test_what_is_not_understood_is_told_with_an_example(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_shortcut(text)
    assert DEFAULT_SHORTCUT in str(caught.value)


@given(shortcuts)
def test_what_is_written_is_read_again(shortcut: Shortcut) -> None:
    assert parse_shortcut(str(shortcut)) == shortcut
    assert shortcut_of_qt(shortcut.key.qt, shortcut.qt) == shortcut


@given(shortcuts.filter(lambda shortcut: shortcut.key.label.isascii()))
def test_gnomes_spelling_is_read_again(shortcut: Shortcut) -> None:
    read = shortcut_of_gtk(shortcut.gtk)
    assert read is not None
    assert (read.modifiers, read.key.keysym) == (shortcut.modifiers, shortcut.key.keysym)


def test_other_bindings_of_gnome_do_not_disturb() -> None:
    assert shortcut_of_gtk("") is None
    assert shortcut_of_gtk("<Hyper>x") is None
    assert shortcut_of_gtk("<Control") is None
    assert str(shortcut_of_gtk("<Primary><Alt>space")) == "Ctrl+Alt+Space"


def test_any_key_number_of_qt_is_a_key_or_none() -> None:
    """All characters and all of Qt's own keys: letters such as 'ı', whose capital is another key's, too."""
    for number in (*range(0x30000), *range(0x01000000, 0x01001300), 0x01FFFFFF):
        shortcut = shortcut_of_qt(number, 0)
        assert shortcut is None or key_named(shortcut.key.label) == shortcut.key, hex(number)


@pytest.mark.parametrize(
    "text", ["A", "Shift+A", "Space", "Shift+Tab", "7", "Ctrl+Alt+Delete", "Ctrl+Alt+F3"]
)
def test_keys_that_are_needed_otherwise_are_refused_with_the_reason(text: str) -> None:
    assert refusal(parse_shortcut(text)).endswith(".")


@pytest.mark.parametrize("text", [DEFAULT_SHORTCUT, "F9", "Pause", "Super+A", "Ctrl+Shift+F3", "Alt+F3"])
def test_keys_that_can_be_had_are_not_refused(text: str) -> None:
    assert refusal(parse_shortcut(text)) == ""


def test_well_known_keys_come_with_a_word_of_caution() -> None:
    assert "window's menu" in caution(parse_shortcut("Alt+Space"))
    assert "Ctrl+C" in caution(parse_shortcut("Ctrl+C"))
    assert "no longer" in caution(parse_shortcut("F9"))
    assert caution(parse_shortcut(DEFAULT_SHORTCUT)) == ""
