"""Finds out about the chosen model and about the hub: fit, files, hits of a search."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from arcdesk.app.models_board import Board, ModelParts
from arcdesk.core.download_choice import choose_files
from arcdesk.core.errors import ArcDeskError
from arcdesk.core.hub import Download, HubModel, HubRepo
from arcdesk.core.models import Format, ModelEntry, StartModel
from arcdesk.ui.models_view import Detail, HubSearch, Subject, key_of

if TYPE_CHECKING:
    from arcdesk.ui.tasks import Tasks

PASSING_S = 0.2  # who runs through a list with the cursor keys asks the hub for nothing


def can_fit(entry: ModelEntry) -> bool:
    """The container could run it, so that a card is asked about. GGUF runs on the processor here."""
    return entry.format in (Format.SAFETENSORS, Format.PYTORCH)


class ModelLook:
    """One question at a time of each kind: a newer one ends the one before."""

    def __init__(self, tasks: Tasks, board: Board, parts: ModelParts) -> None:
        self._tasks = tasks
        self._board = board
        self._parts = parts
        self._looking: asyncio.Task[Any] | None = None
        self._searching: asyncio.Task[Any] | None = None

    # the chosen model

    def choose(self, subject: Subject | None) -> None:
        """Show this model and find out whether it fits; of the start list only when it is asked for."""
        self._end(self._looking)
        if subject is None:
            self._board.change(detail=None)
            return
        before = self._board.view.detail
        is_same = before is not None and key_of(before.subject) == key_of(subject)
        if before is not None and is_same and before.subject == subject:
            return
        download = self._download_of(subject)
        self._board.change(detail=Detail(subject=subject, download=download))
        if isinstance(subject, HubModel) or (isinstance(subject, ModelEntry) and can_fit(subject)):
            self.look(subject)

    def look(self, subject: Subject, low_bit: str = "") -> None:
        """Find out about it; `low_bit` asks for another format than that of the settings."""
        self._end(self._looking)
        self._looking = self._tasks.spawn(self._look(subject, low_bit), name="look at a model")

    async def _look(self, subject: Subject, low_bit: str) -> None:
        self._board.change_detail(subject, is_asking=True, low_bit=low_bit, fit_problem=None)
        try:
            if isinstance(subject, ModelEntry):
                fit = await self._parts.fit.of_entry(subject, low_bit=low_bit)
            else:
                fit = await self._parts.fit.of_repo(await self._repo(subject), low_bit=low_bit)
            self._board.change_detail(subject, fit=fit)
        except ArcDeskError as error:
            self._board.change_detail(subject, fit=None, fit_problem=error.problem)
        finally:
            self._board.change_detail(subject, is_asking=False)

    async def _repo(self, subject: HubModel | StartModel) -> HubRepo:
        detail = self._board.view.detail
        if detail is not None and detail.repo is not None and detail.subject == subject:
            return detail.repo
        if isinstance(subject, HubModel):
            await asyncio.sleep(PASSING_S)
        repo = await self._parts.hub.repo(subject.id)
        wanted = subject.file if isinstance(subject, StartModel) else ""
        sizes = [file.size_bytes for file in choose_files(repo.files, wanted)]
        known = [size for size in sizes if size is not None]
        total = sum(known) if known and len(known) == len(sizes) else None
        self._board.change_detail(subject, repo=repo, repo_bytes=total)
        return repo

    def _download_of(self, subject: Subject) -> Download | None:
        return next((one for one in self._board.view.downloads if one.repo == subject.id), None)

    def on_downloads(self, downloads: tuple[Download, ...]) -> None:
        """Show how far they are, at the foot and in the detail."""
        self._board.change(downloads=downloads)
        detail = self._board.view.detail
        if detail is not None:
            self._board.change_detail(detail.subject, download=self._download_of(detail.subject))

    # the hub

    def search(self, words: str) -> None:
        """Ask the hub for models."""
        self._end(self._searching)
        self._searching = self._tasks.spawn(self._search(words), name="search the hub")

    async def _search(self, words: str) -> None:
        before = self._board.view.search.results
        self._board.change(search=HubSearch(words=words, is_asking=True, results=before))
        try:
            found = await self._parts.hub.search(words)
        except ArcDeskError as error:
            self._board.change(search=HubSearch(words=words, problem=error.problem))
            return
        self._board.change(search=HubSearch(words=words, results=tuple(found)))

    def close(self) -> None:
        """End what is asked."""
        self._end(self._looking)
        self._end(self._searching)

    @staticmethod
    def _end(task: asyncio.Task[Any] | None) -> None:
        if task is not None:
            task.cancel()
