"""A person's folders for tests of desktop files, and a disk that says no."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

NOBODY = 65534


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """`folder` can't be written; root, whom no mode stops, is somebody else meanwhile."""
    folder.mkdir(parents=True, exist_ok=True)
    mode = folder.stat().st_mode
    is_root = os.geteuid() == 0
    folder.chmod(0o555)
    opened = _open_the_way(folder) if is_root else {}
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        for path, old in opened.items():
            path.chmod(old)
        folder.chmod(mode)


def _open_the_way(folder: Path) -> dict[Path, int]:
    """Let others pass through the folders above; returns what to undo."""
    opened = {}
    for path in folder.parents:
        mode = path.stat().st_mode
        if mode & 0o011 != 0o011:
            opened[path] = mode & 0o7777
            path.chmod(mode | 0o011)
    return opened


def program(path: Path) -> Path:
    """An executable file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path
