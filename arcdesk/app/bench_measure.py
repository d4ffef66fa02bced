"""One benchmark from the click to its figures: waits for the engine, measures, draws after each step."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from arcdesk.app.bench_board import BenchBoard
from arcdesk.app.bench_ends import LENT, engine_problem, with_ways_out
from arcdesk.core.bench import BenchPlan, BenchRun, BenchStep, Surroundings
from arcdesk.core.bench_ports import BenchOutcome, BenchRunning
from arcdesk.core.bench_progress import BenchEvent, BenchFailed, BenchProgress, BenchPrompts, BenchStepDone
from arcdesk.core.bench_shown import BenchShown, shown_of
from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.core.ports import Endpoint
from arcdesk.core.redact import mask_secrets
from arcdesk.services.threads import in_thread
from arcdesk.ui.bench_view import BenchState, Pulse

if TYPE_CHECKING:
    from arcdesk.app.session import Session

log = logging.getLogger(__name__)

END_PATIENCE_S = 8.0  # at the app's end: for the step under way to be told and kept
SWITCH_S = 0.0005
PULSE_TICKS = 5  # how fast it goes is told of the last two seconds


class BenchMeasure:
    """At most one at a time. `on_end(outcome)` is called when its figures are shown, `on_idle` after all."""

    def __init__(
        self,
        session: Session,
        runner: BenchRunning,
        board: BenchBoard,
        on_end: Callable[[BenchOutcome, BenchShown | None], None],
        on_idle: Callable[[], None],
    ) -> None:
        self._session = session
        self._runner = runner
        self._board = board
        self._on_end = on_end
        self._on_idle = on_idle
        self._task: asyncio.Task[None] | None = None
        self._base = BenchRun()  # of the run under way: all but its steps
        self._steps: list[BenchStep] = []
        self._drawing: asyncio.Task[None] | None = None
        self._shown: BenchShown | None = None
        self._ticks: deque[BenchProgress] = deque(maxlen=PULSE_TICKS)
        self._problem: Problem | None = None  # as it came: what the engine says of itself may follow
        self._freeing: asyncio.Task[None] | None = None  # until the engine is nobody's alone

    @property
    def is_busy(self) -> bool:
        """One is under way."""
        return self._task is not None and not self._task.done()

    @property
    def is_waiting(self) -> bool:
        """One measures as soon as the engine is ready."""
        return self.is_busy and self._board.view.state is BenchState.WAITING

    def start(self, plan: BenchPlan) -> None:
        """Begin, if none is under way."""
        if self.is_busy:
            return
        self._problem = None
        self._board.change(state=BenchState.WAITING, problem=None, said="", progress=None, pulse=Pulse())
        self._task = self._session.tasks.spawn(self._work(plan), name="measure")
        self._task.add_done_callback(lambda _: self._on_idle())

    def cancel(self) -> None:
        """End it; what is done is kept and shown."""
        if not self.is_busy or self._task is None:
            return
        match self._board.view.state:
            case BenchState.WAITING:
                self._task.cancel()  # the engine goes on
            case BenchState.RUNNING:
                self._board.change(state=BenchState.ENDING)
                self._runner.cancel()

    def tell(self, problem: Problem) -> None:
        """Show it, with buttons that fit what the engine is now."""
        self._problem = problem
        self.engine_changed()
        if problem.cause == LENT and (self._freeing is None or self._freeing.done()):
            self._freeing = self._session.tasks.spawn(self._until_free(), name="wait for the comparison")

    def forget_problem(self, cause: str = "") -> None:
        """The person has read it; or, with a cause, that one is over."""
        if cause and (self._problem is None or self._problem.cause != cause):
            return
        self._problem = None
        self._board.change(problem=None)

    def engine_changed(self) -> None:
        """What the engine says of itself may be why the benchmark ended."""
        if self._problem is not None:
            view, engine = self._board.view, self._session.engine.snapshot
            self._board.change(problem=with_ways_out(self._problem, engine, is_unkept=view.is_unkept))

    async def aclose(self) -> None:
        """End what is under way; what is done is kept."""
        self.cancel()
        if self._freeing is not None:
            self._freeing.cancel()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=END_PATIENCE_S)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # the work

    async def _work(self, plan: BenchPlan) -> None:
        try:
            endpoint = await self._endpoint()
            await self._measure(endpoint, plan)
        except ArcDeskError as error:
            self.tell(error.problem)
        finally:
            self._board.change(state=BenchState.IDLE, progress=None, pulse=Pulse())
            if self._drawing is not None:
                self._drawing.cancel()

    async def _endpoint(self) -> Endpoint:
        """Where to measure; the engine is started if need be. Raises ArcDeskError."""
        engine = self._session.engine
        engine.refuse_if_lent()
        try:
            await engine.settle()
            await engine.first_look()
            if engine.snapshot.phase.can_start:
                await engine.start()
            endpoint = await engine.wait_ready()
        except ArcDeskError as error:
            raise type(error)(engine_problem(engine.snapshot, error.problem)) from error
        engine.refuse_if_lent()  # a comparison may have begun meanwhile
        return endpoint

    async def _until_free(self) -> None:
        """The refusal goes with its reason."""
        await self._session.engine.until_free()
        self.forget_problem(LENT)

    async def _measure(self, endpoint: Endpoint, plan: BenchPlan) -> None:
        about = Surroundings(model=endpoint.model, engine=endpoint.engine, base_url=endpoint.base_url)
        self._base = BenchRun(at=time.time(), plan=plan, surroundings=about)
        self._steps.clear()
        self._ticks.clear()
        self._shown = None
        before = self._board.view
        self._board.change(state=BenchState.RUNNING, shown=None, run_id=0)
        with _lively_loop():
            try:
                outcome = await self._runner.run(endpoint, plan, self._on_event)
            except ArcDeskError:  # refused before it began: what was shown stays, it may not be kept yet
                self._board.change(shown=before.shown, run_id=before.run_id)
                raise
            self._board.change(state=BenchState.ENDING)
            if self._drawing is not None:
                await asyncio.gather(self._drawing, return_exceptions=True)
            if outcome.run is None:  # nothing came of it: what was shown stays
                self._board.change(shown=before.shown, run_id=before.run_id)
            else:
                await self._draw(outcome.run)
                self._board.change(run_id=outcome.run.id)
        if outcome.problem is not None:
            self.tell(outcome.problem)
        self._on_end(outcome, self._shown)

    def _on_event(self, event: BenchEvent) -> None:
        match event:
            case BenchProgress():
                self._board.change(progress=event, pulse=self._pulse(event))
            case BenchPrompts(note=note) if note:
                self._board.change(said=note)
            case BenchStepDone(step=step) if step.records:
                self._steps.append(step)
                self._draw_soon()
            case BenchFailed(problem=problem):
                log.info("the benchmark ended early: %s", problem.title)

    def _pulse(self, progress: BenchProgress) -> Pulse:
        """Of the last ticks of this phase; None where nothing tells."""
        if self._ticks and (self._ticks[-1].phase, self._ticks[-1].step) != (progress.phase, progress.step):
            self._ticks.clear()
        self._ticks.append(progress)
        first = self._ticks[0]
        rate = None
        if None not in (first.pieces, progress.pieces, first.elapsed_s, progress.elapsed_s):
            pieces = (progress.pieces or 0) - (first.pieces or 0)
            seconds = (progress.elapsed_s or 0.0) - (first.elapsed_s or 0.0)
            rate = pieces / seconds if seconds > 0 else None
        return Pulse(pieces_per_s=rate, ttft_ms=progress.ttft_ms)

    # figures and plots grow with each step

    def _draw_soon(self) -> None:
        if self._drawing is None or self._drawing.done():
            self._drawing = self._session.tasks.spawn(self._draw_steps(), name="draw the steps")

    async def _draw_steps(self) -> None:
        """Until nothing new has come meanwhile."""
        drawn = -1
        while drawn != len(self._steps):
            drawn = len(self._steps)
            await self._draw(replace(self._base, steps=tuple(self._steps)), is_under_way=True)

    async def _draw(self, run: BenchRun, *, is_under_way: bool = False) -> None:
        """Work it out aside, then show it."""
        work = partial(_shown_of, run, self._shown, is_under_way=is_under_way)
        self._shown = await in_thread("arcdesk-bench-shown", work)
        self._board.change(shown=self._shown)


@contextmanager
def _lively_loop() -> Iterator[None]:
    """Threads work out figures meanwhile: so long the loop waits each time it needs the interpreter.

    Painting lets go of it some hundred times, so Python's own 5 ms would make a frame take half a second.
    """
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before_s)


def _shown_of(run: BenchRun, before: BenchShown | None, *, is_under_way: bool) -> BenchShown:
    """In a thread. The rules that keep secrets out of the head are compiled here too: 60 ms, once."""
    mask_secrets("")
    return shown_of(run, before, is_under_way=is_under_way)
