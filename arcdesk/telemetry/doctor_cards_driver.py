"""Judges whether a card has a driver that computes, and what is missing if not."""

from __future__ import annotations

import re

from arcdesk.core.doctor import Area, Finding, Status, ok
from arcdesk.telemetry.doctor_cards_facts import CardFacts, Machine

# The first kernel that drives a platform of xe by itself; i915 has driven its cards for long.
XE_ALONE = re.compile(r"Battlemage|Lunar Lake|Panther Lake|Wildcat Lake")
FIRST_XE = (6, 12)
NEWER_KERNELS = {
    "debian bookworm": "sudo apt install -t bookworm-backports linux-image-amd64",
    "ubuntu noble": "sudo apt install linux-generic-hwe-24.04",
}
FIRMWARE_PACKAGES = {
    "debian bookworm": "sudo apt install -t bookworm-backports firmware-misc-nonfree",
    "debian trixie": "sudo apt install firmware-intel-graphics",
    "ubuntu noble": "sudo apt install linux-firmware",
}
BACKPORTS = "Debian 12 has one in bookworm-backports, Ubuntu 24.04 as linux-generic-hwe-24.04."
FIRMWARE_HELP = "Install it: firmware-intel-graphics (Debian 13), linux-firmware (Ubuntu and most others)."


def driver_finding(machine: Machine, facts: CardFacts) -> Finding:
    """OK, or BAD with the cause as far as an ordinary user can see it."""
    card = facts.card
    if not card.is_driven:
        return _lent(facts) if card.driver else _undriven(machine, facts)
    if card.render:
        detail = f"{card.driver}, kernel {machine.kernel}, {facts.where}"
        return ok(_id(facts), Area.CARDS, f"{facts.label} has its driver", detail)
    return _bad(
        facts,
        f"{facts.label} has no render node",
        f"{card.driver} has it ({facts.where}) but made no node to compute through.{_lack(facts)}",
        FIRMWARE_HELP if facts.missing_firmware else "The kernel's log tells why.",
        FIRMWARE_PACKAGES.get(machine.system, "") if facts.missing_firmware else _log_of(card.driver),
    )


def _lent(facts: CardFacts) -> Finding:
    driver, address = facts.card.driver, facts.card.address
    is_vfio = driver.startswith("vfio")
    why = "it is set aside for virtual machines" if is_vfio else "it is no driver that computes"
    give_back = (
        f"echo {address} | sudo tee /sys/bus/pci/drivers/{driver}/unbind && "
        f"echo {address} | sudo tee /sys/bus/pci/drivers/{_driver_for(facts)[1]}/bind"
    )
    return _bad(
        facts,
        _title(facts),
        f"'{driver}' has it ({facts.where}): {why}.",
        "Give it back to xe or i915 when no virtual machine uses it."
        if is_vfio
        else "Give it to xe or i915.",
        give_back if is_vfio else "",
    )


def _undriven(machine: Machine, facts: CardFacts) -> Finding:
    first, driver = _driver_for(facts)
    if machine.version is not None and machine.version < first:
        return _bad(
            facts,
            _title(facts),
            f"Kernel {machine.kernel} does not know this card ({facts.where}); "
            f"{first[0]}.{first[1]} is the first that does.",
            f"Install a newer kernel. {BACKPORTS}",
            NEWER_KERNELS.get(machine.system, ""),
        )
    if machine.is_nomodeset:
        return _bad(
            facts,
            _title(facts),
            f"The kernel was started with 'nomodeset', so {driver} left it alone ({facts.where}).",
            "Remove 'nomodeset' from the boot loader's settings and start again.",
        )
    if facts.missing_firmware:
        return _bad(
            facts,
            _title(facts),
            f"No driver has taken it ({facts.where}, kernel {machine.kernel}).{_lack(facts)}",
            FIRMWARE_HELP,
            FIRMWARE_PACKAGES.get(machine.system, ""),
        )
    return _bad(
        facts,
        _title(facts),
        f"No driver has taken it ({facts.where}, kernel {machine.kernel}).",
        "Load the driver. If that does not help, the kernel's log tells why.",
        f"sudo modprobe {driver}",
    )


def _driver_for(facts: CardFacts) -> tuple[tuple[int, int], str]:
    """The first kernel that may have it, and the driver that takes the card by itself."""
    architecture = facts.known.architecture if facts.known else ""
    return (FIRST_XE, "xe") if XE_ALONE.search(architecture) else ((0, 0), "i915")


def _lack(facts: CardFacts) -> str:
    return f" Its firmware {facts.missing_firmware} is not installed." if facts.missing_firmware else ""


def _log_of(driver: str) -> str:
    return f"sudo dmesg | grep -i {driver}"


def _title(facts: CardFacts) -> str:
    return f"{facts.label} has no driver that computes"


def _id(facts: CardFacts) -> str:
    return f"cards.driver.{facts.card.address}"


def _bad(facts: CardFacts, title: str, detail: str, fix: str, command: str = "") -> Finding:
    return Finding(
        id=_id(facts),
        area=Area.CARDS,
        status=Status.BAD,
        title=title,
        detail=detail,
        fix=fix,
        command=command,
    )
