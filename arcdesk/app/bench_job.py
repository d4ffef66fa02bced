"""Runs a benchmark in a process of its own and tells what happens there."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import AsyncGenerator
from pathlib import Path

import arcdesk
from arcdesk.api.load_address import undeclared
from arcdesk.app import bench_lines
from arcdesk.core.bench import BenchPlan, BenchStep, RequestRecord
from arcdesk.core.bench_progress import BenchEvent, BenchFailed, BenchPrompts, BenchStepDone
from arcdesk.core.egress import Contact, EgressGate, Reason, host_of
from arcdesk.core.errors import AnswerError, Problem
from arcdesk.core.ports import Endpoint

LINE_LIMIT_BYTES = 256 * 1024 * 1024  # of one record: an answer of a million tokens has some 20 MB
END_PATIENCE_S = 5.0
KEPT_WORDS = 20  # lines of the process's stderr


class BenchJob:
    """One benchmark. Iterate over `events` to run it; `cancel` from elsewhere keeps what is done.

    `egress` is asked whether the server may be contacted and is told of each connection.
    """

    def __init__(self, endpoint: Endpoint, plan: BenchPlan, *, egress: EgressGate | None = None) -> None:
        self._endpoint = endpoint
        self._plan = plan
        self._egress = egress
        self._process: Process | None = None
        self._is_cancelled = False
        self._records: list[RequestRecord] = []

    async def events(self) -> AsyncGenerator[BenchEvent, None]:
        """What happens, to the end. Close the iterator (`aclosing`) to break it off.

        Raises AnswerError if the host may not be contacted. All else that goes wrong is a BenchFailed.
        """
        self._ask_the_gate()
        process = await self._start()
        words: deque[str] = deque(maxlen=KEPT_WORDS)
        assert process.stdout is not None
        assert process.stderr is not None
        listening = asyncio.ensure_future(_collect(process.stderr, words))
        has_failed = False
        try:
            async for line in process.stdout:
                event = self._event(json.loads(line))
                if event is not None:
                    has_failed = has_failed or isinstance(event, BenchFailed)
                    yield event
                await asyncio.sleep(0)  # hundreds of records come at once: the window draws between them
            await listening
            if await process.wait() != 0 and not has_failed:
                yield BenchFailed(problem=_ended(process, words))
        finally:
            await self._end(process)
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening

    def cancel(self) -> None:
        """End the step under way; `events` goes on until what is done has been told."""
        self._is_cancelled = True
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    async def _start(self) -> Process:
        source = str(Path(arcdesk.__file__).parents[1])
        path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH", ""))))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "arcdesk.app.bench_worker"),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            limit=LINE_LIMIT_BYTES,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl+C in our terminal is ours to pass on
        )
        self._process = process
        assert process.stdin is not None
        process.stdin.write(bench_lines.job_line(self._endpoint, self._plan))
        with contextlib.suppress(ConnectionError):  # it has ended: its words say why
            await process.stdin.drain()
        if self._is_cancelled:
            process.stdin.close()
        return process

    async def _end(self, process: Process) -> None:
        """End it if it has not ended by itself."""
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(END_PATIENCE_S):
                    await process.wait()
        if process.stdin is not None:
            process.stdin.close()

    def _event(self, told: bench_lines.Json) -> BenchEvent | None:
        """None for what is not for the listener, or only a part of what is."""
        ((kind, value),) = told.items()
        match kind:
            case "record":
                self._records.append(bench_lines.read_record(value))
            case "step":
                records, self._records = tuple(self._records), []
                return BenchStepDone(step=BenchStep(records=records, **value))
            case "progress":
                return bench_lines.read_progress(value)
            case "prompts":
                return BenchPrompts(**value)
            case "failed":
                return bench_lines.read_failure(value)
            case "contact":
                if self._egress is not None:
                    self._egress.record(bench_lines.read_contact(value))
        return None

    def _ask_the_gate(self) -> None:
        host = host_of(self._endpoint.base_url)
        if self._egress is not None and not self._egress.allows(host):
            self._egress.record(Contact(host=host, reason=Reason.QUESTION, is_refused=True))
            raise AnswerError(undeclared(host))


async def _collect(stream: asyncio.StreamReader, words: deque[str]) -> None:
    async for line in stream:
        words.append(line.decode("utf-8", "replace").rstrip())


def _ended(process: Process, words: deque[str]) -> Problem:
    return Problem(
        cause="bench_ended",
        title="The load generator ended by itself",
        detail=f"Its exit code is {process.returncode}.",
        hint="The steps told so far are good. This is a mistake of ArcDesk: please report it.",
        evidence="\n".join(words),
    )
