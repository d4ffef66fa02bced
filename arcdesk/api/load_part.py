"""The warm-up or the measured requests of a benchmark's step, as far as they are."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from arcdesk.core.bench import BenchPlan, BenchStep, RequestRecord
from arcdesk.core.bench_progress import BenchPhase

MEASURED_FACTOR = 4  # of the concurrency, as the documents' script has it
LATEST = 256  # answers that the time to first token shown meanwhile is of


class Part:
    """`total` None: `duration_s` ends it."""

    def __init__(
        self,
        *,
        phase: BenchPhase,
        concurrency: int,
        number: int,
        total: int | None,
        duration_s: float | None = None,
    ) -> None:
        self.phase = phase
        self.concurrency = concurrency
        self.number = number
        self.total = total
        self.duration_s = duration_s
        self.begun = 0
        self.started_s = 0.0
        self.records: list[RequestRecord] = []
        self.failed = 0
        self.pieces = 0  # events with text
        self.firsts_ms: deque[float] = deque(maxlen=LATEST)

    def add(self, record: RequestRecord) -> None:
        """One is over. Counted here: to count thousands anew at each telling would disturb the times."""
        self.records.append(record)
        self.failed += not record.is_good
        self.pieces += len(record.events_s)
        if record.is_good and record.events_s:
            self.firsts_ms.append((record.events_s[0] - record.sent_s) * 1000)


def requests_of(plan: BenchPlan, concurrency: int) -> int | None:
    """How many a step has; None: its duration ends it."""
    if plan.requests is None and plan.duration_s is None:
        return MEASURED_FACTOR * concurrency
    return plan.requests


def step_of(part: Part, cpu_s: float, *, is_cancelled: bool) -> BenchStep:
    """What is kept of it; its times are from its first request on."""
    records = sorted(part.records, key=lambda record: record.sent_s)
    start_s = records[0].sent_s if records else part.started_s
    ends_s = [record.ended_s for record in records if record.ended_s is not None]
    return BenchStep(
        concurrency=part.concurrency,
        records=tuple(_shifted(record, start_s) for record in records),
        duration_s=max(ends_s, default=start_s) - start_s,
        cpu_s=cpu_s,
        is_cancelled=is_cancelled,
    )


def _shifted(record: RequestRecord, start_s: float) -> RequestRecord:
    def from_start(at_s: float | None) -> float | None:
        return None if at_s is None else at_s - start_s

    return replace(
        record,
        sent_s=record.sent_s - start_s,
        connected_s=from_start(record.connected_s),
        events_s=tuple(at_s - start_s for at_s in record.events_s),
        silent_s=tuple(at_s - start_s for at_s in record.silent_s),
        ended_s=from_start(record.ended_s),
    )
