"""What the names and small files of a model say: format, missing shards, config, licence."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable
from typing import Any

from arcdesk.core.model_config import ModelConfig, parse_config
from arcdesk.core.models import Format
from arcdesk.storage.gguf_model import read_gguf

CONFIG_LIMIT_BYTES = 4 << 20
CARD_BYTES = 8 << 10  # of README.md: its front matter stands first
INDEX_LIMIT_BYTES = 32 << 20

_SHARD = re.compile(r"^(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<end>\.[a-z]+)$")
_INDEX_END = ".index.json"
_FORMATS = {
    "safetensors": Format.SAFETENSORS,
    "gguf": Format.GGUF,
    **dict.fromkeys(("bin", "pt", "pth"), Format.PYTORCH),
    **dict.fromkeys(("onnx", "h5", "msgpack", "npz", "tflite", "ot", "mlmodel"), Format.OTHER),
}
_NOT_WEIGHTS = (
    "training_args",
    "optimizer",
    "scheduler",
    "rng_state",
    "scaler",
    "random_states",
    "tokenizer",
)
_LICENCE = re.compile(r"^(?P<key>license|license_name)\s*:\s*(?P<value>.*?)\s*$")


def format_of(name: str) -> Format:
    """The format of one file by its name; NONE for what holds no weights."""
    kind = _FORMATS.get(name.rpartition(".")[2].lower(), Format.NONE)
    is_other = kind is Format.PYTORCH and name.rpartition("/")[2].lower().startswith(_NOT_WEIGHTS)
    return Format.NONE if is_other else kind


_ORDER = (Format.SAFETENSORS, Format.GGUF, Format.PYTORCH, Format.OTHER)


def weights_of(names: Iterable[str]) -> tuple[list[str], Format]:
    """The weight files that count, and their format: a folder may hold the same model in several."""
    found: dict[tuple[bool, Format], list[str]] = {}
    for name in names:
        kind = format_of(name)
        if kind is not Format.NONE:
            found.setdefault(("/" in name, kind), []).append(name)
    for is_below in (False, True):
        for kind in _ORDER:
            if weights := found.get((is_below, kind)):
                return weights, kind
    return [], Format.NONE


def misses_shards(names: Collection[str], weights: Collection[str], folder: str) -> bool:
    """A numbered series of weights has gaps, or an index names files that are not there."""
    series: dict[tuple[str, int], set[int]] = {}
    for name in weights:
        if shard := _SHARD.match(name):
            key = (shard["stem"] + shard["end"], int(shard["count"]))
            series.setdefault(key, set()).add(int(shard["number"]))
    if any(len(numbers) < count for (_, count), numbers in series.items()):
        return True
    indexes = [name for name in names if name.endswith(_INDEX_END) and "/" not in name]
    if indexes and not weights:
        return True
    if series or not indexes:
        return False  # a whole numbered series: the index, which may be megabytes, says nothing new
    kind = format_of(next(iter(weights)))
    index = next((name for name in indexes if format_of(name.removesuffix(_INDEX_END)) is kind), None)
    return index is not None and not named_files(os.path.join(folder, index)) <= set(names)


def named_files(index: str) -> set[str]:
    """The files that an index names; none if it can't be read."""
    weight_map = (read_json(index, INDEX_LIMIT_BYTES) or {}).get("weight_map")
    if not isinstance(weight_map, dict):
        return set()
    return {name for name in weight_map.values() if isinstance(name, str)}


def shard_series(name: str) -> tuple[str, int, int] | None:
    """(stem, number, count) of 'name-00001-of-00004.gguf'; None for a file that stands alone."""
    shard = _SHARD.match(name)
    return (shard["stem"] + shard["end"], int(shard["number"]), int(shard["count"])) if shard else None


def read_config(path: str) -> ModelConfig | None:
    """A config.json; None if it is no JSON object. Raises OSError."""
    raw = read_json(path, CONFIG_LIMIT_BYTES)
    return parse_config(raw) if raw is not None else None


def read_json(path: str, limit_bytes: int) -> dict[str, Any] | None:
    """A JSON object; None for anything else, and for a file above the limit. Raises OSError."""
    raw = read_start(path, limit_bytes + 1)
    if len(raw) > limit_bytes:
        return None
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def read_start(path: str, limit_bytes: int) -> bytes:
    """The first bytes of a regular file. Raises OSError; never waits for a pipe."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        size = os.fstat(handle).st_size
        left = min(limit_bytes, size) if size else limit_bytes
        pieces = []
        while left > 0 and (piece := os.read(handle, left)):
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)
    finally:
        os.close(handle)


def licence_of(card: str) -> str:
    """The licence in a model card's front matter, '' where none is stated. Raises OSError."""
    start = read_start(card, CARD_BYTES)
    if not start.startswith(b"---"):
        return ""
    front_matter = start[3:].partition(b"\n---")[0]
    found: dict[str, str] = {}
    wants_item = ""
    for line in front_matter.decode("utf-8", "replace").splitlines():
        if wants_item and line.lstrip().startswith("- "):
            found[wants_item] = _plain(line.lstrip()[2:])
        wants_item = ""
        if stated := _LICENCE.match(line):
            found[stated["key"]] = _plain(stated["value"])
            wants_item = "" if stated["value"] else stated["key"]
    licence = found.get("license", "")
    return found.get("license_name") or licence if licence in ("", "other") else licence


def _plain(value: str) -> str:
    text = value.strip().strip("[]").strip().strip("\"'").strip()
    return "".join(char for char in text if char.isprintable())[:80]


def gguf_config(path: str) -> tuple[ModelConfig | None, str]:
    """Config and licence of a GGUF file's header; (None, '') if it is damaged. Raises OSError."""
    facts = read_gguf(path)
    return (facts.config, facts.licence) if facts is not None else (None, "")
