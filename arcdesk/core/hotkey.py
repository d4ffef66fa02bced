"""What becomes of the global hotkey: who holds it, how it is pressed, or why it does not work."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from arcdesk.core.errors import Problem


class HotkeyHow(Enum):
    """Who brings us the key press."""

    NONE = "none"
    PORTAL = "portal"  # the desktop, asked through its portal
    X11 = "x11"  # our own grab on a real X display
    KDE = "kde"  # KDE's shortcut service
    GNOME = "gnome"  # GNOME runs our command

    @property
    def is_owned_by_desktop(self) -> bool:
        """The key is changed in the desktop's settings, not in ours."""
        return self is HotkeyHow.PORTAL


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualBinding:
    """How a person binds the key by hand: the command, and where this desktop wants it."""

    command: str
    desktop: str  # its name, e.g. "GNOME"
    steps: tuple[str, ...]
    snippet: str = ""  # a line for a configuration file, or a command that does it


@dataclass(frozen=True, slots=True, kw_only=True)
class HotkeyState:
    """All that the window says about the hotkey. `trigger` is the key as its holder describes it."""

    how: HotkeyHow = HotkeyHow.NONE
    wanted: str = ""  # as the settings have it; empty: the person wants none
    trigger: str = ""
    problem: Problem | None = None
    tried: tuple[Problem, ...] = ()  # why each better way did not do, in order
    is_asking: bool = False  # the desktop shows a dialog, or is being asked
    manual: ManualBinding | None = None
    one_click: str = ""  # the desktop in which we can bind the key if the person says so
    can_record: bool = True
    can_configure: bool = False  # the desktop opens its settings when asked

    @property
    def works(self) -> bool:
        """A press reaches us, as far as can be known without one."""
        return self.how is not HotkeyHow.NONE and self.problem is None and not self.is_asking
