"""Examines the Intel graphics cards: there, driven, allowed. Reads nothing that wakes a sleeping card."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from arcdesk.core.doctor import Area, Finding, Status, ok, unknown

INTEL = "0x8086"
DISPLAY_CLASS = "0x03"
XE_KERNEL = (6, 12)  # the first that drives Battlemage by itself
BATTLEMAGE = re.compile(r"0xe2[0-9a-f]{2}")
OTHERS = {"0x10de": "NVIDIA", "0x1002": "AMD"}
# Only the common cards; the others are told by their id.
NAMES = {
    "0x56a0": "Arc A770",
    "0x56a1": "Arc A750",
    "0x56a2": "Arc A580",
    "0x56a5": "Arc A380",
    "0x56a6": "Arc A310",
    "0xe20b": "Arc B580",
    "0xe20c": "Arc B570",
    "0xe211": "Arc Pro B60",
    "0xe212": "Arc Pro B50",
}

MayUse = Callable[[Path], bool]


def _may_use(node: Path) -> bool:
    return os.access(node, os.R_OK | os.W_OK)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Card:
    """One Intel display device as sysfs has it."""

    address: str  # on the PCI bus
    device: str  # '0x…'
    driver: str  # empty: none
    render: str  # 'renderD128'; empty: none

    @property
    def name(self) -> str:
        known = NAMES.get(self.device)
        return f"Intel {known}" if known else f"Intel graphics [8086:{self.device[2:]}]"


def card_findings(root: Path = Path("/"), *, kernel: str = "", may_use: MayUse = _may_use) -> list[Finding]:
    """About the cards. `root` holds sys and dev, `kernel` is the release. Blocks shortly, never raises."""
    kernel = kernel or (os.uname().release if hasattr(os, "uname") else "")
    if not (root / "sys/bus/pci/devices").is_dir():
        return [_no_pci(root)]
    cards = list(_cards(root))
    if not cards:
        return [_none(root)]
    findings = [_driven(card, kernel) for card in cards]
    return findings + [
        _allowed(root / "dev/dri" / card.render, card, may_use) for card in cards if card.render
    ]


def _cards(root: Path) -> Iterator[_Card]:
    for folder in _display_devices(root):
        if _read(folder / "vendor") != INTEL:
            continue
        driver = folder / "driver"
        nodes = sorted(_names(folder / "drm", "renderD"))
        yield _Card(
            address=folder.name,
            device=_read(folder / "device"),
            driver=Path(os.readlink(driver)).name if driver.is_symlink() else "",
            render=nodes[0] if nodes else "",
        )


def _display_devices(root: Path) -> list[Path]:
    devices = root / "sys/bus/pci/devices"
    return [
        devices / name
        for name in sorted(_names(devices))
        if _read(devices / name / "class").startswith(DISPLAY_CLASS)
    ]


def _names(folder: Path, prefix: str = "") -> list[str]:
    try:
        return [name for name in os.listdir(folder) if name.startswith(prefix)]
    except OSError:
        return []


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip().lower()
    except OSError:
        return ""


def _no_pci(root: Path) -> Finding:
    if (root / "dev/dxg").exists():
        return _under_wsl()
    return unknown(
        "cards", Area.CARDS, "Graphics cards", "This system does not tell its devices (no /sys/bus/pci)."
    )


def _none(root: Path) -> Finding:
    if (root / "dev/dxg").exists():
        return _under_wsl()
    makers = sorted(
        {OTHERS.get(_read(folder / "vendor"), "another maker") for folder in _display_devices(root)}
    )
    return Finding(
        id="cards",
        area=Area.CARDS,
        status=Status.WARN,
        title="No Intel graphics card",
        detail=f"There is graphics of {' and '.join(makers)}."
        if makers
        else "No graphics card was found at all.",
        fix="The embedded engine works on the processor; a server elsewhere can be used too.",
    )


def _under_wsl() -> Finding:
    return ok(
        "cards", Area.CARDS, "The card is lent by Windows", "WSL: /dev/dxg. Set it as the container's device."
    )


def _driven(card: _Card, kernel: str) -> Finding:
    id_ = f"cards.driver.{card.address}"
    where = f"at {card.address.removeprefix('0000:')}"
    if card.driver in ("xe", "i915"):
        return ok(id_, Area.CARDS, f"{card.name} has its driver", f"{card.driver}, kernel {kernel}, {where}")
    is_too_old = bool(BATTLEMAGE.match(card.device)) and _version(kernel) < XE_KERNEL
    if card.driver:
        detail, fix = (
            f"'{card.driver}' has it ({where}): it may be lent to a virtual machine.",
            "Give it back to xe or i915.",
        )
    elif is_too_old:
        first = ".".join(map(str, XE_KERNEL))
        detail = f"Kernel {kernel} does not know this card ({where}); {first} is the first that does."
        fix = "Install a newer kernel, e.g. from your distribution's backports."
    else:
        detail, fix = (
            f"No driver has taken it ({where}, kernel {kernel}).",
            "Load the driver, or look into the kernel's log.",
        )
    return Finding(
        id=id_,
        area=Area.CARDS,
        status=Status.BAD,
        title=f"{card.name} has no driver that computes",
        detail=detail,
        fix=fix,
        command="" if card.driver or is_too_old else "sudo modprobe xe",
    )


def _version(release: str) -> tuple[int, ...]:
    found = re.match(r"(\d+)\.(\d+)", release)
    return tuple(map(int, found.groups())) if found else (999,)


def _allowed(node: Path, card: _Card, may_use: MayUse) -> Finding:
    id_ = f"cards.render.{card.address}"
    shown = f"/dev/dri/{node.name}"
    if not node.exists():
        return Finding(
            id=id_,
            area=Area.CARDS,
            status=Status.BAD,
            title=f"{shown} is missing",
            detail=f"The kernel made it for {card.name}, but it is not there.",
            fix="In a container or sandbox, pass /dev/dri in.",
        )
    if may_use(node):
        return ok(id_, Area.CARDS, f"You may use {shown}", card.name)
    return Finding(
        id=id_,
        area=Area.CARDS,
        status=Status.WARN,
        title=f"You may not use {shown}",
        detail=f"Docker can pass {card.name} on, but ArcDesk can't read all of its figures.",
        fix="Run the command, log out and in again.",
        command="sudo usermod -aG render $USER",
    )
