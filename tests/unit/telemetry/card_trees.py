"""Recordings of hosts, changed for a test, and small trees of files as sysfs has them."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arcdesk.core.doctor import Finding
from arcdesk.telemetry.doctor_cards import card_findings
from arcdesk.telemetry.doctor_cards_facts import NodeGroup
from arcdesk.telemetry.gpu_recorded import RecordedHost

RECORDINGS = Path(__file__).parents[2] / "data" / "gpu" / "recordings"


def recording(name: str) -> dict[str, Any]:
    """A recording, to be changed at will."""
    found: dict[str, Any] = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    return copy.deepcopy(found)


def changed(
    name: str,
    *,
    files: Mapping[str, str] | None = None,
    gone: tuple[str, ...] = (),
    refused: tuple[str, ...] = (),
    regions: str = "",
) -> RecordedHost:
    """A recorded host of which files that end so hold another text, are gone, or are refused.

    `regions` puts another answer (hex) in place of all memory answers.
    """
    told = recording(name)
    for end, text in (files or {}).items():
        found = [path for path in told["files"] if path.endswith(end)] or [end]
        told["files"].update(dict.fromkeys(found, text))
    for part in ("files", "links"):
        told[part] = {path: text for path, text in told[part].items() if not any(one in path for one in gone)}
    told["permissions"]["eacces"] += refused
    for node in told["ioctl"].values():
        for key in [key for key in node if regions and "regions" in key]:
            node[key] = regions
    return RecordedHost(told)


def add_device(
    root: Path, address: str, *, vendor: str, device: str, driver: str = "", render: str = ""
) -> Path:
    """One display device, with its links as the kernel makes them; returns its folder."""
    folder = root / "sys/bus/pci/devices" / address
    folder.mkdir(parents=True)
    (folder / "vendor").write_text(f"{vendor}\n")
    (folder / "device").write_text(f"{device}\n")
    (folder / "class").write_text("0x030000\n")
    if driver:
        target = root / "sys/bus/pci/drivers" / driver
        target.mkdir(parents=True, exist_ok=True)
        (folder / "driver").symlink_to(target)
    if render:
        (folder / "drm" / "card1").mkdir(parents=True)
        (folder / "drm" / render).mkdir()
        (root / "dev/dri").mkdir(parents=True, exist_ok=True)
        (root / "dev/dri" / render).write_text("")
    return folder


def add_kernel(root: Path, release: str, *, arguments: str = "quiet", system: str = "") -> None:
    """The kernel's release and arguments, and the distribution as os-release tells it."""
    (root / "proc/sys/kernel").mkdir(parents=True)
    (root / "proc/sys/kernel/osrelease").write_text(f"{release}\n")
    (root / "proc/cmdline").write_text(f"BOOT_IMAGE=/vmlinuz {arguments}\n")
    if system:
        (root / "etc").mkdir()
        id_, codename = system.split()
        (root / "etc/os-release").write_text(
            f'PRETTY_NAME="Some System"\nID={id_}\nVERSION_CODENAME={codename}\n'
        )


def materialise(name: str, root: Path) -> dict[str, Any]:
    """Make a recording's tree on the disk; returns the recording."""
    told = recording(name)
    for path, text in told["files"].items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text.encode("utf-8", "surrogateescape"))
    for path, target in told["links"].items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(place):
            place.symlink_to(target)
    return told


def by_kind(source: Path | RecordedHost, group: NodeGroup | None = None) -> dict[str, Finding]:
    """The findings of a host with one card, by the middle of their ids ('rebar')."""
    found = card_findings(source, find_group=lambda node: group or NodeGroup())
    return {one.id.split(".")[1] if "." in one.id else one.id: one for one in found}
