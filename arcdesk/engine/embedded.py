"""Runs the embedded CPU engine as a child process and tells how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import arcdesk
from arcdesk.core.errors import EngineError, Problem
from arcdesk.core.ports import Endpoint
from arcdesk.engine.embedded_child import KEY_VARIABLE
from arcdesk.engine.embedded_problems import cant_start_problem, explain_end, no_patience_problem
from arcdesk.engine.starter_model import checked_model

START_PATIENCE_S = 300.0  # a model of many GB from a slow disk
END_PATIENCE_S = 2.0
LOG_LINES = 200
LINE_LIMIT_CHARS = 4000

_log = logging.getLogger(__name__)
Command = tuple[str, ...]


def child_command() -> Command:
    """The program of the child; the model's options follow."""
    return (sys.executable, "-m", "arcdesk.engine.embedded_child")


@dataclass(eq=False, slots=True, kw_only=True)
class _Child:
    """One process, from its start to its end."""

    process: Process
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LOG_LINES))
    is_ready: bool = False
    is_stopping: bool = False
    ended: asyncio.Task[Problem | None] = field(init=False)

    async def watch(self) -> Problem | None:
        """Collect its words until it is gone; returns why, None if we stopped it."""
        assert self.process.stderr is not None
        await _collect_lines(self.process.stderr, self.lines)
        exit_code = await self.process.wait()
        _log.info("the embedded engine ended with %s", exit_code)
        if self.is_stopping:
            return None
        return explain_end(exit_code, tuple(self.lines), was_ready=self.is_ready)


class EmbeddedEngine:
    """An EmbeddedServer: llama.cpp's server in a child process of ours, on the loopback, with a fresh key.

    Start it from the thread that lives as long as it shall: on Linux the kernel ends the child when the
    thread that made it ends.
    """

    def __init__(
        self,
        *,
        command: Callable[[], Command] = child_command,
        start_patience_s: float = START_PATIENCE_S,
        end_patience_s: float = END_PATIENCE_S,
    ) -> None:
        self._command = command
        self._start_patience_s = start_patience_s
        self._end_patience_s = end_patience_s
        self._child: _Child | None = None

    async def start(self, gguf_path: str) -> Endpoint:
        """Start it with a GGUF file, '' is the starter model; one that runs is ended first.

        Returns when it answers. Raises NotFoundError or EngineError; then nothing is left running.
        """
        model = checked_model(gguf_path)
        await self.stop()
        api_key = secrets.token_urlsafe(32)
        child = await self._spawn(model, api_key)
        try:
            facts = await self._await_first_line(child)
        except BaseException:
            await self.stop()
            raise
        child.is_ready = True
        return Endpoint(
            base_url=f"{facts['listening']}/v1",
            model=facts["model"],
            api_key=api_key,
            engine="embedded",
            device="CPU",
        )

    async def _spawn(self, model: Path, api_key: str) -> _Child:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command(),
                "--model",
                str(model),
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                env={**os.environ, KEY_VARIABLE: api_key},
                # `-m` looks into the working folder first: there it finds us, and no stranger's modules.
                cwd=Path(arcdesk.__file__).parents[1],
            )
        except OSError as error:
            raise EngineError(cant_start_problem(error)) from error
        child = self._child = _Child(process=process)
        child.ended = asyncio.create_task(child.watch(), name="embedded-engine")
        return child

    async def _await_first_line(self, child: _Child) -> dict[str, str]:
        assert child.process.stdout is not None
        try:
            async with asyncio.timeout(self._start_patience_s):
                line = await child.process.stdout.readline()
                if not line:  # it ended, or is about to
                    raise EngineError(await self._why_it_ended(child))
        except TimeoutError as error:
            problem = no_patience_problem(self._start_patience_s, tuple(child.lines))
            raise EngineError(problem) from error
        facts: dict[str, str] = json.loads(line)
        return facts

    async def _why_it_ended(self, child: _Child) -> Problem:
        problem = await asyncio.shield(child.ended)
        # Stopped by someone else while it loaded: whoever started it must still hear that there is nothing.
        return problem or explain_end(child.process.returncode or 0, tuple(child.lines), was_ready=False)

    async def wait_ended(self) -> Problem | None:
        """Wait until the child is gone; None if `stop` ended it, or if there is none."""
        if self._child is None:
            return None
        return await asyncio.shield(self._child.ended)

    async def stop(self) -> None:
        """End the child and wait for it: close its input, then TERM, then KILL. Fine when there is none."""
        child = self._child
        if child is None or child.ended.done():
            return
        child.is_stopping = True
        for end in self._ways_to_end(child):
            with contextlib.suppress(ProcessLookupError):  # gone between two looks
                end()
            if await _has_ended(child, self._end_patience_s):
                return
        await asyncio.shield(child.ended)

    def _ways_to_end(self, child: _Child) -> tuple[Callable[[], None], ...]:
        process = child.process
        assert process.stdin is not None
        # While it loads a model it can't see the end of its input: no use to wait for that.
        gently = (process.stdin.close,) if child.is_ready else ()
        return (*gently, process.terminate, process.kill)

    @property
    def pid(self) -> int | None:
        """The child's process id, None if none runs."""
        child = self._child
        return child.process.pid if child is not None and not child.ended.done() else None

    def log_lines(self) -> list[str]:
        """The last lines that it wrote, also after its end."""
        return list(self._child.lines) if self._child is not None else []


async def _has_ended(child: _Child, patience_s: float) -> bool:
    done, _ = await asyncio.wait({child.ended}, timeout=patience_s)
    return bool(done)


async def _collect_lines(stream: asyncio.StreamReader, lines: deque[str]) -> None:
    """Read to the end. Done by hand, since `readline` fails at a line longer than its buffer."""
    rest = ""
    while chunk := await stream.read(65536):
        *whole, rest = (rest + chunk.decode(errors="replace")).split("\n")
        lines.extend(line.rstrip("\r")[:LINE_LIMIT_CHARS] for line in whole)
        rest = rest[:LINE_LIMIT_CHARS]
    if rest:
        lines.append(rest)
