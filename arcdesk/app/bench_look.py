"""Finds out what the benchmark's form should know: the model's context, the last pace, its files."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from arcdesk.app.bench_files import image_in, prompts_in
from arcdesk.core.bench import BenchPlan, BenchRun, Dataset
from arcdesk.core.bench_ledger import BenchLedger
from arcdesk.core.bench_size import Pace, paces_of
from arcdesk.core.errors import ArcDeskError, Problem, UsageError
from arcdesk.core.ports import Endpoint
from arcdesk.services.threads import in_thread

if TYPE_CHECKING:
    from arcdesk.app.session import Session

log = logging.getLogger(__name__)

ROWS_SEEN = 20  # the newest runs of the model; an older pace would tell little
TYPING_S = 0.4  # a path is being typed: its file is looked for when the keys rest


class BenchLook:
    """`changed` is called when something else is known. Nothing is asked before somebody looks."""

    def __init__(self, session: Session, ledger: BenchLedger, changed: Callable[[], None]) -> None:
        self._session = session
        self._ledger = ledger
        self._changed = changed
        self._asked: tuple[str, str, str] | None = None  # of whom: engine, model, address
        self._files_of: tuple[object, ...] = ()
        self._files_task: asyncio.Task[None] | None = None
        self.context: int | None = None  # tokens that the model takes
        self.paces: tuple[Pace, ...] = ()
        self.prompts_note = ""
        self.file_refusals: tuple[tuple[str, str], ...] = ()

    def engine(self, endpoint: Endpoint | None) -> None:
        """Learn of what answers now, once for each."""
        key = (endpoint.engine, endpoint.model, endpoint.base_url) if endpoint is not None else None
        if key == self._asked:
            return
        self._asked = key
        self.context, self.paces = None, ()
        self._changed()
        if endpoint is not None:
            work = self._ask(endpoint)
            self._session.tasks.spawn(work, name="look at the model's limits", is_shown_elsewhere=True)

    async def _ask(self, endpoint: Endpoint) -> None:
        asked = self._asked
        paces = await self._pace(endpoint)
        context = await self._context(endpoint)
        if asked == self._asked:
            self.paces, self.context = paces or self.paces, context
            self._changed()

    async def _context(self, endpoint: Endpoint) -> int | None:
        try:
            async with asyncio.timeout(5):
                served = await self._session.parts.backend.served_models(endpoint)
        except (ArcDeskError, TimeoutError) as error:
            log.info("the model's context is not known: %s", error)
            return None
        return next((one.max_model_len for one in served if one.id == endpoint.model), None)

    async def _pace(self, endpoint: Endpoint) -> tuple[Pace, ...]:
        """Of the newest run of this model on this engine that tells it."""
        try:
            rows = await self._ledger.rows(limit=ROWS_SEEN, model=endpoint.model)
            for row in [row for row in rows if row.engine == endpoint.engine][:3]:
                run = await self._ledger.get(row.id)
                if paces := await in_thread("arcdesk-bench-pace", partial(paces_of, run)):
                    return paces
        except ArcDeskError as error:
            log.info("how fast it was before is not known: %s", error)
        return ()

    def measured(self, run: BenchRun) -> None:
        """A run has ended: the next one will take about as long."""

        async def learn() -> None:
            paces = await in_thread("arcdesk-bench-pace", partial(paces_of, run))
            self.paces = paces or self.paces
            self._changed()

        self._session.tasks.spawn(learn(), name="learn the pace")

    def files(self, plan: BenchPlan) -> None:
        """Look into the plan's files, once for each."""
        key = (plan.dataset, plan.dataset_path, plan.image_path)
        if key == self._files_of:
            return
        self._files_of = key
        self.prompts_note, self.file_refusals = "", ()
        if self._files_task is not None:
            self._files_task.cancel()
        if plan.dataset is not Dataset.TEXT or plan.image_path:
            work = self._look_into(plan)
            self._files_task = self._session.tasks.spawn(work, name="look into the benchmark's files")

    async def _look_into(self, plan: BenchPlan) -> None:
        await asyncio.sleep(TYPING_S)
        note, refusals = await in_thread("arcdesk-bench-files", partial(_looked_into, plan))
        self.prompts_note, self.file_refusals = note, refusals
        self._changed()


def _looked_into(plan: BenchPlan) -> tuple[str, tuple[tuple[str, str], ...]]:
    """What is in the files, and why one can't be used."""
    note, refusals = "", []
    try:
        if plan.dataset is not Dataset.TEXT:
            count = len(prompts_in(plan))
            note = (
                "1 prompt in the file."
                if count == 1
                else f"{count:,} prompts in the file.".replace(",", "\u202f")
            )
    except UsageError as error:
        refusals.append(("dataset_path", _words(error.problem)))
    try:
        image_in(plan)
    except UsageError as error:
        refusals.append(("image_path", _words(error.problem)))
    return note, tuple(refusals)


def _words(problem: Problem) -> str:
    return " ".join(filter(None, (f"{problem.title}.", problem.detail)))
