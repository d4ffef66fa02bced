"""Gathers what the card doctor judges. Of a sleeping card only what the PCI core keeps in memory is read."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from arcdesk.core.gpu import Link
from arcdesk.telemetry.drm_ioctl import MemoryRegion, parse_regions
from arcdesk.telemetry.gpu_names import KnownCard, known_cards
from arcdesk.telemetry.gpu_pci import (
    PciCard,
    bar_bytes,
    is_asleep,
    kernel_release,
    link_folder,
    list_cards,
    read,
    read_link,
    version_of,
)
from arcdesk.telemetry.gpu_port import GpuHost

MICRO = 1_000_000
SMALL_BAR_BYTES = 256 << 20
GIB = 1 << 30

# By the driver's folder below lib/firmware: what begins the names of a platform's firmware.
FIRMWARE = (
    (re.compile(r"Battlemage"), "xe", "bmg_guc"),
    (re.compile(r"Lunar Lake"), "xe", "lnl_guc"),
    (re.compile(r"Panther Lake"), "xe", "ptl_guc"),
    (re.compile(r"Alchemist"), "i915", "dg2_guc"),
    (re.compile(r"Meteor Lake|Arrow Lake"), "i915", "mtl_guc"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeGroup:
    """Who may use a node: its group ('' unknown); `is_enrolled`: the group's list already has this user."""

    name: str = "render"
    is_enrolled: bool = False


FindGroup = Callable[[str], NodeGroup]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What holds for all cards. `system` is e.g. 'debian bookworm', '' if not told."""

    kernel: str
    version: tuple[int, int] | None
    system: str = ""
    has_dri: bool = True
    is_nomodeset: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """One card. None: not asked, hidden or not there."""

    card: PciCard
    label: str  # its name; with its place where several have that name
    known: KnownCard | None
    is_asleep: bool
    has_node: bool = False
    may_use: bool = False
    group: NodeGroup = NodeGroup()
    regions: tuple[MemoryRegion, ...] | None = None
    bar_bytes: int | None = None
    link: Link | None = None
    sensors: frozenset[str] | None = None  # names in hwmon
    cap_w: float | None = None  # of the whole board
    rated_w: float | None = None
    missing_firmware: str = ""  # a path that should be there

    @property
    def where(self) -> str:
        """Its place on the bus, without the domain that nearly all machines have once."""
        return f"at {_place(self.card)}"

    @property
    def vram_bytes(self) -> int | None:
        """The card's memory as its driver tells, else as it is sold."""
        told = sum(region.total_bytes for region in self.regions or () if region.is_vram)
        if told:
            return told
        return int(self.known.vram_gib * GIB) if self.known and self.known.vram_gib else None

    @property
    def window_bytes(self) -> int | None:
        """How much of the card's memory the processor reaches at once."""
        visible = sum(region.cpu_visible_bytes for region in self.regions or () if region.is_vram)
        return self.bar_bytes if self.bar_bytes is not None else visible or None  # 0: an old i915

    @property
    def is_rebar_on(self) -> bool | None:
        """The processor reaches all of it."""
        vram = [region for region in self.regions or () if region.is_vram]
        if vram and all(region.cpu_visible_bytes >= region.total_bytes for region in vram):
            return True
        window = self.window_bytes
        if window is None or window <= SMALL_BAR_BYTES:
            return None if window is None else False
        return None if self.vram_bytes is None else window >= self.vram_bytes

    @property
    def is_use_hidden(self) -> bool:
        """The kernel tells this user the size of the card's memory, but not how much is in use."""
        return any(region.is_vram and region.used_bytes is None for region in self.regions or ())


def gather(host: GpuHost, find_group: FindGroup) -> tuple[Machine, list[CardFacts]]:
    """The machine and its Intel cards. Blocks shortly; raises nothing."""
    cards = list_cards(host)
    names = Counter(card.name for card in cards)
    labels = [card.name if names[card.name] == 1 else f"{card.name} ({_place(card)})" for card in cards]
    facts = [_facts(host, card, label, find_group) for card, label in zip(cards, labels, strict=True)]
    return _machine(host), facts


def _machine(host: GpuHost) -> Machine:
    kernel = kernel_release(host)
    return Machine(
        kernel=kernel,
        version=version_of(kernel),
        system=_system(host),
        has_dri=host.exists("dev/dri"),
        is_nomodeset="nomodeset" in read(host, "proc/cmdline").split(),
    )


