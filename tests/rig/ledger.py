"""Counts the users of something that several processes share, in a locked file."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.rig.process import start_ticks


@dataclass(slots=True, kw_only=True)
class Record:
    """What the file holds while its lock is held; changes are written back when the lock is given up."""

    facts: dict[str, str] = field(default_factory=dict)
    users: dict[str, int] = field(default_factory=dict)
    pinned: bool = False

    @property
    def is_unused(self) -> bool:
        return not self.users and not self.pinned

    def add_me(self) -> None:
        self.users[_me()] = self.users.get(_me(), 0) + 1

    def remove_me(self) -> None:
        left = self.users.get(_me(), 0) - 1
        if left > 0:
            self.users[_me()] = left
        else:
            self.users.pop(_me(), None)

    def forget_the_dead(self) -> None:
        """Drops users that ended without saying goodbye."""
        self.users = {user: count for user, count in self.users.items() if _lives(user)}


class Ledger:
    """A JSON file under flock: `with ledger.open() as record:` is the only way in."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock_file = file.with_suffix(".lock")

    @contextmanager
    def open(self) -> Iterator[Record]:
        with locked(self._lock_file):
            record = self._read()
            record.forget_the_dead()
            try:
                yield record
            finally:
                self._write(record)

    def _read(self) -> Record:
        try:
            return Record(**json.loads(self._file.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return Record()  # no file yet, or one that a dying process left half written

    def _write(self, record: Record) -> None:
        content = {"facts": record.facts, "users": record.users, "pinned": record.pinned}
        self._file.write_text(json.dumps(content, indent=1), encoding="utf-8")


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Holds the file's lock; others wait."""
    with file.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _me() -> str:
    return f"{os.getpid()}:{start_ticks(os.getpid())}"


def _lives(user: str) -> bool:
    pid, _, ticks = user.partition(":")
    return str(start_ticks(int(pid))) == ticks
