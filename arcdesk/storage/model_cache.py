"""Lists the models of a Hugging Face cache: what is there, how large, whether whole and whose."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from arcdesk.core.model_config import ModelConfig
from arcdesk.core.models import Format, ModelEntry, Place, Trouble
from arcdesk.storage import model_files

PREFIX = "models--"
PARTIAL_END = ".incomplete"
DEPTH_LIMIT = 6  # of folders in a snapshot; 'text_encoder_2/original/…' has two
REFS_LIMIT_BYTES = 256
CLOCK_STEP_NS = 50_000_000  # changes closer together may bear the same time
IGNORED = (".DS_Store", "Thumbs.db", "desktop.ini")


def hub_folders(hf_cache_dir: str, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where downloads are looked for: the cache that the container gets first, then the variables' one."""
    # As the container gets it, where '$' stands for itself; in variables the hub's library expands others.
    folders = [Path(os.path.abspath(os.path.expanduser(hf_cache_dir))) / "hub"] if hf_cache_dir else []
    stated = environ.get("HF_HUB_CACHE") or environ.get("HUGGINGFACE_HUB_CACHE")
    if stated:
        folders.append(_absolute(stated))
    elif environ.get("HF_HOME"):
        folders.append(_absolute(environ["HF_HOME"]) / "hub")
    elif not folders:
        base = environ.get("XDG_CACHE_HOME") or "~/.cache"
        folders.append(_absolute(base) / "huggingface" / "hub")
    unique = {os.path.realpath(folder): folder for folder in reversed(folders)}
    return tuple(reversed(unique.values()))


def _absolute(path: str) -> Path:
    return Path(os.path.abspath(os.path.expanduser(os.path.expandvars(path))))


Visit = tuple[str, int, int]  # path, time of its last change in ns, inode


@dataclass(slots=True)
class _Look:
    """What one walk over a repository has found so far."""

    uid: int | None
    visited: list[Visit] = field(default_factory=list)  # whose change makes the memo stale
    blobs: set[str] = field(default_factory=set)  # names
    size_bytes: int = 0
    partial_bytes: int = 0
    has_partial: bool = False
    modified_at: float = 0.0
    troubles: set[Trouble] = field(default_factory=set)

    def visit(self, path: str) -> os.stat_result:
        """Note a folder before it is read, so that a change meanwhile is seen later. Raises OSError."""
        info = os.lstat(path)
        self.owned(info)
        self.visited.append((path, info.st_mtime_ns, info.st_ino))
        return info

    def owned(self, info: os.stat_result) -> None:
        if self.uid is not None and info.st_uid != self.uid:
            self.troubles.add(Trouble.NOT_YOURS)

    def counted(self, info: os.stat_result) -> None:
        self.size_bytes += info.st_size
        self.modified_at = max(self.modified_at, info.st_mtime)


@dataclass(slots=True, kw_only=True)
class _Snapshot:
    path: str
    names: list[str]
    modified_at: float
    is_broken: bool
    weights: list[str] = field(default_factory=list)
    format: Format = Format.NONE

    @property
    def is_whole(self) -> bool:
        return not self.is_broken and not model_files.misses_shards(self.names, self.weights, self.path)


