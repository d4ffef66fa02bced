"""Removes models in two steps, aside (can be undone) and gone; never through a link, never elsewhere."""

from __future__ import annotations

import os
import shutil
import stat
import uuid
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from arcdesk.core.models import ModelEntry, Place
from arcdesk.storage import model_problems
from arcdesk.storage.model_files import shard_series
from arcdesk.storage.model_folders import ASIDE_FOLDER

ASIDE_MODE = 0o700


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What would go. `size_bytes` is what the disk gets back; files that others hold too do not count."""

    model: str
    root: str  # the known folder that holds it
    paths: tuple[str, ...]
    files: int
    size_bytes: int
    shared_bytes: int = 0  # also held by other models: stays
    has_foreign: bool = False  # files of another user, which the system may keep us from removing


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """A model that was set aside: still on the disk, in `folder`."""

    removal: Removal
    folder: str


def plan_removal(
    entry: ModelEntry, roots: Iterable[Path], *, in_use: Collection[str] = (), uid: int | None = None
) -> Removal:
    """What removing this model would do. Blocks. Raises ModelError with the reason why it can't be."""
    if entry.place not in (Place.CACHE, Place.FOLDER):
        raise model_problems.not_removable(entry.id)
    if {entry.id, entry.path, entry.snapshot, entry.served_name} & {name for name in in_use if name}:
        raise model_problems.in_use(entry.id)
    paths = model_paths(entry)
    if not all(os.path.lexists(path) for path in paths):
        raise model_problems.gone(entry.id)
    root = safe_root(entry.id, entry.path, roots)
    if root == entry.path:
        raise model_problems.outside(entry.id, entry.path)  # a whole folder of the settings
    files = list(_files(paths))
    own = {(info.st_dev, info.st_ino): info for info in files}
    freed = sum(info.st_size for info in own.values() if info.st_nlink == _times(files, info))
    total = sum(info.st_size for info in own.values())
    return Removal(
        model=entry.id,
        root=root,
        paths=tuple(paths),
        files=len(files),
        size_bytes=freed,
        shared_bytes=total - freed,
        has_foreign=uid is not None and any(info.st_uid != uid for info in files),
    )


def set_aside(removal: Removal) -> Aside:
    """Take the model out of its place; `restore` puts it back. Blocks shortly. Raises ModelError."""
    folder = os.path.join(removal.root, ASIDE_FOLDER, uuid.uuid4().hex)
    moved: list[str] = []
    try:
        os.makedirs(folder, mode=ASIDE_MODE)
        for path in removal.paths:
            os.rename(path, os.path.join(folder, os.path.basename(path)))
            moved.append(path)
    except FileNotFoundError as error:
        _put_back(folder, moved)
        raise model_problems.gone(removal.model) from error
    except OSError as error:
        _put_back(folder, moved)
        raise model_problems.refused("remove", removal.paths[0], error) from error
    return Aside(removal=removal, folder=folder)


def restore(aside: Aside) -> None:
    """Undo. Blocks shortly. Raises ModelError if something took the place, or the files are gone."""
    if not os.path.isdir(aside.folder):
        raise model_problems.gone(aside.removal.model)
    for path in aside.removal.paths:
        if os.path.lexists(path):
            raise model_problems.is_taken(path)
    try:
        _put_back(aside.folder, aside.removal.paths)
    except OSError as error:
        raise model_problems.refused("move", aside.folder, error) from error


def purge(aside: Aside) -> int:
    """Delete for good. Returns the bytes that are really gone. Blocks. Raises ModelError."""
    return _delete(aside.folder)


def remove(removal: Removal) -> int:
    """Both steps at once, without a way back. Returns the bytes that are really gone."""
    return purge(set_aside(removal))


def empty_asides(roots: Iterable[Path]) -> int:
    """Delete what earlier runs set aside; returns the bytes. Blocks; what can't be deleted stays."""
    freed = 0
    for root in roots:
        folder = os.path.join(root, ASIDE_FOLDER)
        if os.path.islink(folder) or not os.path.isdir(folder):
            continue
        for name in os.listdir(folder):
            try:
                freed += _delete(os.path.join(folder, name))
            except model_problems.ModelError:
                continue
    return freed


def safe_root(name: str, path: str, roots: Iterable[Path]) -> str:
    """The known folder that holds `path` without a link on the way. Raises ModelError."""
    real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    holders = [root for root in map(str, roots) if os.path.commonpath([root, path]) == root]
    if not holders:
        raise model_problems.outside(name, path)
    root = max(holders, key=len)
    real_root = os.path.realpath(root)
    if os.path.islink(path) or os.path.commonpath([real_root, real]) != real_root:
        raise model_problems.is_link(name, path)
    return root


def model_paths(entry: ModelEntry) -> list[str]:
    """The folder, or each file of a series."""
    folder, name = os.path.split(entry.path)
    series = shard_series(name)
    if series is None or os.path.isdir(entry.path):
        return [entry.path]
    try:
        names = os.listdir(folder)
    except OSError:
        return [entry.path]
    stem, _, count = series
    found = [other for other in names if _is_of(other, stem, count)]
    return [os.path.join(folder, other) for other in sorted(found)] or [entry.path]


def _is_of(name: str, stem: str, count: int) -> bool:
    series = shard_series(name)
    return series is not None and (series[0], series[2]) == (stem, count)


def _files(paths: Iterable[str]) -> Iterator[os.stat_result]:
    """Every regular file, each name once; links are not followed."""
    for path in paths:
        if not os.path.isdir(path):
            yield os.lstat(path)
            continue
        for parent, _, names in os.walk(path):
            for name in names:
                try:
                    info = os.lstat(os.path.join(parent, name))
                except OSError:
                    continue
                if stat.S_ISREG(info.st_mode):
                    yield info


def _times(files: list[os.stat_result], info: os.stat_result) -> int:
    """How many of a file's names are among these."""
    if info.st_nlink == 1:
        return 1
    return sum(1 for other in files if (other.st_dev, other.st_ino) == (info.st_dev, info.st_ino))


def _put_back(folder: str, paths: Iterable[str]) -> None:
    for path in paths:
        os.rename(os.path.join(folder, os.path.basename(path)), path)
    for empty in (folder, os.path.dirname(folder)):
        try:
            os.rmdir(empty)
        except OSError:
            return


def _delete(folder: str) -> int:
    """Delete a folder that was set aside; the bytes are counted by what is not there any more."""
    before = _held([folder])
    try:
        shutil.rmtree(folder)  # does not follow links
        os.rmdir(os.path.dirname(folder))
    except FileNotFoundError:
        pass
    except OSError as error:
        if os.path.lexists(folder):
            raise model_problems.refused("remove", folder, error) from error
    return before - (_held([folder]) if os.path.lexists(folder) else 0)


def _held(paths: list[str]) -> int:
    files = list(_files(paths)) if os.path.lexists(paths[0]) else []
    own = {(info.st_dev, info.st_ino): info for info in files}
    return sum(info.st_size for info in own.values() if info.st_nlink == _times(files, info))
