"""Where a setting's value comes from, and what it would be without the person's own choice."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class SourceKind(Enum):
    """The layers, the weakest first."""

    DEFAULT = "default"
    SYSTEM = "system"  # a file of the administrator
    USER = "user"  # the person's own file
    VARIABLE = "variable"  # of the environment
    FLAG = "flag"  # of the command line

    @property
    def is_fixed(self) -> bool:
        """It holds for this run whatever the settings window says."""
        return self in (SourceKind.VARIABLE, SourceKind.FLAG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One value's origin. `base` is what a reset leads to: the administrator's value or the default."""

    kind: SourceKind = SourceKind.DEFAULT
    name: str = ""  # the file, the variable or the option
    base: str | int | bool | tuple[tuple[str, str], ...] = ""
