"""Carries out one step of a benchmark: so many requests at once, in a closed loop or as they fall due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence, Set, Sized
from contextlib import suppress
from dataclasses import replace
from itertools import cycle
from random import Random
from statistics import median
from typing import Protocol

from arcdesk.api.load_part import Part, requests_of, step_of
from arcdesk.core.bench import Api, BenchPlan, BenchStep, RequestRecord
from arcdesk.core.bench_progress import BenchPhase, BenchProgress

TELL_EVERY_S = 0.5
AFTER_FAILURE_S = 0.1
WARM_UP_FACTOR = 2  # of the concurrency, as the documents' script has it


class Tally(Protocol):
    """What has come of an answer under way."""

    @property
    def events_s(self) -> Sized:
        """One for each event with text."""
        ...


class Asker(Protocol):
    """What a step needs of a LoadClient."""

    @property
    def answering(self) -> Set[Tally]:
        """Those under way."""
        ...

    async def ask(self, api: Api, body: bytes, answer_tokens: int | None = None) -> RequestRecord:
        """One answer; a failure is in the record."""
        ...


class LoadRun:
    """The steps of one plan, one after another. `bodies` are sent in turn, from the first at each step;
    an iterator's are used up, so that none is sent twice.

    With a rate, requests fall due by a Poisson process of the plan's seed. `concurrency` then is the most
    that are under way at once; one that has to wait for its turn counts its time from when it was due.
    `cancel` ends the step under way: it keeps what is done and drops what is not.
    """

    def __init__(
        self,
        asker: Asker,
        plan: BenchPlan,
        bodies: Sequence[bytes] | Iterator[bytes],
        *,
        tell: Callable[[BenchProgress], None] = lambda progress: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        cpu_clock: Callable[[], float] = time.process_time,
    ) -> None:
        self._asker = asker
        self._plan = plan
        self._bodies = bodies
        self._tell = tell
        self._clock = clock
        self._sleep = sleep
        self._cpu_clock = cpu_clock
        self._work: asyncio.Task[None] | None = None
        self.is_cancelled = False
        self.warm_up: tuple[RequestRecord, ...] = ()  # of the last step; counts in no figure

    def cancel(self) -> None:
        """End it; `step` returns soon."""
        self.is_cancelled = True
        if self._work is not None:
            self._work.cancel()

    async def step(self, concurrency: int, number: int = 1) -> BenchStep:
        """Warm up, then measure. `number` counts the steps from 1. Raises AnswerError for a refused host."""
        plan = self._plan
        warm_up = plan.warm_up_requests
        warm_up = WARM_UP_FACTOR * concurrency if warm_up is None else warm_up
        first = Part(phase=BenchPhase.WARM_UP, concurrency=concurrency, number=number, total=warm_up)
        if warm_up:
            await self._run(first, self._in_a_loop(first))
        self.warm_up = tuple(first.records)
        part = Part(
            phase=BenchPhase.MEASURING,
            concurrency=concurrency,
            number=number,
            total=requests_of(plan, concurrency),
            duration_s=plan.duration_s,
        )
        cpu_s = self._cpu_clock()
        if plan.rate_per_s is None:
            await self._run(part, self._in_a_loop(part))
        else:
            await self._run(part, self._as_they_fall_due(part, plan.rate_per_s))
        return step_of(part, self._cpu_clock() - cpu_s, is_cancelled=self.is_cancelled)

    async def _run(self, part: Part, work: Awaitable[None]) -> None:
        """Do `work` to its end, or until `cancel`; say how far it is meanwhile."""
        part.started_s = self._clock()
        self._work = asyncio.ensure_future(work)
        if self.is_cancelled:
            self._work.cancel()
        teller = asyncio.ensure_future(self._keep_telling(part))
        try:
            await self._work
        except asyncio.CancelledError:
            if not self.is_cancelled:  # it is us who are cancelled
                raise
        except BaseExceptionGroup as group:  # the first reason is reason enough
            raise group.exceptions[0] from None
        finally:
            teller.cancel()
            with suppress(asyncio.CancelledError):
                await teller
            self._work = None
        self._tell(self._progress(part))

    async def _in_a_loop(self, part: Part) -> None:
        bodies = self._in_turn()

        async def work() -> None:
            while self._may_begin(part):
                part.begun += 1
                record = await self._ask(next(bodies))
                part.add(record)
                if (
                    not record.is_good and part.total is None
                ):  # a dead server fails thousands of times a second
                    await self._sleep(AFTER_FAILURE_S)

        workers = part.concurrency if part.total is None else min(part.concurrency, part.total)
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(work())

    async def _as_they_fall_due(self, part: Part, rate_per_s: float) -> None:
        bodies, slots = self._in_turn(), asyncio.Semaphore(part.concurrency)
        random = Random(self._plan.seed)  # noqa: S311 - the same arrivals each time

        async def work(body: bytes, due_s: float) -> None:
            async with slots:
                record = await self._ask(body)
            part.add(replace(record, sent_s=min(due_s, record.sent_s)))

        due_s = self._clock()
        async with asyncio.TaskGroup() as group:
            while self._may_begin(part):
                part.begun += 1
                group.create_task(work(next(bodies), due_s))
                due_s += random.expovariate(rate_per_s)
                if part.total is None or part.begun < part.total:
                    await self._sleep(max(0.0, due_s - self._clock()))

    async def _ask(self, body: bytes) -> RequestRecord:
        return await self._asker.ask(self._plan.api, body, self._plan.output_tokens)

    def _in_turn(self) -> Iterator[bytes]:
        return self._bodies if isinstance(self._bodies, Iterator) else cycle(self._bodies)

    def _may_begin(self, part: Part) -> bool:
        if part.total is not None and part.begun >= part.total:
            return False
        return part.duration_s is None or self._clock() - part.started_s < part.duration_s

    async def _keep_telling(self, part: Part) -> None:
        while True:
            self._tell(self._progress(part))
            await asyncio.sleep(TELL_EVERY_S)

    def _progress(self, part: Part) -> BenchProgress:
        return BenchProgress(
            phase=part.phase,
            concurrency=part.concurrency,
            step=part.number,
            steps=len(self._plan.concurrencies),
            done=len(part.records),
            failed=part.failed,
            total=part.total,
            seconds_left=self._seconds_left(part),
            elapsed_s=self._clock() - part.started_s,
            pieces=part.pieces + sum(len(one.events_s) for one in self._asker.answering),
            ttft_ms=median(part.firsts_ms) if part.firsts_ms else None,
        )

    def _seconds_left(self, part: Part) -> float | None:
        """From the share that is done, where answers under way count by their events."""
        elapsed_s = self._clock() - part.started_s
        is_time_over = part.duration_s is not None and elapsed_s >= part.duration_s
        total = part.begun if is_time_over else part.total  # what has fallen due is still sent and answered
        left: list[float] = []
        if part.duration_s is not None and not is_time_over:
            left.append(part.duration_s - elapsed_s)
        if total is not None:
            under_way = sum(
                min(1.0, len(one.events_s) / self._plan.output_tokens) for one in self._asker.answering
            )
            done = len(part.records) + under_way
            if done > 0:
                left.append(max(0.0, elapsed_s * (total - done) / done))
        return min(left, default=None)
