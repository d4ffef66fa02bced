"""The bytes of a model's weights, from its index or from the names and sizes of its files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from arcdesk.core.hub import HubRepo
from arcdesk.core.model_config import ModelConfig, parse_config

MOST_BYTES = 10**15
_KINDS = ((".safetensors",), (".bin", ".pt", ".pth"))
_NOT_WEIGHTS = (
    "adapter",
    "training_args",
    "optimizer",
    "scheduler",
    "rng_state",
    "scaler",
    "tokenizer",
    "mmproj",
)


def index_bytes(index: Mapping[str, Any] | None) -> int | None:
    """`metadata.total_size` of a safetensors or PyTorch index; None if it states nothing sensible."""
    metadata = (index or {}).get("metadata")
    size = metadata.get("total_size") if isinstance(metadata, Mapping) else None
    if isinstance(size, float) and size == size // 1:
        size = int(size)
    is_size = isinstance(size, int) and not isinstance(size, bool) and 0 < size < MOST_BYTES
    return size if is_size else None


def files_bytes(files: Iterable[tuple[str, int | None]]) -> int | None:
    """The weight files of a folder together: safetensors, else pickled ones. None without sizes.

    Files below the folder are other forms of the same model, and so is 'consolidated…' beside 'model…'.
    """
    sized = [(name, size) for name, size in files if "/" not in name and size]
    for ends in _KINDS:
        weights = {
            name: size for name, size in sized if name.endswith(ends) and not name.startswith(_NOT_WEIGHTS)
        }
        usual = {name: size for name, size in weights.items() if not name.startswith("consolidated")}
        if weights:
            return sum((usual or weights).values())
    return None


def repo_shape(repo: HubRepo) -> tuple[ModelConfig, int | None]:
    """Config and weights of a repository on the hub."""
    size = index_bytes(repo.index) or files_bytes((file.path, file.size_bytes) for file in repo.files)
    return parse_config(repo.config or {}), size
