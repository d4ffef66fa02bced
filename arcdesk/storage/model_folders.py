"""Lists the models in a person's own folders: Hugging Face folders and GGUF files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from arcdesk.core.models import Format, ModelEntry, Place, Trouble
from arcdesk.core.settings import Settings
from arcdesk.storage import model_files
from arcdesk.storage.gguf_model import plain_name, read_gguf
from arcdesk.storage.model_cache import PARTIAL_END, PREFIX

DEPTH_LIMIT = 3
FOLDERS_LIMIT = 5_000  # somebody may name their home
ASIDE_FOLDER = ".arcdesk-removed"  # what was removed and can still be had back
_PARTS_OF_MODELS = ("mmproj", "adapter", "imatrix")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFolder:
    """One folder to look into, and how deep."""

    path: Path
    depth: int = DEPTH_LIMIT


def folders_of(settings: Settings) -> tuple[ModelFolder, ...]:
    """The person's folders, the container's, and the one that the embedded engine's file lies in."""
    named = [path for path in settings.model_folders.split(os.pathsep) if path.strip()]
    folders = [ModelFolder(path=_absolute(path)) for path in (*named, settings.container.models_dir) if path]
    if settings.gguf_path:
        folders.append(ModelFolder(path=_absolute(settings.gguf_path).parent, depth=0))
    unique: dict[Path, ModelFolder] = {}
    for folder in folders:
        unique.setdefault(folder.path, folder)
    return tuple(unique.values())


def caches_in(folder: Path) -> list[Path]:
    """The caches that a folder is or holds: models that were moved there keep the cache's layout."""
    return [place for place in (folder, folder / "hub") if _has_repositories(place)]


def _has_repositories(folder: Path) -> bool:
    try:
        with os.scandir(folder) as items:
            return any(item.name.startswith(PREFIX) and item.is_dir() for item in items)
    except OSError:
        return False


def folder_entries(folder: ModelFolder, *, uid: int | None = None) -> list[ModelEntry]:
    """The models below a folder, by path; none if it is not there. Blocks; never raises."""
    walk = _Walk(uid=uid)
    return sorted(walk.models(str(folder.path), folder.depth), key=lambda entry: entry.path)


def starter_entry(file: Path) -> ModelEntry | None:
    """The embedded engine's own model, from the file that it would load."""
    found = _gguf_entry([str(file)], None)
    return None if found is None else replace(found, place=Place.STARTER, id=plain_name(str(file)))


def _absolute(path: str) -> Path:
    return Path(os.path.abspath(os.path.expanduser(path.strip())))


@dataclass(slots=True, kw_only=True)
class _Walk:
    """Goes through folders, each once however many links lead there."""

    uid: int | None
    seen: set[tuple[int, int]] = field(default_factory=set)

    def models(self, folder: str, depth: int) -> Iterator[ModelEntry]:
        try:
            info = os.stat(folder)
            if (info.st_dev, info.st_ino) in self.seen or len(self.seen) >= FOLDERS_LIMIT:
                return
            self.seen.add((info.st_dev, info.st_ino))
            with os.scandir(folder) as items:
                entries = sorted(items, key=lambda item: item.name)
        except OSError:  # not there, no folder, no permission: nothing that could be listed
            return
        files = [item.name for item in entries if _is_file(item)]
        model = _folder_entry(folder, files, self.uid)
        if model is not None:
            yield model
            return
        yield from _gguf_entries(folder, files, self.uid)
        if depth > 0:
            for item in entries:
                if not item.name.startswith((".", PREFIX)) and _is_dir(item):
                    yield from self.models(item.path, depth - 1)


def _is_file(item: os.DirEntry[str]) -> bool:
    try:
        return item.is_file()
    except OSError:
        return False


def _is_dir(item: os.DirEntry[str]) -> bool:
    try:
        return item.is_dir()
    except OSError:
        return False


