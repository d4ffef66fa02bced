"""Files of the Hugging Face cache: the unfinished one that grows, what is there, references, tidying up."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from arcdesk.api import hub_errors
from arcdesk.core.download_choice import is_safe_path
from arcdesk.core.downloads import Transfer
from arcdesk.core.hub import HubFile
from arcdesk.core.hub_error import TransferStopped

NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}")  # an etag or a commit, which becomes a name here
INCOMPLETE = ".incomplete"


class TooLong(Exception):
    """More comes than the hub has announced."""


class CountedFile:
    """The unfinished file as the library sees it: tells how much there is, and ends when told to.

    More than `limit_bytes` would go on until the disk is full: the library compares only at the end.
    """

    def __init__(self, file: BinaryIO, transfer: Transfer, limit_bytes: int | None = None) -> None:
        self._file = file
        self._transfer = transfer
        self._limit_bytes = limit_bytes

    def write(self, data: bytes) -> int:
        """Raises TransferStopped, TooLong, and OSError."""
        if self._transfer.is_stopped:
            raise TransferStopped
        if self._limit_bytes is not None and self._transfer.have_bytes + len(data) > self._limit_bytes:
            raise TooLong
        written = self._file.write(data)
        self._transfer.have_bytes += written
        return written

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As of files."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As of files."""
        return self._file.tell()

    def truncate(self) -> int:
        """At the position, as the library wants it when a server ignores the range."""
        self._transfer.have_bytes = self._file.truncate()
        return self._transfer.have_bytes


@contextlib.contextmanager
def opened(partial: Path) -> Iterator[BinaryIO]:
    """Closing writes once more what the disk has just refused: the first error is the one to tell."""
    file = partial.open("r+b" if partial.exists() else "xb")
    try:
        yield file
    except BaseException:
        with contextlib.suppress(OSError):
            file.close()
        raise
    file.close()


def have_bytes(folder: Path, commit: str, file: HubFile) -> int:
    """What is there of a file: linked, as a blob, or unfinished; 0 if nothing."""
    is_inside = NAME.fullmatch(commit) and is_safe_path(file.path)
    candidates = [folder / "snapshots" / commit / file.path] if is_inside else []
    if NAME.fullmatch(file.sha256):
        blob = folder / "blobs" / file.sha256
        candidates += [blob, blob.with_name(blob.name + INCOMPLETE)]
    for path in candidates:
        with contextlib.suppress(OSError):
            return path.stat().st_size
    return 0


def free_bytes(cache: Path) -> int:
    """Room for this person on the disk where `cache` is or will be. Raises HubError."""
    folder = cache
    try:
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        return shutil.disk_usage(folder).free
    except OSError as error:
        raise hub_errors.of_disk(error, str(cache)) from error


def write_ref(ref: Path, commit: str) -> None:
    """Replace it in one step. Raises OSError."""
    ref.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):
        if ref.read_text(encoding="utf-8") == commit:
            return
    handle, beside = tempfile.mkstemp(dir=ref.parent, prefix=".")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(commit)
        os.chmod(beside, 0o644)
        os.replace(beside, ref)
    except BaseException:
        os.unlink(beside)
        raise


def discard(folder: Path, partials: tuple[str, ...]) -> None:
    """Remove the unfinished files of these names, then what is empty."""
    for name in partials:
        if name.endswith(INCOMPLETE) and NAME.fullmatch(name):
            with contextlib.suppress(OSError):
                (folder / "blobs" / name).unlink()
    for empty in _emptied(folder):
        with contextlib.suppress(OSError):  # it is not empty, or not there
            empty.rmdir()


def _emptied(folder: Path) -> list[Path]:
    """Folders that may be empty, the inner ones first."""
    inner = sorted((folder / "snapshots").rglob("*"), reverse=True)
    return [*inner, folder / "snapshots", folder / "blobs", folder / "refs", folder]
