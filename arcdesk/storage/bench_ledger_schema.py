"""Opens the file of the ledger: makes it, brings its tables up to date, explains what went wrong."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from arcdesk.core.errors import Problem
from arcdesk.storage import sqlite_file
from arcdesk.storage.sqlite_file import FileWords, transaction

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

_WORDS = FileWords(
    name="bench_ledger",
    file="the file of benchmarks",
    item="The benchmark",
    full_hint="Free some space, then try again.",
    busy_hint="Wait until that program is done, then try again.",
)


def open_ledger(path: Path, now: float) -> sqlite3.Connection:
    """Open or make the file, at version VERSION; `now` is Unix seconds.

    Raises ArcDeskError if a newer ArcDesk wrote it (it is left untouched) or it can't be written, and
    sqlite3.DatabaseError for which `is_damage` is true if it holds no sound database.
    """
    sqlite_file.make_private(path)
    sqlite_file.refuse_newer(path, VERSION, _WORDS, patience_s=BUSY_PATIENCE_S)
    connection = sqlite3.connect(path, timeout=BUSY_PATIENCE_S, isolation_level=None)
    try:
        connection.create_function("casefold", 1, str.casefold, deterministic=True)
        connection.execute("PRAGMA foreign_keys = ON")
        with transaction(connection):
            sqlite_file.migrate(connection, MIGRATIONS)
            connection.execute("DELETE FROM runs WHERE deleted_at < ?", (now - KEEP_DELETED_S,))
    except BaseException:
        connection.close()
        raise
    return connection


def set_aside(path: Path) -> Problem:
    """Rename a damaged file (with its journal) and say so. Raises ArcDeskError if it can't."""
    return sqlite_file.set_aside(path, _WORDS)


def explain(error: sqlite3.Error, path: Path) -> Problem:
    """What an error of SQLite means for a person."""
    return sqlite_file.explain(error, path, _WORDS, patience_s=BUSY_PATIENCE_S)
