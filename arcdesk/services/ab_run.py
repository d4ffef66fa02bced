"""Compares two configurations: starts one, asks, starts the other, asks the same, puts back what was."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol, TypeVar

from arcdesk.core.ab_plan import AbConfiguration, AbPlan
from arcdesk.core.ab_progress import AbOutcome, AbProgress, AbStage
from arcdesk.core.bench_ports import CardMeter, CardUse
from arcdesk.core.chat import ChatRequest, Message, Role
from arcdesk.core.engine_state import EngineKind, EnginePhase, EngineSnapshot
from arcdesk.core.errors import ArcDeskError, EngineError, Problem
from arcdesk.core.ports import ChatBackend, Endpoint
from arcdesk.core.settings import Settings
from arcdesk.core.store import Store
from arcdesk.services.ab_ask import Asker, Died
from arcdesk.services.ab_book import AbBook
from arcdesk.services.ab_problems import busy_container, changed_meanwhile, unexpected, why_gone

log = logging.getLogger(__name__)
T = TypeVar("T")

RUNNING = (EnginePhase.STARTING, EnginePhase.LOADING, EnginePhase.READY)
WARM_UP = ChatRequest(messages=(Message(role=Role.USER, text="Say hello."),), temperature=0.0, max_tokens=8)
METER_PATIENCE_S = 10.0
NAMES = ("a", "b")

MeterOf = Callable[[Endpoint], Awaitable[CardMeter]]
Meet = Callable[[AbConfiguration], Awaitable[None]]
OnProgress = Callable[[AbProgress], None]
OnText = Callable[[str, int, str], None]  # side, number of the prompt, a piece of the answer


class AbEngine(Protocol):
    """The part of EngineService that is used here."""

    @property
    def settings(self) -> Settings: ...  # noqa: D102
    @property
    def snapshot(self) -> EngineSnapshot: ...  # noqa: D102
    def look(self) -> None: ...  # noqa: D102
    async def use(self, settings: Settings) -> None: ...  # noqa: D102
    async def start(self) -> None: ...  # noqa: D102
    async def stop(self) -> None: ...  # noqa: D102
    async def first_look(self) -> None: ...  # noqa: D102
    async def wait_ready(self) -> Endpoint: ...  # noqa: D102


class AbRun:
    """One comparison. Settings are only lent to the engine, never kept: `own_settings` are what hold after.

    Nothing of it enters the chats. `run` ends when the engine is on its way back to what it was.
    `meet` raises ArcDeskError for a server that is not there: A's answers would take minutes for nothing.
    """

    def __init__(
        self,
        plan: AbPlan,
        *,
        engine: AbEngine,
        backend: ChatBackend,
        store: Store,
        meter_of: MeterOf,
        meet: Meet,
        own_settings: Callable[[], Settings],
        on_progress: OnProgress,
        on_text: OnText,
        clock: Callable[[], float],
    ) -> None:
        self._plan = plan
        self._engine = engine
        self._store = store
        self._meter_of = meter_of
        self._meet = meet
        self._own_settings = own_settings
        self._on_progress = on_progress
        self._on_text = on_text
        self._clock = clock
        self._book = AbBook(plan)
        self._asker = Asker(backend, is_broken=self._is_broken, look=engine.look, store=store)
        self._work: asyncio.Task[None] | None = None
        self._lent = engine.settings  # what the engine has of us; other settings there are somebody else's
        self._was_running = engine.snapshot.phase in RUNNING
        self._has_ended_a = False
        self._side = "a"
        self._puts_back = True
        self._is_up = False  # the side under way has answered
        self._has_found_foreign = False

    async def run(self) -> AbOutcome:
        """To the end, or until `cancel`. Raises nothing: what went wrong is in the outcome."""
        self._work = asyncio.ensure_future(self._both())
        try:
            await asyncio.wait({self._work})
        except asyncio.CancelledError:
            self._work.cancel()
            await asyncio.wait({self._work})
            await self._restore()
            raise
        is_cancelled = self._work.cancelled()
        error = None if is_cancelled else self._work.exception()
        problem = None if error is None else _problem_of(error)
        self._book.note_end(problem, self._side, is_cancelled)
        left = await self._restore()
        return AbOutcome(
            test=self._book.test,
            problem=replace(problem, actions=()) if problem is not None else None,  # they mean other settings
            side=self._side if problem is not None else "",
            is_cancelled=is_cancelled,
            left_problem=left,
        )

    def cancel(self, *, puts_back: bool = True) -> None:
        """End it and put back what was. `puts_back` False: ArcDesk quits, what ran before need not run."""
        self._puts_back = self._puts_back and puts_back
        if self._work is not None:
            self._work.cancel()

    # both sides

    async def _both(self) -> None:
        self._tell(AbStage.STARTING)
        self._side = "b"
        await self._meet(self._plan.b)
        self._side = "a"
        await self._one(self._plan.a)
        self._side = "b"
        await self._switch()
        await self._one(self._plan.b)

    async def _one(self, side: AbConfiguration) -> None:
        self._tell(AbStage.STARTING)
        before = self._engine.snapshot.phase
        began = self._clock()
        endpoint = await self._ready(side.kind)
        was_running = before is EnginePhase.READY
        is_known = before not in RUNNING and side.kind is not EngineKind.REMOTE
        self._book.started(self._side, self._clock() - began if is_known else None, was_running)
        self._is_up = True
        await self._ask_all(endpoint)
        self._is_up = False

    async def _ready(self, kind: EngineKind) -> Endpoint:
        try:
            start = self._engine.start()
            await (_to_the_end(start) if kind is EngineKind.CONTAINER else start)
            return await self._engine.wait_ready()
        except ArcDeskError as error:
            if self._engine.settings is not self._lent:
                raise EngineError(changed_meanwhile()) from error
            self._is_up = True  # it was on its way: if it is stopped now, somebody meant it
            raise EngineError(why_gone(self._engine.snapshot, error.problem)) from error

    async def _switch(self) -> None:
        """From A to B. A container makes room for another one; else A is only let go."""
        kinds = (self._plan.a.kind, self._plan.b.kind)
        self._tell(AbStage.STOPPING)
        if kinds == (EngineKind.CONTAINER, EngineKind.CONTAINER):
            self._has_ended_a = True
            await _to_the_end(self._engine.stop())
        if self._engine.settings is not self._lent:
            raise EngineError(changed_meanwhile())
        await _to_the_end(self._lend(self._plan.b.settings))
        if kinds[1] is EngineKind.CONTAINER and kinds[0] is not EngineKind.CONTAINER:
            await self._engine.first_look()
            if self._engine.snapshot.phase in RUNNING:  # it would be replaced, and nobody would put it back
                self._has_found_foreign = True
                raise EngineError(busy_container())

    async def _lend(self, settings: Settings) -> None:
        await self._engine.use(settings)
        self._lent = settings

    # the questions

    async def _ask_all(self, endpoint: Endpoint) -> None:
        self._tell(AbStage.WARM_UP)
        try:
            await self._asker.ask(endpoint, WARM_UP)
        except Died as death:
            raise self._gone(death) from death
        meter = await self._meter_of(endpoint)
        await meter.begin()
        try:
            for number, prompt in enumerate(self._plan.prompts):
                self._tell(AbStage.ASKING, number)
                await self._ask(endpoint, number, prompt)
        finally:
            self._book.used(self._side, await _end_of(meter))
            self._tell(AbStage.ASKING, len(self._plan.prompts) - 1)

    async def _ask(self, endpoint: Endpoint, number: int, prompt: str) -> None:
        request = ChatRequest(
            messages=(Message(role=Role.USER, text=prompt),),
            temperature=self._plan.temperature,
            max_tokens=self._plan.max_tokens,
        )
        side = self._side
        try:
            answer = await self._asker.ask(endpoint, request, lambda text: self._on_text(side, number, text))
        except Died as death:
            self._book.answered(side, number, death.answer)
            raise self._gone(death) from death
        self._book.answered(side, number, answer)

    def _gone(self, death: Died) -> EngineError:
        is_ours = self._engine.settings is self._lent
        return EngineError(why_gone(self._engine.snapshot, death.problem) if is_ours else changed_meanwhile())

    def _is_broken(self) -> bool:
        """What answered is not there any more, or is somebody else's."""
        is_ready = self._engine.snapshot.phase is EnginePhase.READY
        return not is_ready or self._engine.settings is not self._lent

    # back to what was

    async def _restore(self) -> Problem | None:
        """Why what ran before is not back; None if it is, or on its way."""
        if self._engine.settings is not self._lent:
            return None  # somebody chose another engine meanwhile: that one is wanted
        try:
            try:
                self._tell(AbStage.RESTORING)
            finally:
                await _to_the_end(self._put_back())
        except Exception as error:  # whatever it is: the person is told, and what was answered is shown
            log.warning("after a comparison: %s", error)
            return _problem_of(error)
        return None

    async def _put_back(self) -> None:
        plan, engine = self._plan, self._engine
        ended = (EnginePhase.STOPPING, EnginePhase.STOPPED)
        was_stopped = self._is_up and engine.snapshot.phase in ended  # by somebody, who meant it
        if self._lent is plan.b.settings:
            try:
                problem = await self._end_b()
            finally:
                await self._lend(self._own_settings())
            if problem is not None:
                raise EngineError(problem)
            goes_on = plan.a.kind is EngineKind.CONTAINER and plan.b.kind is not EngineKind.CONTAINER
            starts = self._was_running and not was_stopped and not goes_on
        elif self._was_running:
            starts = self._has_ended_a
        else:
            await engine.stop()
            starts = False
        if starts and self._puts_back:
            await engine.start()

    async def _end_b(self) -> Problem | None:
        """End B's container; the others end as they are let go. Why it could not be ended."""
        if self._plan.b.kind is not EngineKind.CONTAINER or self._has_found_foreign:
            return None
        try:
            await self._engine.stop()
        except ArcDeskError as error:
            return error.problem
        return None

    def _tell(self, stage: AbStage, number: int = 0) -> None:
        self._on_progress(AbProgress(stage=stage, side=self._side, number=number, test=self._book.test))


async def _end_of(meter: CardMeter) -> CardUse:
    try:
        async with asyncio.timeout(METER_PATIENCE_S):
            return await meter.end()
    except TimeoutError:
        return CardUse(notes=("The cards gave no answer.",))


async def _to_the_end(work: Awaitable[T]) -> T:
    """The result of a command that must not be cut in two; a cancel waits for its end."""
    task = asyncio.ensure_future(work)
    was_cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            was_cancelled = True
    if was_cancelled:
        error = None if task.cancelled() else task.exception()
        if error is not None:  # the cancel counts
            log.warning("a command that was waited for before a cancel: %s", error)
        raise asyncio.CancelledError
    return task.result()


def _problem_of(error: BaseException) -> Problem:
    if isinstance(error, ArcDeskError):
        return error.problem
    log.error("the comparison broke off", exc_info=error)
    return unexpected(error)
