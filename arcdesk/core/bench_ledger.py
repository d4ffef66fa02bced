"""What the ledger of benchmarks lists, and what is needed of whoever keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from arcdesk.core.bench import BenchPlan, BenchRun, Surroundings
from arcdesk.core.bench_compare import Comparison

PAGE = 100
HISTORY = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run in the list, without its requests. The figures are medians; None is unknown."""

    id: int
    at: float  # Unix seconds
    model: str
    engine: str
    image_digest: str
    driver: str
    kernel: str
    cards: tuple[str, ...]
    concurrencies: tuple[int, ...]
    requests: int
    failed: int
    is_cancelled: bool
    ttft_ms: float | None  # at the lowest concurrency
    decode_tokens_per_s: float | None  # of one answer, at the lowest concurrency
    output_tokens_per_s: float | None  # of all together, the best step
    note: str = ""
    plan: BenchPlan | None = None  # None: it can't be read


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPoint:
    """A run in the history of its plan and model, with what it was made on."""

    row: RunRow
    surroundings: Surroundings


class BenchRepo(Protocol):
    """Keeps runs for ever. Every call may raise ArcDeskError."""

    async def add(self, run: BenchRun) -> BenchRun:
        """Keep it; returns it with its id, and with the time if it had none."""
        ...

    async def like(self, plan: BenchPlan, model: str, limit: int) -> list[BenchRun]:
        """Whole runs of the same plan and model that were not stopped early, the newest first."""
        ...

    async def asked(self) -> list[Surroundings]:
        """On what a suite was offered so far."""
        ...

    async def note_asked(self, surroundings: Surroundings) -> None:
        """Remember that it was offered."""
        ...


class BenchLedger(BenchRepo, Protocol):
    """What the window and the command line need besides."""

    async def rows(
        self, *, limit: int = PAGE, after: RunRow | None = None, model: str = "", text: str = ""
    ) -> Sequence[RunRow]:
        """The newest first; `after`: those that follow this row. `model` '' is any;
        each word of `text` must be in it.
        """
        ...

    async def count(self, *, model: str = "", text: str = "") -> int:
        """Of the runs in the list."""
        ...

    async def models(self) -> Sequence[str]:
        """Those of the runs in the list, by name."""
        ...

    async def history(self, plan: BenchPlan, model: str, limit: int = HISTORY) -> Sequence[HistoryPoint]:
        """The newest runs of the same plan and model, the oldest of them first."""
        ...

    async def get(self, run_id: int) -> BenchRun:
        """The whole run."""
        ...

    async def note(self, run_id: int, text: str) -> None:
        """Give it a note; '' takes it away."""
        ...

    async def delete(self, run_id: int) -> None:
        """Take it out of the list; it can be restored for 30 days."""
        ...

    async def restore(self, run_id: int) -> None:
        """Undo a delete."""
        ...

    async def compare(self, before_id: int, after_id: int) -> Comparison:
        """Two runs side by side, worked out off the loop's thread."""
        ...

    async def export(self, run_id: int) -> str:
        """The whole run as JSON."""
        ...