def _folder_entry(folder: str, files: list[str], uid: int | None) -> ModelEntry | None:
    """A folder with a config and weights beside it, or an index whose weights are missing."""
    weights, kind = model_files.weights_of(files)
    has_index = any(name.endswith(".safetensors.index.json") for name in files)
    if "config.json" not in files or kind is Format.GGUF or not (weights or has_index):
        return None
    troubles: set[Trouble] = set()
    config, licence = None, ""
    try:
        config = model_files.read_config(f"{folder}/config.json")
        if config is None:
            troubles.add(Trouble.BAD_CONFIG)
        if "README.md" in files:
            licence = model_files.licence_of(f"{folder}/README.md")
    except OSError:
        troubles.add(Trouble.UNREADABLE)
    if model_files.misses_shards(files, weights, folder):
        troubles.add(Trouble.MISSING_SHARDS)
    sizes = tree_sizes(folder, uid)
    if sizes.has_foreign:
        troubles.add(Trouble.NOT_YOURS)
    if sizes.has_broken:
        troubles.add(Trouble.BROKEN_LINKS)
    if sizes.partial_bytes:
        troubles.add(Trouble.INCOMPLETE)
    return ModelEntry(
        id=folder,
        place=Place.FOLDER,
        path=folder,
        snapshot=folder if not troubles & {Trouble.MISSING_SHARDS, Trouble.BROKEN_LINKS} else "",
        format=kind,
        size_bytes=sizes.size_bytes,
        partial_bytes=sizes.partial_bytes,
        config=config,
        licence=licence,
        modified_at=sizes.modified_at,
        troubles=tuple(trouble for trouble in Trouble if trouble in troubles),
    )


@dataclass(slots=True)
class TreeSizes:
    """What a folder takes: links are followed to files, never into folders."""

    size_bytes: int = 0
    partial_bytes: int = 0
    modified_at: float = 0.0
    has_foreign: bool = False
    has_broken: bool = False


def tree_sizes(folder: str, uid: int | None) -> TreeSizes:
    """Add up a model's folder. Never raises: what can't be read counts nothing."""
    sizes = TreeSizes()
    seen: set[tuple[int, int]] = set()
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            try:
                own, info = os.lstat(path), os.stat(path)
            except OSError:
                sizes.has_broken = sizes.has_broken or os.path.islink(path)
                continue
            sizes.has_foreign = sizes.has_foreign or (uid is not None and own.st_uid != uid)
            if (info.st_dev, info.st_ino) in seen:
                continue
            seen.add((info.st_dev, info.st_ino))
            if name.endswith(PARTIAL_END):
                sizes.partial_bytes += info.st_size
            else:
                sizes.size_bytes += info.st_size
                sizes.modified_at = max(sizes.modified_at, info.st_mtime)
    return sizes


def _gguf_entries(folder: str, files: list[str], uid: int | None) -> Iterator[ModelEntry]:
    """One model for each file, or for each series of files."""
    groups: dict[tuple[str, int], list[str]] = {}
    for name in files:
        if model_files.format_of(name) is Format.GGUF:
            series = model_files.shard_series(name)
            key = (series[0], series[2]) if series else (name, 0)
            groups.setdefault(key, []).append(f"{folder}/{name}")
    for (_, count), paths in sorted(groups.items()):
        entry = _gguf_entry(sorted(paths), uid, count=count)
        if entry is not None:
            yield entry


def _gguf_entry(paths: list[str], uid: int | None, count: int = 0) -> ModelEntry | None:
    """None for a part of another model (a vision projector), or a file that is gone."""
    if os.path.basename(paths[0]).lower().startswith("mmproj"):
        return None
    troubles: set[Trouble] = set()
    try:
        infos = [os.stat(path) for path in paths]
    except OSError:
        return None
    if uid is not None and any(os.lstat(path).st_uid != uid for path in paths):
        troubles.add(Trouble.NOT_YOURS)
    if count > len(paths):
        troubles.add(Trouble.MISSING_SHARDS)
    facts = None
    try:
        facts = read_gguf(paths[0])
        if facts is None:
            troubles.add(Trouble.BAD_CONFIG)
    except OSError:
        troubles.add(Trouble.UNREADABLE)
    if facts is not None and facts.kind in _PARTS_OF_MODELS:
        return None
    return ModelEntry(
        id=paths[0],
        place=Place.FOLDER,
        path=paths[0],
        format=Format.GGUF,
        size_bytes=sum(info.st_size for info in infos),
        config=facts.config if facts is not None else None,
        licence=facts.licence if facts is not None else "",
        modified_at=max(info.st_mtime for info in infos),
        troubles=tuple(trouble for trouble in Trouble if trouble in troubles),
    )
