"""What the ladder says when no way leads to the hotkey."""

from __future__ import annotations

from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.core.hotkey import HotkeyState

_SYSTEMS = {"win32": "Windows", "darwin": "macOS"}


def untried(platform: str) -> Problem:
    """We have never run on this system, and say so rather than guess."""
    system = _SYSTEMS.get(platform, platform)
    return Problem(
        cause="hotkey_untried",
        title=f"The global hotkey has not been tried on {system}",
        detail="ArcDesk can bind keys on Linux only, so far.",
        hint="Bind the command below with a tool of your system.",
    )


def no_display() -> Problem:
    """Neither X nor Wayland: nothing to press keys on."""
    return Problem(
        cause="hotkey_no_display",
        title="There is no display to take keys from",
        detail="Neither DISPLAY nor WAYLAND_DISPLAY is set.",
    )


def nothing_to_try() -> Problem:
    """Should not happen; better said than left out."""
    return Problem(
        cause="hotkey_nothing",
        title="This session offers no way to a global key",
        hint="Bind the command below in your desktop's settings.",
    )


def mistake(error: Exception) -> Problem:
    """An error that nobody foresaw."""
    return Problem(
        cause="bug",
        title="ArcDesk made a mistake with the hotkey",
        detail=f"{type(error).__name__}: {error}",
        hint="The log has the details.",
        actions=(Action(kind=ActionKind.RETRY_HOTKEY, label="Try again"),),
    )


def log_line(state: HotkeyState) -> str:
    """What the log keeps of a state."""
    if state.problem is not None:
        return f"{state.wanted}: {state.problem.sentence()}"
    if state.is_asking:
        return f"{state.wanted}: the desktop is being asked"
    return f"{state.trigger} works, by {state.how.value}" if state.works else "no key is wanted"
