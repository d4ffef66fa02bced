"""The hotkey's deciders: keyboards, repeats, sessions, steps and the portal's refusals."""

from __future__ import annotations

import shlex

import pytest

from arcdesk.core.shortcut import parse_shortcut
from arcdesk.desktop.dbus_values import BusError
from arcdesk.desktop.hotkey import portal_words
from arcdesk.desktop.hotkey.repeats import Repeats
from arcdesk.desktop.hotkey.session_kind import session_kind
from arcdesk.desktop.hotkey.steps import manual_binding
from arcdesk.desktop.hotkey.x11_keymap import Keymap

# A keyboard with the usual modifiers: Shift, Lock, Control, Mod1 = Alt, Mod2 = Num_Lock, Mod4 = Super.
KEYMAP = Keymap(
    keysyms={
        10: (0x31, 0x21),  # 1 !
        24: (0x61, 0x41, 0x646),  # a A, and ф in a second layout
        64: (0xFFE9,),
        65: (0x20,),
        77: (0xFF7F,),
        133: (0xFFEB,),
    },
    modifier_codes=((), (), (), (64,), (77,), (), (133,), ()),
)


def test_a_key_is_found_plain_before_shifted() -> None:
    assert KEYMAP.codes_of(0x61) == (24,)
    assert KEYMAP.codes_of(0x21) == (10,)
    assert KEYMAP.codes_of(0xE9) == ()


def test_modifiers_have_the_bits_of_this_keyboard() -> None:
    assert KEYMAP.mask_of(parse_shortcut("Ctrl+Alt+Space")) == 4 | 8
    assert KEYMAP.mask_of(parse_shortcut("Shift+Super+A")) == 1 | 64


def test_lock_keys_are_allowed_for_in_all_combinations() -> None:
    assert sorted(KEYMAP.lock_masks(12)) == [0, 2, 16, 18]


def test_num_lock_where_another_keyboard_has_it() -> None:
    moved = Keymap(keysyms=KEYMAP.keysyms, modifier_codes=((), (), (), (64,), (), (77,), (133,), ()))
    assert sorted(moved.lock_masks(12)) == [0, 2, 32, 34]


def test_repeats_with_releases_between_are_told_by_their_time() -> None:
    repeats = Repeats()
    heard = [repeats.is_press(65, 1000)]
    for time_ms in range(1500, 1800, 30):
        repeats.release(65, time_ms)
        heard.append(repeats.is_press(65, time_ms))
    repeats.release(65, 1800)
    heard.append(repeats.is_press(65, 1900))
    assert heard == [True, *[False] * 10, True]


def test_repeats_without_releases_are_told_by_the_missing_release() -> None:
    repeats = Repeats(is_detectable=True)
    assert [repeats.is_press(65, time_ms) for time_ms in (0, 660, 700)] == [True, False, False]
    repeats.release(65, 700)
    assert repeats.is_press(65, 700)


def test_a_lost_release_does_not_swallow_the_next_press() -> None:
    repeats = Repeats(is_detectable=True)
    assert repeats.is_press(65, 1000)
    assert repeats.is_press(65, 5000)


def test_the_displays_clock_may_wrap() -> None:
    repeats = Repeats(is_detectable=True)
    assert repeats.is_press(65, 0xFFFFFFF0)
    assert not repeats.is_press(65, 0x20)


@pytest.mark.parametrize(
    ("environ", "desktop", "is_real_x11"),
    [
        (
            {"XDG_CURRENT_DESKTOP": "ubuntu:GNOME", "WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"},
            "GNOME",
            False,
        ),
        ({"XDG_CURRENT_DESKTOP": "KDE", "XDG_SESSION_TYPE": "x11", "DISPLAY": ":0"}, "KDE", True),
        ({"XDG_SESSION_TYPE": "wayland", "DISPLAY": ":0", "SWAYSOCK": "/run/s"}, "sway", False),
        ({"DISPLAY": ":0", "DESKTOP_SESSION": "xfce"}, "XFCE", True),
        ({"DISPLAY": ":0", "I3SOCK": "/run/i3"}, "i3", True),
        ({}, "", False),
    ],
)
def test_sessions_are_told_apart(environ: dict[str, str], desktop: str, is_real_x11: bool) -> None:
    kind = session_kind(environ)
    assert (kind.desktop, kind.is_real_x11) == (desktop, is_real_x11)


WORDS = ["/home/a b/arcdesk", "quick", "--toggle"]


@pytest.mark.parametrize(
    "desktop", ["GNOME", "KDE", "XFCE", "Cinnamon", "MATE", "sway", "Hyprland", "i3", "", "Enlightenment"]
)
def test_every_desktop_gets_steps_and_a_command_that_a_shell_reads(desktop: str) -> None:
    manual = manual_binding(desktop, parse_shortcut("Ctrl+Alt+Space"), WORDS)
    assert shlex.split(manual.command) == WORDS
    assert len(manual.steps) >= 2
    assert manual.desktop in (desktop, "")


def test_lines_for_configuration_files() -> None:
    key = parse_shortcut("Ctrl+Alt+Space")
    words = ["arcdesk", "quick", "--toggle"]
    assert manual_binding("sway", key, words).snippet == "bindsym Ctrl+Mod1+space exec arcdesk quick --toggle"
    assert (
        manual_binding("Hyprland", key, words).snippet
        == "bind = CTRL ALT, space, exec, arcdesk quick --toggle"
    )
    xfce = shlex.split(manual_binding("XFCE", key, words).snippet)
    assert "/commands/custom/<Primary><Alt>space" in xfce
    assert xfce[-1] == "arcdesk quick --toggle"


@pytest.mark.parametrize(
    ("name", "text", "cause"),
    [
        ("org.freedesktop.DBus.Error.ServiceUnknown", "not provided", "hotkey_portal_absent"),
        ("org.freedesktop.DBus.Error.Spawn.ChildExited", "exit 1", "hotkey_portal_absent"),
        ("org.freedesktop.DBus.Error.UnknownMethod", "No such interface", "hotkey_portal_lacks"),
        ("org.freedesktop.DBus.Error.InvalidArgs", "No such interface", "hotkey_portal_lacks"),
        ("org.freedesktop.DBus.Error.NoReply", "", "hotkey_portal_silent"),
        ("org.freedesktop.portal.Error.NotAllowed", "An app id is required", "hotkey_no_desktop_file"),
        ("org.freedesktop.portal.Error.NotAllowed", "Not today", "hotkey_portal_refused"),
    ],
)
def test_each_refusal_of_the_portal_has_its_own_reason(name: str, text: str, cause: str) -> None:
    problem = portal_words.explain(BusError(name, text), is_installed=False, register_error="")
    assert problem.cause == cause
    assert problem.title


def test_an_installed_program_without_an_app_id_is_not_told_to_install() -> None:
    error = BusError("org.freedesktop.portal.Error.NotAllowed", "An app id is required")
    problem = portal_words.explain(error, is_installed=True, register_error="App info not found")
    assert problem.cause == "hotkey_no_app_id"
    assert "App info not found" in problem.detail
