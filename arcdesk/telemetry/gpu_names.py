"""Names Intel's graphics cards by their PCI id, with the nominal figures of the discrete ones."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arcdesk.telemetry.gpu_host import GpuHost

PCI_IDS = ("usr/share/misc/pci.ids", "usr/share/hwdata/pci.ids")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCard:
    """A row of our tables. Figures are the vendor's; None: not published."""

    pci_id: str  # '8086:e20b'
    name: str
    architecture: str
    is_integrated: bool
    vram_gib: float | None = None
    bandwidth_gb_per_s: float | None = None
    xe_cores: int | None = None
    tdp_w: float | None = None
    default_driver: str = ""  # integrated ones only


@cache
def known_cards() -> dict[str, KnownCard]:
    """All rows by PCI id, read once. Empty when the tables are missing."""
    cards: dict[str, KnownCard] = {}
    for row in _rows("intel_igpu_ids.csv"):
        cards[row["pci_id"]] = KnownCard(
            pci_id=row["pci_id"],
            name=row["name"],
            architecture=row["platform"],
            is_integrated=True,
            default_driver=row["default_driver"],
        )
    for row in _rows("arc_cards.csv"):
        cores = _number(row["xe_cores"])
        cards[row["pci_id"]] = KnownCard(
            pci_id=row["pci_id"],
            name=row["name"],
            architecture=row["architecture"],
            is_integrated=False,
            vram_gib=_number(row["vram_gib"]),
            bandwidth_gb_per_s=_number(row["memory_bandwidth_gbps"]),
            xe_cores=None if cores is None else int(cores),
            tdp_w=_number(row["tdp_w"]),
        )
    return cards


def card_name(pci_id: str, host: GpuHost) -> str:
    """A name for people: from our tables, else the machine's pci.ids, else the id itself."""
    known = known_cards().get(pci_id)
    if known is not None:
        return known.name
    return _in_pci_ids(pci_id, host) or f"Intel GPU [{pci_id}]"


def _in_pci_ids(pci_id: str, host: GpuHost) -> str:
    vendor, _, device = pci_id.partition(":")
    wanted = re.compile(rf"\n\t{re.escape(device)}  ([^\n]+)")
    for path in PCI_IDS:
        try:
            text = host.text(path)
        except OSError:
            continue
        start = text.find(f"\n{vendor}  ")
        if start < 0:
            continue
        end = re.compile(r"\n[0-9a-fA-F]{4}  ").search(text, start + 1)
        if found := wanted.search(text, start, end.start() if end else len(text)):
            return f"Intel {found[1].strip()}"
    return ""


def _rows(name: str) -> Iterator[dict[str, str]]:
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "resources", package.parent / "resources"):
        try:
            with open(folder / "gpu" / name, encoding="utf-8", newline="") as file:
                yield from csv.DictReader(line for line in file if not line.startswith("#"))
                return
        except FileNotFoundError:
            continue


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