class ModelCache:
    """Reads caches. What has not changed since the last look is answered from memory.

    The memory is keyed by the times of all folders of a repository. One with troubles or a download under
    way is read anew each time: what mends it (another owner, a growing file) changes no folder.
    `uid` is the person's; None where files have no owners. Used from one thread at a time, or locked.
    """

    def __init__(self, *, uid: int | None = None) -> None:
        self._uid = uid
        self._memo: dict[str, tuple[list[Visit], ModelEntry]] = {}
        self._lock = threading.Lock()

    def entries(self, hub: Path) -> list[ModelEntry]:
        """The models of one cache, by name; none if there is no such folder. Blocks; never raises."""
        with self._lock:
            looked = [self._entry(name, path) for name, path in _repositories(str(hub))]
            found = [entry for entry in looked if entry is not None]
            self._forget_gone(hub, {entry.path for entry in found})
            return sorted(found, key=lambda entry: entry.id.lower())

    def _forget_gone(self, hub: Path, there: set[str]) -> None:
        gone = [path for path in self._memo if os.path.dirname(path) == str(hub) and path not in there]
        for path in gone:
            del self._memo[path]

    def _entry(self, name: str, path: str) -> ModelEntry | None:
        """None if it was removed since the cache was listed."""
        known = self._memo.get(path)
        if known is not None and all(map(_is_unchanged, known[0])):
            return known[1]
        look = _Look(self._uid)
        entry = _read(name, path, look)
        if not os.path.lexists(path):
            return None
        settled_before_ns = time.time_ns() - CLOCK_STEP_NS
        is_settled = all(changed_ns < settled_before_ns for _, changed_ns, _ in look.visited)
        if is_settled and not entry.troubles and not look.has_partial:
            self._memo[path] = (look.visited, entry)
        else:
            self._memo.pop(path, None)
        return entry


def _is_unchanged(visit: Visit) -> bool:
    path, changed_ns, inode = visit
    try:
        info = os.lstat(path)
    except OSError:
        return False
    return info.st_mtime_ns == changed_ns and info.st_ino == inode


def _repositories(hub: str) -> Iterator[tuple[str, str]]:
    try:
        with os.scandir(hub) as items:
            for item in items:
                if item.name.startswith(PREFIX) and item.is_dir():
                    yield item.name, item.path
    except OSError:
        return


def _read(name: str, path: str, look: _Look) -> ModelEntry:
    try:
        look.visit(path)
        _read_blobs(f"{path}/blobs", look)
        main = _main_revision(f"{path}/refs/main", look)
        snapshots = _read_snapshots(f"{path}/snapshots", look)
    except OSError:
        look.troubles.add(Trouble.UNREADABLE)
        main, snapshots = "", []
    return _entry(name, path, look, main, snapshots)


def _entry(name: str, path: str, look: _Look, main: str, snapshots: list[_Snapshot]) -> ModelEntry:
    chosen, is_whole = _choose(snapshots, main)
    config, licence = None, ""
    if chosen is not None:
        if chosen.is_broken:
            look.troubles.add(Trouble.BROKEN_LINKS)
        elif not is_whole:
            look.troubles.add(Trouble.MISSING_SHARDS)
        config, licence = _describe(chosen, look)
    if look.has_partial:
        look.troubles.add(Trouble.INCOMPLETE)
    return ModelEntry(
        id=name.removeprefix(PREFIX).replace("--", "/"),
        place=Place.CACHE,
        path=path,
        snapshot=chosen.path if chosen is not None and is_whole else "",
        revision=os.path.basename(chosen.path) if chosen is not None else "",
        format=chosen.format if chosen is not None else Format.NONE,
        size_bytes=look.size_bytes,
        partial_bytes=look.partial_bytes,
        config=config,
        licence=licence,
        modified_at=look.modified_at,
        troubles=tuple(trouble for trouble in Trouble if trouble in look.troubles),
    )


def _choose(snapshots: list[_Snapshot], main: str) -> tuple[_Snapshot | None, bool]:
    """The revision to show and whether it is whole: 'main' if it is, else the newest whole one."""
    ranked = sorted(
        snapshots, key=lambda one: (os.path.basename(one.path) == main, one.modified_at), reverse=True
    )
    for snapshot in ranked:
        if snapshot.is_whole:
            return snapshot, True
    return (ranked[0], False) if ranked else (None, False)


