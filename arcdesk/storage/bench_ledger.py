"""Keeps every benchmark for ever in a SQLite file of its own, private to the person."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from arcdesk.core.bench import BenchPlan, BenchRun, Surroundings
from arcdesk.core.bench_compare import Comparison, compare
from arcdesk.core.bench_ledger import HISTORY, PAGE, HistoryPoint, RunRow
from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.storage import bench_ledger_codec as codec
from arcdesk.storage import bench_ledger_queries as queries
from arcdesk.storage.bench_ledger_schema import explain, open_ledger, set_aside
from arcdesk.storage.paths import data_dir
from arcdesk.storage.sqlite_file import file_id, is_damage, transaction

log = logging.getLogger(__name__)
T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

FILE_NAME = "bench.db"

_END = (float("inf"), 0)  # before the newest


class BenchDb:
    """A BenchLedger. One thread of its own holds the file, from the first call on.

    Each call may raise ArcDeskError; what a call returned from survives the end of the process. `problems`
    tells of a damaged file that was set aside.
    """

    def __init__(self, path: Path | None = None, *, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="arcdesk-bench-db")
        self._connection: sqlite3.Connection | None = None  # used by that thread alone
        self._file: tuple[int, int] | None = None  # which one it is of
        self.problems: tuple[Problem, ...] = ()  # replaced whole, so any thread may read it

    async def add(self, run: BenchRun) -> BenchRun:
        """Keep it; returns it with its id, and with the time if it had none."""
        kept = replace(run, at=run.at or self._now(), surroundings=codec.without_secrets(run.surroundings))
        return await self._run(lambda db: replace(kept, id=queries.insert(db, kept)))

    async def rows(
        self, *, limit: int = PAGE, after: RunRow | None = None, model: str = "", text: str = ""
    ) -> Sequence[RunRow]:
        """The newest first; `after`: those that follow this row. `model` '' is any; each word of `text` is
        in it."""
        at, key = (after.at, after.id) if after is not None else _END
        query, values = queries.list_query(model, text)

        def work(db: sqlite3.Connection) -> list[RunRow]:
            return [codec.run_row(row) for row in db.execute(query, (*values, at, key, limit))]

        return await self._run(work)

    async def count(self, *, model: str = "", text: str = "") -> int:
        """Of the runs in the list."""
        where, values = queries.wanted(model, text)
        query = f"SELECT count(*) FROM runs WHERE {where}"  # noqa: S608 - our own words
        return await self._run(lambda db: int(db.execute(query, values).fetchone()[0]))

    async def models(self) -> Sequence[str]:
        """Those of the runs in the list, by name."""
        query = "SELECT DISTINCT model FROM runs WHERE deleted_at IS NULL ORDER BY model COLLATE NOCASE"
        return await self._run(lambda db: [str(name) for (name,) in db.execute(query)])

    async def history(self, plan: BenchPlan, model: str, limit: int = HISTORY) -> Sequence[HistoryPoint]:
        """The newest runs of the same plan and model, the oldest of them first."""
        wanted = (codec.plan_to_json(plan), model, limit)

        def work(db: sqlite3.Connection) -> list[HistoryPoint]:
            found = [
                HistoryPoint(
                    row=codec.run_row(tuple(row)),
                    surroundings=codec.surroundings_or_none(about) or Surroundings(),
                )
                for *row, about in db.execute(queries.HISTORY_OF, wanted)
            ]
            return found[::-1]

        return await self._run(work)

    async def get(self, run_id: int) -> BenchRun:
        """The whole run, a deleted one too."""
        return await self._run(lambda db: queries.get(db, run_id))

    async def like(self, plan: BenchPlan, model: str, limit: int) -> list[BenchRun]:
        """Whole runs of the same plan and model that were not stopped early, the newest first.

        Those that can't be read are left out.
        """
        wanted = (codec.plan_to_json(plan), model, limit)

        def work(db: sqlite3.Connection) -> list[BenchRun]:
            found = []
            for (key,) in db.execute(queries.LIKE, wanted).fetchall():
                try:
                    found.append(queries.get(db, key))
                except ArcDeskError as error:  # it must not hide the others
                    log.warning("left out of a comparison: %s", error)
            return found

        return await self._run(work)

    async def note(self, run_id: int, text: str) -> None:
        """Give it a note; '' takes it away."""
        await self._change("UPDATE runs SET note = ? WHERE id = ?", (text, run_id))

    async def delete(self, run_id: int) -> None:
        """Take it out of the list; it can be restored for 30 days."""
        await self._change("UPDATE runs SET deleted_at = ? WHERE id = ?", (self._now(), run_id))

    async def restore(self, run_id: int) -> None:
        """Undo a delete."""
        await self._change("UPDATE runs SET deleted_at = NULL WHERE id = ?", (run_id,))

    async def compare(self, before_id: int, after_id: int) -> Comparison:
        """Two runs side by side, worked out off the loop's thread."""
        return await self._run(lambda db: compare(queries.get(db, before_id), queries.get(db, after_id)))

    async def export(self, run_id: int) -> str:
        """The whole run as JSON."""
        return await self._run(lambda db: codec.run_to_json(queries.get(db, run_id)))

    async def asked(self) -> list[Surroundings]:
        """On what a suite was offered so far."""

        def work(db: sqlite3.Connection) -> list[Surroundings]:
            texts = db.execute("SELECT surroundings FROM asked ORDER BY at")
            return [found for (text,) in texts if (found := codec.surroundings_or_none(text)) is not None]

        return await self._run(work)

    async def note_asked(self, surroundings: Surroundings) -> None:
        """Remember that it was offered."""
        text, at = codec.surroundings_to_json(codec.without_secrets(surroundings)), self._now()

        def work(db: sqlite3.Connection) -> None:
            db.execute("INSERT OR REPLACE INTO asked VALUES (?, ?)", (text, at))

        await self._run(work)

    async def aclose(self) -> None:
        """Close the file and end the thread."""
        with suppress(RuntimeError):  # closed before
            await asyncio.wrap_future(self._pool.submit(self._close))
        self._pool.shutdown(wait=False)

    async def _change(self, statement: str, values: tuple[object, ...]) -> None:
        def work(db: sqlite3.Connection) -> None:
            if not db.execute(statement, values).rowcount:
                raise ArcDeskError(queries.gone())

        await self._run(work)

    async def _run(self, work: Work[T]) -> T:
        try:
            future = self._pool.submit(self._attempt, work)
        except RuntimeError as error:  # whoever asks is late: the program ends
            raise ArcDeskError(_closed()) from error
        return await asyncio.wrap_future(future)

    # in the thread

    def _attempt(self, work: Work[T]) -> T:
        path = self._path or data_dir() / FILE_NAME
        if self._connection is not None and file_id(path) != self._file:
            self._close()  # another program set it aside, or a person moved it
        try:
            try:
                return self._transact(path, work)
            except sqlite3.DatabaseError as damage:
                if not is_damage(damage):
                    raise
                self._close()
                self.problems = (*self.problems, set_aside(path))
                return self._transact(path, work)
        except sqlite3.Error as error:
            raise ArcDeskError(explain(error, path)) from error

    def _transact(self, path: Path, work: Work[T]) -> T:
        if self._connection is None:
            self._connection = open_ledger(path, self._now())
            self._file = file_id(path)
        with transaction(self._connection):
            return work(self._connection)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _closed() -> Problem:
    return Problem(
        cause="bench_ledger_closed",
        title="The file of benchmarks is closed",
        detail="ArcDesk is ending.",
    )
