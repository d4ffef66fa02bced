"""Runs one benchmark at a time: surveys, measures, watches the cards meanwhile, and keeps what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from arcdesk.core.bench import BenchPlan, BenchRun, BenchStep, Surroundings
from arcdesk.core.bench_ports import BenchOutcome, CardMeter, CardUse, Surveyor
from arcdesk.core.bench_progress import (
    BenchEvent,
    BenchFailed,
    BenchPhase,
    BenchProgress,
    BenchPrompts,
    BenchStepDone,
)
from arcdesk.core.errors import ArcDeskError, Problem, UsageError, mistake_of_ours
from arcdesk.core.ports import Endpoint

if TYPE_CHECKING:  # a session makes its runner early, and most sessions measure nothing
    from arcdesk.core.bench_ledger import BenchRepo

log = logging.getLogger(__name__)

END_PATIENCE_S = 5.0  # at quit; a card that hangs may take longer to tell
LATE_S = 0.5  # of a look at the cards, while the next step is under way already
LATE = "Energy is not known: the cards took too long to tell."
AWAKE_WHY = "A benchmark is running"


class Job(Protocol):
    """The load generator at work on one plan."""

    def events(self) -> AsyncGenerator[BenchEvent, None]:
        """What happens, to the end. Raises ArcDeskError if the server may not be asked."""
        ...

    def cancel(self) -> None:
        """End it; what is done is still told."""
        ...


@dataclass(slots=True)
class _Gathered:
    """What has come of a benchmark so far."""

    steps: list[BenchStep] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    uses: list[CardUse] = field(default_factory=list)  # one for each measured step
    problem: Problem | None = None


class BenchRunner:
    """A BenchRunning. All methods belong to the loop's thread.

    Energy is of the measured parts alone, warm-ups left out, so that it can be divided by their tokens.
    `ledger` None keeps nothing; `keep_awake` is called with a reason, and with '' at the end. `alone` tells
    whether no other program of this person measures that server, and keeps others from it meanwhile.
    """

    def __init__(
        self,
        *,
        make_job: Callable[[Endpoint, BenchPlan], Job],
        survey: Surveyor,
        meter_of: Callable[[Endpoint], Awaitable[CardMeter]],
        ledger: BenchRepo | None,
        keep_awake: Callable[[str], None] = lambda why: None,
        alone: Callable[[Endpoint], contextlib.AbstractContextManager[bool]] = lambda _: _nobody_else(),
        now: Callable[[], float] = time.time,
    ) -> None:
        self._make_job = make_job
        self._survey = survey
        self._meter_of = meter_of
        self._ledger = ledger
        self._keep_awake = keep_awake
        self._alone = alone
        self._now = now
        self._preparing: asyncio.Task[tuple[Surroundings, CardMeter]] | None = None
        self._job: Job | None = None
        self._is_running = False
        self._is_cancelled = False
        self._idle = asyncio.Event()
        self._idle.set()
        self.finished: list[Callable[[BenchRun], None]] = []
        self.began: list[Callable[[], None]] = []
        self.ended: list[Callable[[], None]] = []

    @property
    def is_running(self) -> bool:
        """One is under way, or being put into the ledger."""
        return self._is_running

    async def run(
        self, endpoint: Endpoint, plan: BenchPlan, on_event: Callable[[BenchEvent], None]
    ) -> BenchOutcome:
        """Measure to the end, or until `cancel`. Raises UsageError while another runs, anywhere."""
        if self._is_running:
            raise UsageError(_busy())
        self._is_running, self._is_cancelled = True, False
        self._idle.clear()
        self._keep_awake(AWAKE_WHY)
        try:
            for tell_begin in tuple(self.began):
                tell_begin()
            with self._alone(endpoint) as is_alone:
                if not is_alone:
                    raise UsageError(_busy("Another window or `arcdesk bench` measures this server. "))
                outcome = await self._run(endpoint, plan, on_event)
        finally:
            self._is_running, self._job = False, None
            self._idle.set()
            self._keep_awake("")
            for tell_end in tuple(self.ended):
                tell_end()
        if outcome.run is not None and outcome.run.id:
            for tell in tuple(self.finished):
                tell(outcome.run)
        return outcome

    async def keep(self, run: BenchRun) -> BenchRun:
        """Keep a run after all that the ledger refused; returns it with its id. Raises ArcDeskError."""
        if self._ledger is None or run.id:
            return run
        return await self._ledger.add(run)  # `finished` is for runs that have just ended

    def cancel(self) -> None:
        """End the one under way; what is done is kept."""
        self._is_cancelled = True
        if self._preparing is not None:
            self._preparing.cancel()
        if self._job is not None:
            self._job.cancel()

    async def aclose(self) -> None:
        """Cancel what is under way and wait until it is kept: before the ledger is closed."""
        if self._is_running:
            self.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_PATIENCE_S):
                await self._idle.wait()

    async def _run(
        self, endpoint: Endpoint, plan: BenchPlan, on_event: Callable[[BenchEvent], None]
    ) -> BenchOutcome:
        at, prepared = self._now(), await self._prepared(endpoint)
        if prepared is None:
            return BenchOutcome(is_cancelled=True)
        surroundings, meter = prepared
        gathered = _Gathered()
        await self._measure(endpoint, plan, gathered, _Watched(meter), on_event)
        if not gathered.steps:
            return BenchOutcome(problem=gathered.problem, is_cancelled=self._is_cancelled)
        run = _with_use(
            BenchRun(at=at, plan=plan, surroundings=surroundings, steps=tuple(gathered.steps)),
            gathered,
            is_cancelled=self._is_cancelled,
        )
        run, refused = await self._keep(run)
        return BenchOutcome(run=run, problem=gathered.problem or refused, is_cancelled=self._is_cancelled)

    async def _prepared(self, endpoint: Endpoint) -> tuple[Surroundings, CardMeter] | None:
        """What it is measured on and with; None: cancelled meanwhile. A server that hangs takes seconds."""

        async def prepare() -> tuple[Surroundings, CardMeter]:
            return await self._survey.survey(endpoint), await self._meter_of(endpoint)

        preparing = self._preparing = asyncio.ensure_future(prepare())
        try:
            await asyncio.wait({preparing})
        finally:
            preparing.cancel()  # if it is we who are cancelled
            self._preparing = None
        return None if self._is_cancelled or preparing.cancelled() else preparing.result()

    async def _measure(
        self,
        endpoint: Endpoint,
        plan: BenchPlan,
        gathered: _Gathered,
        watched: _Watched,
        on_event: Callable[[BenchEvent], None],
    ) -> None:
        job = self._job = self._make_job(endpoint, plan)
        try:
            async with contextlib.aclosing(job.events()) as events:
                async for event in events:
                    await self._take(event, gathered, watched)
                    on_event(event)
        except ArcDeskError as error:
            gathered.problem = error.problem
        except Exception as error:  # a mistake of ours must not lose the steps that are done
            log.exception("the benchmark broke off")
            gathered.problem = mistake_of_ours(
                error,
                cause="bench_broke",
                what="The benchmark",
                kept="Finished steps are kept.",
                again="Measure again",
            )
        finally:
            await watched.end()  # of a step that came to nothing

    async def _take(self, event: BenchEvent, gathered: _Gathered, watched: _Watched) -> None:
        match event:
            case BenchProgress(phase=BenchPhase.MEASURING):
                await watched.begin(event.step)
            case BenchPrompts(note=note) if note:
                gathered.notes.append(note)
            case BenchStepDone(step=step):
                use = await watched.end()
                if step.records:
                    gathered.steps.append(step)
                    gathered.uses.append(use)
            case BenchFailed(problem=problem):
                gathered.problem = problem

    async def _keep(self, run: BenchRun) -> tuple[BenchRun, Problem | None]:
        """Into the ledger, unless nothing was answered: that is no measurement."""
        is_measured = any(record.is_good for step in run.steps for record in step.records)
        if self._ledger is None or not is_measured:
            return run, None
        try:
            return await self._ledger.add(run), None
        except ArcDeskError as error:
            log.warning("the benchmark is not kept: %s", error)
            return run, error.problem


class _Watched:
    """The meter, begun once for each step and ended once."""

    def __init__(self, meter: CardMeter) -> None:
        self._meter = meter
        self._step: int | None = None  # under way
        self._last = 0
        self._is_late = False  # the look before took so long that the step had begun without us

    async def begin(self, step: int) -> None:
        """The step is measured from now on; all but the first call for it do nothing."""
        if step != self._last:
            self._step = self._last = step
            await self._meter.begin()

    async def end(self) -> CardUse:
        """What the cards did since `begin`; nothing if it was not called."""
        if self._step is None:
            return CardUse()
        self._step = None
        was_late, began_s = self._is_late, time.monotonic()
        use = await self._meter.end()
        self._is_late = time.monotonic() - began_s > LATE_S
        return replace(use, energy_j=None, notes=(*use.notes, LATE)) if was_late else use


def _with_use(run: BenchRun, gathered: _Gathered, *, is_cancelled: bool) -> BenchRun:
    peaks = [use.vram_peak_bytes for use in gathered.uses if use.vram_peak_bytes is not None]
    joules = [use.energy_j for use in gathered.uses]
    known = [each for each in joules if each is not None]
    notes = list(gathered.notes)
    if gathered.problem is not None:
        notes.append(f"Ended early: {gathered.problem.title}.")
    elif is_cancelled:
        notes.append("Stopped early.")
    # Of a server that has no card here there is nothing to excuse.
    if peaks or known or run.surroundings.engine == "container":
        notes += [note for use in gathered.uses for note in use.notes]
    return replace(
        run,
        vram_peak_bytes=max(peaks, default=None),
        energy_j=sum(known) if len(known) == len(joules) else None,
        note=" ".join(dict.fromkeys(notes)),
    )


def _nobody_else() -> contextlib.AbstractContextManager[bool]:
    return contextlib.nullcontext(True)


def _busy(whose: str = "") -> Problem:
    return Problem(
        cause="bench_running",
        title="A benchmark is running already",
        detail=f"{whose}Two at once would slow each other down.",
        hint="Wait for its end, or cancel it.",
    )
