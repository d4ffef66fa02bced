"""Checks a model's files: sizes, hashes where they are known, and headers that a cut file contradicts."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from arcdesk.core.hub import HubFile
from arcdesk.core.models import Format, ModelEntry, Place
from arcdesk.storage import model_files, model_problems
from arcdesk.storage.gguf_header import BadGguf, GgufReader
from arcdesk.storage.model_remove import model_paths

CHUNK_BYTES = 4 << 20
HEADER_LIMIT_BYTES = 100 << 20  # the safetensors library's own limit
GGUF_ALIGNMENT = 32
_SHA256 = re.compile(r"^[0-9a-f]{64}$")
_GIT_SHA1 = re.compile(r"^[0-9a-f]{40}$")

Progress = Callable[[int, int], None]
ShouldStop = Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class BadFile:
    """One file that is not what it should be."""

    name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a check found. `hashed` of the `files` were compared with a known hash."""

    files: int
    hashed: int
    size_bytes: int
    bad: tuple[BadFile, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Nothing contradicts; how much that says, `hashed` tells."""
        return not self.bad


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    name: str
    path: str
    size_bytes: int
    sha256: str = ""
    git_sha1: str = ""


@dataclass(slots=True)
class _Check:
    progress: Progress
    should_stop: ShouldStop
    total_bytes: int
    done_bytes: int = 0
    bad: dict[str, str] = field(default_factory=dict)

    def advance(self, size_bytes: int) -> None:
        if self.should_stop():
            raise model_problems.stopped()
        self.done_bytes += size_bytes
        self.progress(self.done_bytes, self.total_bytes)


def verify(
    entry: ModelEntry,
    progress: Progress,
    should_stop: ShouldStop,
    *,
    known: Mapping[str, HubFile] | None = None,
) -> Report:
    """Read the whole model. `known` are the hub's files of this revision by path, where they are at hand.

    Quick signs first: a file that is missing, cut or contradicts its header is not hashed. Blocks; the
    progress counts bytes to hash. Raises ModelError: gone, unreadable, stopped.
    """
    known = known or {}
    try:
        files, missing = _files_of(entry)
    except OSError as error:
        raise model_problems.refused("read", entry.path, error) from error
    check = _Check(progress, should_stop, total_bytes=0)
    check.bad.update(missing)
    check.bad.update(dict.fromkeys(_absent(entry, files, known), "is missing"))
    for file in files:
        if why := _contradiction(file, known.get(file.name)):
            check.bad[file.name] = why
    hashable = [file for file in files if file.name not in check.bad and _expected(file, known)]
    check.total_bytes = sum(file.size_bytes for file in hashable)
    check.advance(0)
    for file in hashable:
        if not _has_hash(file, _expected(file, known), check):
            check.bad[file.name] = "its contents differ from what the hub has"
    bad = tuple(BadFile(name=name, why=why) for name, why in sorted(check.bad.items()))
    size_bytes = sum(file.size_bytes for file in files)
    return Report(files=len(files), hashed=len(hashable), size_bytes=size_bytes, bad=bad)


def _files_of(entry: ModelEntry) -> tuple[list[_File], dict[str, str]]:
    """The files of the revision (cache) or the folder, and links that lead nowhere."""
    if entry.place is Place.CACHE:
        root = os.path.join(entry.path, "snapshots", entry.revision)
    elif os.path.isdir(entry.path):
        root = entry.path
    else:
        return [_file(os.path.basename(path), path) for path in model_paths(entry)], {}
    if not os.path.isdir(root):
        raise model_problems.gone(entry.id)
    files, missing = [], {}
    for parent, _, names in os.walk(root):
        for name in names:
            path = os.path.join(parent, name)
            below = os.path.relpath(path, root).replace(os.sep, "/")
            try:
                if stat.S_ISREG(os.stat(path).st_mode):
                    files.append(_file(below, path))
                else:
                    missing[below] = "is a pipe or a device instead of a file"
            except FileNotFoundError:
                missing[below] = "is a link to a file that is missing"
    return sorted(files, key=lambda file: file.name), missing


def _file(name: str, path: str) -> _File:
    """The first link of a cached file ends in its hash: sha256 of large files, git's own of small ones."""
    size_bytes = os.stat(path).st_size
    blob = os.path.basename(os.readlink(path)) if os.path.islink(path) else ""
    return _File(
        name=name,
        path=path,
        size_bytes=size_bytes,
        sha256=blob if _SHA256.match(blob) else "",
        git_sha1=blob if _GIT_SHA1.match(blob) else "",
    )


def _absent(entry: ModelEntry, files: list[_File], known: Mapping[str, HubFile]) -> set[str]:
    """Weights that the index or a numbered series wants, or that the hub has of the same format."""
    names = {file.name for file in files}
    wanted: set[str] = set()
    for file in files:
        if file.name.endswith(".index.json"):
            with contextlib.suppress(OSError):
                below = file.name.rpartition("/")
                wanted |= {f"{below[0]}{below[1]}{name}" for name in model_files.named_files(file.path)}
        if series := model_files.shard_series(file.name):
            stem, _, count = series
            start, end = os.path.splitext(stem)
            wanted |= {f"{start}-{number:05}-of-{count:05}{end}" for number in range(1, count + 1)}
    if entry.format is Format.SAFETENSORS:
        wanted |= {name for name in known if model_files.format_of(name) is entry.format and "/" not in name}
    return wanted - names


def _contradiction(file: _File, known: HubFile | None) -> str:
    """What is wrong at first sight; '' if nothing. An unreadable file is wrong, too."""
    if known is not None and known.size_bytes is not None and known.size_bytes != file.size_bytes:
        return f"has {file.size_bytes} bytes instead of {known.size_bytes}"
    try:
        kind = model_files.format_of(file.name)
        if kind is Format.SAFETENSORS:
            return safetensors_fault(file.path, file.size_bytes)
        if kind is Format.GGUF:
            return gguf_fault(file.path, file.size_bytes)
        if file.name.endswith("config.json") and model_files.read_config(file.path) is None:
            return "is no JSON object"
    except OSError as error:
        return f"can't be read: {error.strerror}"
    return ""


def safetensors_fault(path: str, size_bytes: int) -> str:
    """What its header says against the file, '' if nothing: eight bytes of length, JSON, then the data.

    Raises OSError.
    """
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size_bytes < 8 or length > min(size_bytes - 8, HEADER_LIMIT_BYTES):
            return "is cut, or no safetensors file"
        try:
            header = json.loads(file.read(length))
            ends = [one["data_offsets"][1] for name, one in header.items() if name != "__metadata__"]
            data_bytes = max(ends, default=0)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
            return "has a header that makes no sense"
    if not isinstance(data_bytes, int):
        return "has a header that makes no sense"
    expected = 8 + length + data_bytes
    return "" if expected == size_bytes else f"has {size_bytes} bytes, but its header says {expected}"


def gguf_fault(path: str, size_bytes: int) -> str:
    """What its header says against the file, '' if nothing. Raises OSError."""
    with open(path, "rb") as file:
        try:
            reader = GgufReader(file, size_bytes)
            alignment = GGUF_ALIGNMENT
            for key, value in reader.pairs():
                if key == "general.alignment" and isinstance(value, int) and 0 < value <= 1 << 20:
                    alignment = value
            least = max((one.offset + (one.size_bytes or 0) for one in reader.tensors()), default=0)
        except BadGguf as error:
            return f"is no sound GGUF file: {error}"
        start = -(-reader.position // alignment) * alignment
    return "" if start + least <= size_bytes else f"has {size_bytes} bytes instead of {start + least}"


def _expected(file: _File, known: Mapping[str, HubFile]) -> str:
    """The hash that the file should have; '' if nobody knows."""
    listed = known.get(file.name)
    return (listed.sha256 if listed is not None else "") or file.sha256 or file.git_sha1


def _has_hash(file: _File, expected: str, check: _Check) -> bool:
    if _SHA256.match(expected):
        found = hashlib.sha256()
    else:  # as git names its objects
        found = hashlib.sha1(f"blob {file.size_bytes}\0".encode(), usedforsecurity=False)
    try:
        with open(file.path, "rb") as source:
            while chunk := source.read(CHUNK_BYTES):
                found.update(chunk)
                check.advance(len(chunk))
    except OSError:
        return False
    return found.hexdigest() == expected
