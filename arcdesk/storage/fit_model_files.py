"""Finds a model on the disk by its name or path, and reads what a prediction needs: kilobytes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from arcdesk.core.fit_files import files_bytes, index_bytes
from arcdesk.core.model_config import ModelConfig
from arcdesk.core.settings import Settings
from arcdesk.storage import model_files
from arcdesk.storage.gguf_model import read_gguf
from arcdesk.storage.model_cache import hub_folders
from arcdesk.storage.model_folders import folders_of

_PART = r"[A-Za-z0-9_](?:[\w.-]*[\w])?"  # the hub's own rule: no dot or dash at either end
HUB_ID = re.compile(rf"(?!.*(?:\.\.|--)){_PART}(?:/{_PART})?\Z", re.ASCII)
IN_CONTAINER = "/llm/models/"  # where the container sees models_dir
_ENDS_BYTES = 4096
_TOTAL = re.compile(rb'"metadata"\s*:\s*\{[^{}]{0,2000}?"total_size"\s*:\s*(\d{1,18})(?:\.0)?\s*[,}]')
_INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModel:
    """A model on the disk. `config` None: its config.json can't be understood. `path` is a folder or file."""

    path: str
    config: ModelConfig | None
    weights_bytes: int | None
    is_gguf: bool = False


def find_model(name: str, settings: Settings, environ: Mapping[str, str]) -> LocalModel | None:
    """The model that `name` means: a path, an id in the cache, or a folder's name. None: not on this disk.

    Blocks. Raises OSError for one that is there and can't be read.
    """
    for path in _places(name, settings, environ):
        if (found := read_model(path)) is not None:
            return found
    return None


def read_model(path: str) -> LocalModel | None:
    """The model in a folder with config.json or GGUF files, or in one GGUF file. None: there is none."""
    if os.path.isfile(path):
        if path.endswith(".gguf"):
            return _gguf(path)
        return read_model(os.path.dirname(path)) if os.path.basename(path) == "config.json" else None
    if not os.path.isdir(path):
        return None
    names = sorted(os.listdir(path))
    if "config.json" in names:
        config = model_files.read_config(os.path.join(path, "config.json"))
        return LocalModel(path=path, config=config, weights_bytes=_weights_bytes(path, names))
    ggufs = [name for name in names if name.endswith(".gguf") and not name.startswith("mmproj")]
    return _gguf(os.path.join(path, ggufs[0])) if ggufs else None


def adapter_base(path: str) -> str | None:
    """The base model that the LoRA adapter in a folder names ('' none); None: it is no adapter. Blocks."""
    file = os.path.join(os.path.expanduser(path), "adapter_config.json")
    if not os.path.isfile(file):
        return None
    try:
        stated = model_files.read_json(file, model_files.CONFIG_LIMIT_BYTES) or {}
    except OSError:
        return ""
    base = stated.get("base_model_name_or_path")
    return base.strip() if isinstance(base, str) else ""


def _places(name: str, settings: Settings, environ: Mapping[str, str]) -> Iterator[str]:
    yield os.path.expanduser(name)
    if name.startswith(IN_CONTAINER) and settings.container.models_dir:
        yield os.path.join(os.path.expanduser(settings.container.models_dir), name.removeprefix(IN_CONTAINER))
    if not HUB_ID.match(name):
        return
    for hub in hub_folders(settings.container.hf_cache_dir, environ):
        yield from _snapshots(os.path.join(hub, f"models--{name.replace('/', '--')}"))
    for folder in folders_of(settings):
        yield os.path.join(folder.path, name)
        yield os.path.join(folder.path, name.rpartition("/")[2])


def _snapshots(repository: str) -> Iterator[str]:
    """The folders of the revisions, 'main' first, then the newest."""
    folder = os.path.join(repository, "snapshots")
    try:
        revisions = sorted(os.scandir(folder), key=lambda item: item.stat().st_mtime, reverse=True)
    except OSError:
        return
    try:
        main = model_files.read_start(os.path.join(repository, "refs", "main"), 256).decode(
            "ascii", "replace"
        )
    except OSError:
        main = ""
    for item in sorted(revisions, key=lambda item: item.name != main.strip()):
        yield item.path


def _weights_bytes(folder: str, names: list[str]) -> int | None:
    for index in _INDEXES:
        if index in names and (stated := _index_bytes(os.path.join(folder, index))) is not None:
            return stated
    return files_bytes((name, _size(os.path.join(folder, name))) for name in names)


def _index_bytes(path: str) -> int | None:
    """What an index states. It may be megabytes, of which the metadata are the first or the last lines."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        ends = file.read(_ENDS_BYTES)
        if size > 2 * _ENDS_BYTES:
            file.seek(-_ENDS_BYTES, os.SEEK_END)
            ends += b"\n" + file.read(_ENDS_BYTES)
    if match := _TOTAL.search(ends):
        return index_bytes({"metadata": {"total_size": int(match[1])}})
    return index_bytes(model_files.read_json(path, model_files.INDEX_LIMIT_BYTES))


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except OSError:  # a broken link
        return None


def _gguf(path: str) -> LocalModel | None:
    facts = read_gguf(path)
    if facts is None:
        return LocalModel(path=path, config=None, weights_bytes=None, is_gguf=True)
    return LocalModel(path=path, config=facts.config, weights_bytes=_series_bytes(path), is_gguf=True)


def _series_bytes(path: str) -> int | None:
    """A split file counts with all its parts."""
    folder, name = os.path.split(path)
    series = model_files.shard_series(name)
    if series is None:
        return _size(path)
    parts = [
        other for other in os.listdir(folder) if (model_files.shard_series(other) or ("",))[0] == series[0]
    ]
    return sum(_size(os.path.join(folder, part)) or 0 for part in parts) or None
