"""Runs a benchmark in a process of its own and tells what happens there."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import arcdesk
from arcdesk.api.load_address import undeclared
from arcdesk.app import bench_lines
from arcdesk.core.bench import BenchPlan, BenchStep, RequestRecord
from arcdesk.core.bench_progress import BenchEvent, BenchFailed, BenchPrompts, BenchStepDone
from arcdesk.core.egress import Contact, EgressGate, Reason, host_of
from arcdesk.core.errors import AnswerError, Problem
from arcdesk.core.ports import Endpoint

log = logging.getLogger(__name__)

LINE_LIMIT_BYTES = 256 * 1024 * 1024  # of one record: an answer of a million tokens has some 20 MB
END_PATIENCE_S = 5.0
CANCEL_PATIENCE_S = 4.0  # after a cancel, without a word of it
KEPT_WORDS = 20  # lines of the process's stderr


class BenchJob:
    """One benchmark. Iterate over `events` to run it; `cancel` from elsewhere keeps what is done.

    `egress` is asked whether the server may be contacted and is told of each connection. A process that hangs
    after a cancel (it looks up a name, or was stopped) is killed once it was silent for `patience_s` seconds.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        plan: BenchPlan,
        *,
        egress: EgressGate | None = None,
        patience_s: float = CANCEL_PATIENCE_S,
    ) -> None:
        self._endpoint = endpoint
        self._plan = plan
        self._egress = egress
        self._patience_s = patience_s
        self._process: Process | None = None
        self._is_cancelled = False
        self._silence: asyncio.TimerHandle | None = None  # ends the process; runs since the cancel
        self._records: list[RequestRecord] = []

    async def events(self) -> AsyncGenerator[BenchEvent, None]:
        """What happens, to the end. Close the iterator (`aclosing`) to break it off.

        Raises AnswerError if the host may not be contacted. All else that goes wrong is a BenchFailed.
        """
        self._ask_the_gate()
        try:
            process = await self._start()
        except OSError as error:
            yield BenchFailed(problem=_not_started(error))
            return
        words: deque[str] = deque(maxlen=KEPT_WORDS)
        assert process.stdout is not None
        assert process.stderr is not None
        listening = asyncio.ensure_future(_collect(process.stderr, words))
        has_failed = False
        try:
            async for told in self._told(process.stdout):
                event = self._event(told)
                if event is not None:
                    has_failed = has_failed or isinstance(event, BenchFailed)
                    yield event
                await asyncio.sleep(0)  # hundreds of records come at once: the window draws between them
            await listening
            if await process.wait() != 0 and not has_failed and not self._is_cancelled:
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
            self._wait_for_a_word()

    async def _told(self, stream: asyncio.StreamReader) -> AsyncIterator[bench_lines.Json]:
        """Line by line, to the end; a process that is killed may leave a piece of one, which is nothing."""
        try:
            async for line in stream:
                if self._is_cancelled:
                    self._wait_for_a_word()
                yield json.loads(line)
        except ValueError as error:
            log.warning("the load generator broke off: %s", error)
            self._kill()

    def _wait_for_a_word(self) -> None:
        """Anew with each one."""
        if self._silence is not None:
            self._silence.cancel()
        self._silence = asyncio.get_running_loop().call_later(self._patience_s, self._kill)

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

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
            self.cancel()
        return process

    async def _end(self, process: Process) -> None:
        """End it if it has not ended by itself."""
        if self._silence is not None:
            self._silence.cancel()
        if process.returncode is None:
            self._kill()
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
    title = "The load generator ended by itself"
    hint = "Finished steps are kept. This is a mistake of ArcDesk: please report it."
    if process.returncode == -signal.SIGKILL:
        title = "The load generator was killed"
        hint = "Finished steps are kept. Linux kills programs when memory runs short."
    return Problem(
        cause="bench_ended",
        title=title,
        detail=f"Its exit code is {process.returncode}.",
        hint=hint,
        evidence="\n".join(words),
    )


def _not_started(error: OSError) -> Problem:
    return Problem(
        cause="bench_not_started",
        title="The load generator can't be started",
        detail=f"{error.strerror or error}.",
        hint="Close some programs, then measure again.",
    )
