"""The models on this computer's disks, for whoever lives on the loop: each call blocks in a thread only."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TypeVar

from arcdesk.core.errors import ArcDeskError
from arcdesk.core.hub import HubFile
from arcdesk.core.models import ModelEntry, SpeedSeen
from arcdesk.core.settings import Settings
from arcdesk.services.threads import in_thread
from arcdesk.storage import model_folders, model_move, model_remove, model_speeds, model_verify
from arcdesk.storage.model_cache import ModelCache, hub_folders
from arcdesk.storage.model_remove import Aside, Removal
from arcdesk.storage.model_verify import Report

T = TypeVar("T")
Progress = Callable[[int, int], None]  # done and total bytes, on the loop's thread

THREAD = "arcdesk-models"
TELL_EVERY_S = 0.25


def own_uid() -> int | None:
    """Whose files are the person's; None where files have no owners, or where all are root's to change."""
    uid = os.getuid() if hasattr(os, "getuid") else 0
    return uid or None


class ModelDisk:
    """Lists, removes, moves and checks models. Nothing happens until it is asked, and nothing is kept open.

    `settings` gives the settings that hold now; `starter` finds the embedded engine's own model file.
    Calls are made on the loop; they raise ArcDeskError. One that is cancelled leaves the models whole.
    """

    def __init__(
        self,
        settings: Callable[[], Settings],
        *,
        starter: Callable[[], Path | None] = lambda: None,
        environ: Mapping[str, str] | None = None,
        uid: int | None = None,
        history: Path | None = None,
    ) -> None:
        self._settings = settings
        self._starter = starter
        self._environ = os.environ if environ is None else environ
        self._uid = own_uid() if uid is None else uid
        self._history = history
        self._cache = ModelCache(uid=self._uid)
        self._asides: dict[str, Aside] = {}

    async def entries(self) -> tuple[ModelEntry, ...]:
        """Every model, by place and name; a cache's first."""
        settings = self._settings()
        return await in_thread(THREAD, lambda: self._list(settings))

    async def speeds(self) -> dict[str, SpeedSeen]:
        """How fast models answered here, by the name that requests used."""
        return await in_thread(THREAD, lambda: model_speeds.speeds_seen(self._history))

    async def plan_removal(self, entry: ModelEntry, *, in_use: Collection[str] = ()) -> Removal:
        """What removing it would do: for the question before. `in_use` are ids and paths that engines use."""
        roots = self.roots()
        return await in_thread(
            THREAD, lambda: model_remove.plan_removal(entry, roots, in_use=in_use, uid=self._uid)
        )

    async def set_aside(self, removal: Removal) -> Aside:
        """Remove it, so that `restore` can still undo it. The disk gets its bytes back with `purge`."""
        aside = await in_thread(THREAD, lambda: model_remove.set_aside(removal))
        self._asides[aside.folder] = aside
        return aside

    async def restore(self, aside: Aside) -> None:
        """Undo `set_aside`."""
        await in_thread(THREAD, lambda: model_remove.restore(aside))
        self._asides.pop(aside.folder, None)

    async def purge(self, aside: Aside) -> int:
        """Delete it for good; returns the bytes that the disk got back."""
        self._asides.pop(aside.folder, None)
        return await in_thread(THREAD, lambda: model_remove.purge(aside))

    async def empty_asides(self) -> int:
        """Delete what earlier runs set aside or moved by half, and did not live to delete; the bytes.

        For the window's process only, and before it sets anything aside.
        """
        roots = self.roots()
        places = dict.fromkeys((*roots, *(folder / "hub" for folder in self.folders())))

        def work() -> int:
            for place in places:
                model_move.empty_unfinished(place)
            return model_remove.empty_asides(roots)

        return await in_thread(THREAD, work)

    async def move(
        self, entry: ModelEntry, folder: Path, progress: Progress, *, in_use: Collection[str] = ()
    ) -> str:
        """Move a model's files into `folder`; returns their new path. To stop it, cancel the task."""
        roots = self.roots()

        def work(tell: Progress, should_stop: Callable[[], bool]) -> str:
            planned = model_move.plan_move(entry, folder, roots, in_use=in_use)
            return model_move.do_move(planned, tell, should_stop)

        return await _stoppable(work, progress)

    async def verify(
        self, entry: ModelEntry, progress: Progress, *, known: Mapping[str, HubFile] | None = None
    ) -> Report:
        """Check a model's files; `known` are the hub's, by path. To stop it, cancel the task."""
        return await _stoppable(
            lambda tell, should_stop: model_verify.verify(entry, tell, should_stop, known=known), progress
        )

    async def aclose(self) -> None:
        """Delete what was set aside: the offer to undo ends with the program."""
        asides, self._asides = tuple(self._asides.values()), {}
        if asides:
            await in_thread(THREAD, lambda: _purge_all(asides))

    def hubs(self) -> tuple[Path, ...]:
        """The caches; downloads go to the first one."""
        return hub_folders(self._settings().container.hf_cache_dir, self._environ)

    def folders(self) -> tuple[Path, ...]:
        """The person's own folders."""
        return tuple(folder.path for folder in model_folders.folders_of(self._settings()))

    def roots(self) -> tuple[Path, ...]:
        """All folders in which models may be changed."""
        return tuple(dict.fromkeys((*self.hubs(), *self.folders())))

    def _list(self, settings: Settings) -> tuple[ModelEntry, ...]:
        folders = model_folders.folders_of(settings)
        hubs = list(hub_folders(settings.container.hf_cache_dir, self._environ))
        for folder in folders:
            hubs += [hub for hub in model_folders.caches_in(folder.path) if hub not in hubs]
        found = [entry for hub in hubs for entry in self._cache.entries(hub)]
        for folder in folders:
            found += model_folders.folder_entries(folder, uid=self._uid)
        starter = self._starter()
        if starter is not None:
            entry = model_folders.starter_entry(starter)
            found += [entry] if entry is not None else []
        unique: dict[str, ModelEntry] = {}
        for entry in found:
            unique.setdefault(entry.path, entry)
        return tuple(unique.values())


def _purge_all(asides: tuple[Aside, ...]) -> None:
    for aside in asides:
        with contextlib.suppress(ArcDeskError):  # the next start tries again
            model_remove.purge(aside)


async def _stoppable(work: Callable[[Progress, Callable[[], bool]], T], progress: Progress) -> T:
    """Work in a thread that tells how far it is, and ends soon after the waiting task was cancelled."""
    loop, stop = asyncio.get_running_loop(), threading.Event()
    told_at = 0.0

    def tell(done_bytes: int, total_bytes: int) -> None:
        nonlocal told_at
        now = time.monotonic()
        if stop.is_set() or (now - told_at < TELL_EVERY_S and done_bytes < total_bytes):
            return
        told_at = now
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(progress, done_bytes, total_bytes)

    ended = asyncio.ensure_future(in_thread(THREAD, lambda: work(tell, stop.is_set)))
    try:
        return await asyncio.shield(ended)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([ended])  # it cleans up what it had begun
        ended.exception()
        raise
