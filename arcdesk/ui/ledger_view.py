"""Everything the ledger's window shows besides its list, as one value."""

from __future__ import annotations

from dataclasses import dataclass

from arcdesk.core.bench import BenchRun
from arcdesk.core.bench_compare import Comparison
from arcdesk.core.bench_ledger import HistoryPoint
from arcdesk.core.bench_shown import BenchShown
from arcdesk.core.errors import Problem
from arcdesk.ui.models_view import Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two runs side by side, the earlier one first."""

    before: BenchRun
    after: BenchRun
    comparison: Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerView:
    """`count` is of the list as it is narrowed; None: it is not read yet."""

    count: int | None = None
    is_narrowed: bool = False  # by words or a model
    models: tuple[str, ...] = ()
    problem: Problem | None = None
    run_id: int = 0  # chosen; its results may still be on their way
    shown: BenchShown | None = None
    history: tuple[HistoryPoint, ...] = ()
    pair: Pair | None = None
    picking_for: int = 0  # the run that another is to be chosen for, to compare
    said: str = ""
    notice: Notice | None = None

    @property
    def is_empty(self) -> bool:
        """There is no run at all."""
        return self.count == 0 and not self.is_narrowed and self.problem is None
