"""What a benchmark tells while it runs, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from arcdesk.core.bench import BenchStep
from arcdesk.core.errors import Problem


class BenchPhase(Enum):
    """What the load generator does."""

    PREPARING = "preparing"  # reads prompts and has the server count their tokens
    WARM_UP = "warm_up"
    MEASURING = "measuring"


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchProgress:
    """How far a step is. `step` counts from 1; `total` is None when a duration ends the step."""

    phase: BenchPhase
    concurrency: int = 0
    step: int = 0
    steps: int = 0
    done: int = 0
    failed: int = 0  # of `done`
    total: int | None = None
    seconds_left: float | None = None  # of this phase
    elapsed_s: float | None = None  # since this phase began
    pieces: int | None = None  # events with text so far, of answers under way too
    ttft_ms: float | None = None  # median of the answers ended in this phase


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchPrompts:
    """How the prompts came out. `tokens` is None if no one counted them; the answers' usage will tell."""

    count: int
    tokens: int | None = None
    note: str = ""  # what a report has to say about them


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchStepDone:
    """One concurrency is measured; cancelled or not."""

    step: BenchStep


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchFailed:
    """The benchmark ended before its plan did; the steps told so far are good."""

    problem: Problem


BenchEvent: TypeAlias = BenchProgress | BenchPrompts | BenchStepDone | BenchFailed
