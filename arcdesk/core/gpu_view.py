"""All that is shown of the graphics cards at one moment, as one value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

from arcdesk.core.energy import EnergyUsed, IdleCost
from arcdesk.core.errors import Problem
from arcdesk.core.gpu import GpuSnapshot
from arcdesk.core.gpu_used_values import UsedVerdict
from arcdesk.core.points import Point as Point


class Plotted(Enum):
    """Figures with a history."""

    VRAM = "vram"  # bytes used; of an integrated GPU the shared memory
    BUSY = "busy"  # percent, the busiest GT
    COMPUTE = "compute"  # percent, compute engines of programs that could be read
    POWER = "power"  # watts
    TEMPERATURE = "temperature"  # °C, the hottest sensor of the GPU
    FREQUENCY = "frequency"  # MHz, the fastest GT


class HistoryKey(NamedTuple):
    """One line of a plot."""

    address: str  # PCI address
    figure: Plotted


class History(Protocol):
    """The last minutes of each figure. Read it on the loop's thread when something is drawn."""

    def points(self, key: HistoryKey) -> Sequence[Point]:
        """The oldest first; empty for a figure that was never seen."""
        ...


class NoHistory:
    """A history in which nothing has happened yet."""

    def points(self, key: HistoryKey) -> Sequence[Point]:
        """Nothing."""
        return ()


NO_HISTORY = NoHistory()


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuView:
    """The cards now. `history_keys` name the lines that `history` has, in the order of the cards.

    `is_stale`: the newest look has not come back; `stale_since` (monotonic seconds) is when it set out,
    and the snapshot is the one before. `problem` is then for a person ('No answer since …').
    """

    snapshot: GpuSnapshot
    history_keys: tuple[HistoryKey, ...] = ()
    history: History = NO_HISTORY
    used: UsedVerdict | None = None
    idle: IdleCost | None = None
    last_answer: EnergyUsed | None = None
    is_stale: bool = False
    stale_since: float = 0.0
    problem: Problem | None = None
