"""Locks on files that end with the process that holds them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
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
    """Whether the lock `path` was got; it is held meanwhile. Raises ArcDeskError if the disk refuses."""
    ensure_dir(path.parent)
    with disk_errors(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            is_ours = try_lock(descriptor)
        except OSError:  # a file system without locks: nobody can be kept out
            is_ours = True
        yield is_ours
    finally:
        os.close(descriptor)
