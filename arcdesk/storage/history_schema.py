"""Opens the history file: makes it, brings its tables up to date, sets a damaged one aside."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.storage import sqlite_file
from arcdesk.storage.sqlite_file import DamageFound, FileWords, is_damage, transaction

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

_WORDS = FileWords(
    name="history",
    file="the conversations file",
    item="The conversation",
    full_hint="Free some space; ArcDesk then saves what is waiting.",
    busy_hint="Close other ArcDesk windows or backup programs, then try again.",
)


def open_history(path: Path) -> sqlite3.Connection:
    """Open or make the file, at version VERSION, in WAL mode; transactions are the caller's.

    Raises ArcDeskError: it can't be written, or a newer ArcDesk wrote it (then it is left untouched).
    Raises sqlite3.DatabaseError for which `is_damage` is true if it holds no sound database.
    """
    sqlite_file.make_private(path)
    with history_errors(path):
        sqlite_file.refuse_newer(path, VERSION, _WORDS, patience_s=BUSY_PATIENCE_S)
        connection = sqlite3.connect(path, timeout=BUSY_PATIENCE_S, isolation_level=None)
        try:
            _prepare(connection)
        except BaseException:
            connection.close()
            raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    _enter_wal(connection)
    # With WAL, NORMAL loses nothing when the process dies; only a power cut may cost the last moments.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise DamageFound(verdict)
    with transaction(connection):
        sqlite_file.migrate(connection, MIGRATIONS)
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
            if sqlite_file.error_code(error) not in sqlite_file.BUSY or time.monotonic() > give_up_at:
                raise
            time.sleep(WAL_RETRY_S)


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


def set_aside(path: Path) -> Problem:
    """Rename a damaged file (with its -wal and -shm) and say so. Raises ArcDeskError if it can't."""
    return sqlite_file.set_aside(path, _WORDS)


@contextmanager
def history_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ArcDeskError; damage passes through, for whoever can set the file aside."""
    try:
        yield
    except sqlite3.Error as error:
        if is_damage(error):
            raise
        problem = sqlite_file.explain(error, path, _WORDS, patience_s=BUSY_PATIENCE_S)
        raise ArcDeskError(problem) from error
