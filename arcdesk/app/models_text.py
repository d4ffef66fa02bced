"""Models as `arcdesk models` prints them: a table, a page, JSON."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from arcdesk.core.models import ModelEntry, Place, SpeedSeen, Trouble

PLACES = {
    Place.CACHE: "cache",
    Place.FOLDER: "folder",
    Place.SERVER: "server",
    Place.STARTER: "starter",
}
# What a person can do about each.
FIXES = {
    Trouble.INCOMPLETE: "Go on with `arcdesk models pull {id}`, or remove it.",
    Trouble.BROKEN_LINKS: "Files are missing: download it again with `arcdesk models pull {id}`.",
    Trouble.BAD_CONFIG: "Its config can't be read: download it again, or remove it.",
    Trouble.MISSING_SHARDS: "Parts of the weights are missing: download it again, or remove it.",
    Trouble.NOT_YOURS: "A container wrote files as root: `arcdesk models rm {id}` takes them over first.",
    Trouble.UNREADABLE: "Give yourself the right to read its folder.",
}
HEADS = ("MODEL", "FORMAT", "SIZE", "CONTEXT", "PLACE", "NOTES")
RIGHT = (False, False, True, True, False, False)


def size_text(size_bytes: int | None) -> str:
    """Bytes in decimal units; '?' for unknown."""
    if size_bytes is None:
        return "?"
    value = float(size_bytes)
    for unit in ("B", "kB", "MB"):
        if value < 999.5:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def short_path(path: str) -> str:
    """With ~ for the person's home; what a terminal would take as a command is shown as '?'."""
    home = os.path.expanduser("~")
    text = f"~{path[len(home) :]}" if path == home or path.startswith(home + os.sep) else path
    return printable(text)


def printable(text: str) -> str:
    """Foreign words without control characters."""
    return "".join(char if char.isprintable() else "?" for char in text)


def table(entries: Sequence[ModelEntry]) -> str:
    """All of them, a line each, with a head and the sum; every line ends with a newline."""
    rows = [HEADS, *(_row(entry) for entry in entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, RIGHT, strict=True)
        ).rstrip()
        for row in rows
    ]
    held = sum((entry.size_bytes or 0) + entry.partial_bytes for entry in entries)
    count = f"{len(entries)} model{'' if len(entries) == 1 else 's'}"
    return "\n".join([*lines, "", f"{count}, {size_text(held)} on the disk"]) + "\n"


def _row(entry: ModelEntry) -> tuple[str, ...]:
    context = entry.config.context if entry.config is not None else None
    return (
        short_path(entry.id),
        format_text(entry),
        size_text(entry.size_bytes),
        str(context) if context else "?",
        PLACES[entry.place],
        ", ".join(_notes(entry)),
    )


def format_text(entry: ModelEntry) -> str:
    """'safetensors awq', 'gguf q4_k_m', 'none'."""
    quantization = entry.config.quantization if entry.config is not None else ""
    return printable(f"{entry.format.value} {quantization}".strip())


def _notes(entry: ModelEntry) -> list[str]:
    notes = ["in use"] if entry.is_served else []
    notes += [trouble.value for trouble in entry.troubles]
    if entry.partial_bytes:
        notes.append(f"{size_text(entry.partial_bytes)} unfinished")
    if entry.speed is not None:
        notes.append(f"{entry.speed.decode_tokens_per_s:.1f} tokens/s")
    return notes


def page(entry: ModelEntry, fit_lines: Sequence[str]) -> str:
    """All that is known of one model."""
    config = entry.config
    facts: list[tuple[str, object]] = [
        ("Model", short_path(entry.id)),
        ("Place", f"{PLACES[entry.place]}, {short_path(entry.path)}"),
        ("Revision", entry.revision),
        ("Format", format_text(entry)),
        ("Size", size_text(entry.size_bytes)),
        ("Unfinished", size_text(entry.partial_bytes) if entry.partial_bytes else ""),
        ("Licence", printable(entry.licence) or "unknown"),
        ("In use", "yes" if entry.is_served else ""),
    ]
    if config is not None:
        facts += [
            ("Architecture", printable(config.architecture)),
            ("Layers", config.layers),
            ("Heads", _heads(config.heads, config.kv_heads)),
            ("Experts", config.experts),
            ("Context", f"{config.context} tokens" if config.context else None),
        ]
    facts.append(("Speed", _speed(entry.speed)))
    lines = [f"{label + ':':14}{value}" for label, value in facts if value]
    name = short_path(entry.id)
    lines += [f"{'Trouble:':14}{one.value}. {FIXES[one].format(id=name)}" for one in entry.troubles]
    return "\n".join([*lines, *([""] if fit_lines else []), *fit_lines]) + "\n"


def _heads(heads: int | None, kv_heads: int | None) -> str:
    if not heads:
        return ""
    return f"{heads}" if kv_heads in (None, heads) else f"{heads}, {kv_heads} for keys and values"


def _speed(speed: SpeedSeen | None) -> str:
    if speed is None:
        return ""
    first = f", first token after {speed.ttft_ms:.0f} ms" if speed.ttft_ms is not None else ""
    return f"{speed.decode_tokens_per_s:.1f} tokens/s{first} (median of {speed.n} answers)"


def entry_json(entry: ModelEntry) -> dict[str, Any]:
    """One model; unknown is null."""
    config, speed = entry.config, entry.speed
    return {
        "id": entry.id,
        "place": entry.place.value,
        "path": entry.path or None,
        "snapshot": entry.snapshot or None,
        "revision": entry.revision or None,
        "format": entry.format.value,
        "size_bytes": entry.size_bytes,
        "partial_bytes": entry.partial_bytes,
        "licence": entry.licence or None,
        "architecture": (config.architecture or None) if config else None,
        "layers": config.layers if config else None,
        "heads": config.heads if config else None,
        "kv_heads": config.kv_heads if config else None,
        "context": config.context if config else None,
        "quantization": (config.quantization or None) if config else None,
        "modified_at": entry.modified_at or None,
        "troubles": [trouble.value for trouble in entry.troubles],
        "in_use": entry.is_served,
        "speed": None
        if speed is None
        else {
            "n": speed.n,
            "decode_tokens_per_s": speed.decode_tokens_per_s,
            "ttft_ms": speed.ttft_ms,
            "engine": speed.engine or None,
        },
    }
