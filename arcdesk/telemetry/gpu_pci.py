"""Finds Intel's display devices on the PCI bus. Nothing here wakes a sleeping card."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from arcdesk.core.gpu import Link
from arcdesk.telemetry.gpu_host import GpuHost
from arcdesk.telemetry.gpu_names import card_name, known_cards
from arcdesk.telemetry.gpu_values import read_text

DEVICES = "sys/bus/pci/devices"
INTEL = "0x8086"
DISPLAY_CLASS = "0x03"
BRIDGE_CLASS = "0x0604"
DRIVERS = ("xe", "i915")
OTHER_MAKERS = {"0x10de": "NVIDIA", "0x1002": "AMD"}
CARD = re.compile(r"card(\d+)")
RENDER = re.compile(r"renderD(\d+)")
BAR_LINE = 2  # of the file `resource`: the card's memory
SWITCH_LEVELS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PciCard:
    """One Intel display device. `path` is its real folder below sys/devices."""

    address: str  # '0000:0b:00.0'
    path: str
    pci_id: str  # '8086:e20b'
    name: str
    driver: str = ""  # '': none
    card: str = ""  # 'card1'
    render: str = ""  # 'renderD128'
    is_integrated: bool = False

    @property
    def is_driven(self) -> bool:
        """A driver has it that tells figures."""
        return self.driver in DRIVERS


def list_cards(host: GpuHost) -> list[PciCard]:
    """Intel's display devices by address. Raises nothing; empty where there is no PCI bus."""
    found = (_card(host, address) for address in device_names(host))
    return [card for card in found if card is not None]


def device_names(host: GpuHost) -> list[str]:
    """All addresses on the PCI bus, in order."""
    try:
        return sorted(host.names(DEVICES))
    except OSError:
        return []


def other_makers(host: GpuHost) -> list[str]:
    """Who made the display devices that are not Intel's."""
    makers = set()
    for address in device_names(host):
        folder = f"{DEVICES}/{address}"
        if read(host, f"{folder}/class").startswith(DISPLAY_CLASS):
            vendor = read(host, f"{folder}/vendor")
            if vendor != INTEL:
                makers.add(OTHER_MAKERS.get(vendor, "another maker"))
    return sorted(makers)


def environment(host: GpuHost) -> str:
    """'wsl2' where Windows lends its card, else ''."""
    if host.exists("dev/dxg") or "microsoft" in read(host, "proc/sys/kernel/osrelease"):
        return "wsl2"
    return ""


def kernel_release(host: GpuHost) -> str:
    """As the kernel writes it, e.g. '6.16.3-arch1-1'; '' when unknown."""
    try:
        return read_text(host, "proc/sys/kernel/osrelease").strip()
    except OSError:
        return ""


def version_of(release: str) -> tuple[int, int] | None:
    """'6.16.3-arch1-1' → (6, 16)."""
    found = re.match(r"(\d+)\.(\d+)", release)
    return (int(found[1]), int(found[2])) if found else None


def is_asleep(host: GpuHost, card: PciCard) -> bool:
    """It is suspended, or about to be. Asking this never wakes it."""
    status = read(host, f"{card.path}/power/runtime_status")
    if status:
        return status in ("suspended", "suspending")
    return read(host, f"{card.path}/power_state").startswith("d3")


def bar_bytes(host: GpuHost, card: PciCard) -> int | None:
    """The window through which the processor sees the card's memory; None when it can't be told."""
    try:
        line = read_text(host, f"{card.path}/resource").splitlines()[BAR_LINE]
        first, last, _flags = (int(number, 16) for number in line.split())
    except (OSError, ValueError, IndexError):
        return None
    return last - first + 1 if last > first else None


def link_folder(host: GpuHost, card: PciCard) -> str:
    """Where the card's true link is told: the on-card switch's upstream port, or the card itself."""
    folder = card.path
    for _ in range(SWITCH_LEVELS):
        parent = posixpath.dirname(folder)
        if not _is_stub(host, folder) or not _is_intel_bridge(host, parent):
            break
        folder = parent
    return folder


def read_link(host: GpuHost, folder: str) -> Link | None:
    """The link of a device; None where it has none ('Unknown', as integrated ones say)."""
    speed = _speed(host, f"{folder}/current_link_speed")
    width = _width(host, f"{folder}/current_link_width")
    if not speed or not width:
        return None
    return Link(
        speed=speed,
        width=width,
        max_speed=_speed(host, f"{folder}/max_link_speed"),
        max_width=_width(host, f"{folder}/max_link_width"),
        device=posixpath.basename(folder),
    )


def read(host: GpuHost, path: str) -> str:
    """A short text in lower case; '' when it can't be read."""
    try:
        return read_text(host, path).strip().lower()
    except OSError:
        return ""


def _card(host: GpuHost, address: str) -> PciCard | None:
    folder = f"{DEVICES}/{address}"
    if not read(host, f"{folder}/class").startswith(DISPLAY_CLASS):
        return None
    if read(host, f"{folder}/vendor") != INTEL:
        return None
    pci_id = f"8086:{read(host, f'{folder}/device').removeprefix('0x')}"
    try:
        path = host.real(folder)
    except OSError:
        return None
    nodes = _names(host, f"{path}/drm")
    return PciCard(
        address=address,
        path=path,
        pci_id=pci_id,
        name=card_name(pci_id, host),
        driver=_driver(host, path),
        card=_first(CARD, nodes),
        render=_first(RENDER, nodes),
        is_integrated=_is_integrated(pci_id, address),
    )


def _is_integrated(pci_id: str, address: str) -> bool:
    known = known_cards().get(pci_id)
    if known is not None:  # a card lent to a virtual machine may sit anywhere
        return known.is_integrated
    return address.endswith(":00:02.0")


def _driver(host: GpuHost, path: str) -> str:
    try:
        return posixpath.basename(host.link(f"{path}/driver"))
    except OSError:
        return ""


def _names(host: GpuHost, folder: str) -> list[str]:
    try:
        return host.names(folder)
    except OSError:
        return []


def _first(pattern: re.Pattern[str], names: list[str]) -> str:
    found = [(int(match[1]), name) for name in names if (match := pattern.fullmatch(name))]
    return min(found)[1] if found else ""


def _is_stub(host: GpuHost, folder: str) -> bool:
    speed = read(host, f"{folder}/current_link_speed")
    return speed.startswith("2.5 ") and _width(host, f"{folder}/current_link_width") == 1


def _is_intel_bridge(host: GpuHost, folder: str) -> bool:
    return read(host, f"{folder}/vendor") == INTEL and read(host, f"{folder}/class").startswith(BRIDGE_CLASS)


def _speed(host: GpuHost, path: str) -> str:
    try:
        text = read_text(host, path).strip()
    except OSError:
        return ""
    return text if text[:1].isdigit() else ""


def _width(host: GpuHost, path: str) -> int:
    text = read(host, path)
    width = int(text) if text.isascii() and text.isdigit() else 0
    return width if width < 255 else 0  # 255: the kernel knows none
