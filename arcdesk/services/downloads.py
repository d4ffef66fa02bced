"""The person's downloads: one at a time, the others wait; listeners hear at most four times a second."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from time import monotonic

from arcdesk.core.downloads import DownloadMemory, DownloadRecord, HubFiles, Patience
from arcdesk.core.errors import ArcDeskError
from arcdesk.core.hub import Download, DownloadPhase, Hub
from arcdesk.services import download_problems as problems
from arcdesk.services.download_run import DownloadRun

log = logging.getLogger(__name__)

TELL_EVERY_S = 0.25
END_PATIENCE_S = 2.0  # for a thread to notice that it was stopped

FORGOTTEN = (DownloadPhase.DONE, DownloadPhase.CANCELLED)

Listener = Callable[[tuple[Download, ...]], None]


class Downloads:
    """A list of downloads, by the repository's id; all on the loop's thread.

    `keep_awake(True)` is called when the first begins, `keep_awake(False)` when none runs any more,
    `on_over` for each that is done or has failed. Nothing is read from the disk before the first call.
    """

    def __init__(
        self,
        hub: Hub,
        files: HubFiles,
        memory: DownloadMemory,
        *,
        keep_awake: Callable[[bool], None] = lambda wanted: None,
        on_over: Callable[[Download], None] = lambda download: None,
        patience: Patience | None = None,
    ) -> None:
        self.hub = hub
        self.keep_awake = keep_awake
        self.on_over = on_over
        self._files = files
        self._memory = memory
        self._patience = patience or Patience()
        self._runs: dict[str, DownloadRun] | None = None
        self._waiting: list[str] = []
        self._ours: set[str] = set()  # what this program had to do with; another one may use the same memory
        self._listeners: list[Listener] = []
        self._pump: asyncio.Task[None] | None = None
        self._current: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._told_at_s = 0.0
        self._told: tuple[Download, ...] = ()

    def list(self) -> tuple[Download, ...]:
        """All of this session, and the unfinished ones of the last, which are PAUSED."""
        return tuple(run.download() for run in self._all().values())

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` now and after each change. The returned call ends it."""
        self._listeners.append(listener)
        listener(self.list())
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    async def start(self, repo_id: str, *, revision: str = "main", file: str = "") -> None:
        """Put it into the queue; one that was paused goes on. Raises DownloadsBusy if it runs or waits.

        `file` is one file of the repository, such as one of many GGUF files; '' chooses what an engine needs.
        """
        runs = self._all()
        old = runs.get(repo_id)
        if old is not None and not old.is_at_rest:
            raise problems.busy(repo_id)
        self._ours.add(repo_id)
        record = DownloadRecord(repo=repo_id, revision=revision, file=file)
        if old is not None and (old.record.revision, old.record.file) == (revision, file):
            if old.phase is DownloadPhase.PAUSED:
                await self.resume(repo_id)
                return
            record = replace(record, partials=old.record.partials)
        runs.pop(repo_id, None)  # it goes to the end of the list
        runs[repo_id] = DownloadRun(record, self.hub, self._files, self._phase_changed, self._patience)
        self._enqueue(repo_id)

    async def pause(self, repo_id: str) -> None:
        """Stop it, and keep what has come. Raises NoDownload."""
        run = self._run(repo_id)
        if run.is_at_rest:
            return
        self._take_out(repo_id)
        run.stop(DownloadPhase.PAUSED)

    async def resume(self, repo_id: str) -> None:
        """Go on, after those that wait already; also after a failure. Raises NoDownload."""
        run = self._run(repo_id)
        if run.phase in (DownloadPhase.PAUSED, DownloadPhase.FAILED):
            run.set_phase(DownloadPhase.WAITING)
            self._enqueue(repo_id)

    async def retry(self, repo_id: str) -> None:
        """Go on after a failure. Raises NoDownload."""
        await self.resume(repo_id)

    async def cancel(self, repo_id: str) -> None:
        """End it, and remove the unfinished files that it made. Raises NoDownload, ArcDeskError."""
        run = self._run(repo_id)
        if run.phase in (DownloadPhase.DONE, DownloadPhase.CANCELLED):
            return
        self._take_out(repo_id)
        run.stop(DownloadPhase.CANCELLED)
        await run.ended(END_PATIENCE_S)  # also of one that was paused a moment ago: it may still write
        await run.discard()

    async def aclose(self) -> None:
        """Pause what runs, remember it for the next time, close the hub."""
        for repo_id, run in (self._runs or {}).items():
            if not run.is_at_rest:
                self._take_out(repo_id)
                run.stop(DownloadPhase.PAUSED)
        if self._pump is not None:
            await asyncio.wait({self._pump}, timeout=END_PATIENCE_S)
            self._pump.cancel()
            with suppress(asyncio.CancelledError):
                await self._pump
        self._save()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._listeners.clear()
        await self.hub.aclose()

    def _all(self) -> dict[str, DownloadRun]:
        if self._runs is None:
            self._runs = {
                record.repo: DownloadRun(
                    record,
                    self.hub,
                    self._files,
                    self._phase_changed,
                    self._patience,
                    phase=DownloadPhase.PAUSED,
                )
                for record in self._memory.load()
            }
        return self._runs

    def _run(self, repo_id: str) -> DownloadRun:
        run = self._all().get(repo_id)
        if run is None:
            raise problems.not_there(repo_id)
        self._ours.add(repo_id)
        return run

    def _take_out(self, repo_id: str) -> None:
        if repo_id in self._waiting:
            self._waiting.remove(repo_id)

    def _enqueue(self, repo_id: str) -> None:
        self._waiting.append(repo_id)
        self._phase_changed()
        if self._pump is None or self._pump.done():
            self._pump = asyncio.ensure_future(self._work())

    async def _work(self) -> None:
        """One after the other, as long as some wait."""
        self.keep_awake(True)
        try:
            while self._waiting:
                run = self._all()[self._waiting.pop(0)]
                self._current = asyncio.ensure_future(run.run())
                try:
                    await asyncio.wait({self._current})
                except asyncio.CancelledError:
                    self._current.cancel()
                    await asyncio.wait({self._current})
                    raise
                self._ended(run)
        finally:
            self._current = None
            self.keep_awake(False)

    def _ended(self, run: DownloadRun) -> None:
        if run.phase in (DownloadPhase.DONE, DownloadPhase.FAILED):
            self.on_over(run.download())

    def _save(self) -> None:
        """What is not over, and what failed on its way: it can go on. What others remember stays."""
        kept = tuple(
            run.record
            for repo_id, run in (self._runs or {}).items()
            if repo_id in self._ours and run.phase not in FORGOTTEN and not _never_began(run)
        )
        if not self._ours:
            return
        others = (record for record in self._memory.load() if record.repo not in self._ours)
        try:
            self._memory.save((*others, *kept))
        except ArcDeskError as error:
            log.warning("the unfinished downloads are not remembered: %s", error)

    def _phase_changed(self) -> None:
        self._save()
        self._changed()

    def _changed(self) -> None:
        """Tell soon: at once after a quiet time, else when it is time again."""
        if self._timer is not None or not self._listeners:
            return
        wait_s = max(self._told_at_s + TELL_EVERY_S - monotonic(), 0.0)
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._tell)

    def _tell(self) -> None:
        self._timer = None
        told = self.list()
        if told != self._told:
            self._told = told
            for listener in tuple(self._listeners):
                listener(told)
        self._told_at_s = monotonic()
        if any(run.is_active for run in self._all().values()):
            self._changed()  # bytes come without a word


def _never_began(run: DownloadRun) -> bool:
    """It failed before anything was known of the model: a wrong name is not worth remembering."""
    return run.phase is DownloadPhase.FAILED and not run.record.commit
