"""Copies a model's folder to another disk, file by file, and reads back what it wrote."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

from arcdesk.storage import model_problems

CHUNK_BYTES = 4 << 20
Progress = Callable[[int, int], None]  # done and total bytes
ShouldStop = Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One thing to copy: a folder, a link (`target`), or a file of `size_bytes`."""

    name: str  # below the model's folder; '' is that folder, or the file that the model is
    kind: str  # 'folder', 'link', 'file'
    source: str
    target: str = ""
    size_bytes: int = 0
    changed_ns: int = 0


def pieces_of(path: str) -> list[Piece]:
    """All of a model, parents first. Links inside it stay links; what a link fetches from outside is a file.

    Raises OSError, a broken link to outside included.
    """
    if not os.path.isdir(path):
        return [_file("", path)]
    found = [Piece(name="", kind="folder", source=path)]
    for parent, folders, names in os.walk(path):
        below = os.path.relpath(parent, path)
        inside = [os.path.normpath(os.path.join(below, name)) for name in sorted((*folders, *names))]
        found += [_piece(path, name) for name in inside]
    return found


def _piece(root: str, name: str) -> Piece:
    source = os.path.join(root, name)
    info = os.lstat(source)
    if stat.S_ISDIR(info.st_mode):
        return Piece(name=name, kind="folder", source=source)
    if not stat.S_ISLNK(info.st_mode):
        return _file(name, source)
    target = os.path.normpath(os.path.join(os.path.dirname(source), os.readlink(source)))
    if os.path.commonpath([root, target]) == root:
        return Piece(name=name, kind="link", source=source, target=os.path.relpath(target, root))
    return _file(name, source)


def _file(name: str, source: str) -> Piece:
    info = os.stat(source)
    if not stat.S_ISREG(info.st_mode):  # a pipe: whoever opens it waits for ever
        raise OSError(errno.EINVAL, "This is neither a file nor a folder", source)
    return Piece(name=name, kind="file", source=source, size_bytes=info.st_size, changed_ns=info.st_mtime_ns)


def copy_pieces(pieces: list[Piece], target: str, progress: Progress, should_stop: ShouldStop) -> None:
    """Write all of them below `target` and read the files back; each byte counts twice in the progress.

    Raises ModelError: stopped, a full disk, a copy that differs. What was written is left to the caller.
    """
    total, done = 2 * sum(piece.size_bytes for piece in pieces), 0

    def advance(size_bytes: int) -> None:
        nonlocal done
        if should_stop():
            raise model_problems.stopped()
        done += size_bytes
        progress(done, total)

    advance(0)
    for piece in pieces:
        place = os.path.join(target, piece.name) if piece.name else target
        if piece.kind == "folder":
            os.makedirs(place, exist_ok=True)
        elif piece.kind == "link":
            os.symlink(os.path.relpath(os.path.join(target, piece.target), os.path.dirname(place)), place)
        else:
            _copy_file(piece, place, advance)


def _copy_file(piece: Piece, place: str, advance: Callable[[int], None]) -> None:
    written = hashlib.blake2b()
    with open(piece.source, "rb") as source, open(place, "xb") as copy:
        while chunk := source.read(CHUNK_BYTES):
            copy.write(chunk)
            written.update(chunk)
            advance(len(chunk))
        copy.flush()
        os.fsync(copy.fileno())
        _forget_cached(copy.fileno())
    info = os.stat(piece.source)
    with contextlib.suppress(OSError):  # a disk without times or modes, as on a stick
        os.utime(place, ns=(info.st_atime_ns, info.st_mtime_ns))
        os.chmod(place, stat.S_IMODE(info.st_mode))
    read = hashlib.blake2b()
    with open(place, "rb") as copy:
        while chunk := copy.read(CHUNK_BYTES):
            read.update(chunk)
            advance(len(chunk))
    if read.digest() != written.digest():
        raise model_problems.bad_copy(place)


def _forget_cached(handle: int) -> None:
    """Ask the kernel to drop its cached pages, so that reading back reads the disk."""
    if hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError):
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
