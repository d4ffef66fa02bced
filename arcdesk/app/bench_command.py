"""Carries out `arcdesk bench`: progress on standard error, the report on standard output."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from arcdesk.app.bench_output import report
from arcdesk.app.bench_progress_line import ProgressLine
from arcdesk.app.bench_runner import make_command_runner
from arcdesk.app.bench_verdict import verdict
from arcdesk.app.parts import Parts, make_parts
from arcdesk.core.bench import BenchPlan
from arcdesk.core.bench_ports import BenchOutcome
from arcdesk.core.bench_progress import BenchEvent, BenchProgress, BenchPrompts
from arcdesk.core.engine_state import EngineKind, EnginePhase
from arcdesk.core.errors import AnswerError, NotReadyError
from arcdesk.core.ports import Endpoint
from arcdesk.core.settings import Settings
from arcdesk.core.store import Store
from arcdesk.services.engine_problems import not_ready_problem
from arcdesk.services.engine_service import EngineService
from arcdesk.storage.bench_ledger import BenchDb

EXIT_INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class _Surveyed:
    """What a survey needs of a session, where there is none."""

    parts: Parts
    settings: Settings


class BenchCommand:
    """One run of the command."""

    def __init__(self, options: argparse.Namespace, plan: BenchPlan, settings: Settings) -> None:
        self._options = options
        self._plan = plan
        self._settings = settings
        self._line = ProgressLine()
        self._cancel: Callable[[], None] | None = None
        self._is_interrupted = False

    async def run(self, endpoint: Endpoint | None) -> int:
        """Returns the exit code. Raises ArcDeskError."""
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # Windows
                loop.add_signal_handler(number, self._on_interrupt, task)
        async with contextlib.aclosing(make_parts()) as parts:
            if endpoint is not None:
                parts.ledger.declare_address(endpoint.base_url)  # the person chose it in the app
                return await self._measure(endpoint, parts)
            return await self._with_engine(parts)

    def _on_interrupt(self, task: asyncio.Task[Any]) -> None:
        """The first time what is done is kept; the second time nothing is."""
        if self._cancel is None or self._is_interrupted:
            task.cancel()
            return
        self._is_interrupted = True
        self._cancel()

    async def _with_engine(self, parts: Parts) -> int:
        store = Store()
        service = EngineService(
            store=store, settings=self._settings, make_driver=parts.make_driver, runtime=parts.runtime
        )
        kind = await service.resolve()
        driver = parts.make_driver(kind, self._settings, lambda snapshot: store.update(engine=snapshot))
        try:
            await (driver.look_once() if kind is EngineKind.CONTAINER else driver.start())
            if driver.endpoint is None or store.state.engine.phase is not EnginePhase.READY:
                raise NotReadyError(not_ready_problem(store.state.engine))
            return await self._measure(driver.endpoint, parts)
        finally:
            await driver.aclose()

    async def _measure(self, endpoint: Endpoint, parts: Parts) -> int:
        async with contextlib.AsyncExitStack() as stack:
            ledger = None
            if not self._options.no_ledger:
                ledger = await stack.enter_async_context(contextlib.aclosing(BenchDb()))
            session = _Surveyed(parts=parts, settings=self._settings)
            runner = await stack.enter_async_context(make_command_runner(session, ledger))
            self._cancel = runner.cancel
            try:
                outcome = await runner.run(endpoint, self._plan, self._show)
            finally:
                self._cancel = None
                self._line.end()
            if ledger is not None:
                for problem in ledger.problems:
                    self._line.say(f"arcdesk: {problem.sentence()}")
            code = self._conclude(outcome)
            if ledger is not None and outcome.run is not None:
                for line in await verdict(outcome.run, ledger):
                    self._line.say(line)
            return code

    def _show(self, event: BenchEvent) -> None:
        match event:
            case BenchProgress():
                self._line.show(event)
            case BenchPrompts(note=note) if note:
                self._line.say(note)

    def _conclude(self, outcome: BenchOutcome) -> int:
        run, problem = outcome.run, outcome.problem
        if run is None:
            if problem is not None:
                raise AnswerError(problem)
            return EXIT_INTERRUPTED
        report(run, self._options)
        if run.id:
            self._line.say(f"Kept as run {run.id}: `arcdesk bench --show {run.id}`")
        if problem is not None:  # not raised: standard output has its one document already
            self._line.say(f"arcdesk: {problem.sentence()}")
            return AnswerError.exit_code
        return EXIT_INTERRUPTED if self._is_interrupted else 0
