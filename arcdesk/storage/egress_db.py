"""Keeps the list of contacts in a SQLite file of its own, private to the person."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from arcdesk.core.egress import Reason
from arcdesk.core.egress_list import EgressView, Tally
from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.storage.paths import (
    PRIVATE_FILE_MODE,
    cannot_write,
    data_dir,
    disk_errors,
    ensure_dir,
    free_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
from arcdesk.storage.sqlite_file import file_id

T = TypeVar("T")

FILE_NAME = "egress.db"
VERSION = 1
BUSY_PATIENCE_S = 5.0  # how long another process may hold the file

_TABLES = (
    """CREATE TABLE IF NOT EXISTS contacts (
        day TEXT NOT NULL,
        host TEXT NOT NULL,
        reason TEXT NOT NULL,
        via TEXT NOT NULL,
        is_refused INTEGER NOT NULL,
        first_at REAL NOT NULL,
        last_at REAL NOT NULL,
        count INTEGER NOT NULL,
        bytes_out INTEGER NOT NULL,
        bytes_in INTEGER NOT NULL,
        PRIMARY KEY (day, host, reason, via, is_refused)
    ) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS began (at REAL NOT NULL)",
)
_ADD = """INSERT INTO contacts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET
        first_at = min(first_at, excluded.first_at),
        last_at = max(last_at, excluded.last_at),
        count = count + excluded.count,
        bytes_out = bytes_out + excluded.bytes_out,
        bytes_in = bytes_in + excluded.bytes_in"""
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class EgressDb:
    """An EgressRepo. One thread of its own holds the file, from the first call on."""

    def __init__(self, path: Path | None = None, *, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="arcdesk-egress")
        self._connection: sqlite3.Connection | None = None  # used by that thread alone
        self._file: tuple[int, int] | None = None  # which one it is of
        self._problem: Problem | None = None

    async def add(self, tallies: Sequence[Tally]) -> None:
        """Add them to what is kept. Raises ArcDeskError."""
        rows = [_row(one) for one in tallies]

        def work(connection: sqlite3.Connection) -> None:  # no cursor may reach the loop's thread
            connection.executemany(_ADD, rows)

        await self._run(work)

    async def view(self) -> EgressView:
        """All that is kept. Raises ArcDeskError."""
        return await self._run(self._read)

    async def clear(self, now: float) -> None:
        """Forget all; the list begins at `now`. Raises ArcDeskError."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM contacts")
            connection.execute("UPDATE began SET at = ?", (now,))
            self._problem = None

        await self._run(work)

    async def aclose(self) -> None:
        """Close the file and end the thread."""
        with suppress(RuntimeError):  # closed before
            await asyncio.wrap_future(self._pool.submit(self._close))
        self._pool.shutdown(wait=False)

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.wrap_future(self._pool.submit(self._attempt, work))

    # in the thread

    def _attempt(self, work: Callable[[sqlite3.Connection], T]) -> T:
        path = self._path or data_dir() / FILE_NAME
        if self._connection is not None and file_id(path) != self._file:
            self._close()  # another program set it aside, or a person moved it
        with _explained(path):
            try:
                return self._transact(path, work)
            except sqlite3.DatabaseError as error:
                if error.sqlite_errorcode & 0xFF not in _DAMAGED:
                    raise
                self._set_aside(path)
                return self._transact(path, work)

    def _transact(self, path: Path, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._connection is None:
            self._connection = _open(path, self._now())
            self._file = file_id(path)
        with self._connection:  # one transaction
            return work(self._connection)

    def _set_aside(self, path: Path) -> None:
        self._close()
        kept = free_name(path.with_name(f"{path.name}.broken-{time.strftime('%Y-%m-%d')}"))
        path.rename(kept)
        self._problem = _damaged(kept)

    def _read(self, connection: sqlite3.Connection) -> EgressView:
        rows = connection.execute("SELECT * FROM contacts ORDER BY last_at DESC, host").fetchall()
        (since,) = connection.execute("SELECT min(at) FROM began").fetchone()
        return EgressView(tallies=tuple(map(_tally, rows)), since=since, problem=self._problem)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _open(path: Path, now: float) -> sqlite3.Connection:
    ensure_dir(path.parent)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE_MODE))
    path.chmod(PRIVATE_FILE_MODE)
    connection = sqlite3.connect(path, timeout=BUSY_PATIENCE_S)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise ArcDeskError(_newer(path))
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            for statement in _TABLES:
                connection.execute(statement)
            connection.execute("INSERT INTO began SELECT ? WHERE NOT EXISTS (SELECT * FROM began)", (now,))
            connection.execute(f"PRAGMA user_version = {VERSION}")
    except BaseException:
        connection.close()
        raise
    return connection


def _row(one: Tally) -> tuple[object, ...]:
    about = (one.day.isoformat(), one.host, one.reason.value, one.via, int(one.is_refused))
    return (*about, one.first_at, one.last_at, one.count, one.bytes_out, one.bytes_in)


def _tally(row: tuple[str, str, str, str, int, float, float, int, int, int]) -> Tally:
    day, host, reason, via, is_refused, first_at, last_at, count, bytes_out, bytes_in = row
    return Tally(
        day=date.fromisoformat(day),
        host=host,
        reason=Reason(reason) if reason in Reason._value2member_map_ else Reason.OTHER,
        via=via,
        is_refused=bool(is_refused),
        first_at=first_at,
        last_at=last_at,
        count=count,
        bytes_out=bytes_out,
        bytes_in=bytes_in,
    )


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        with disk_errors(path):
            yield
    except sqlite3.Error as error:
        raise ArcDeskError(cannot_write(path, OSError(str(error)))) from error


def _damaged(kept: Path) -> Problem:
    return Problem(
        cause="egress_damaged",
        title="The list of contacts was damaged",
        detail=f"It is kept as {kept.name}, and a new list was begun. What it held is not shown here.",
        evidence=str(kept),
    )


def _newer(path: Path) -> Problem:
    return Problem(
        cause="egress_newer",
        title="The list of contacts belongs to a newer ArcDesk",
        detail=f"{path} is left as it is: nothing is added to it.",
        hint="Use the newer ArcDesk.",
    )
