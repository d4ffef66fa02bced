"""Looks at the cards while somebody watches, and only then."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import replace

from arcdesk.core.energy import EnergyUsed, IdleCost
from arcdesk.core.errors import Action, ActionKind, EngineError, Problem
from arcdesk.core.gpu import ContainerFdinfo, ContainerGpuSource, GpuReader, GpuSnapshot
from arcdesk.core.gpu_used_values import UsedVerdict
from arcdesk.core.gpu_view import GpuView
from arcdesk.services.gpu_history import GpuHistory
from arcdesk.services.gpu_sampler import GpuSampler
from arcdesk.services.threads import in_thread

log = logging.getLogger(__name__)

INTERVAL_S = 1.0
CONTAINERS_EVERY_S = 5.0
FIRST_LOOK_S = 0.3  # until the first look has come back
STALE_AFTER_S = 4.0  # a look takes milliseconds; a card that wakes up takes one to three seconds

Watcher = Callable[[GpuView], None]
Overhearer = Callable[[GpuSnapshot], None]
End = Callable[[], None]


class GpuService:
    """Samples the cards for those who watch. All methods belong to the loop's thread.

    Looks are taken by one thread, `gpu-sampler`, which lives from the first watcher to the last. One that
    hangs in a card holds up nobody: watchers are told that there is no answer, and the thread goes on
    when the card does. Without a watcher there is neither thread nor timer nor task.
    """

    def __init__(
        self,
        reader: GpuReader,
        containers: ContainerGpuSource | None = None,
        *,
        interval_s: float = INTERVAL_S,
        containers_every_s: float = CONTAINERS_EVERY_S,
        stale_after_s: float = STALE_AFTER_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._containers = containers
        self._containers_every_s = containers_every_s
        self._stale_after_s = stale_after_s
        self._clock = clock
        self._sampler = GpuSampler(reader, interval_s)
        self._history = GpuHistory()
        self._view = GpuView(snapshot=GpuSnapshot(), history=self._history)
        self._has_looked = False
        self._watchers: dict[object, Watcher] = {}
        self._overhearers: dict[object, Overhearer] = {}
        self._asking: asyncio.Task[None] | None = None
        self._nobody = asyncio.Event()
        self._patience: asyncio.TimerHandle | None = None

    @property
    def view(self) -> GpuView:
        """The newest view; as old as the last look."""
        return self._view

    @property
    def is_watched(self) -> bool:
        """Somebody watches: looks are being taken."""
        return bool(self._watchers)

    @property
    def answers(self) -> tuple[ContainerFdinfo, ...]:
        """What the containers answered last; empty once that is long ago."""
        return self._sampler.answers

    # watching

    def watch(self, watcher: Watcher) -> End:
        """Look, and tell `watcher` of each view, the newest one at once; returns what ends it."""
        key = object()
        self._watchers[key] = watcher
        if self._has_looked:
            watcher(self._view)
        if len(self._watchers) == 1:
            self._begin()

        def end() -> None:
            if self._watchers.pop(key, None) is not None and not self._watchers:
                self._end()

        return end

    def overhear(self, overhearer: Overhearer) -> End:
        """Tell of each look that others cause; causes none itself. Returns what ends it."""
        key = object()
        self._overhearers[key] = overhearer

        def end() -> None:
            self._overhearers.pop(key, None)

        return end

    def look_soon(self) -> None:
        """Take the next look of the watchers now."""
        self._sampler.hurry()

    async def sample_once(self, *, asks_containers: bool = False, patience_s: float = 10.0) -> GpuSnapshot:
        """One look now, whoever watches. Raises EngineError when the cards give no answer in time."""
        if asks_containers and self._containers is not None:
            if not self._has_looked:  # whether a card sleeps, which the question would wake
                await self.sample_once(patience_s=patience_s)
            if self._may_ask:
                self._sampler.answers = await self._containers.container_fdinfo()
        answers = self._sampler.answers
        since = self._clock()
        try:
            async with asyncio.timeout(patience_s):
                snapshot = await in_thread("gpu-look", lambda: self._sampler.sample(answers, patience_s))
        except TimeoutError as error:
            raise EngineError(no_answer_problem(patience_s)) from error
        log.debug("one look took %.1f ms", (self._clock() - since) * 1e3)
        self._take(snapshot)
        return snapshot

    def note(
        self,
        *,
        used: UsedVerdict | None = None,
        idle: IdleCost | None = None,
        last_answer: EnergyUsed | None = None,
    ) -> None:
        """Put what was found out beside the figures; what is None stays as it was."""
        view = self._view
        self._tell(
            replace(
                view,
                used=used or view.used,
                idle=idle or view.idle,
                last_answer=last_answer or view.last_answer,
            )
        )

    def forget_run(self) -> None:
        """Another run of the engine: what was found out about the last one holds no longer."""
        self._tell(replace(self._view, used=None, idle=None, last_answer=None))

    async def aclose(self) -> None:
        """End all watches; a thread that hangs in a card is left to itself."""
        if self._watchers:
            self._watchers.clear()
            self._end()
        self._overhearers.clear()
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    # from the first watcher to the last

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()

        def post(snapshot: GpuSnapshot) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(self._on_sample, snapshot)

        self._nobody.clear()
        self._sampler.begin(post)
        self._wait_patiently()
        if self._containers is not None and (self._asking is None or self._asking.done()):
            self._asking = asyncio.ensure_future(self._ask_containers(self._containers))

    def _end(self) -> None:
        self._sampler.end()
        self._nobody.set()
        self._stop_waiting()
        self._history.break_off(self._clock())

    def _on_sample(self, snapshot: GpuSnapshot) -> None:
        if self._watchers:  # else: the last look of a watch that has ended
            self._wait_patiently()
            self._take(snapshot)

    def _take(self, snapshot: GpuSnapshot) -> None:
        self._has_looked = True
        self._history.add(snapshot)
        for overhearer in tuple(self._overhearers.values()):
            overhearer(snapshot)
        self._tell(
            replace(
                self._view,
                snapshot=snapshot,
                history_keys=self._history.keys,
                is_stale=False,
                stale_since=0.0,
                problem=None,
            )
        )

    def _tell(self, view: GpuView) -> None:
        self._view = view
        for watcher in tuple(self._watchers.values()):
            watcher(view)

    # a look that hangs

    def _wait_patiently(self) -> None:
        self._stop_waiting()
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(self._stale_after_s, self._on_no_answer, self._clock())

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _on_no_answer(self, since: float) -> None:
        self._patience = None
        seconds = self._clock() - since
        log.warning("the cards have given no answer for %.0f s", seconds)
        self._tell(replace(self._view, is_stale=True, stale_since=since, problem=no_answer_problem(seconds)))

    # the containers' own answers

    @property
    def _may_ask(self) -> bool:
        """No card sleeps: a container's own look at its programs would wake it."""
        return self._has_looked and self._view.snapshot.may_ask_containers

    async def _ask_containers(self, containers: ContainerGpuSource) -> None:
        """Ask again and again while somebody watches; each question after the answer to the last."""
        while self._watchers:
            if self._may_ask:
                self._sampler.answers = await containers.container_fdinfo()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._containers_every_s if self._has_looked else FIRST_LOOK_S):
                    await self._nobody.wait()


def no_answer_problem(seconds: float) -> Problem:
    """The cards, or one of them, did not answer."""
    return Problem(
        cause="gpu_no_answer",
        title=f"No answer from the graphics cards for {seconds:.0f} seconds",
        detail="A card that wakes up answers late; one that hangs does not answer at all.",
        hint="If this stays, look at the kernel's messages (journalctl -k) and restart the computer.",
        actions=(Action(kind=ActionKind.OPEN_DOCTOR, label="Check this computer"),),
    )
