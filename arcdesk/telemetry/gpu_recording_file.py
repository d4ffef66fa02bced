"""Loads a recording from a file, and refuses what is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

MOST_BYTES = 64 << 20


def load_recording(path: Path) -> dict[str, Any]:
    """A recording from a file. Raises OSError; ValueError with a plain sentence for what is none."""
    with open(path, "rb") as file:
        raw = file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise ValueError("it is far too large")
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON") from None
    if fault := _fault(data):
        raise ValueError(fault)
    found: dict[str, Any] = data
    return found


def _fault(data: Any) -> str:
    """What makes it no recording; '' if it is one."""
    if not isinstance(data, dict) or not isinstance(data.get("files"), dict):
        return "it has no 'files'"
    for key in ("links", "t1", "permissions", "ioctl", "docker", "meta"):
        if not isinstance(data.get(key) or {}, dict):
            return f"its '{key}' has no names"
    texts = {**data["files"], **(data.get("links") or {})}
    if not all(isinstance(text, str) for text in texts.values()):
        return "a file or link in it is no text"
    if not all(isinstance(text, str | None) for text in (data.get("t1") or {}).values()):
        return "a file of its second sample is no text"
    for key in ("ioctl", "docker"):
        if not all(isinstance(one, dict) for one in (data.get(key) or {}).values()):
            return f"its '{key}' is not as it should be"
    if not all(_is_answer(one) for one in (data.get("docker") or {}).values()):
        return "a container's answer in it is no text"
    nodes = (data.get("ioctl") or {}).values()
    answers = [raw for node in nodes for key, raw in node.items() if "_regions" in key]
    if not all(isinstance(raw, str | None) for raw in answers):
        return "an answer of a render node in it is no text"
    if not isinstance((data.get("meta") or {}).get("user") or {}, dict):
        return "its 'user' has no names"
    for key in ("eacces", "wakes_gpu", "eagain_once"):
        paths = (data.get("permissions") or {}).get(key) or []
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            return f"its '{key}' is no list of paths"
    return ""


def _is_answer(container: dict[str, Any]) -> bool:
    are_texts = all(isinstance(container.get(key), str | None) for key in ("exec_t0", "exec_t1"))
    return are_texts and isinstance(container.get("State") or {}, dict)
