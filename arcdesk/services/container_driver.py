"""Drives the container engine: commands to Docker down, sightings up, until a request is answered."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace

from arcdesk.core.engine_state import (
    ContainerObservation,
    EngineKind,
    EnginePhase,
    EngineSnapshot,
    LoadProgress,
    LoadStep,
    Seen,
    observe,
)
from arcdesk.core.errors import ArcDeskError, DockerUnreachable
from arcdesk.core.ports import (
    ChatBackend,
    ContainerEvent,
    ContainerEventKind,
    ContainerRuntime,
    Endpoint,
    LogReader,
)
from arcdesk.core.settings import ContainerSettings, check_container
from arcdesk.services.docker_watch import DockerWatch
from arcdesk.services.run_watch import RunWatch, base_url_at, endpoint_of, run_id

log = logging.getLogger(__name__)

STOP_GRACE_S = 20.0
OWN_PATIENCE_S = 5.0  # a terminal's start ends with READY, when the cache is only about to be given back
POLITE_SIGNALS = (2, 15)

Report = Callable[[EngineSnapshot], None]


class ContainerDriver:
    """An EngineDriver over Docker. The container with our label is the truth, never our memory of it."""

    def __init__(
        self,
        *,
        runtime: ContainerRuntime,
        backend: ChatBackend,
        new_reader: Callable[[ContainerSettings], LogReader],
        settings: ContainerSettings,
        report: Report,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._runtime = runtime
        self._backend = backend
        self._new_reader = new_reader
        self._settings = settings
        self._report_to = report
        self._now = now
        self._snapshot = EngineSnapshot(
            kind=EngineKind.CONTAINER,
            profile=settings.profile,
            model=settings.served_model_name,
            place=f"container {settings.name}",
            base_url=base_url_at(settings.host_port),
            since=now(),
        )
        self._container: ContainerObservation | None = None
        self._last_id = ""  # of the container seen last, also when it is gone
        self._made_id = ""  # of the container that these settings made
        self._run = self._new_run(None)
        self._stopped_by_us: set[str] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._owning: asyncio.Task[None] | None = None
        self._has_looked = asyncio.Event()
        self._is_watching = False  # and does not only look once
        self._turn = asyncio.Lock()  # a look at what a command has half done would see a failure
        self._watch = DockerWatch(
            runtime=runtime, on_event=self._hear, on_look=self._recheck, on_lost=self._lost
        )

    # what is known

    @property
    def snapshot(self) -> EngineSnapshot:
        """The engine now, as last reported."""
        return self._snapshot

    @property
    def endpoint(self) -> Endpoint | None:
        """Where to ask; None until a request was answered."""
        endpoint = self._run.endpoint if self._run.is_answering else None
        return replace(endpoint, device=self._snapshot.device) if endpoint is not None else None

    async def log_tail(self, lines: int) -> list[str]:
        """The last lines of the container's log; empty when there is no container."""
        try:
            container = await self._runtime.find()
        except DockerUnreachable as error:
            self._lost(error)
            raise
        if container is None:
            return []
        return [line.text for line in await self._runtime.log_tail(container.container_id, lines=lines)]

    # commands

    async def start(self) -> None:
        """Create or adopt the container and watch it load."""
        async with self._turn:
            is_under_way = self._snapshot.phase in (EnginePhase.READY, EnginePhase.LOADING)
            if is_under_way and self._container is not None and self._container.container_id == self._made_id:
                return
            self._watch.look()
            doomed = self._doomed
            self._detach()
            progress = LoadProgress(step=LoadStep.CONTAINER, started_at=self._now())
            self._show(EnginePhase.STARTING, progress)
            try:
                check_container(self._settings)
                if doomed is not None:
                    await self._end_container(doomed)
                self._container = await self._runtime.start(self._settings)
                self._made_id = self._container.container_id
            except ArcDeskError as error:
                self._fail(error)
                raise
            await self._look()

    async def stop(self) -> None:
        """End the server, then the container, and remove it."""
        async with self._turn:
            try:
                container = await self._runtime.find()
                self._detach()
                self._show(EnginePhase.STOPPING)
                if container is not None:
                    self._stopped_by_us.add(container.container_id)
                    await self._end_container(container)
            except ArcDeskError as error:
                self._fail(error)
                raise
            await self._look()

    @property
    def _doomed(self) -> ContainerObservation | None:
        """A container whose log has the end of it already. It may live on for 100 s, and would be adopted."""
        container = self._container
        is_doomed = container is not None and container.is_running and self._run.problem is not None
        return container if is_doomed and not self._run.is_answering else None

    async def _end_container(self, container: ContainerObservation) -> None:
        if container.is_running:
            await self._own_cache()  # while its root can still do it
            await self._runtime.stop(container.container_id, grace_s=STOP_GRACE_S)
        await self._runtime.remove(container.container_id)

    async def _own_cache(self) -> None:
        """What the container has downloaded as root is the person's. The models' list tells of a failure."""
        try:
            if given := await self._runtime.own_cache(self._settings):
                log.info("%s entries of the model cache were root's and are the person's now", given)
        except ArcDeskError as error:
            log.warning("%s", error)

    def _show(self, phase: EnginePhase, progress: LoadProgress | None = None) -> None:
        device = None if phase is EnginePhase.STARTING else self._snapshot.device
        self._report(replace(self._snapshot, phase=phase, problem=None, progress=progress, device=device))

    def _fail(self, error: ArcDeskError) -> None:
        unreachable = isinstance(error, DockerUnreachable)
        phase = EnginePhase.UNAVAILABLE if unreachable else EnginePhase.FAILED
        self._detach()
        self._report(replace(self._snapshot, phase=phase, problem=error.problem, progress=None))

    def look(self) -> None:
        """Check now: somebody looks, or an answer failed."""
        self._watch.look()

    async def first_look(self) -> None:
        """Return when Docker was asked once, so that 'absent' is known and not only assumed."""
        if not self._has_looked.is_set():
            self._watch.look()
            await self._has_looked.wait()

    # watching

    async def run(self) -> None:
        """Watch Docker until cancelled. Costs nothing while there is no container and nobody looks."""
        self._is_watching = True
        try:
            await self._watch.run()
        finally:
            self._is_watching = False
            self._detach()

    async def _hear(self, event: ContainerEvent) -> None:
        match event.kind:
            case ContainerEventKind.SIGNALLED if event.signal in POLITE_SIGNALS:
                self._stopped_by_us.add(event.container_id)  # somebody's `docker stop`: as good as ours
            case ContainerEventKind.STARTED:
                self._stopped_by_us.discard(event.container_id)
            case ContainerEventKind.DIED:
                await self._run.drain()
        await self.refresh()

    async def _recheck(self) -> None:
        await self._run.recheck()
        await self.refresh()

    def _lost(self, error: DockerUnreachable) -> None:
        self._detach()
        self._has_looked.set()
        seen = Seen(container=None, unreachable=error.problem)
        self._report(observe(self._snapshot, seen, self._now()))

    async def look_once(self) -> None:
        """See where the engine is, once, without watching it. Raises DockerUnreachable."""
        try:
            self._notice(await self._runtime.find())
            self._run = self._new_run(self._container)
            await self._run.look()
        except DockerUnreachable as error:
            self._lost(error)
            raise
        self._tell()

    async def refresh(self) -> None:
        """Look at all sources and report. Raises DockerUnreachable."""
        async with self._turn:
            await self._look()

    async def _look(self) -> None:
        container = self._notice(await self._runtime.find())
        if run_id(container) != self._run.id:
            self._detach()
            self._run = self._new_run(container)
            if container is not None and container.is_running:
                self._run.begin()
        if container is not None and container.status == "removing":
            self._end_run()  # nothing answers there any more, although Docker still names it
        if container is not None and container.has_ended:
            self._end_run()
            if container.container_id not in self._stopped_by_us:
                await self._run.explain_end()
        self._has_looked.set()
        self._tell()

    def _notice(self, container: ContainerObservation | None) -> ContainerObservation | None:
        self._container = container
        self._last_id = container.container_id if container is not None else self._last_id
        return container

    def _new_run(self, container: ContainerObservation | None) -> RunWatch:
        return RunWatch(
            runtime=self._runtime,
            backend=self._backend,
            new_reader=lambda: self._new_reader(self._settings),
            container=container,
            endpoint=endpoint_of(container, self._settings) if container else None,
            on_change=self._tell,
            now=self._now,
        )

    def _detach(self) -> None:
        self._end_run()
        self._run = self._new_run(None)

    def _end_run(self) -> None:
        self._ending.update(tasks := self._run.end())
        for task in tasks:
            task.add_done_callback(self._ending.discard)

    # reporting

    def _tell(self) -> None:
        """Decide the phase anew from all that is known, and report it."""
        self._report(observe(self._snapshot, self._seen(), self._now()))

    def _seen(self) -> Seen:
        run = self._run
        return Seen(
            container=self._container,
            progress=run.progress,
            log_problem=run.problem,
            is_answering=run.is_answering,
            stopped_by_us=self._last_id in self._stopped_by_us,
            device=run.reader.device,
        )

    def _report(self, snapshot: EngineSnapshot) -> None:
        if snapshot.phase is not self._snapshot.phase:
            snapshot = replace(snapshot, since=self._now())
            is_owning = self._owning is not None and not self._owning.done()
            if snapshot.phase is EnginePhase.READY and self._is_watching and not is_owning:
                self._owning = asyncio.ensure_future(self._own_cache())
        container = self._container
        if container is not None and container.host_port is not None:
            base_url, place = base_url_at(container.host_port), f"container {container.name}"
            snapshot = replace(snapshot, base_url=base_url, place=place)
        self._snapshot = snapshot
        self._report_to(snapshot)

    async def aclose(self) -> None:
        """Let go; the container stays as it is."""
        self._detach()
        if self._owning is not None:
            await asyncio.wait({self._owning}, timeout=OWN_PATIENCE_S)
            self._owning.cancel()  # what has begun goes on in the container; nobody waits for a large cache
            self._ending.add(self._owning)
        await asyncio.gather(*self._ending, return_exceptions=True)
