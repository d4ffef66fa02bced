"""Reads and replaces whole files so that a crash leaves the old content or the new."""

from __future__ import annotations

import os
from pathlib import Path

from arcdesk.storage.paths import free_name


def read_text(path: Path) -> str | None:
    """The file's text, None if there is no file. Raises OSError, and UnicodeDecodeError (a ValueError)."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return None


def write_whole(path: Path, content: str | bytes) -> None:
    """Replace `path` in one step, with mode 0600: a crash leaves the old or the new. Raises OSError."""
    import tempfile  # only a save needs it

    try:
        data = content.encode() if isinstance(content, str) else content
    except UnicodeEncodeError as error:
        raise OSError(f"a value holds characters that UTF-8 does not know ({error.reason})") from error
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # has mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    _sync_folder(path.parent)


def set_aside(path: Path, mark: str) -> Path:
    """Copy `path` beside itself as `path`.`mark`, once per content; returns the copy. Raises OSError."""
    content = path.read_bytes()
    wanted = path.with_name(f"{path.name}.{mark}")
    for copy in sorted(path.parent.glob(f"{_literal(wanted.name)}*")):
        if copy.is_file() and copy.read_bytes() == content:
            return copy
    copy = free_name(wanted)
    write_whole(copy, content)
    return copy


def _literal(name: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows can't open a folder
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
