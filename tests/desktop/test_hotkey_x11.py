"""The hotkey on a real X display: real key presses while another program has the keyboard."""

from __future__ import annotations

import contextlib
import re
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.desktop.hotkey_rig import (
    KEY,
    XKEY,
    HotkeyProgram,
    hotkey_program,
    managed_display,
    x_server,
)
from tests.desktop.tray_program import TrayProgram
from tests.rig.desktop import Desktop
from tests.rig.desktop_fixtures import _or_skip as or_skip
from tests.rig.desktop_tools import child, need, wait_for

pytestmark = pytest.mark.desktop

_PRESS = re.compile(r"KeyPress event.*?keysym 0x[0-9a-f]+, (\w+)\)", re.DOTALL)


class OtherProgram(TrayProgram):
    """`xev` with the keyboard: what it sees of the keys."""

    @property
    def keys(self) -> list[str]:
        """The keysyms of all key presses it got."""
        return _PRESS.findall("\n".join(self.said))

    def wait_for_key(self, name: str, times: int = 1) -> None:
        """Until it got this key so often."""
        wait_for(lambda: self.keys.count(name) >= times, f"'{name}' in the other program")


@contextlib.contextmanager
def other_program(desktop: Desktop) -> Iterator[OtherProgram]:
    """Another program's window, which has the keyboard."""
    need("xev")
    with child(["xev", "-event", "keyboard"], desktop.env, stdout=subprocess.PIPE) as process:
        (window,) = wait_for(
            lambda: desktop.find_windows("--onlyvisible", "--name", "Event Tester"), "xev's window"
        )
        desktop.xdotool("windowactivate", "--sync", window)
        program = OtherProgram(process)

        def types() -> bool:
            desktop.key("x")
            return "x" in program.keys

        wait_for(types, "xev to get keys")
        yield program


@pytest.fixture
def display(x_display: Desktop) -> Iterator[Desktop]:
    """The session's display (openbox), its keyboard put back afterwards."""
    yield x_display
    _set_layout(x_display, "us")


@pytest.mark.parametrize("manager", ["openbox", "xfwm4", "metacity"])
def test_a_press_is_heard_and_the_focused_program_does_not_see_it(manager: str) -> None:
    with (
        or_skip(),
        managed_display(manager) as desktop,
        other_program(desktop) as other,
        hotkey_program(desktop.env) as program,
    ):
        state = program.wait_for_state(how="x11", works=True)
        assert state["trigger"] == KEY
        assert state["can_record"]
        for _ in range(5):
            desktop.key(XKEY)
        program.wait_for_presses(5)
        desktop.key("y")
        other.wait_for_key("y")
        assert "space" not in other.keys
        assert program.presses == [""] * 5


def test_lock_keys_do_not_matter(display: Desktop) -> None:
    with hotkey_program(display.env) as program:
        program.wait_for_state(works=True)
        locks = ("Num_Lock", "Caps_Lock", "Num_Lock", "Caps_Lock")  # one, both, the other, none
        for count, lock in enumerate(locks, start=1):
            display.xdotool("key", lock)
            display.xdotool("key", XKEY)
            program.wait_for_presses(count)


def test_a_changed_layout_moves_the_key(display: Desktop) -> None:
    with other_program(display) as other, hotkey_program(display.env, "Ctrl+Alt+A") as program:
        program.wait_for_state(works=True)
        display.key("ctrl+alt+a")
        program.wait_for_presses(1)
        _set_layout(display, "fr")
        display.key("y")
        other.wait_for_key("y")  # whoever saw this has seen the new layout
        _press_until_heard(display, program, "ctrl+alt+a", 2)
        count = len(program.presses)
        display.key("ctrl+alt+q")  # where 'a' was
        other.wait_for_key("q")
        assert "a" not in other.keys
        assert len(program.presses) == count


def test_the_same_layout_again_gives_the_key_to_nobody_else(display: Desktop) -> None:
    """Each change from one keyboard to another is told as a new layout; the press that follows counts."""
    with other_program(display) as other, hotkey_program(display.env) as program:
        program.wait_for_state(works=True)
        for _ in range(30):
            _set_layout(display, "us")
            display.xdotool("key", XKEY)
        program.wait_for_presses(30)
        assert "space" not in other.keys


def test_a_key_that_the_layout_lacks_is_told_and_works_once_it_is_there(display: Desktop) -> None:
    with hotkey_program(display.env, "Ctrl+Alt+É") as program:
        assert program.wait_for_state(works=False)["cause"] == "hotkey_no_key"
        _set_layout(display, "fr")
        program.wait_for_state(how="x11", works=True)
        _set_layout(display, "us")
        assert program.wait_for_state(works=False)["cause"] == "hotkey_no_key"
        _set_layout(display, "fr")
        program.wait_for_state(works=True)
        display.key("ctrl+alt+eacute")
        program.wait_for_presses(1)


