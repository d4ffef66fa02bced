"""Keeps the store's engine snapshot true, whichever engine is chosen, and passes commands to it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

from arcdesk.core.engine_state import EngineKind, EnginePhase, EngineSnapshot, LoadProgress, LoadStep
from arcdesk.core.errors import ArcDeskError, DockerUnreachable, NotReadyError, Problem, UsageError
from arcdesk.core.ports import ContainerRuntime, Endpoint, EngineDriver, PullProgress
from arcdesk.core.settings import Settings
from arcdesk.core.store import Store
from arcdesk.services.engine_problems import lent_problem, not_ready_problem
from arcdesk.services.notices import Notices
from arcdesk.services.remote_driver import endpoint_of_url

log = logging.getLogger(__name__)

PULL_SHOWN_EVERY_S = 0.2  # Docker tells of each layer many times a second

Report = Callable[[EngineSnapshot], None]


class DriverFactory(Protocol):
    """Makes the driver of one kind; `report` takes its snapshots. Raises UsageError for a bad address."""

    def __call__(self, kind: EngineKind, settings: Settings, report: Report) -> EngineDriver:  # noqa: D102
        ...


def kind_of(choice: str) -> EngineKind | None:
    """The kind that a setting names; None is 'auto'. Raises UsageError for an unknown word."""
    match choice:
        case "auto" | "":
            return None
        case "container":
            return EngineKind.CONTAINER
        case "embedded":
            return EngineKind.EMBEDDED
        case _ if choice.startswith(("http://", "https://")):
            return EngineKind.REMOTE
        case _:
            raise UsageError(
                Problem(
                    cause="bad_setting",
                    title=f"'{choice}' is no engine",
                    detail="Known are container, embedded, auto and the address of a server.",
                    hint="Choose one of them.",
                )
            )


class EngineService:
    """Owns the chosen engine's driver. `auto` is settled when the engine is first needed."""

    def __init__(
        self, *, store: Store, settings: Settings, make_driver: DriverFactory, runtime: ContainerRuntime
    ) -> None:
        self._store = store
        self._settings = settings
        self._make_driver = make_driver
        self._runtime = runtime
        self._driver: EngineDriver | None = None
        self._watching: asyncio.Task[None] | None = None
        self._settling = asyncio.Lock()
        self._pulling: asyncio.Task[None] | None = None
        self._free = asyncio.Event()  # nobody has the engine alone
        self._free.set()

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._settings

    @property
    def snapshot(self) -> EngineSnapshot:
        """The engine now."""
        return self._store.state.engine

    @property
    def endpoint(self) -> Endpoint | None:
        """Where to ask; None while nothing answers."""
        return self._driver.endpoint if self._driver else None

    async def begin(self) -> None:
        """At start-up: watch what surely is ours; leave the choice of `auto` until it is needed."""
        async with self._settling:
            kind = kind_of(self._settings.engine)
            if self._driver is None and kind is None and await self._runtime.peek():
                kind = EngineKind.CONTAINER
            if self._driver is None and kind is not None:
                self._take(self._make(kind, self._settings))

    async def settle(self) -> EngineDriver:
        """The driver; `auto` becomes a container if Docker has our image or container, else embedded."""
        async with self._settling:
            if self._driver is None:
                self._take(self._make(await self.resolve(), self._settings))
            assert self._driver is not None
            return self._driver

    async def resolve(self) -> EngineKind:
        """The kind that the settings mean."""
        return await self._resolve(self._settings)

    async def _resolve(self, settings: Settings) -> EngineKind:
        return kind_of(settings.engine) or await self._best_kind(settings.container.image)

    async def _best_kind(self, image: str) -> EngineKind:
        try:
            if await self._runtime.find() or await self._runtime.has_image(image):
                return EngineKind.CONTAINER
        except DockerUnreachable as error:
            log.info("auto: embedded engine, because: %s", error)
            if error.problem.cause == "docker_permission":
                Notices(self._store).add(error.problem)
        return EngineKind.EMBEDDED

    def _make(self, kind: EngineKind, settings: Settings) -> EngineDriver:
        def report(snapshot: EngineSnapshot) -> None:
            # The last words of one that was let go are nobody's state; a download shows its own.
            if self._driver is driver and self._pulling is None:
                self._store.update(engine=snapshot)

        driver = self._make_driver(kind, settings, report)
        return driver

    def _take(self, driver: EngineDriver) -> None:
        self._driver = driver
        self._store.update(engine=driver.snapshot)
        self._watching = asyncio.ensure_future(driver.run())
        self._watching.add_done_callback(_log_failure)

    # commands

    async def start(self) -> None:
        """Start the engine; returns when it is under way. Raises ArcDeskError (also in the snapshot)."""
        driver = await self.settle()
        if self._pulling is not None:
            return  # the start follows the download
        try:
            await driver.start()
        except UsageError as error:  # refused before anything happened
            self._store.update(engine=self._failed(error.problem))
            raise

    def _failed(self, problem: Problem) -> EngineSnapshot:
        return replace(self.snapshot, phase=EnginePhase.FAILED, problem=problem, progress=None)

    async def stop(self) -> None:
        """Stop the engine (or a download for it); returns when it has ended."""
        if not await self._cancel_pull():
            await (await self.settle()).stop()

    async def restart(self) -> None:
        """Stop, then start. Always stops: a driver that has not looked yet knows of nothing."""
        if self._pulling is None:
            await (await self.settle()).stop()
            await self.start()

    async def use(self, settings: Settings) -> None:
        """Take other settings: another engine, or the same one made anew at its next start.

        Raises UsageError for a bad address; then all stays as it was.
        """
        async with self._settling:
            kind = await self._resolve(settings)
            driver = self._make(kind, settings)
            await self._let_go()
            self._settings = settings
            log.info("engine: %s", kind.value)
            self._take(driver)

    async def serves(self, choice: str) -> bool:
        """The engine in use is the one that `choice` means; 'auto' is whatever is in use."""
        await self.settle()
        kind = kind_of(choice)
        if kind is EngineKind.REMOTE:
            return self.snapshot.base_url == endpoint_of_url(choice, None).base_url
        return kind in (None, self.snapshot.kind)

    @property
    def is_lent(self) -> bool:
        """Somebody has it alone."""
        return not self._free.is_set()

    @contextlib.contextmanager
    def lent(self) -> Iterator[None]:
        """As long as it is open the engine is the caller's alone: whoever minds `until_free` waits."""
        self._free.clear()
        try:
            yield
        finally:
            self._free.set()

    def refuse_if_lent(self) -> None:
        """For those who can't wait and say so. Raises NotReadyError."""
        if self.is_lent:
            raise NotReadyError(lent_problem())

    async def until_free(self) -> None:
        """Return when nobody has the engine alone."""
        await self._free.wait()

    async def first_look(self) -> None:
        """Return when the state is known and not only assumed."""
        await (await self.settle()).first_look()

    def look(self) -> None:
        """Somebody looks: check what only shows when asked."""
        if self._driver is not None:
            self._driver.look()

    async def log_tail(self, lines: int = 400) -> list[str]:
        """The last lines of the engine's log."""
        return await (await self.settle()).log_tail(lines)

    async def wait_ready(self) -> Endpoint:
        """Wait while the engine is on its way. Raises NotReadyError with the reason when it is not."""
        changed = asyncio.Event()
        unsubscribe = self._store.subscribe(lambda _: changed.set())
        try:
            while True:
                changed.clear()
                endpoint = self.endpoint
                if endpoint is not None and self.snapshot.phase is EnginePhase.READY:
                    return endpoint
                if self.snapshot.phase not in (EnginePhase.STARTING, EnginePhase.LOADING):
                    raise self._not_ready()
                await changed.wait()
        finally:
            unsubscribe()

    def _not_ready(self) -> ArcDeskError:
        problem = not_ready_problem(self.snapshot)
        is_unreachable = self.snapshot.phase is EnginePhase.UNAVAILABLE
        return DockerUnreachable(problem) if is_unreachable else NotReadyError(problem)

    # the image

    async def pull_and_start(self) -> None:
        """Download the image, then start; the snapshot shows how far it is. `stop` ends it early.

        Raises ArcDeskError (also in the snapshot).
        """
        driver = await self.settle()
        if self._pulling is not None:
            return
        image = self._settings.container.image
        self._pulling = asyncio.ensure_future(self._pull(image))
        try:
            await asyncio.wait({self._pulling})
            pulling = self._pulling
        finally:
            self._pulling.cancel()
            self._pulling = None
        self._store.update(engine=driver.snapshot)
        if pulling.cancelled():
            return
        if (error := pulling.exception()) is not None:
            if isinstance(error, ArcDeskError):
                self._store.update(engine=self._failed(error.problem))
            raise error
        await self.start()

    async def _pull(self, image: str) -> None:
        began, shown = time.time(), 0.0
        async with contextlib.aclosing(self._runtime.pull(image)) as steps:
            async for step in steps:
                if time.monotonic() - shown >= PULL_SHOWN_EVERY_S:
                    shown = time.monotonic()
                    self._store.update(engine=_pulling_snapshot(self.snapshot, step, began))

    async def _cancel_pull(self) -> bool:
        """End a download that is under way; returns whether there was one."""
        pulling = self._pulling
        if pulling is None:
            return False
        pulling.cancel()
        await asyncio.gather(pulling, return_exceptions=True)
        return True

    async def _let_go(self) -> None:
        driver, watching = self._driver, self._watching
        self._driver = self._watching = None
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        if driver is not None:
            await driver.aclose()

    async def aclose(self) -> None:
        """Let go of the engine and of Docker."""
        await self._cancel_pull()
        await self._let_go()
        with contextlib.suppress(ArcDeskError):
            await self._runtime.aclose()


def _pulling_snapshot(old: EngineSnapshot, step: PullProgress, began: float) -> EngineSnapshot:
    progress = LoadProgress(
        step=LoadStep.IMAGE,
        done=step.done_bytes,
        total=step.total_bytes,
        line=step.line,
        started_at=began,
    )
    return replace(old, phase=EnginePhase.STARTING, problem=None, progress=progress)


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("watching the engine failed", exc_info=task.exception())
