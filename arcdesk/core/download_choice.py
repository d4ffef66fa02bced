"""Chooses which files of a repository are worth a download: one form of the weights, nothing twice."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from arcdesk.core.hub import HubFile

# Of a GGUF repository, which holds the same model in many sizes: the usual balance first.
GGUF_ORDER = (
    "Q4_K_M",
    "Q4_K_S",
    "Q4_0",
    "Q5_K_M",
    "IQ4_XS",
    "Q5_K_S",
    "Q6_K",
    "Q8_0",
    "Q3_K_M",
    "F16",
    "BF16",
)

_SAFE = (".safetensors",)
_GGUF = (".gguf",)
_PICKLED = (".bin", ".pt", ".pth", ".ckpt")
_OTHER_FORMS = (
    ".onnx",
    ".onnx_data",
    ".h5",
    ".msgpack",
    ".tflite",
    ".ot",
    ".mlmodel",
    ".pb",
    ".npz",
    ".nemo",
)
_MEDIA = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".mp4", ".mp3", ".wav", ".pdf", ".zip", ".gz")
_OTHER_FOLDERS = {
    "original",
    "onnx",
    "openvino",
    "coreml",
    "metal",
    "mlx",
    "flax",
    "tf",
    "runs",
    "checkpoints",
}
_PART = re.compile(r"-\d{5}-of-\d{5}(?=\.gguf$)", re.IGNORECASE)


def choose_files(files: tuple[HubFile, ...], wanted: str = "") -> tuple[HubFile, ...]:
    """What to download: the small files first. With `wanted`, that file (all parts of a split one) only.

    Empty if `wanted` is not there, or the repository holds no weights that an engine could load.
    """
    safe = tuple(file for file in files if is_safe_path(file.path))
    chosen = _wanted(safe, wanted) if wanted else _whole_model(safe)
    return tuple(sorted(chosen, key=lambda file: (file.size_bytes or 0, file.path)))


def is_safe_path(path: str) -> bool:
    """A path that can't lead out of its folder."""
    parts = path.split("/")
    return bool(path) and "\\" not in path and "\0" not in path and not {"", ".", ".."} & set(parts)


def _wanted(files: tuple[HubFile, ...], wanted: str) -> list[HubFile]:
    stem = _PART.sub("", wanted)
    return [file for file in files if file.path == wanted or (stem != wanted and _group(file) == stem)]


def _whole_model(files: tuple[HubFile, ...]) -> list[HubFile]:
    usable = [file for file in files if not _is_aside(file)]
    weights = _weights(usable)
    if not weights:
        return []
    if weights[0].path.lower().endswith(_GGUF):
        rest = [file for file in usable if _is_small_text(file)]
    else:
        rest = [file for file in usable if not file.path.lower().endswith((*_SAFE, *_GGUF, *_PICKLED))]
    return [*rest, *weights]


def _weights(files: list[HubFile]) -> list[HubFile]:
    """Those of one form: safetensors, which can't run code, then GGUF, then pickled ones."""
    safe = _of(files, _SAFE)
    whole = [file for file in safe if not _name(file).startswith("consolidated")]
    if safe:
        return _outermost(whole or safe)
    if ggufs := _of(files, _GGUF):
        return _one_gguf(ggufs)
    pickled = [file for file in _of(files, _PICKLED) if not _is_training_state(file)]
    return _outermost([file for file in pickled if _name(file).endswith(".bin")] or pickled)


def _outermost(files: list[HubFile]) -> list[HubFile]:
    """A folder below holds another form of the same model, as long as there are weights above it."""
    return [file for file in files if "/" not in file.path] or files


def _one_gguf(files: list[HubFile]) -> list[HubFile]:
    models = [file for file in files if not _name(file).startswith(("mmproj", "imatrix"))] or files
    groups: dict[str, list[HubFile]] = {}
    for file in models:
        groups.setdefault(_group(file), []).append(file)

    def rank(group: str) -> tuple[int, int, str]:
        name = group.upper()
        found = (
            n for n, kind in enumerate(GGUF_ORDER) if re.search(rf"(?<![A-Z0-9]){kind}(?![A-Z0-9_])", name)
        )
        size_bytes = sum(file.size_bytes or 0 for file in groups[group])
        return next(found, len(GGUF_ORDER)), size_bytes, group

    return groups[min(groups, key=rank)]


def _group(file: HubFile) -> str:
    """The parts of a split GGUF have one name but for their number."""
    return _PART.sub("", file.path)


def _is_aside(file: HubFile) -> bool:
    *folders, name = PurePosixPath(file.path).parts
    lower = name.lower()
    return (
        lower.startswith(".git")
        or lower.endswith((*_OTHER_FORMS, *_MEDIA))
        or any(folder.lower() in _OTHER_FOLDERS or folder.startswith(".") for folder in folders)
    )


def _is_training_state(file: HubFile) -> bool:
    return _name(file).startswith(("optimizer", "scheduler", "training_args", "rng_state", "scaler"))


def _is_small_text(file: HubFile) -> bool:
    return "/" not in file.path and _name(file).startswith(("readme", "license", "licence", "notice"))


def _of(files: list[HubFile], endings: tuple[str, ...]) -> list[HubFile]:
    return [file for file in files if file.path.lower().endswith(endings)]


def _name(file: HubFile) -> str:
    return PurePosixPath(file.path).name.lower()
