"""What our SQLite files have in common: private, brought up to date, set aside when damaged, explained."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from arcdesk.core.errors import Action, ActionKind, ArcDeskError, Problem
from arcdesk.storage.paths import PRIVATE_FILE_MODE, cannot_write, disk_errors, ensure_dir, free_name

BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_REFUSED = (
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH,
    sqlite3.SQLITE_IOERR,
)
_BESIDE = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileWords:
    """How a file is spoken of. `name` begins its causes: 'history' gives 'history_busy'."""

    name: str
    file: str  # 'the conversations file'
    item: str  # 'The conversation': what could not be saved
    full_hint: str
    busy_hint: str

    @property
    def subject(self) -> str:
        """At the head of a sentence."""
        return self.file[0].upper() + self.file[1:]


class DamageFound(sqlite3.DatabaseError):
    """SQLite's own check found the file unsound."""


def make_private(path: Path) -> None:
    """An empty file nobody else may read, if none is there. Raises ArcDeskError.

    SQLite gives its -wal and -shm files the same mode.
    """
    ensure_dir(path.parent)
    with disk_errors(path):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE_MODE))
        if path.stat().st_mode & 0o077:
            path.chmod(PRIVATE_FILE_MODE)


def refuse_newer(path: Path, version: int, words: FileWords, *, patience_s: float) -> None:
    """Raise ArcDeskError if the file is beyond `version`. Looks through a connection that can't write."""
    address = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=patience_s)) as connection:
        found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > version:
        raise ArcDeskError(_newer(path, found, version, words))


def migrate(connection: sqlite3.Connection, steps: Sequence[Sequence[str]]) -> None:
    """Bring the tables up to date: step n leads from version n to n + 1. Inside a transaction.

    A released step is never changed, only followed.
    """
    # Read inside the transaction: another process may have migrated the file a moment ago.
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    for step in steps[version:]:
        for statement in step:
            connection.execute(statement)
    if version < len(steps):
        connection.execute(f"PRAGMA user_version = {len(steps)}")


def file_id(path: Path) -> tuple[int, int] | None:
    """Which file is there now: an open one may have been set aside or moved. None: none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


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
    return isinstance(error, DamageFound) or error_code(error) in _DAMAGED


def error_code(error: sqlite3.Error) -> int:
    """The kind of an error. Those that Python itself raises carry none: 0."""
    # The low byte is the kind; the rest is detail.
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def set_aside(path: Path, words: FileWords) -> Problem:
    """Rename a damaged file, with what SQLite keeps beside it, and say so. Raises ArcDeskError."""
    kept = free_name(path.with_name(f"{path.name}.broken-{time.strftime('%Y-%m-%d')}"))
    with disk_errors(path):
        path.rename(kept)
        for suffix in _BESIDE:
            beside = path.with_name(path.name + suffix)
            if beside.exists():
                beside.rename(kept.with_name(kept.name + suffix))
    return Problem(
        cause=f"{words.name}_damaged",
        title=f"{words.subject} was damaged",
        detail=f"It is kept as {kept.name} in {kept.parent}, and a new one was begun.",
        hint="Put a backup in its place if you have one.",
        evidence=str(kept),
        actions=(Action(kind=ActionKind.COPY, label="Copy path", target=str(kept)),),
    )


def explain(error: sqlite3.Error, path: Path, words: FileWords, *, patience_s: float) -> Problem:
    """What an error of SQLite means for a person."""
    code = error_code(error)
    if code == sqlite3.SQLITE_FULL:
        return Problem(
            cause="disk_full",
            title="The disk is full",
            detail=f"{words.item} could not be saved to {path}.",
            hint=words.full_hint,
            evidence=str(error),
        )
    if code in BUSY:
        return Problem(
            cause=f"{words.name}_busy",
            title=f"{words.subject} is in use",
            detail=f"Another program held it for more than {patience_s:.0f} s.",
            hint=words.busy_hint,
            evidence=str(error),
        )
    if code in _REFUSED:
        return cannot_write(path, OSError(str(error)))
    return Problem(
        cause=f"{words.name}_failed",
        title=f"{words.subject} did not do as asked",
        detail=f"SQLite says: {error}.",
        hint="Try again. If it stays so, restart ArcDesk.",
        evidence=str(error),
    )


def _newer(path: Path, found: int, version: int, words: FileWords) -> Problem:
    return Problem(
        cause=f"{words.name}_newer",
        title=f"A newer ArcDesk wrote {words.file}",
        detail=f"{path} has version {found}, this ArcDesk knows up to {version}. It was not changed.",
        hint="Update ArcDesk, or move the file away to begin a new one.",
        evidence=str(path),
        actions=(Action(kind=ActionKind.COPY, label="Copy path", target=str(path)),),
    )
