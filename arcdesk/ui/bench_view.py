"""What the benchmark's window shows, as one value."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from arcdesk.core.bench_check import BenchForm, Checked
from arcdesk.core.bench_presets import PresetId
from arcdesk.core.bench_progress import BenchProgress
from arcdesk.core.engine_state import EngineSnapshot
from arcdesk.core.errors import Problem

if TYPE_CHECKING:
    from arcdesk.core.bench_shown import BenchShown


class BenchState(Enum):
    """What the benchmark does."""

    IDLE = "idle"
    WAITING = "waiting"  # for the engine
    RUNNING = "running"
    ENDING = "ending"  # cancelled, or done: what there is is being kept
    REPEATING = "repeating"  # ArcDesk measures the suite once more by itself

    @property
    def is_busy(self) -> bool:
        """One is under way: the form is locked."""
        return self is not BenchState.IDLE

    @property
    def leaves_results(self) -> bool:
        """What is shown is done: it can be saved, compared and kept."""
        return self in (BenchState.IDLE, BenchState.REPEATING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """How fast it goes just now; None is unknown."""

    pieces_per_s: float | None = None
    ttft_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchView:
    """All of it. `run_id` is the ledger's; 0: what is shown is not kept (yet)."""

    form: BenchForm = field(default_factory=BenchForm)
    preset: PresetId = PresetId.OWN
    checked: Checked = field(default_factory=Checked)
    summary: str = ""
    warning: str = ""  # it can be done, and won't give what one expects
    prompts_note: str = ""  # what was found in the file of prompts
    engine: EngineSnapshot = field(default_factory=EngineSnapshot)
    state: BenchState = BenchState.IDLE
    progress: BenchProgress | None = None
    pulse: Pulse = field(default_factory=Pulse)
    shown: BenchShown | None = None
    run_id: int = 0
    problem: Problem | None = None
    said: str = ""  # what became of a wish

    @property
    def is_unkept(self) -> bool:
        """What is shown was measured, and is not in the ledger."""
        return self.shown is not None and self.shown.has_answers and not self.run_id
