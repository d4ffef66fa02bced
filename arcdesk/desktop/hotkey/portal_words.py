"""What the desktop portal's refusals mean, each told by its own reason."""

from __future__ import annotations

from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.desktop.dbus_values import BusError

_RETRY = Action(kind=ActionKind.RETRY_HOTKEY, label="Ask again")
_BY_HAND = "Bind the command by hand, as shown below."
_NO_INTERFACE = ("UnknownInterface", "UnknownMethod", "UnknownProperty", "UnknownObject", "InvalidArgs")


def no_bus(why: str) -> Problem:
    """There is no session bus to ask on."""
    return Problem(
        cause="hotkey_no_bus",
        title="The desktop can't be asked for a key",
        detail=f"The session bus can't be reached: {why}.",
        hint=_BY_HAND,
        actions=(_RETRY,),
    )


def absent() -> Problem:
    """No program has the portal's name, and none could be started for it."""
    return Problem(
        cause="hotkey_portal_absent",
        title="This desktop has no portal",
        detail="No xdg-desktop-portal runs, and none could be started.",
        hint=_BY_HAND,
        actions=(_RETRY,),
    )


def lacks(error: BusError | None = None) -> Problem:
    """The portal runs and does not offer shortcuts."""
    return Problem(
        cause="hotkey_portal_lacks",
        title="This desktop's portal offers no global shortcuts",
        detail="Its GlobalShortcuts part is missing: GNOME has it from version 48, KDE from Plasma 5.27.",
        hint=_BY_HAND,
        evidence=str(error or ""),
    )


def not_installed(error: BusError) -> Problem:
    """The portal knows programs by their desktop file, and ours is not there."""
    return Problem(
        cause="hotkey_no_desktop_file",
        title="The desktop does not know ArcDesk",
        detail="ArcDesk has no desktop file installed, and the portal gives keys only to programs with one.",
        hint="Put ArcDesk into the applications menu.",
        evidence=str(error),
        actions=(Action(kind=ActionKind.INSTALL_DESKTOP, label="Put it into the menu"),),
    )


def no_app_id(error: BusError, register_error: str) -> Problem:
    """Our desktop file is there, and the portal still does not know who asks."""
    said = f" It said: {register_error}." if register_error else ""
    return Problem(
        cause="hotkey_no_app_id",
        title="The desktop does not know which program asks",
        detail=f"ArcDesk's desktop file is installed, but the portal did not accept it.{said}",
        hint="Log out and in again, so that the portal reads the file.",
        evidence=str(error),
        actions=(_RETRY,),
    )


def refused(error: BusError) -> Problem:
    """Another error, in the portal's own words."""
    return Problem(
        cause="hotkey_portal_refused",
        title="The desktop refused the key",
        detail=f"The portal said: {error.text or error.name}.",
        hint=_BY_HAND,
        evidence=str(error),
        actions=(_RETRY,),
    )


def silent() -> Problem:
    """No answer in time."""
    return Problem(
        cause="hotkey_portal_silent",
        title="The desktop's portal does not answer",
        detail="It was asked for global shortcuts and said nothing in time.",
        hint=_BY_HAND,
        actions=(_RETRY,),
    )


def gone() -> Problem:
    """It left, perhaps crashed."""
    return Problem(
        cause="hotkey_portal_gone",
        title="The desktop's portal has ended",
        detail="It held the key. ArcDesk binds it again when the portal is back.",
        hint="",
        actions=(_RETRY,),
    )


def session_closed() -> Problem:
    """The desktop took the key back, e.g. because the person revoked it."""
    return Problem(
        cause="hotkey_session_closed",
        title="The desktop has taken the key back",
        detail="It ended ArcDesk's shortcuts; perhaps they were revoked in its settings.",
        hint="Ask for it again, or bind the command by hand.",
        actions=(_RETRY,),
    )


def cancelled() -> Problem:
    """The person closed the desktop's dialog."""
    return Problem(
        cause="hotkey_cancelled",
        title="The key was not allowed",
        detail="The desktop's dialog for ArcDesk's shortcut was closed without a yes.",
        hint="Ask again, or bind the command by hand.",
        actions=(_RETRY,),
    )


def ended(code: int) -> Problem:
    """The request came to an end without a yes or a no."""
    return Problem(
        cause="hotkey_portal_refused",
        title="The desktop could not bind the key",
        detail=f"The portal ended the request without a reason (response {code}).",
        hint=_BY_HAND,
        actions=(_RETRY,),
    )


def without_trigger() -> Problem:
    """The desktop took the shortcut and gave it no key."""
    return Problem(
        cause="hotkey_no_trigger",
        title="The desktop has given the shortcut no key",
        detail="It knows ArcDesk's quick prompt, but no key opens it: the wished one may be taken.",
        hint="Set a key in your desktop's settings for shortcuts.",
    )


def explain(error: BusError, *, is_installed: bool, register_error: str) -> Problem:
    """The problem behind an error of the portal."""
    if error.is_nobody_there:
        return absent()
    if error.name.endswith(_NO_INTERFACE):
        return lacks(error)
    if error.name.endswith(("NoReply", "TimedOut", "Timeout")):
        return silent()
    if "app id" in error.text.lower() or "application id" in error.text.lower():
        return no_app_id(error, register_error) if is_installed else not_installed(error)
    return refused(error)
