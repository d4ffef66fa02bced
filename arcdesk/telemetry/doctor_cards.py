"""Examines the Intel graphics cards: there, driven, allowed, and whether something holds them back.

Nothing is read that wakes a sleeping card.
"""

from __future__ import annotations

from pathlib import Path

from arcdesk.core.doctor import Area, Finding, Status, ok, unknown
from arcdesk.telemetry.doctor_cards_access import access_finding, dri_finding
from arcdesk.telemetry.doctor_cards_driver import driver_finding
from arcdesk.telemetry.doctor_cards_facts import FindGroup, NodeGroup, gather, live_group
from arcdesk.telemetry.doctor_cards_hardware import hardware_findings
from arcdesk.telemetry.doctor_cards_kernel import firmware_finding, kernel_finding
from arcdesk.telemetry.doctor_cards_together import together_findings
from arcdesk.telemetry.gpu_host import LiveHost
from arcdesk.telemetry.gpu_pci import DEVICES, environment, other_makers
from arcdesk.telemetry.gpu_port import GpuHost


def card_findings(
    source: Path | GpuHost = Path("/"), *, find_group: FindGroup | None = None
) -> list[Finding]:
    """About the cards of this machine, of a tree that holds sys and dev, or of a recording.

    `find_group` tells whose a node is. Blocks shortly, never raises.
    """
    is_here = isinstance(source, Path)
    host = LiveHost(str(source)) if isinstance(source, Path) else source
    machine, cards = gather(host, find_group or (live_group(str(source)) if is_here else _recorded_group))
    if not cards:
        return [_none(host)]
    findings: list[Finding | None] = [dri_finding(machine, cards)]
    for facts in cards:
        findings += [driver_finding(machine, facts), access_finding(machine, facts)]
        findings += [*hardware_findings(facts), kernel_finding(machine, facts)]
    findings += together_findings(cards)
    findings.append(firmware_finding(cards))
    return [finding for finding in findings if finding is not None]


def _recorded_group(node: str) -> NodeGroup:
    """A recording has no owners; it is this group nearly everywhere."""
    return NodeGroup(name="render")


def _none(host: GpuHost) -> Finding:
    if environment(host) == "wsl2":
        return _under_wsl(host)
    if not host.exists(DEVICES):
        reason = "This system does not tell its devices (no /sys/bus/pci)."
        return unknown("cards", Area.CARDS, "Graphics cards", reason)
    makers = other_makers(host)
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


def _under_wsl(host: GpuHost) -> Finding:
    if host.exists("dev/dxg"):
        return ok(
            "cards",
            Area.CARDS,
            "The card is lent by Windows",
            "WSL: /dev/dxg. Set it as the container's device. Its figures can't be read from here.",
        )
    return Finding(
        id="cards",
        area=Area.CARDS,
        status=Status.BAD,
        title="Windows lends no graphics card",
        detail="This is WSL, and /dev/dxg is not there.",
        fix="Install Intel's driver in Windows and run the command there.",
        command="wsl --update",
    )
