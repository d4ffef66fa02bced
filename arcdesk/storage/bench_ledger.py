"""Keeps every benchmark for ever in a SQLite file of its own, private to the person."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from arcdesk.core.bench import BenchPlan, BenchRun, BenchStep, Surroundings
from arcdesk.core.bench_compare import Comparison, compare
from arcdesk.core.bench_ledger import PAGE, RunRow
from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.storage import bench_ledger_codec as codec
from arcdesk.storage.bench_ledger_records import UnknownPacking, pack, unpack
from arcdesk.storage.bench_ledger_schema import explain, is_damage, open_ledger, set_aside, transaction
from arcdesk.storage.paths import data_dir

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

FILE_NAME = "bench.db"

_INSERT = f"""INSERT INTO runs ({codec.ROW_COLUMNS.removeprefix("id, ")}, vram_peak_bytes, energy_j)
    VALUES ({", ".join("?" * 18)})"""  # noqa: S608 - our own column names
_LIST = f"""SELECT {codec.ROW_COLUMNS} FROM runs WHERE deleted_at IS NULL AND (? = '' OR model = ?)
    AND (at, id) < (?, ?) ORDER BY at DESC, id DESC LIMIT ?"""  # noqa: S608 - our own column names
_LIKE = """SELECT id FROM runs WHERE plan = ? AND model = ? AND deleted_at IS NULL AND is_cancelled = 0
    ORDER BY at DESC, id DESC LIMIT ?"""
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
        self.problems: tuple[Problem, ...] = ()  # replaced whole, so any thread may read it

    async def add(self, run: BenchRun) -> BenchRun:
        """Keep it; returns it with its id, and with the time if it had none."""
        kept = replace(run, at=run.at or self._now(), surroundings=codec.without_secrets(run.surroundings))
        return await self._run(lambda db: replace(kept, id=_insert(db, kept)))

    async def rows(
        self, *, limit: int = PAGE, after: RunRow | None = None, model: str = ""
    ) -> Sequence[RunRow]:
        """The newest first; `after`: those that follow this row. `model` '' is any."""
        at, key = (after.at, after.id) if after is not None else _END

        def work(db: sqlite3.Connection) -> list[RunRow]:
            return [codec.run_row(row) for row in db.execute(_LIST, (model, model, at, key, limit))]

        return await self._run(work)

    async def count(self) -> int:
        """Of the runs in the list."""
        query = "SELECT count(*) FROM runs WHERE deleted_at IS NULL"
        return await self._run(lambda db: int(db.execute(query).fetchone()[0]))

    async def get(self, run_id: int) -> BenchRun:
        """The whole run, a deleted one too."""
        return await self._run(lambda db: _get(db, run_id))

    async def like(self, plan: BenchPlan, model: str, limit: int) -> list[BenchRun]:
        """Whole runs of the same plan and model that were not stopped early, the newest first."""
        wanted = (codec.plan_to_json(plan), model, limit)

        def work(db: sqlite3.Connection) -> list[BenchRun]:
            return [_get(db, key) for (key,) in db.execute(_LIKE, wanted).fetchall()]

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
        return await self._run(lambda db: compare(_get(db, before_id), _get(db, after_id)))

    async def export(self, run_id: int) -> str:
        """The whole run as JSON."""
        return await self._run(lambda db: codec.run_to_json(_get(db, run_id)))

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
                raise ArcDeskError(_gone())

        await self._run(work)

    async def _run(self, work: Work[T]) -> T:
        return await asyncio.wrap_future(self._pool.submit(self._attempt, work))

    # in the thread

    def _attempt(self, work: Work[T]) -> T:
        path = self._path or data_dir() / FILE_NAME
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
        with transaction(self._connection):
            return work(self._connection)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _insert(db: sqlite3.Connection, run: BenchRun) -> int:
    values = (*codec.row_values(run), run.vram_peak_bytes, run.energy_j)
    key = db.execute(_INSERT, values).lastrowid or 0
    about = codec.surroundings_to_json(run.surroundings)
    db.execute("INSERT INTO surroundings VALUES (?, ?)", (key, about))
    db.executemany(
        "INSERT INTO steps VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (key, number, one.concurrency, one.duration_s, one.cpu_s, one.is_cancelled, pack(one.records))
            for number, one in enumerate(run.steps)
        ),
    )
    return key


def _get(db: sqlite3.Connection, run_id: int) -> BenchRun:
    query = """SELECT at, plan, data, vram_peak_bytes, energy_j, note FROM runs
        JOIN surroundings ON run_id = id WHERE id = ?"""
    row = db.execute(query, (run_id,)).fetchone()
    if row is None:
        raise ArcDeskError(_gone())
    at, plan, about, vram_peak_bytes, energy_j, note = row
    try:
        return BenchRun(
            id=run_id,
            at=at,
            plan=codec.plan_from_json(plan),
            surroundings=codec.surroundings_from_json(about),
            steps=_steps(db, run_id),
            vram_peak_bytes=vram_peak_bytes,
            energy_j=energy_j,
            note=note,
        )
    except UnknownPacking as error:
        raise ArcDeskError(_unreadable(run_id, "A newer ArcDesk wrote it.", str(error))) from error
    except (ValueError, TypeError) as error:
        raise ArcDeskError(_unreadable(run_id, "Its bytes are damaged.", str(error))) from error


def _steps(db: sqlite3.Connection, run_id: int) -> tuple[BenchStep, ...]:
    query = """SELECT concurrency, duration_s, cpu_s, is_cancelled, records FROM steps
        WHERE run_id = ? ORDER BY number"""
    return tuple(
        BenchStep(
            concurrency=concurrency,
            duration_s=duration_s,
            cpu_s=cpu_s,
            is_cancelled=bool(is_cancelled),
            records=unpack(blob),
        )
        for concurrency, duration_s, cpu_s, is_cancelled, blob in db.execute(query, (run_id,))
    )


def _gone() -> Problem:
    return Problem(
        cause="bench_run_gone",
        title="This benchmark is gone",
        detail="It was deleted more than 30 days ago, or by another window.",
        hint="Open the list again.",
    )


def _unreadable(run_id: int, detail: str, evidence: str) -> Problem:
    return Problem(
        cause="bench_run_unreadable",
        title=f"Benchmark {run_id} can't be read",
        detail=detail,
        hint="The other benchmarks are not concerned; this one stays in the file as it is.",
        evidence=evidence,
    )
