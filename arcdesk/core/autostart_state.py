"""What the desktop does with ArcDesk at log-in, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class AutostartKind(Enum):
    """What the file system says."""

    OFF = "off"
    ON = "on"
    ELSEWHERE = "elsewhere"  # something else than this ArcDesk is opened
    GONE = "gone"  # what would be opened is not there
    DISABLED = "disabled"  # the file is there, and the desktop was told to pass over it


@dataclass(frozen=True, slots=True, kw_only=True)
class AutostartState:
    """`program`: what is opened instead of us. `by_system`: a package's file says so, for everyone."""

    kind: AutostartKind
    program: str = ""
    by_system: bool = False

    @property
    def is_on(self) -> bool:
        """Something is opened at log-in."""
        return self.kind in (AutostartKind.ON, AutostartKind.ELSEWHERE)


OFF = AutostartState(kind=AutostartKind.OFF)
