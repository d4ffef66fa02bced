"""What kind of session this is, as its environment tells: display, Wayland or not, which desktop."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

# What desktops call themselves in XDG_CURRENT_DESKTOP, and what people call them.
_NAMES = {
    "gnome": "GNOME",
    "gnome-classic": "GNOME",
    "unity": "GNOME",
    "ubuntu": "GNOME",
    "kde": "KDE",
    "xfce": "XFCE",
    "x-cinnamon": "Cinnamon",
    "cinnamon": "Cinnamon",
    "mate": "MATE",
    "sway": "sway",
    "hyprland": "Hyprland",
    "i3": "i3",
}
# Window managers that often run without that variable leave another trace.
_TRACES = {"SWAYSOCK": "sway", "HYPRLAND_INSTANCE_SIGNATURE": "Hyprland", "I3SOCK": "i3"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionKind:
    """`desktop` is one of `_NAMES`' values, or '' for an unknown one; `display` is X's or Xwayland's."""

    desktop: str
    display: str
    is_wayland: bool

    @property
    def is_real_x11(self) -> bool:
        """A grab on this display hears every press."""
        return bool(self.display) and not self.is_wayland


def session_kind(environ: Mapping[str, str] = os.environ) -> SessionKind:
    """Read it from the environment."""
    is_wayland = environ.get("XDG_SESSION_TYPE") == "wayland" or bool(environ.get("WAYLAND_DISPLAY"))
    return SessionKind(desktop=_desktop(environ), display=environ.get("DISPLAY", ""), is_wayland=is_wayland)


def _desktop(environ: Mapping[str, str]) -> str:
    words = environ.get("XDG_CURRENT_DESKTOP", "").lower().split(":")
    words += [environ.get("XDG_SESSION_DESKTOP", "").lower(), environ.get("DESKTOP_SESSION", "").lower()]
    for word in words:
        if word in _NAMES:
            return _NAMES[word]
    return next((name for variable, name in _TRACES.items() if environ.get(variable)), "")
