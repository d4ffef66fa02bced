"""What the X display's refusals mean."""

from __future__ import annotations

from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.core.shortcut import Shortcut

NO_KEY = "hotkey_no_key"

_CHOOSE = Action(kind=ActionKind.CHANGE_HOTKEY, label="Choose another key")
_RETRY = Action(kind=ActionKind.RETRY_HOTKEY, label="Try again")


def on_xwayland() -> Problem:
    """Wayland keeps the keyboard from X programs."""
    return Problem(
        cause="hotkey_wayland",
        title="Wayland does not let a program grab keys",
        detail="A grab through X would work only while an X window has the keyboard.",
        hint="Bind the command in your desktop's settings.",
    )


def taken(shortcut: Shortcut) -> Problem:
    """BadAccess: somebody was first."""
    return Problem(
        cause="hotkey_taken",
        title=f"Another program already holds {shortcut}",
        detail="X does not tell which one; often it is the window manager or a launcher.",
        hint="Choose another key here, or free it there and try again.",
        actions=(_CHOOSE, _RETRY),
    )


def no_such_key(shortcut: Shortcut) -> Problem:
    """The layout does not have it."""
    return Problem(
        cause=NO_KEY,
        title=f"The keyboard has no key for {shortcut.key.label}",
        detail=f"The layout that is set now makes it nowhere, so {shortcut} can't be pressed.",
        hint="Choose another key. It works again by itself with a layout that has it.",
        actions=(_CHOOSE,),
    )


def gone(display: str, error: Exception) -> Problem:
    """No connection, or one that has ended."""
    return Problem(
        cause="hotkey_display_gone",
        title=f"The X display '{display}' does not answer",
        detail="The connection that held the key has ended, or was refused.",
        hint="Log in again, or start ArcDesk where the display can be reached.",
        evidence=str(error),
        actions=(_RETRY,),
    )
