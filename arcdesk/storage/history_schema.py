"""Opens the history file: makes it, brings its tables up to date, sets a damaged one aside."""

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
WAL_RETRY_S = 0.01
KEEP_DELETED_S = 30 * 86_400.0
KEEP_QUICK_S = 30 * 86_400.0  # of conversations of the quick prompt that were never moved to the list

# MIGRATIONS[n] leads from version n to n + 1. A released step is never changed, only followed.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE conversations (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            title TEXT NOT NULL,
            created_at REAL NOT NULL,
            updated_at REAL NOT NULL,
            deleted_at REAL
        )""",
        """CREATE TABLE messages (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            conversation_id INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
            role TEXT NOT NULL,
            text TEXT NOT NULL,
            state TEXT NOT NULL,
            created_at REAL NOT NULL,
            stats TEXT,
            problem TEXT
        )""",
        "CREATE INDEX messages_by_conversation ON messages (conversation_id, id)",
        # Conversation 0 is the prompt box of a chat not begun, so this is no foreign key.
        "CREATE TABLE drafts (conversation_id INTEGER PRIMARY KEY, text TEXT NOT NULL)",
    ),
    ("ALTER TABLE messages ADD COLUMN thoughts TEXT NOT NULL DEFAULT ''",),
    (
        "ALTER TABLE conversations ADD COLUMN is_quick INTEGER NOT NULL DEFAULT 0",
        # What was typed into the quick prompt; its question may say more (a preset, attached text).
        """CREATE TABLE quick_prompts (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            conversation_id INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
            text TEXT NOT NULL,
            asked_at REAL NOT NULL
        )""",
        "CREATE INDEX quick_prompts_by_conversation ON quick_prompts (conversation_id)",
    ),
    (
        """CREATE TABLE message_images (
            message_id INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            mime TEXT NOT NULL,
            data BLOB NOT NULL,
            PRIMARY KEY (message_id, number)
        )""",
    ),
)
VERSION = len(MIGRATIONS)

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_REFUSED = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def open_history(path: Path) -> sqlite3.Connection:
    """Open or make the file, at version VERSION, in WAL mode; transactions are the caller's.

    Raises ArcDeskError: it can't be written, or a newer ArcDesk wrote it (then it is left untouched).
    Raises sqlite3.DatabaseError for which `is_damage` is true if it holds no sound database.
    """
    ensure_dir(path.parent)
    with disk_errors(path):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE_MODE))
        if path.stat().st_mode & 0o077:
            path.chmod(PRIVATE_FILE_MODE)  # SQLite gives its -wal and -shm files the same mode
    with history_errors(path):
        _refuse_newer(path)
        connection = sqlite3.connect(path, timeout=BUSY_PATIENCE_S, isolation_level=None)
        try:
            _prepare(connection)
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


def _prepare(connection: sqlite3.Connection) -> None:
    _enter_wal(connection)
    # With WAL, NORMAL loses nothing when the process dies; only a power cut may cost the last moments.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise DamageFound(verdict)
    with transaction(connection):
        _migrate(connection)
    with transaction(connection):
        _drop_long_unwanted(connection)


def _enter_wal(connection: sqlite3.Connection) -> None:
    """Two that open a new file at once are in each other's way, and SQLite does not wait for this one."""
    give_up_at = time.monotonic() + BUSY_PATIENCE_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if _code(error) not in _BUSY or time.monotonic() > give_up_at:
                raise
            time.sleep(WAL_RETRY_S)


def _migrate(connection: sqlite3.Connection) -> None:
    # Read inside the transaction: another process may have migrated the file a moment ago.
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    for step in MIGRATIONS[version:]:
        for statement in step:
            connection.execute(statement)
    if version < VERSION:
        connection.execute(f"PRAGMA user_version = {VERSION}")


def _drop_long_unwanted(connection: sqlite3.Connection) -> None:
    """What was deleted long ago really goes, and old quick questions that were never moved."""
    now = time.time()
    connection.execute("DELETE FROM conversations WHERE deleted_at < ?", (now - KEEP_DELETED_S,))
    connection.execute(
        "DELETE FROM conversations WHERE is_quick = 1 AND updated_at < ?", (now - KEEP_QUICK_S,)
    )
    connection.execute(
        # 0 and below are prompt boxes without a conversation
        "DELETE FROM drafts WHERE conversation_id > 0"
        " AND conversation_id NOT IN (SELECT id FROM conversations)"
    )


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


class DamageFound(sqlite3.DatabaseError):
    """SQLite's own check found the file unsound."""


def is_damage(error: sqlite3.Error) -> bool:
    """The file itself is broken: not the disk, not a lock."""
    return isinstance(error, DamageFound) or _code(error) in _DAMAGED


def set_aside(path: Path) -> Problem:
    """Rename a damaged file (with its -wal and -shm) and say so. Raises ArcDeskError if it can't."""
    kept = free_name(path.with_name(f"{path.name}.broken-{time.strftime('%Y-%m-%d')}"))
    with disk_errors(path):
        path.rename(kept)
        for suffix in ("-wal", "-shm"):
            beside = path.with_name(path.name + suffix)
            if beside.exists():
                beside.rename(kept.with_name(kept.name + suffix))
    return Problem(
        cause="history_damaged",
        title="The conversations file was damaged",
        detail=f"It is kept as {kept.name} in {kept.parent}, and a new one was begun.",
        hint="Put a backup in its place if you have one.",
        evidence=str(kept),
        actions=(Action(kind=ActionKind.COPY, label="Copy path", target=str(kept)),),
    )


@contextmanager
def history_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ArcDeskError; damage passes through, for whoever can set the file aside."""
    try:
        yield
    except sqlite3.Error as error:
        if is_damage(error):
            raise
        raise ArcDeskError(explain(error, path)) from error


def explain(error: sqlite3.Error, path: Path) -> Problem:
    """What an error of SQLite means for a person."""
    code = _code(error)
    if code == sqlite3.SQLITE_FULL:
        return Problem(
            cause="disk_full",
            title="The disk is full",
            detail=f"The conversation could not be saved to {path}.",
            hint="Free some space; ArcDesk then saves what is waiting.",
            evidence=str(error),
        )
    if code in _BUSY:
        return Problem(
            cause="history_busy",
            title="The conversations file is in use",
            detail=f"Another program held it for more than {BUSY_PATIENCE_S:.0f} s.",
            hint="Close other ArcDesk windows or backup programs, then try again.",
            evidence=str(error),
        )
    if code in _REFUSED or code == sqlite3.SQLITE_IOERR:
        return cannot_write(path, OSError(str(error)))
    return Problem(
        cause="history_failed",
        title="The conversations file did not do as asked",
        detail=f"SQLite says: {error}.",
        hint="Try again. If it stays so, restart ArcDesk.",
        evidence=str(error),
    )


def _code(error: sqlite3.Error) -> int:
    # The low byte is the kind; the rest is detail. Errors that Python itself raises carry none.
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def _newer(path: Path, version: int) -> Problem:
    return Problem(
        cause="history_newer",
        title="A newer ArcDesk wrote the conversations file",
        detail=f"{path} has version {version}, this ArcDesk knows up to {VERSION}. It was not changed.",
        hint="Update ArcDesk, or move the file away to begin a new one.",
        evidence=str(path),
        actions=(Action(kind=ActionKind.COPY, label="Copy path", target=str(path)),),
    )
