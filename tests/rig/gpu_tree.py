"""Recordings of graphics cards: loads them, and builds one as a tree of files."""

from __future__ import annotations

import json
import os
import posixpath
from pathlib import Path
from typing import Any

RECORDINGS = Path(__file__).resolve().parents[1] / "data" / "gpu" / "recordings"
NAMES = tuple(sorted(path.stem for path in RECORDINGS.glob("*.json")))


def load_recording(name: str) -> dict[str, Any]:
    """A recording, fresh, to be changed at will."""
    data: dict[str, Any] = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    return data


def make_tree(recording: dict[str, Any], folder: Path, *, second: bool = False) -> None:
    """The recording's files and links under `folder`, at the first or the second sample."""
    files = recording["files"] | (recording["t1"] if second else {})
    for path, text in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode("utf-8", "surrogateescape"))
    for path, target in recording["links"].items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        pointed = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        is_inside = not target.startswith("/") and ":[" not in target
        if is_inside and pointed not in recording["links"] and pointed not in files:
            (folder / pointed).mkdir(parents=True, exist_ok=True)
        os.symlink(target, place)