def _system(host: GpuHost) -> str:
    told = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', read(host, "etc/os-release"), re.MULTILINE))
    return f"{told.get('id', '')} {told.get('version_codename', '')}".strip()


def _place(card: PciCard) -> str:
    return card.address.removeprefix("0000:")


def _facts(host: GpuHost, card: PciCard, label: str, find_group: FindGroup) -> CardFacts:
    asleep = is_asleep(host, card)
    is_open = card.is_driven and not asleep
    hwmon = _hwmon(host, card) if is_open else ""
    node = f"dev/dri/{card.render}"
    has_node = bool(card.render) and host.exists(node)
    may_use = has_node and host.may_use(node)
    return CardFacts(
        card=card,
        label=label,
        known=known_cards().get(card.pci_id),
        is_asleep=asleep,
        has_node=has_node,
        may_use=may_use,
        group=find_group(node) if has_node and not may_use else NodeGroup(),
        regions=_regions(host, card) if is_open and may_use else None,
        bar_bytes=bar_bytes(host, card) if card.is_driven else None,  # the driver makes it large
        link=read_link(host, link_folder(host, card)) if is_open else None,
        sensors=_names(host, hwmon) if hwmon else None,
        cap_w=_cap_w(host, card, hwmon) if hwmon else None,
        rated_w=_rated_w(host, card, hwmon) if hwmon else None,
        missing_firmware="" if card.is_driven and card.render else _missing_firmware(host, card),
    )


def _regions(host: GpuHost, card: PciCard) -> tuple[MemoryRegion, ...] | None:
    try:
        return tuple(parse_regions(card.driver, host.regions(card.render, card.driver)))
    except (OSError, ValueError):
        return None


def _hwmon(host: GpuHost, card: PciCard) -> str:
    """The folder of the driver's sensors; i915 may have a second one per GT, of another name."""
    folder = f"{card.path}/hwmon"
    found = [f"{folder}/{name}" for name in sorted(_names(host, folder))]
    return next((one for one in found if read(host, f"{one}/name") == card.driver), "")


def _names(host: GpuHost, folder: str) -> frozenset[str]:
    try:
        return frozenset(host.names(folder))
    except OSError:
        return frozenset()


def _cap_w(host: GpuHost, card: PciCard, hwmon: str) -> float | None:
    """What the user's limit allows: of the board with xe, of the chip with i915."""
    if card.driver == "i915":
        return _watts(host, f"{hwmon}/power1_max")
    is_board = read(host, f"{hwmon}/power1_label") == "card"
    return _watts(host, f"{hwmon}/power1_cap") if is_board else None


def _rated_w(host: GpuHost, card: PciCard, hwmon: str) -> float | None:
    """What it is built for, measured where the limit is: i915's limit is not the board's."""
    rated = _watts(host, f"{hwmon}/power1_rated_max")
    known = known_cards().get(card.pci_id)
    nominal = known.tdp_w if known and card.driver == "xe" else None
    return rated or nominal


def _watts(host: GpuHost, path: str) -> float | None:
    text = read(host, path)
    return int(text) / MICRO if text.isascii() and text.isdigit() and int(text) > 0 else None


def _missing_firmware(host: GpuHost, card: PciCard) -> str:
    known = known_cards().get(card.pci_id)
    for pattern, folder, prefix in FIRMWARE:
        if known is not None and pattern.search(known.architecture):
            names = _names(host, f"lib/firmware/{folder}") or _names(host, "lib/firmware")
            is_there = not names or any(name.startswith(prefix) for name in names)
            return "" if is_there else f"/lib/firmware/{folder}/{prefix}*"
    return ""


def live_group(root: str = "/") -> FindGroup:
    """Looks a node's group up in this system's databases."""

    def find(node: str) -> NodeGroup:
        import grp
        import pwd

        try:
            group = grp.getgrgid(os.stat(os.path.join(root, node)).st_gid)
            me = pwd.getpwuid(os.getuid())
        except (OSError, KeyError):  # e.g. in a sandbox with other numbers
            return NodeGroup(name="")
        is_enrolled = me.pw_name in group.gr_mem or me.pw_gid == group.gr_gid
        return NodeGroup(name=group.gr_name, is_enrolled=is_enrolled)

    return find
