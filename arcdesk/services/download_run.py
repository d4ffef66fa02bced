"""One download from the first question to the last checksum: patient, and never behind what it has told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from time import monotonic
from typing import TypeVar

from arcdesk.core.download_choice import choose_files
from arcdesk.core.download_speed import SpeedMeter
from arcdesk.core.downloads import DownloadRecord, HubFiles, Patience, Transfer
from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.core.hub import Download, DownloadPhase, Hub, HubFile, HubRepo
from arcdesk.core.hub_error import HubDamaged, HubError, HubNotFound, TransferStopped
from arcdesk.services import download_problems as problems

log = logging.getLogger(__name__)

T = TypeVar("T")

LONGEST_TOLD_S = 7 * 86400.0


class DownloadRun:
    """One download. `run` may be called again after it has ended: it goes on where it was.

    `changed` is called on the loop with each new phase; bytes come without a word.
    """

    def __init__(
        self,
        record: DownloadRecord,
        hub: Hub,
        files: HubFiles,
        changed: Callable[[], None],
        patience: Patience,
        *,
        phase: DownloadPhase = DownloadPhase.WAITING,
    ) -> None:
        self.record = record
        self.phase = phase
        self._hub = hub
        self._files = files
        self._changed = changed
        self._patience = patience
        self._problem: Problem | None = None
        self._speed = SpeedMeter()
        self._transfer: Transfer | None = None
        self._task: asyncio.Task[None] | None = None
        self._have: dict[str, int] = {}  # bytes on the disk by file
        self._alive_at_s = 0.0
        self._received_bytes = 0  # from the network, of the tries before this one
        self._shown_bytes = record.done_bytes
        self._file = ""
        self._files_done = 0
        self._files_total = 0

    @property
    def is_active(self) -> bool:
        """It is at work."""
        return self.phase in (DownloadPhase.CHECKING, DownloadPhase.RUNNING)

    @property
    def is_at_rest(self) -> bool:
        """Nothing comes unless somebody asks for it."""
        return self.phase.is_over or self.phase is DownloadPhase.PAUSED

    def set_phase(self, phase: DownloadPhase, problem: Problem | None = None) -> None:
        """Tell of a new phase."""
        self.phase, self._problem = phase, problem
        self._changed()

    def download(self) -> Download:
        """How far it is."""
        self._measure()
        is_running = self.phase is DownloadPhase.RUNNING
        phase, transfer = self.phase, self._transfer
        if is_running and transfer is not None and transfer.is_verifying:
            phase = DownloadPhase.VERIFYING
        total, done = self.record.total_bytes, self._shown_bytes
        speed = self._speed.bytes_per_s() if phase is DownloadPhase.RUNNING else None
        left = (total - done) / speed if speed and total is not None else None
        if left is not None and left > LONGEST_TOLD_S:  # a line that is all but dead: nobody knows
            left = None
        return Download(
            repo=self.record.repo,
            phase=phase,
            done_bytes=done,
            total_bytes=total,
            bytes_per_s=speed,
            seconds_left=left,
            file=self._file,
            files_done=self._files_done,
            files_total=self._files_total,
            problem=self._problem,
            stalled_s=self._stalled_s() if phase is DownloadPhase.RUNNING else 0.0,
        )

    async def run(self) -> None:
        """To the end: DONE, FAILED, or as somebody stopped it."""
        self._task = asyncio.current_task()
        try:
            await self._work()
        except TransferStopped:
            if self.is_active:  # not by us: the hub's connections were closed
                self.set_phase(DownloadPhase.PAUSED)
        except ArcDeskError as error:
            self._fail(error.problem)
        except Exception as error:  # a run's end is told in any case
            log.exception("the download of %s broke off", self.record.repo)
            self._fail(problems.unexpected(error))
        finally:
            self._measure()
            self._task = self._transfer = None

    def stop(self, phase: DownloadPhase) -> None:
        """Show `phase` at once; the run ends as soon as it can."""
        self._measure()
        transfer, task = self._transfer, self._task
        self.set_phase(phase)
        if transfer is not None:
            transfer.stop()
        elif task is not None:
            task.cancel()

    async def ended(self, patience_s: float) -> None:
        """It was stopped: wait for its end, if it is still under way."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=patience_s)

    async def discard(self) -> None:
        """Remove what only this download made. Raises ArcDeskError."""
        await self._files.discard(self.record.repo, self.record.partials)
        self.record = replace(self.record, partials=())

    async def _work(self) -> None:
        self.set_phase(DownloadPhase.CHECKING)
        repo_id = self.record.repo
        revision = self.record.commit or self.record.revision  # it goes on with what it began
        repo = await self._patiently(lambda: self._look_up(revision))
        chosen = choose_files(repo.files, self.record.file)
        if not chosen:
            raise HubError(problems.nothing_to_load(repo_id, self.record.file))
        have = await self._files.have(repo_id, repo.commit, chosen)
        self._plan(repo.commit, chosen, have)
        await self._check_room(chosen, have)
        self._go_on(DownloadPhase.RUNNING)
        self._speed.reset()
        for file in chosen:
            self._check()  # whoever stops it just when a file is whole stops the next one
            self._file = file.path
            await self._bring(repo.commit, file)
            self._files_done += 1
        await self._files.finish(repo_id, self.record.revision, repo.commit)
        self._file = ""
        self._go_on(DownloadPhase.DONE)

    async def _look_up(self, revision: str) -> HubRepo:
        """The repository; as it is now if its owner has removed the commit that this download began with."""
        try:
            return await self._hub.repo(self.record.repo, revision=revision)
        except HubNotFound as error:
            if error.problem.cause != "hub_no_revision" or revision == self.record.revision:
                raise
            log.info("%s has no commit %s any more", self.record.repo, revision)
            return await self._hub.repo(self.record.repo, revision=self.record.revision)

    def _plan(self, commit: str, chosen: tuple[HubFile, ...], have: dict[str, int]) -> None:
        sizes = [file.size_bytes for file in chosen]
        total = sum(size or 0 for size in sizes) if None not in sizes else None
        # Known before they are there, so that a crash does not make them nobody's.
        made = [f"{file.sha256}.incomplete" for file in chosen if file.sha256 and not have.get(file.path)]
        partials = tuple(dict.fromkeys((*self.record.partials, *made)))
        self.record = replace(self.record, commit=commit, total_bytes=total, partials=partials)
        self._files_done, self._files_total = 0, len(chosen)
        self._have = dict(have)
        self._show(sum(have.values()))

    async def _check_room(self, chosen: tuple[HubFile, ...], have: dict[str, int]) -> None:
        needed = sum(max((file.size_bytes or 0) - have.get(file.path, 0), 0) for file in chosen)
        if not needed:
            return
        free_bytes, spare_bytes = await self._files.free_bytes(), self._patience.spare_bytes
        if free_bytes < needed + spare_bytes:
            raise HubError(problems.no_room(self.record.repo, needed, free_bytes, spare_bytes))

    async def _bring(self, commit: str, file: HubFile) -> None:
        """One file; a damaged one is fetched once more from its beginning."""
        is_second = False

        async def fetch() -> None:
            nonlocal is_second
            transfer = self._transfer = Transfer()
            transfer.have_bytes = self._have.get(file.path, 0)
            try:
                await self._files.fetch(self.record.repo, commit, file, transfer)
            except HubDamaged as error:
                if is_second:
                    raise HubError(error.problem) from error
                is_second = True
                raise
            finally:
                self._keep(file, transfer)

        await self._patiently(fetch)
        self._alive_at_s = monotonic()  # a checksum takes its time

    def _keep(self, file: HubFile, transfer: Transfer) -> None:
        """A transfer has ended, well or not."""
        self._measure()
        self._transfer = None
        self._have[file.path] = transfer.have_bytes
        self._received_bytes += transfer.received_bytes
        if transfer.partial and transfer.partial not in self.record.partials:
            self.record = replace(self.record, partials=(*self.record.partials, transfer.partial))

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Tries again what may pass, with growing pauses; each byte that came renews the patience."""
        tries = 0
        while True:
            received_bytes = self._received_bytes
            try:
                return await call()
            except HubError as error:
                if self._received_bytes > received_bytes:
                    tries = 0
                if not error.is_passing or tries >= len(self._patience.pauses_s):
                    raise
                self._check()  # a pause may be minutes, and others wait for the end of this one
                pause_s = max(self._patience.pauses_s[tries], error.retry_after_s or 0.0)
                tries += 1
                log.info("%s: %s; try %d in %.1f s", self.record.repo, error.problem.title, tries, pause_s)
            await asyncio.sleep(pause_s)
            self._check()

    def _measure(self) -> None:
        """Takes over what the thread has counted; what is told never falls."""
        transfer = self._transfer
        if transfer is None or self.phase is not DownloadPhase.RUNNING:
            return
        self._alive_at_s = max(self._alive_at_s, transfer.last_byte_at_s or 0.0)
        self._show(sum(self._have.values()) - self._have.get(self._file, 0) + transfer.have_bytes)
        self._speed.add(monotonic(), self._received_bytes + transfer.received_bytes)

    def _show(self, done_bytes: int) -> None:
        total = self.record.total_bytes
        done = max(self._shown_bytes, done_bytes)
        self._shown_bytes = done if total is None else min(done, total)
        self.record = replace(self.record, done_bytes=self._shown_bytes)

    def _stalled_s(self) -> float:
        silence_s = monotonic() - self._alive_at_s
        return silence_s if silence_s >= self._patience.stall_told_s else 0.0

    def _go_on(self, phase: DownloadPhase) -> None:
        self._check()
        self._alive_at_s = monotonic()
        self.set_phase(phase)

    def _check(self) -> None:
        """Raises TransferStopped if somebody stopped it."""
        if not self.is_active:
            raise TransferStopped

    def _fail(self, problem: Problem) -> None:
        if self.is_active:  # else it was stopped meanwhile
            self.set_phase(DownloadPhase.FAILED, problem)
