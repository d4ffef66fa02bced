"""Names a card's sensors: its hwmon folders, and what a channel without a label is."""

from __future__ import annotations

import re

from arcdesk.telemetry.gpu_host import GpuHost
from arcdesk.telemetry.gpu_pci import PciCard

FOLDER = re.compile(r"hwmon(\d+)")
# Without a label: xe numbers its channels so, and what i915 tells is the package.
DEFAULT_LABELS = {
    "xe": {
        "energy1": "card",
        "energy2": "pkg",
        "temp2": "pkg",
        "temp3": "vram",
        "temp4": "mctrl",
        "temp5": "pcie",
        **{f"temp{6 + channel}": f"vram_ch_{channel}" for channel in range(16)},
    },
    "i915": {"energy1": "pkg", "temp1": "pkg"},
}


def hwmon_names(host: GpuHost, card: PciCard) -> list[str]:
    """The card's hwmon folders, without looking into them (which would wake it)."""
    try:
        names = host.names(f"{card.path}/hwmon")
    except OSError:
        return []
    return sorted((name for name in names if FOLDER.fullmatch(name)), key=lambda name: int(name[5:]))


def only_hwmon(host: GpuHost, card: PciCard) -> str:
    """The card's hwmon when there is just one candidate, told without waking the card."""
    names = hwmon_names(host, card)
    return names[0] if len(names) == 1 else ""
