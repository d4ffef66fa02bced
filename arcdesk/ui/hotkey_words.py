"""The sentences about the hotkey, from its state."""

from __future__ import annotations

from enum import Enum

from arcdesk.core.hotkey import HotkeyHow, HotkeyState


class TestPhase(Enum):
    """Where the self-test is."""

    __test__ = False  # not a test of pytest's

    IDLE = "idle"
    WAITING = "waiting"
    IN_FRONT = "in front"  # heard, but ArcDesk was in front: that proves little
    WORKED = "worked"
    NOTHING = "nothing"


def state_line(state: HotkeyState) -> str:
    """How the key works now; empty where the problem says it all."""
    if state.is_asking:
        return "Your desktop is being asked for the key. Look for its dialog."
    if state.problem is not None:
        return ""
    match state.how:
        case HotkeyHow.X11:
            return "ArcDesk holds this key itself. Other programs do not see it."
        case HotkeyHow.PORTAL:
            return "Your desktop holds this key for ArcDesk. Change it in your desktop's settings."
        case HotkeyHow.KDE:
            return "KDE holds this key for ArcDesk."
        case HotkeyHow.GNOME:
            return "GNOME runs ArcDesk's command with this key. A test tells whether it arrives."
        case HotkeyHow.NONE:
            return "" if state.wanted else "No key is set. The quick prompt opens from the tray's menu."


def key_line(state: HotkeyState) -> str:
    """The key, or why there is none, in one line."""
    if state.problem is not None:
        return state.problem.title
    return state.trigger or state_line(state)


def test_line(phase: TestPhase, state: HotkeyState) -> tuple[str, str]:
    """Role and sentence of the self-test."""
    key = state.trigger or state.wanted
    match phase:
        case TestPhase.IDLE:
            return "", ""
        case TestPhase.WAITING:
            return "", f"Now bring another window to the front and press: {key}"
        case TestPhase.IN_FRONT:
            return "warn", "It arrived while ArcDesk was in front. Once more, with another window in front."
        case TestPhase.WORKED:
            return "ok", "It works: the key arrived while another window was in front."
        case TestPhase.NOTHING:
            return "error", f"Nothing arrived within 20 seconds. {_why_nothing(state)}"


test_line.__test__ = False  # type: ignore[attr-defined]  # a word of ours, not a test of pytest's


def _why_nothing(state: HotkeyState) -> str:
    match state.how:
        case HotkeyHow.X11:
            return "A full-screen game, a virtual machine or an open menu may keep all keys to itself."
        case HotkeyHow.PORTAL | HotkeyHow.KDE:
            return "The desktop did not report it: look for the key in its settings for shortcuts."
        case HotkeyHow.GNOME:
            return "GNOME did not run the command: look for it in its settings for shortcuts."
        case HotkeyHow.NONE:
            return "No key is bound: bind the command by hand, as shown below."
