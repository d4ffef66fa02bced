"""Parses what the kernel tells of a program's use of a card (DRM fdinfo), and takes rates of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

UNITS = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
MOST_BYTES = 1 << 50
VRAM_REGION = re.compile(r"(vram|local)\d*")
SHARED_REGION = re.compile(r"(gtt|system)\d*")
GREP_LINE = re.compile(r"(/proc/(\d+)/fdinfo/\d+):(drm-.*)")


@dataclass(frozen=True, slots=True)
class EngineUse:
    """A counter of one engine class: cycles of `total` (xe), or nanoseconds (`total` is None)."""

    busy: int
    total: int | None
    capacity: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DrmClient:
    """One program's use of one card. Bytes are None when this kernel does not tell them."""

    address: str  # of the card on the PCI bus
    client_id: int
    vram_bytes: int | None = None
    shared_bytes: int | None = None
    engines: dict[str, EngineUse] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, int]:
        """What makes a client one, however many descriptors and processes show it."""
        return self.address, self.client_id


def parse_fdinfo(text: str) -> DrmClient | None:
    """One fdinfo file; None when it is no DRM client's."""
    return _client(line for line in text.split("\n") if line.startswith("drm-"))


def parse_grep(text: str) -> Iterator[tuple[int, DrmClient]]:
    """What `grep -H "^drm-" /proc/[0-9]*/fdinfo/*` printed: (process, client) per file, repeats and all."""
    files: dict[str, tuple[int, list[str]]] = {}
    for line in text.split("\n"):
        if found := GREP_LINE.match(line):
            files.setdefault(found[1], (int(found[2]), []))[1].append(found[3])
    for pid, lines in files.values():
        client = _client(iter(lines))
        if client is not None:
            yield pid, client


def rates_pct(before: DrmClient, now: DrmClient, seconds: float) -> dict[str, float]:
    """How busy it kept each engine class in between, 0 to 100. Leaves out what can't be told."""
    rates: dict[str, float] = {}
    for name, use in now.engines.items():
        old = before.engines.get(name)
        if old is None:
            continue
        in_cycles = use.total is not None and old.total is not None
        span = (use.total or 0) - (old.total or 0) if in_cycles else seconds * 1e9
        if span <= 0:  # the card slept in between, or nothing is new
            continue
        done = max(0, use.busy - old.busy)  # may go back
        rates[name] = min(100.0, 100.0 * done / (span * use.capacity))
    return rates


def _client(lines: Iterator[str]) -> DrmClient | None:
    values: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition(":")
        values[key] = value.strip()
    number = _number(values.get("drm-client-id", ""))
    address = values.get("drm-pdev", "").lower()
    if number is None or not address:
        return None
    vram, shared = _memory(values)
    return DrmClient(
        address=address, client_id=number, vram_bytes=vram, shared_bytes=shared, engines=_engines(values)
    )


def _memory(values: dict[str, str]) -> tuple[int | None, int | None]:
    vram: int | None = None
    shared: int | None = None
    for key, value in values.items():
        if not key.startswith("drm-resident-"):
            continue
        size = _bytes(value)
        region = key[13:]
        if size is None:
            continue
        if VRAM_REGION.fullmatch(region):
            vram = (vram or 0) + size
        elif SHARED_REGION.fullmatch(region):
            shared = (shared or 0) + size
    return vram, shared


def _engines(values: dict[str, str]) -> dict[str, EngineUse]:
    engines: dict[str, EngineUse] = {}
    for key, value in values.items():
        if key.startswith("drm-cycles-"):
            name, total = key[11:], _number(values.get(f"drm-total-cycles-{key[11:]}", ""))
            busy = _number(value)
            if total is None:
                continue
        elif key.startswith("drm-engine-") and not key.startswith("drm-engine-capacity-"):
            name, total = key[11:], None
            busy = _number(value.removesuffix(" ns"))
        else:
            continue
        if busy is not None:
            capacity = _number(values.get(f"drm-engine-capacity-{name}", "")) or 1
            engines[name] = EngineUse(busy, total, capacity)
    return engines


def _bytes(text: str) -> int | None:
    number, _, unit = text.partition(" ")
    count, factor = _number(number), UNITS.get(unit.strip())
    if count is None or factor is None or count * factor > MOST_BYTES:
        return None
    return count * factor


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