def _describe(snapshot: _Snapshot, look: _Look) -> tuple[ModelConfig | None, str]:
    """Config and licence; what can't be read is a trouble."""
    config, licence = None, ""
    names = snapshot.names
    try:
        if "config.json" in names:
            config = model_files.read_config(f"{snapshot.path}/config.json")
            if config is None:
                look.troubles.add(Trouble.BAD_CONFIG)
        if snapshot.format is Format.GGUF and config is None:
            config, licence = model_files.gguf_config(f"{snapshot.path}/{min(snapshot.weights)}")
        if "README.md" in names:
            licence = model_files.licence_of(f"{snapshot.path}/README.md") or licence
    except FileNotFoundError:
        look.troubles.add(Trouble.BROKEN_LINKS)
    except OSError:
        look.troubles.add(Trouble.UNREADABLE)
    return config, licence


def _read_blobs(folder: str, look: _Look) -> None:
    """Sizes of all blobs. One may be a link into the cache's common store, and then it may be broken."""
    try:
        look.visit(folder)
    except FileNotFoundError:
        return
    with os.scandir(folder) as items:
        for item in items:
            try:
                _read_blob(item, look)
            except FileNotFoundError:  # a download has finished it since it was listed
                continue


def _read_blob(item: os.DirEntry[str], look: _Look) -> None:
    info = item.stat(follow_symlinks=False)
    look.owned(info)
    if item.name.endswith(PARTIAL_END):
        look.partial_bytes += info.st_size
        look.has_partial = True
        return
    if stat.S_ISLNK(info.st_mode):
        try:
            info = os.stat(item.path)
        except OSError:
            return  # links to it are then broken
    if stat.S_ISREG(info.st_mode):
        look.blobs.add(item.name)
        look.counted(info)


def _main_revision(ref: str, look: _Look) -> str:
    try:
        look.visit(os.path.dirname(ref))
        look.visit(ref)  # written in place when 'main' moves on, which changes no folder
        return model_files.read_start(ref, REFS_LIMIT_BYTES).decode("ascii", "replace").strip()
    except FileNotFoundError:
        return ""


def _read_snapshots(folder: str, look: _Look) -> list[_Snapshot]:
    try:
        look.visit(folder)
    except FileNotFoundError:
        return []
    found = []
    with os.scandir(folder) as items:
        for item in items:
            if item.is_dir(follow_symlinks=False):
                snapshot = _Snapshot(path=item.path, names=[], modified_at=0.0, is_broken=False)
                _walk(item.path, "", snapshot, look)
                snapshot.weights, snapshot.format = model_files.weights_of(snapshot.names)
                found.append(snapshot)
            elif item.name not in IGNORED:
                look.troubles.add(Trouble.UNREADABLE)  # no cache is like that
    return found


def _walk(folder: str, below: str, snapshot: _Snapshot, look: _Look) -> None:
    info = look.visit(folder)
    snapshot.modified_at = max(snapshot.modified_at, info.st_mtime)
    blobs = "../" * (below.count("/") + 2) + "blobs/"
    with os.scandir(folder) as items:
        for item in items:
            if item.is_symlink():
                if _is_broken(folder, os.readlink(item.path), blobs, look):
                    snapshot.is_broken = True
                else:
                    snapshot.names.append(below + item.name)
            elif item.is_dir(follow_symlinks=False):
                if below.count("/") < DEPTH_LIMIT:
                    _walk(item.path, f"{below}{item.name}/", snapshot, look)
            elif item.name not in IGNORED:
                _plain_file(item, below, snapshot, look)


def _is_broken(folder: str, target: str, blobs: str, look: _Look) -> bool:
    if target.startswith(blobs) and target[len(blobs) :] in look.blobs:
        return False
    return not os.path.exists(os.path.join(folder, target))


def _plain_file(item: os.DirEntry[str], below: str, snapshot: _Snapshot, look: _Look) -> None:
    """A file instead of a link: so it is where links can't be made."""
    info = item.stat(follow_symlinks=False)
    look.owned(info)
    if item.name.endswith(PARTIAL_END):
        look.partial_bytes += info.st_size
        look.has_partial = True
    else:
        look.counted(info)
        snapshot.names.append(below + item.name)
