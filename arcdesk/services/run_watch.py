"""Follows one run of the container: its log, and whether it answers requests."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from arcdesk.core.engine_state import ContainerObservation, EngineKind, LoadProgress, LoadStep
from arcdesk.core.errors import ArcDeskError, EngineError, Problem
from arcdesk.core.ports import ChatBackend, ContainerRuntime, Endpoint, LogReader
from arcdesk.core.settings import ContainerSettings
from arcdesk.services.readiness import is_answering, wait_until_answering

log = logging.getLogger(__name__)

LOG_DRAIN_S = 2.0  # a dead container's last lines arrive within this
TAIL_LINES = 2000


def run_id(container: ContainerObservation | None) -> str:
    """Names one run: a restarted container has the same id and another start."""
    return f"{container.container_id}@{container.started_at}" if container else ""


def base_url_at(host_port: int) -> str:
    """Where a published port is asked; it is published on this computer's own address only."""
    return f"http://127.0.0.1:{host_port}/v1"


def endpoint_of(container: ContainerObservation, settings: ContainerSettings) -> Endpoint | None:
    """How a container is asked, by what it was made with; None when it publishes no port."""
    if container.host_port is None:
        return None
    return Endpoint(
        base_url=base_url_at(container.host_port),
        model=container.served_model or settings.served_model_name,
        api_key=container.api_key,
        engine=EngineKind.CONTAINER.value,
    )


class RunWatch:
    """What one run has shown so far. `on_change` is called when there is something new."""

    def __init__(
        self,
        *,
        runtime: ContainerRuntime,
        backend: ChatBackend,
        new_reader: Callable[[], LogReader],
        container: ContainerObservation | None,
        endpoint: Endpoint | None,
        on_change: Callable[[], None],
        now: Callable[[], float],
    ) -> None:
        self._runtime = runtime
        self._backend = backend
        self._new_reader = new_reader
        self._container = container
        self.endpoint = endpoint
        self._on_change = on_change
        self._now = now
        self._follower: asyncio.Task[None] | None = None
        self._waiter: asyncio.Task[None] | None = None
        self._startup_line = asyncio.Event()
        self.id = run_id(container)
        self.reader = new_reader()
        self.is_answering = False
        self._warming_since: float | None = None  # healthy, the first request is on its way
        self._has_ended = False
        self._concluded: Problem | None = None

    @property
    def problem(self) -> Problem | None:
        """The root cause found so far."""
        return self._concluded or self.reader.problem

    @property
    def progress(self) -> LoadProgress | None:
        """How far the start is: the log's furthest step, or the first request."""
        last = self.reader.progress
        if self._warming_since is None:
            return last
        finished = last.finished if last else ()
        return LoadProgress(
            step=LoadStep.WARM_UP, started_at=self._warming_since, finished=finished, line="First request"
        )

    def begin(self) -> None:
        """Follow a run that is alive; reads the log from its start."""
        self._follower = asyncio.ensure_future(self._follow_log())
        self._await_answer()

    def _await_answer(self) -> None:
        if self.endpoint is not None and not self._has_ended:
            self._waiter = asyncio.ensure_future(self._wait(self.endpoint))

    async def _wait(self, endpoint: Endpoint) -> None:
        await wait_until_answering(self._backend, endpoint, hurry=self._startup_line, on_step=self._warm)
        self.is_answering = True
        self._on_change()

    def _warm(self) -> None:
        if self._warming_since is None:
            self._warming_since = self._now()
            self._on_change()

    async def _follow_log(self) -> None:
        assert self._container is not None
        reader = self.reader
        lines = self._runtime.follow_log(self._container.container_id, since=self._container.started_at)
        try:
            async with contextlib.aclosing(lines):
                async for line in lines:
                    before = (reader.progress, reader.problem, reader.device)
                    reader.feed(line.text, line.at)
                    if reader.is_startup_complete:
                        self._startup_line.set()
                    if (reader.progress, reader.problem, reader.device) != before:
                        self._on_change()
                    if self.is_answering and reader.is_startup_complete:
                        return  # what follows is the access log
        except ArcDeskError as error:
            log.info("the log stream ended: %s", error)

    async def look(self) -> None:
        """See where it is, once, without following. Raises ArcDeskError."""
        if self._container is not None and self._container.has_ended:
            await self.explain_end()
            return
        await self._read_tail(self.reader)
        if self.endpoint is not None:
            self.is_answering = await is_answering(self._backend, self.endpoint)

    async def recheck(self) -> None:
        """Somebody looks or an answer failed: is a server that answered still healthy?"""
        if not self.is_answering or self.endpoint is None:
            return
        if await self._backend.is_healthy(self.endpoint):
            return
        await self._read_tail(self.reader)  # it was not followed any more
        if self._has_ended:  # meanwhile
            return
        self.is_answering, self._warming_since = False, None
        self._await_answer()
        self._on_change()

    async def drain(self) -> None:
        """Give the follower the time to read a dead container's last words."""
        if self._follower is not None:
            await asyncio.wait({self._follower}, timeout=LOG_DRAIN_S)

    async def explain_end(self) -> None:
        """Find the cause in the log's end, where following it did not show one."""
        if self.problem is None and self._container is not None:
            reader = self._new_reader()
            await self._read_tail(reader)
            self._concluded = reader.conclude()

    async def _read_tail(self, reader: LogReader) -> None:
        if self._container is None:
            return
        with contextlib.suppress(EngineError):  # removed meanwhile: its log went with it
            for line in await self._runtime.log_tail(self._container.container_id, lines=TAIL_LINES):
                reader.feed(line.text, line.at)

    def end(self) -> list[asyncio.Task[None]]:
        """Stop following, for good; returns the tasks that end."""
        self.is_answering, self._has_ended = False, True
        tasks = [task for task in (self._follower, self._waiter) if task is not None]
        for task in tasks:
            task.cancel()
        self._follower = self._waiter = None
        return tasks
