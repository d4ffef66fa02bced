"""Where ArcDesk keeps its files: the XDG folders, private to the person."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from arcdesk.core.errors import ArcDeskError, Problem

APP_NAME = "arcdesk"
PRIVATE_DIR_MODE = 0o700
PRIVATE_FILE_MODE = 0o600


def config_dir() -> Path:
    """The folder of the settings. Not made yet, like the others: see `ensure_dir`."""
    import platformdirs  # costs 10 ms and more: only when a folder is asked for

    return platformdirs.user_config_path(APP_NAME, appauthor=False)


def data_dir() -> Path:
    """The folder of the conversations."""
    import platformdirs

    return platformdirs.user_data_path(APP_NAME, appauthor=False)


def state_dir() -> Path:
    """The folder of logs and of what may be lost without harm."""
    import platformdirs

    return platformdirs.user_state_path(APP_NAME, appauthor=False)


def cache_dir() -> Path:
    """The folder of what can be made again."""
    import platformdirs

    return platformdirs.user_cache_path(APP_NAME, appauthor=False)


def runtime_dir() -> Path:
    """The folder of sockets and locks; without XDG_RUNTIME_DIR a private one below the cache."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base and os.path.isabs(base):
        return Path(base) / APP_NAME
    return cache_dir() / "run"  # platformdirs would take a folder in /tmp that anyone may have made


def make_private(folder: Path) -> None:
    """Make `folder`, and what is missing above it, with mode 0700 each. Raises OSError."""
    missing = []
    for one in (folder, *folder.parents):
        if one.is_dir():
            break
        missing.append(one)
    for one in reversed(missing):  # `parents=True` would give the mode to the last one only
        one.mkdir(mode=PRIVATE_DIR_MODE, exist_ok=True)


def make_state(folder: Path) -> None:
    """`make_private`, and ArcDesk's own folder above it gets its mode back. Raises OSError.

    Earlier versions left that one open to all users. Whatever else is above is not ours to change.
    """
    make_private(folder)
    ours = folder.parent
    if ours.name == APP_NAME and ours.stat().st_mode & 0o077:
        with suppress(PermissionError):  # another user's: whether we can write in it will be seen
            ours.chmod(PRIVATE_DIR_MODE)


def ensure_dir(folder: Path) -> Path:
    """Make `folder` with mode 0700 if it is missing. Raises ArcDeskError if it can't be written."""
    try:
        make_private(folder)
    except OSError as error:
        raise ArcDeskError(cannot_write(folder, error)) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ArcDeskError(cannot_write(folder, PermissionError(13, "Permission denied")))
    return folder


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn an OSError about `path` into an ArcDeskError."""
    try:
        yield
    except OSError as error:
        raise ArcDeskError(cannot_write(path, error)) from error


def cannot_write(path: Path, error: OSError) -> Problem:
    """Why nothing can be written at `path`."""
    reason = (error.strerror or str(error)).rstrip(".")
    return Problem(
        cause="storage_unwritable",
        title=f"ArcDesk can't write to {path}",
        detail=f"The system says: {reason}.",
        hint="Free some space, or give yourself the right to write there.",
        evidence=str(error),
    )


def free_name(path: Path) -> Path:
    """`path` itself if nothing is there, else the first free one of `path`-2, `path`-3 …"""
    candidate, number = path, 1
    while os.path.lexists(candidate):
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate
