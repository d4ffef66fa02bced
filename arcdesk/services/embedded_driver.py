"""Drives the embedded CPU engine: a child process that lives as long as the app wants it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePath

from arcdesk.core.engine_state import EngineKind, EnginePhase, EngineSnapshot
from arcdesk.core.errors import Action, ActionKind, ArcDeskError, EngineError, NotReadyError, Problem
from arcdesk.core.ports import ChatBackend, EmbeddedServer, Endpoint
from arcdesk.services.engine_problems import not_ready_problem
from arcdesk.services.readiness import wait_until_answering

READY_PATIENCE_S = 120.0  # a large GGUF on a slow disk


class EmbeddedDriver:
    """An EngineDriver over the embedded server."""

    def __init__(
        self,
        *,
        server: EmbeddedServer,
        backend: ChatBackend,
        gguf_path: str,
        report: Callable[[EngineSnapshot], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._server = server
        self._backend = backend
        self._gguf_path = gguf_path
        self._report_to = report
        self._now = now
        self._endpoint: Endpoint | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._starting: asyncio.Task[None] | None = None
        self._commanding = asyncio.Lock()
        is_starter = not gguf_path
        self._snapshot = EngineSnapshot(
            kind=EngineKind.EMBEDDED,
            phase=EnginePhase.STOPPED,
            profile="embedded starter model" if is_starter else "embedded llama.cpp",
            model=None if is_starter else PurePath(gguf_path).stem,
            place="CPU, embedded starter model" if is_starter else "CPU, embedded",
            since=now(),
        )

    @property
    def snapshot(self) -> EngineSnapshot:
        """The engine now, as last reported."""
        return self._snapshot

    @property
    def endpoint(self) -> Endpoint | None:
        """Where to ask; None until a request was answered."""
        return self._endpoint if self._snapshot.phase is EnginePhase.READY else None

    async def run(self) -> None:
        """Nothing to poll: the child's end is awaited from its start on."""
        await asyncio.Event().wait()

    async def start(self) -> None:
        """Start the child and wait until it has answered. Raises ArcDeskError.

        Whoever stops waiting does not stop the start: others may wait for it. `stop` and `aclose` do.
        """
        if self._starting is None:
            self._starting = asyncio.ensure_future(self._start())
            self._starting.add_done_callback(self._on_started)
        starting = self._starting
        await asyncio.wait({starting})
        if starting.cancelled():
            raise NotReadyError(not_ready_problem(self._snapshot))
        starting.result()

    def _on_started(self, starting: asyncio.Task[None]) -> None:
        self._starting = None
        if not starting.cancelled():
            starting.exception()  # nobody may be waiting any more; the snapshot has it

    async def _start(self) -> None:
        async with self._commanding:
            if self._snapshot.phase is EnginePhase.READY:
                return
            self._go(EnginePhase.STARTING)
            try:
                self._endpoint = await self._server.start(self._gguf_path)
                self._go(EnginePhase.LOADING, model=self._endpoint.model, base_url=self._endpoint.base_url)
                self._watcher = asyncio.ensure_future(self._watch_end())
                await self._await_first_answer(self._endpoint, self._watcher)
            except ArcDeskError as error:
                await self._end()
                self._go(EnginePhase.FAILED, problem=error.problem)
                raise
            except asyncio.CancelledError:
                self._go(EnginePhase.STOPPING)
                await self._end()
                self._go(EnginePhase.STOPPED)
                raise

    async def _await_first_answer(self, endpoint: Endpoint, watcher: asyncio.Task[None]) -> None:
        answered = asyncio.ensure_future(wait_until_answering(self._backend, endpoint))
        try:
            await asyncio.wait(
                {answered, watcher}, timeout=READY_PATIENCE_S, return_when=asyncio.FIRST_COMPLETED
            )
            if watcher.done():
                raise EngineError(not_ready_problem(self._snapshot))
            if not answered.done():
                raise EngineError(_never_answered())
            answered.result()
        finally:
            answered.cancel()
            await asyncio.gather(answered, return_exceptions=True)
        self._go(EnginePhase.READY, device=endpoint.device)

    async def _watch_end(self) -> None:
        problem = await self._server.wait_ended()
        self._endpoint = None
        if problem is not None:
            self._go(EnginePhase.FAILED, problem=problem)

    async def stop(self) -> None:
        """End the child, also one that is still loading."""
        await self._cancel_start()
        async with self._commanding:
            if self._snapshot.phase is EnginePhase.STOPPED:
                return
            self._go(EnginePhase.STOPPING)
            await self._end()
            self._go(EnginePhase.STOPPED)

    async def _cancel_start(self) -> None:
        starting = self._starting
        if starting is not None:
            if not starting.cancelling():
                starting.cancel()
            await asyncio.wait({starting})

    async def _end(self) -> None:
        await self._server.stop()
        self._endpoint = None
        if self._watcher is not None:
            self._watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watcher
            self._watcher = None

    async def look_once(self) -> None:
        """Its state is always known."""
        self._report(self._snapshot)

    async def first_look(self) -> None:
        """Its state is known without looking."""

    def look(self) -> None:
        """The child's end is told by the system: nothing to check."""

    async def log_tail(self, lines: int) -> list[str]:
        """The last lines that llama.cpp wrote."""
        return self._server.log_lines()[-lines:]

    def _go(self, phase: EnginePhase, **changes: object) -> None:
        if phase is not EnginePhase.FAILED:
            changes.setdefault("problem", None)
        if phase in (EnginePhase.STOPPED, EnginePhase.FAILED):
            changes.setdefault("base_url", None)  # nobody listens there any more
        self._report(replace(self._snapshot, phase=phase, since=self._now(), **changes))  # type: ignore[arg-type]

    def _report(self, snapshot: EngineSnapshot) -> None:
        self._snapshot = snapshot
        self._report_to(snapshot)

    async def aclose(self) -> None:
        """The engine ends with the app."""
        await self._cancel_start()
        await self._end()


def _never_answered() -> Problem:
    return Problem(
        cause="unreachable",
        title="The embedded engine started but never answered",
        detail=f"It had {READY_PATIENCE_S:.0f} s for its first token.",
        hint="Choose a smaller GGUF file.",
        actions=(
            Action(kind=ActionKind.START, label="Try again"),
            Action(kind=ActionKind.CHOOSE_MODEL, label="Choose a GGUF file…"),
        ),
    )
