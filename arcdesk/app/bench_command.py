"""Carries out `arcdesk bench`: progress on standard error, the report on standard output."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import platform
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arcdesk import __version__
from arcdesk.app.bench_job import BenchJob
from arcdesk.app.cli_pull import duration_text
from arcdesk.app.parts import Parts, make_parts
from arcdesk.core.bench import BenchPlan, BenchRun, BenchStep, Surroundings
from arcdesk.core.bench_progress import (
    BenchEvent,
    BenchFailed,
    BenchPhase,
    BenchProgress,
    BenchPrompts,
    BenchStepDone,
)
from arcdesk.core.bench_report import autotp_logs, render
from arcdesk.core.engine_state import EngineKind, EnginePhase
from arcdesk.core.errors import AnswerError, NotReadyError, Problem, UsageError
from arcdesk.core.ports import Endpoint
from arcdesk.core.settings import Settings
from arcdesk.core.store import Store
from arcdesk.services.engine_problems import not_ready_problem
from arcdesk.services.engine_service import EngineService

EXIT_INTERRUPTED = 130
FILE_ENDS = {"text": "txt", "ipex": "txt", "json": "json", "csv": "csv", "markdown": "md"}
LINE_EVERY_S = 10.0


@dataclass(slots=True)
class _Gathered:
    """What has come of the benchmark."""

    steps: list[BenchStep] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problem: Problem | None = None


class BenchCommand:
    """One run of the command."""

    def __init__(self, options: argparse.Namespace, plan: BenchPlan, settings: Settings) -> None:
        self._options = options
        self._plan = plan
        self._settings = settings
        self._line = _ProgressLine()
        self._gathered = _Gathered()
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
        at, load = time.time(), _host_load()
        job = BenchJob(endpoint, self._plan, egress=parts.ledger)
        self._cancel = job.cancel
        try:
            async with contextlib.aclosing(job.events()) as events:
                async for event in events:
                    self._take(event)
        finally:
            self._cancel = None
            self._line.end()
        gathered = self._gathered
        if gathered.steps:
            self._report(_run_of(self._plan, endpoint, gathered, at=at, load=load))
        if gathered.problem is not None:
            raise AnswerError(gathered.problem)
        return EXIT_INTERRUPTED if self._is_interrupted else 0

    def _take(self, event: BenchEvent) -> None:
        match event:
            case BenchProgress():
                self._line.show(event)
            case BenchPrompts():
                if event.note:
                    self._gathered.notes.append(event.note)
                    self._line.say(event.note)
            case BenchStepDone():
                if event.step.records:
                    self._gathered.steps.append(event.step)
            case BenchFailed():
                self._gathered.problem = event.problem

    def _report(self, run: BenchRun) -> None:
        options = self._options
        sys.stdout.write(render(run, "json" if options.json else options.format))
        sys.stdout.flush()
        if options.out:
            _write_all(run, Path(options.out).expanduser())


def _write_all(run: BenchRun, folder: Path) -> None:
    """Each format, and a log for each concurrency as the documents' script has it. Raises UsageError."""

    texts = {f"bench-{name}.{end}": render(run, name) for name, end in FILE_ENDS.items()} | autotp_logs(run)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(_cant_write(folder, error)) from error
    print(f"Written: {len(texts)} files in {folder}", file=sys.stderr)  # noqa: T201


def _run_of(
    plan: BenchPlan, endpoint: Endpoint, gathered: _Gathered, *, at: float, load: float | None
) -> BenchRun:

    return BenchRun(
        at=at,
        plan=plan,
        surroundings=Surroundings(
            model=endpoint.model,
            engine=endpoint.engine,
            base_url=endpoint.base_url,
            kernel=platform.release(),
            host_load=load,
            arcdesk=__version__,
        ),
        steps=tuple(gathered.steps),
        note=" ".join(gathered.notes),
    )


def _host_load() -> float | None:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


class _ProgressLine:
    """One line that is redrawn on a terminal; elsewhere a line for each phase, and one each ten seconds."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._told_at_s = -LINE_EVERY_S
        self._last = ""
        self._phase: tuple[object, int] | None = None

    def show(self, progress: BenchProgress) -> None:
        """Say how far it is, if it is time."""
        text, now_s = progress_text(progress), time.monotonic()
        phase = (progress.phase, progress.step)
        is_due = self._is_terminal or phase != self._phase or now_s - self._told_at_s >= LINE_EVERY_S
        if text == self._last or not is_due:
            return
        self._told_at_s, self._last, self._phase = now_s, text, phase
        sys.stderr.write(f"\r\033[K{text}" if self._is_terminal else f"{text}\n")
        sys.stderr.flush()

    def say(self, text: str) -> None:
        """A line that stays."""
        sys.stderr.write(f"\r\033[K{text}\n" if self._is_terminal else f"{text}\n")

    def end(self) -> None:
        """Leave the line, so that messages begin below it."""
        if self._is_terminal and self._last:
            sys.stderr.write("\n")
            sys.stderr.flush()


def progress_text(progress: BenchProgress) -> str:
    """How far it is, in a line."""

    if progress.phase is BenchPhase.PREPARING:
        return "Preparing the prompts …"
    name = "warm-up" if progress.phase is BenchPhase.WARM_UP else "measuring"
    of = "" if progress.total is None else f" of {progress.total}"
    parts = [f"{progress.concurrency} at once, {name}: {progress.done}{of}"]
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    if progress.seconds_left is not None:
        parts.append(f"{duration_text(progress.seconds_left)} left")
    step = f"Step {progress.step} of {progress.steps}: " if progress.steps > 1 else ""
    return step + ", ".join(parts)


def _cant_write(folder: Path, error: OSError) -> Problem:
    return Problem(
        cause="cant_write",
        title=f"The reports can't be written into {folder}",
        detail=f"{error.strerror}.",
        hint="Name another folder.",
    )
