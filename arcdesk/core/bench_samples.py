"""The values of single requests that runs are compared by, in the order the requests were sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from statistics import median

from arcdesk.core.bench import BenchStep, RequestRecord
from arcdesk.core.bench_stats import e2e_ms, gaps_ms, tpot_ms, ttft_ms


class Figure(Enum):
    """A figure that each request has for itself."""

    DECODE = "decode"  # tokens/s of one answer after its first token
    TTFT = "ttft"  # ms
    GAP = "gap"  # ms, the median gap between pieces of one answer
    E2E = "e2e"  # ms

    @property
    def is_rate(self) -> bool:
        """More is better."""
        return self is Figure.DECODE

    @property
    def label(self) -> str:
        """In a sentence."""
        return _LABELS[self]

    @property
    def unit(self) -> str:
        """Of its values."""
        return "tok/s" if self.is_rate else "ms"


_LABELS = {
    Figure.DECODE: "decode",
    Figure.TTFT: "time to first token",
    Figure.GAP: "inter-token latency",
    Figure.E2E: "end to end",
}


def samples(step: BenchStep, figure: Figure) -> list[float]:
    """One value for each good request that has the figure; unfinished and failed ones have none."""
    good = sorted((record for record in step.records if record.is_good), key=lambda record: record.sent_s)
    return _known(map(_OF[figure], good))


def _decode(record: RequestRecord) -> float | None:
    each_ms = tpot_ms(record)
    return 1000 / each_ms if each_ms else None


def _gap(record: RequestRecord) -> float | None:
    gaps = gaps_ms(record)
    return median(gaps) if gaps else None


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


_OF: dict[Figure, Callable[[RequestRecord], float | None]] = {
    Figure.DECODE: _decode,
    Figure.TTFT: ttft_ms,
    Figure.GAP: _gap,
    Figure.E2E: e2e_ms,
}
