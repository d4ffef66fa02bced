"""Finds graphics cards by the words people use for them, in the table of cards; the text is given to it."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from arcdesk.core.fit import FitCard
from arcdesk.core.fit_formats import GIB

MIB = 1024**2
# What the driver reports, less than the nominal size. Other cards: the share that the B580 has.
REPORTED_MIB = {"A770": 16288, "A770 8 GB": 8128, "A750": 8128, "A580": 8128, "B580": 12216, "Pro B60": 24480}
USABLE_SHARE = 12216 / 12288
# Products that share an id with a larger one, or have no figures of their own: (name, id, GiB).
SPECIAL = (("Intel Arc A770 8 GB", "8086:56a0", 8.0), ("Intel Arc Pro A40", "8086:56b1", 6.0))
_NOISE = re.compile(r"\b(intel|arc|graphics|gpu|data center|tm|r)\b|[()®™]")
_GIB = re.compile(r"^(?P<name>.+?)[\s:-]*(?P<gib>\d{1,3}(?:\.\d)?)\s*(?:g|gb|gib)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class CardRow:
    """A product of the table; `vram_gib` is the nominal size, None: not published."""

    pci_id: str
    name: str
    vram_gib: float | None


def parse_cards(text: str) -> tuple[CardRow, ...]:
    """The rows of arc_cards.csv; lines that are none are passed over."""
    rows = csv.DictReader(line for line in text.splitlines() if line and not line.startswith("#"))
    found = [
        CardRow(pci_id=row["pci_id"].lower(), name=row["name"], vram_gib=_number(row.get("vram_gib")))
        for row in rows
        if row.get("pci_id") and row.get("name")
    ]
    return tuple(found)


def find_card(words: str, rows: Sequence[CardRow]) -> FitCard | None:
    """The card meant by 'b580', 'Arc B580', 'pro b60', 'a770 8gb', '8086:e20b', 'e20b' or '16gb'.

    None: no such card, or no size of it is known. A size behind the name wins over the table's.
    """
    wanted = words.strip().lower()
    row = _by_id(wanted, rows) or _by_name(wanted, rows)
    if row is not None:
        return _card(row.name, row.vram_gib)
    sized = _GIB.match(wanted)
    if sized and (row := _by_name(sized["name"], rows)) is not None:
        return _card(f"{row.name} {sized['gib']} GB", float(sized["gib"]))
    only_size = re.fullmatch(r"(\d{1,3}(?:\.\d)?)\s*(?:gb|gib|g)", wanted)
    return _card(f"a card with {only_size[1]} GB", float(only_size[1])) if only_size else None


def card_names(rows: Sequence[CardRow]) -> tuple[str, ...]:
    """Short names of the cards whose size is known, for a hint."""
    return tuple(dict.fromkeys(_plain(row.name) for row in rows if row.vram_gib))


def reported_bytes(name: str, vram_gib: float) -> int:
    """What the driver will report of `vram_gib`: the measured figure where there is one, else a share."""
    short = name.removeprefix("Intel Arc ").removeprefix("Intel ")
    measured = REPORTED_MIB.get(short)
    if measured is not None and abs(measured / 1024 - vram_gib) < 1:
        return measured * MIB
    return int(vram_gib * USABLE_SHARE * GIB) // MIB * MIB


def _card(name: str, vram_gib: float | None) -> FitCard | None:
    if not vram_gib:
        return None
    return FitCard(name=name, total_bytes=reported_bytes(name, vram_gib))


def _by_id(wanted: str, rows: Sequence[CardRow]) -> CardRow | None:
    full = wanted if ":" in wanted else f"8086:{wanted.removeprefix('0x')}"
    return next((row for row in rows if row.pci_id == full), None)


def _by_name(wanted: str, rows: Sequence[CardRow]) -> CardRow | None:
    """The product of that name, one with a known size first; 'A40/A50' answers to both."""
    plain = _plain(wanted)
    return _named(plain, rows) or _named(f"pro {plain}", rows)


def _named(plain: str, rows: Sequence[CardRow]) -> CardRow | None:
    special = [CardRow(pci_id=pci_id, name=name, vram_gib=size) for name, pci_id, size in SPECIAL]
    hits = [row for row in (*rows, *special) if plain and plain in _names(row.name)]
    return max(hits, key=lambda row: row.vram_gib is not None, default=None)


def _names(name: str) -> set[str]:
    plain = _plain(name)
    if "/" not in plain:
        return {plain}
    first, last = plain.rsplit("/", 1)
    start = first.rpartition(" ")[0]
    return {plain, first, f"{start} {last}".strip()}


def _plain(name: str) -> str:
    return " ".join(_NOISE.sub(" ", name.lower()).split())


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
