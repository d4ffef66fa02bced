"""The history of one plan and model: which figure, and where something else changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from arcdesk.core.bench_differences import differences
from arcdesk.core.bench_ledger import HistoryPoint, RunRow

NAMED = 2  # changes that a line names


class HistoryFigure(Enum):
    """What is looked at over time."""

    DECODE = "decode"
    TTFT = "ttft"
    OUTPUT = "output"

    @property
    def label(self) -> str:
        """For people."""
        return _LABELS[self]

    @property
    def unit(self) -> str:
        """Of its values."""
        return "ms" if self is HistoryFigure.TTFT else "tok/s"

    def of(self, row: RunRow) -> float | None:
        """Its value in this run; None is unknown."""
        return {
            HistoryFigure.DECODE: row.decode_tokens_per_s,
            HistoryFigure.TTFT: row.ttft_ms,
            HistoryFigure.OUTPUT: row.output_tokens_per_s,
        }[self]


_LABELS = {
    HistoryFigure.DECODE: "Decode of one answer",
    HistoryFigure.TTFT: "Time to first token",
    HistoryFigure.OUTPUT: "Output of all together",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something was another from this run on. `at` is Unix seconds."""

    at: float
    words: str


def changes(points: Sequence[HistoryPoint]) -> tuple[Change, ...]:
    """Where a run was made on something else than the one before; what is unknown on a side is no change."""
    found = []
    for before, after in pairwise(points):
        fresh = [
            each.since() for each in differences(before.surroundings, after.surroundings) if each.is_sure
        ]
        if fresh:
            more = len(fresh) - NAMED
            words = [*fresh[:NAMED], *([f"{more} more"] if more > 0 else [])]
            found.append(Change(at=after.row.at, words=", ".join(words)))
    return tuple(found)
