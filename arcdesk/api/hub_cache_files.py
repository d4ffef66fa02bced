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

ETAG = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}")  # it becomes a file's name
INCOMPLETE = ".incomplete"


class CountedFile:
    """The unfinished file as the library sees it: tells how much there is, and ends when told to."""

    def __init__(self, file: BinaryIO, transfer: Transfer) -> None:
        self._file = file
        self._transfer = transfer

    def write(self, data: bytes) -> int:
        """Raises TransferStopped, and OSError."""
        if self._transfer.is_stopped:
            raise TransferStopped
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
    candidates = [folder / "snapshots" / commit / file.path] if is_safe_path(file.path) else []
    if ETAG.fullmatch(file.sha256):
        blob = folder / "blobs" / file.sha256
        candidates += [blob, blob.with_name(blob.name + INCOMPLETE)]
    for path in candidates:
        with contextlib.suppress(OSError):
            return path.stat().st_size
    return 0


def free_bytes(cache: Path) -> int:
    """Room for this person on the disk where `cache` is or will be. Raises HubError."""
    folder = cache
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        return shutil.disk_usage(folder).free
    except OSError as error:
        raise hub_errors.of_disk(error, str(cache)) from error


def write_ref(ref: Path, commit: str) -> None:
    """Replace it in one step. Raises OSError."""
    ref.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):
        if ref.read_text(encoding="utf-8") == commit:
            return
    with tempfile.NamedTemporaryFile("w", dir=ref.parent, prefix=".", delete=False, encoding="utf-8") as out:
        out.write(commit)
    os.chmod(out.name, 0o644)
    os.replace(out.name, ref)


def discard(folder: Path, partials: tuple[str, ...]) -> None:
    """Remove the unfinished files of these names, then what is empty."""
    for name in partials:
        if name.endswith(INCOMPLETE) and ETAG.fullmatch(name):
            with contextlib.suppress(OSError):
                (folder / "blobs" / name).unlink()
    for empty in _emptied(folder):
        with contextlib.suppress(OSError):  # it is not empty, or not there
            empty.rmdir()


def _emptied(folder: Path) -> list[Path]:
    """Folders that may be empty, the inner ones first."""
    inner = sorted((folder / "snapshots").rglob("*"), reverse=True)
    return [*inner, folder / "snapshots", folder / "blobs", folder / "refs", folder]
