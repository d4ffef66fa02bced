"""The one thread that owns the history file: takes work from a queue, writes in batches, answers the loop."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.storage.history_schema import history_errors, open_history, set_aside
from arcdesk.storage.sqlite_file import is_damage, transaction

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]

BATCH_LIMIT = 200
JOIN_PATIENCE_S = 1.0


@dataclass(eq=False, slots=True, kw_only=True)
class Job:
    """A piece of work and where its outcome goes. `must_not_get_lost`: kept if the disk refuses it."""

    work: Work
    writes: bool
    must_not_get_lost: bool
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = field(default=None)
    error: Exception | None = field(default=None)

    def answer(self) -> None:
        """Hand the outcome to the loop. That nobody waits any more is fine."""
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            self.loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        if self.future.done():  # the waiting task was cancelled; the work is done all the same
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class HistoryThread:
    """Runs work on the file's connection, in order. Begins with the first call; opens the file there."""

    def __init__(self, path: Callable[[], Path]) -> None:
        self._path_of = path
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        # From here on: used by the thread alone.
        self._connection: sqlite3.Connection | None = None
        self._unsaved: list[Job] = []
        self.problems: tuple[Problem, ...] = ()  # replaced whole, so any thread may read it

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run work that writes nothing. Raises ArcDeskError."""
        return await self._run(work, writes=False)

    async def write(self, work: Callable[[sqlite3.Connection], T], *, must_not_get_lost: bool = False) -> T:
        """Run work that writes; it is committed when this returns.

        Raises ArcDeskError. If the disk refused it, work that must not get lost is kept in memory and
        tried again before whatever is written or read next, and once more by `close`.
        """
        return await self._run(work, writes=True, must_not_get_lost=must_not_get_lost)

    async def _run(
        self, work: Callable[[sqlite3.Connection], T], *, writes: bool, must_not_get_lost: bool = False
    ) -> T:
        if self._is_closed:
            raise ArcDeskError(_closed())
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        job = Job(work=work, writes=writes, must_not_get_lost=must_not_get_lost, loop=loop, future=future)
        self._jobs.put(job)
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="history", daemon=True)
            self._thread.start()
        return await future

    async def close(self) -> None:
        """Finish what waits, close the file, end the thread. Raises ArcDeskError if text stayed unsaved."""
        if self._is_closed or self._thread is None:
            self._is_closed = True
            return
        try:
            with contextlib.suppress(ArcDeskError):  # told already to whoever wanted to read
                await self.read(lambda _: None)  # comes after all that waits, and saves what was kept
            if self._unsaved:
                raise ArcDeskError(_unsaved_text())
        finally:
            self._is_closed = True
            self._jobs.put(None)
            self._thread.join(JOIN_PATIENCE_S)

    def _serve(self) -> None:
        is_open = True
        while is_open:
            batch = [self._jobs.get()]
            with contextlib.suppress(queue.Empty):
                while len(batch) < BATCH_LIMIT:
                    batch.append(self._jobs.get_nowait())
            is_open = None not in batch
            for group in _groups([job for job in batch if job is not None]):
                self._do_group(group)
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _do_group(self, group: list[Job]) -> None:
        """Do one read, or writes in one transaction; then answer. What was kept goes first, for its order."""
        kept, self._unsaved = self._unsaved, []
        if group[0].writes:
            self._try([*kept, *group])
        else:
            if kept:
                self._try(kept)
            self._try(group)
        for job in group:
            job.answer()

    def _try(self, jobs: list[Job]) -> None:
        """Do them; on failure each knows why, and what must not get lost is kept for the next time."""
        try:
            try:
                self._attempt(jobs)
            except sqlite3.DatabaseError as damage:
                raise ArcDeskError(self._replace_damaged(damage)) from damage
        except Exception as error:  # whatever it is: whoever waits is told, and the thread lives on
            for job in jobs:
                job.error = job.error or error
            self._unsaved += [job for job in jobs if job.must_not_get_lost]

    def _attempt(self, jobs: list[Job]) -> None:
        path = self._path_of()
        with history_errors(path):
            connection = self._open(path)
            if not jobs[0].writes:
                for job in jobs:
                    job.result = job.work(connection)
                return
            with transaction(connection):
                for job in jobs:
                    _do_in_savepoint(job, connection)

    def _open(self, path: Path) -> sqlite3.Connection:
        if self._connection is None:
            try:
                self._connection = open_history(path)
            except sqlite3.DatabaseError as damage:
                self._replace_damaged(damage)
                self._connection = open_history(path)
        return self._connection

    def _replace_damaged(self, damage: sqlite3.DatabaseError) -> Problem:
        """Set the file aside; the next opening begins a new one."""
        if not is_damage(damage):
            raise damage
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        problem = set_aside(self._path_of())
        self.problems = (*self.problems, problem)
        return problem


def _groups(batch: list[Job]) -> list[list[Job]]:
    """Neighbours that write together, each read by itself, all in their order."""
    groups: list[list[Job]] = []
    for job in batch:
        if groups and groups[-1][0].writes and job.writes:
            groups[-1].append(job)
        else:
            groups.append([job])
    return groups


def _do_in_savepoint(job: Job, connection: sqlite3.Connection) -> None:
    """One job's own failure (an unknown id) must not undo its neighbours."""
    connection.execute("SAVEPOINT job")
    try:
        job.error = None
        job.result = job.work(connection)
    except ArcDeskError as error:
        connection.execute("ROLLBACK TO job")
        job.error = error
    connection.execute("RELEASE job")


def _closed() -> Problem:
    return Problem(
        cause="history_closed",
        title="The conversations are closed",
        detail="ArcDesk is ending.",
        hint="Start ArcDesk again.",
    )


def _unsaved_text() -> Problem:
    return Problem(
        cause="history_unsaved",
        title="The end of a conversation could not be saved",
        detail="The disk still refuses to take it.",
        hint="Free some space before you close ArcDesk.",
    )
