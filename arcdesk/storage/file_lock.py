"""Locks on files that end with the process that holds them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from arcdesk.storage.paths import disk_errors, ensure_dir


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Lock an open file without waiting; False: another one has it. True where there are no such locks."""
    try:
        import fcntl
    except ImportError:  # Windows: untried
        return True
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Whether the lock `path` was got; it is held meanwhile. Raises ArcDeskError if the disk refuses.

    The file goes with the lock.
    """
    ensure_dir(path.parent)
    descriptor, is_locked = _locked(path)
    try:
        yield is_locked is not False
    finally:
        if is_locked:
            with suppress(OSError):
                os.unlink(path)  # before the lock ends: afterwards it may be another's
        os.close(descriptor)


def _locked(path: Path) -> tuple[int, bool | None]:
    """The open file, and whether it was locked; None where the file system has no locks."""
    while True:
        with disk_errors(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            is_locked = try_lock(descriptor)
        except OSError:  # nobody can be kept out
            return descriptor, None
        if not is_locked or _is_at(path, descriptor):
            return descriptor, is_locked
        os.close(descriptor)  # its holder removed it between our two steps: another file counts now


def _is_at(path: Path, descriptor: int) -> bool:
    """The path still leads to the file that is open."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except OSError:
        return False