def test_a_taken_key_is_told_and_a_free_one_taken(display: Desktop) -> None:
    with hotkey_program(display.env) as holder:
        holder.wait_for_state(works=True)
        with hotkey_program(display.env) as late:
            state = late.wait_for_state(how="none", cause="hotkey_taken")
            assert "Another program already holds Ctrl+Alt+Space" in state["sentence"]
            assert state["tried"] == ["hotkey_no_bus", "hotkey_taken"]
            late.order("rebind Ctrl+Alt+Nokey")
            assert late.wait_for_state(wanted="Ctrl+Alt+Nokey")["cause"] == "bad_shortcut"
            late.order("rebind Super+F9")
            late.wait_for_state(how="x11", trigger="Super+F9", works=True)
            display.key("super+F9")
            late.wait_for_presses(1)
            assert holder.presses == []
            holder.order("rebind ")
            late.order("rebind Ctrl+Alt+Space")
            late.wait_for_state(how="x11", trigger=KEY, works=True)


def test_a_key_of_the_window_manager_is_taken(display: Desktop) -> None:
    with hotkey_program(display.env, "Ctrl+Alt+Left") as program:  # openbox switches desktops with it
        assert program.wait_for_state(how="none")["cause"] == "hotkey_taken"


def test_a_held_key_is_one_press(display: Desktop) -> None:
    with other_program(display) as other, hotkey_program(display.env) as program:
        program.wait_for_state(works=True)
        began = time.monotonic()
        display.xdotool("keydown", "b")
        other.wait_for_key("b", 6)  # so a held key repeats here
        display.xdotool("keyup", "b")
        repeats_after_s = time.monotonic() - began
        display.xdotool("keydown", XKEY)
        time.sleep(repeats_after_s)
        display.xdotool("keyup", XKEY)
        display.key(XKEY)
        assert program.wait_for_presses(2) == ["", ""]
        display.key("y")
        other.wait_for_key("y")
        assert len(program.presses) == 2


def test_a_hundred_presses_in_a_second_are_all_heard(display: Desktop) -> None:
    with hotkey_program(display.env) as program:
        program.wait_for_state(works=True)
        display.xdotool("key", "--delay", 0, "--repeat", 100, "--repeat-delay", 9, XKEY)
        program.wait_for_presses(100)
        display.key(XKEY)
        program.wait_for_presses(101)
        assert len(program.presses) == 101


def test_while_a_key_is_recorded_the_grab_is_let_go(display: Desktop) -> None:
    with other_program(display) as other, hotkey_program(display.env) as program:
        program.wait_for_state(works=True)
        program.order("pause")
        display.key(XKEY)
        other.wait_for_key("space")
        assert program.presses == []
        program.order("resume")
        _press_until_heard(display, program, XKEY, 1)


def test_a_display_that_goes_is_told(display: Desktop) -> None:
    with x_server(display.env) as (name, server):
        env = display.env | {"DISPLAY": name, "QT_QPA_PLATFORM": "offscreen"}
        with hotkey_program(env) as program:
            program.wait_for_state(how="x11", works=True)
            server.kill()
            state = program.wait_for_state(how="none")
            assert state["cause"] == "hotkey_display_gone"
            assert not state["works"]


def test_an_x_display_under_wayland_is_never_taken_for_working(display: Desktop) -> None:
    env = display.env | {"WAYLAND_DISPLAY": "wayland-9", "XDG_SESSION_TYPE": "wayland"}
    with hotkey_program(env) as program:
        state = program.wait_for_state(how="none")
        assert state["tried"] == ["hotkey_no_bus", "hotkey_wayland"]
        assert not state["works"]


def test_nothing_wakes_up_while_nobody_presses(display: Desktop) -> None:
    with hotkey_program(display.env) as program:
        program.wait_for_state(works=True)
        display.key(XKEY)
        program.wait_for_presses(1)

        def is_idle() -> bool:
            before = program.wake_ups()
            time.sleep(2)
            return program.wake_ups() - before <= 1

        wait_for(is_idle, "two seconds without a wake-up", 15)


def _press_until_heard(display: Desktop, program: HotkeyProgram, key: str, count: int) -> None:
    """The grab is made anew meanwhile: a press too early goes elsewhere."""

    def press() -> bool:
        display.key(key)
        return len(program.presses) >= count

    wait_for(press, f"press {count}")


def _set_layout(display: Desktop, name: str) -> None:
    subprocess.run(["setxkbmap", name], env=display.env, check=True)
