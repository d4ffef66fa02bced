"""What a benchmark needs of the outside world, and what comes out of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from arcdesk.core.bench import BenchPlan, BenchRun, Surroundings
from arcdesk.core.bench_progress import BenchEvent
from arcdesk.core.errors import Problem
from arcdesk.core.ports import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class CardUse:
    """What the cards did between `begin` and `end`; None is unknown, `notes` say why."""

    vram_peak_bytes: int | None = None
    energy_j: float | None = None
    notes: tuple[str, ...] = ()


class CardMeter(Protocol):
    """Watches the engine's cards for a while, again and again. Raises nothing: what it can't see it says."""

    async def begin(self) -> None:
        """From now on."""
        ...

    async def end(self) -> CardUse:
        """Until now."""
        ...


class Surveyor(Protocol):
    """Finds out on what is measured. Raises nothing: what it can't learn stays unknown."""

    async def survey(self, endpoint: Endpoint) -> Surroundings:
        """Image, driver, kernel, cards, settings and load, now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerFacts:
    """What the engine's container was made from. `settings` are (name in ContainerSettings, text) pairs."""

    image: str = ""
    image_digest: str = ""  # the registry's, which others can pull; else the image's own id
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchOutcome:
    """`run` is what was measured (None: nothing), with its id if it was kept (0: it was not).

    `problem` is why it ended before its plan did, or why it could not be kept.
    """

    run: BenchRun | None = None
    problem: Problem | None = None
    is_cancelled: bool = False


class BenchRunning(Protocol):
    """Runs benchmarks, one at a time, and keeps each in the ledger that has an answer.

    `finished` is told of each run that was kept, with its id, once another one may run. `began` and `ended`
    are called at the ends of every run, refused and broken ones too; `ended` before `finished`, when another
    one may run already.
    """

    finished: list[Callable[[BenchRun], None]]
    began: list[Callable[[], None]]
    ended: list[Callable[[], None]]

    @property
    def is_running(self) -> bool:
        """One is under way."""
        ...

    async def run(
        self, endpoint: Endpoint, plan: BenchPlan, on_event: Callable[[BenchEvent], None]
    ) -> BenchOutcome:
        """Measure to the end, or until `cancel`. Raises UsageError while another one runs.

        `on_event` is called on the loop's thread, before the next event is read.
        """
        ...

    def cancel(self) -> None:
        """End the one under way; what is done is kept."""
        ...

    async def keep(self, run: BenchRun) -> BenchRun:
        """Keep a run after all that the ledger refused; returns it with its id. Raises ArcDeskError."""
        ...
