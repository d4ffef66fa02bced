"""Opens the file of the ledger: makes it, brings its tables up to date, explains what went wrong."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from arcdesk.core.errors import Action, ActionKind, ArcDeskError, Problem
from arcdesk.storage.paths import PRIVATE_FILE_MODE, cannot_write, disk_errors, ensure_dir, free_name

BUSY_PATIENCE_S = 5.0  # how long another process may hold the file
KEEP_DELETED_S = 30 * 86_400.0

# MIGRATIONS[n] leads from version n to n + 1. A released step is never changed, only followed.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE runs (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            at REAL NOT NULL,
            model TEXT NOT NULL,
            engine TEXT NOT NULL,
            image_digest TEXT NOT NULL,
            driver TEXT NOT NULL,
            kernel TEXT NOT NULL,
            cards TEXT NOT NULL,
            concurrencies TEXT NOT NULL,
            requests INTEGER NOT NULL,
            failed INTEGER NOT NULL,
            is_cancelled INTEGER NOT NULL,
            ttft_ms REAL,
            decode_tokens_per_s REAL,
            output_tokens_per_s REAL,
            note TEXT NOT NULL,
            plan TEXT NOT NULL,
            vram_peak_bytes INTEGER,
            energy_j REAL,
            deleted_at REAL
        )""",
        "CREATE INDEX runs_by_time ON runs (at DESC, id DESC) WHERE deleted_at IS NULL",
        "CREATE INDEX runs_by_plan ON runs (plan, model, at DESC)",
        # What only a whole run needs stands apart, so that the list reads little.
        """CREATE TABLE surroundings (
            run_id INTEGER PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
            data TEXT NOT NULL
        )""",
        """CREATE TABLE steps (
            run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            concurrency INTEGER NOT NULL,
            duration_s REAL NOT NULL,
            cpu_s REAL,
            is_cancelled INTEGER NOT NULL,
            records BLOB NOT NULL,
            PRIMARY KEY (run_id, number)
        )""",
        "CREATE TABLE asked (surroundings TEXT PRIMARY KEY, at REAL NOT NULL)",
    ),
)
VERSION = len(MIGRATIONS)

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def open_ledger(path: Path, now: float) -> sqlite3.Connection:
    """Open or make the file, at version VERSION; `now` is Unix seconds.

    Raises ArcDeskError if a newer ArcDesk wrote it (it is left untouched) or it can't be written, and
    sqlite3.DatabaseError for which `is_damage` is true if it holds no sound database.
    """
    ensure_dir(path.parent)
    with disk_errors(path):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE_MODE))
        if path.stat().st_mode & 0o077:
            path.chmod(PRIVATE_FILE_MODE)
    _refuse_newer(path)
    connection = sqlite3.connect(path, timeout=BUSY_PATIENCE_S, isolation_level=None)
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        with transaction(connection):
            _migrate(connection)
            connection.execute("DELETE FROM runs WHERE deleted_at < ?", (now - KEEP_DELETED_S,))
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_newer(path: Path) -> None:
    """Look at the version through a connection that can't write."""
    address = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=BUSY_PATIENCE_S)) as connection:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise ArcDeskError(_newer(path, version))


def _migrate(connection: sqlite3.Connection) -> None:
    # Read inside the transaction: another process may have migrated the file a moment ago.
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    for step in MIGRATIONS[version:]:
        for statement in step:
            connection.execute(statement)
    if version < VERSION:
        connection.execute(f"PRAGMA user_version = {VERSION}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk may have rolled it back already
            connection.execute("ROLLBACK")
        raise


def is_damage(error: sqlite3.Error) -> bool:
    """The file itself is broken: not the disk, not a lock."""
    return _code(error) in _DAMAGED


def set_aside(path: Path) -> Problem:
    """Rename a damaged file (with its journal) and say so. Raises ArcDeskError if it can't."""
    kept = free_name(path.with_name(f"{path.name}.broken-{time.strftime('%Y-%m-%d')}"))
    with disk_errors(path):
        path.rename(kept)
        journal = path.with_name(path.name + "-journal")
        if journal.exists():
            journal.rename(kept.with_name(kept.name + "-journal"))
    return Problem(
        cause="bench_ledger_damaged",
        title="The file of benchmarks was damaged",
        detail=f"It is kept as {kept.name} in {kept.parent}, and a new one was begun.",
        hint="Put a backup in its place if you have one.",
        evidence=str(kept),
        actions=(Action(kind=ActionKind.COPY, label="Copy path", target=str(kept)),),
    )


def explain(error: sqlite3.Error, path: Path) -> Problem:
    """What an error of SQLite means for a person."""
    code = _code(error)
    if code == sqlite3.SQLITE_FULL:
        return Problem(
            cause="disk_full",
            title="The disk is full",
            detail=f"The benchmark could not be saved to {path}.",
            hint="Free some space, then try again.",
            evidence=str(error),
        )
    if code in _BUSY:
        return Problem(
            cause="bench_ledger_busy",
            title="The file of benchmarks is in use",
            detail=f"Another program held it for more than {BUSY_PATIENCE_S:.0f} s.",
            hint="Try again.",
            evidence=str(error),
        )
    return cannot_write(path, OSError(str(error)))


def _code(error: sqlite3.Error) -> int:
    # The low byte is the kind; the rest is detail. Errors that Python itself raises carry none.
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def _newer(path: Path, version: int) -> Problem:
    return Problem(
        cause="bench_ledger_newer",
        title="A newer ArcDesk wrote the file of benchmarks",
        detail=f"{path} has version {version}, this ArcDesk knows up to {VERSION}. It was not changed.",
        hint="Update ArcDesk, or move the file away to begin a new one.",
        evidence=str(path),
        actions=(Action(kind=ActionKind.COPY, label="Copy path", target=str(path)),),
    )
