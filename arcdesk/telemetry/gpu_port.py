"""The few things the card reader asks of a machine: files, links, one ioctl and the clock.

Paths are relative to the root, as in recordings: 'sys/bus/pci/devices'. All methods may block shortly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class HostUser:
    """Who reads: ids, and the names of the groups that matter for cards and containers."""

    uid: int
    gid: int
    groups: tuple[str, ...] = ()


class GpuHost(Protocol):
    """A machine as the reader sees it. What can't be read raises OSError, as the real call would."""

    scan_interval_s: float  # programs' figures are looked at no more often

    def names(self, path: str) -> list[str]:
        """The names in a folder, in no order."""
        ...

    def text(self, path: str) -> str:
        """A file's text; bytes that are no UTF-8 as surrogates."""
        ...

    def link(self, path: str) -> str:
        """Where a symbolic link points, as it is written."""
        ...

    def real(self, path: str) -> str:
        """The path without symbolic links."""
        ...

    def exists(self, path: str) -> bool:
        """It is there. Never raises."""
        ...

    def may_use(self, path: str) -> bool:
        """This user may read and write it. Never raises; asks nothing of the device behind it."""
        ...

    def regions(self, render: str, driver: str) -> bytes:
        """The driver's raw answer about its memory regions, from the node 'renderD128'."""
        ...

    def perfmon_regions(self, render: str, driver: str) -> bytes | None:
        """What CAP_PERFMON would see; None where that is not known."""
        ...

    def clock(self) -> float:
        """Monotonic seconds."""
        ...

    def pause(self, seconds: float) -> None:
        """Let time pass."""
        ...

    def user(self) -> HostUser:
        """Who reads."""
        ...
