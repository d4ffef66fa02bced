"""Judges what slows a card that works: a small memory window, a narrow link, a power limit; and sleep."""

from __future__ import annotations

import re

from arcdesk.core.doctor import Area, Finding, Status, ok, unknown
from arcdesk.core.gpu import Link
from arcdesk.telemetry.doctor_cards_facts import GIB, CardFacts

CAPPED_BELOW = 0.95  # of what the card is built for; the rest is rounding
STUB_GT_PER_S = 2.5  # what the card itself says, whatever its link is
OLD_LINK_GT_PER_S = 5.0  # up to here 8 of 10 bits are data, above 128 of 130


def hardware_findings(facts: CardFacts) -> list[Finding]:
    """About one card that has its driver."""
    if not facts.card.is_driven:
        return []
    asleep = [_asleep(facts)] if facts.is_asleep else []
    found = [] if facts.card.is_integrated else [_rebar(facts), _link(facts), _power(facts)]
    return asleep + [finding for finding in found if finding is not None]


def _asleep(facts: CardFacts) -> Finding:
    return ok(
        f"cards.asleep.{facts.card.address}",
        Area.CARDS,
        f"{facts.label} is asleep",
        "Nothing was asked that would wake it. Its link and limits can be seen while it works.",
    )


def _rebar(facts: CardFacts) -> Finding | None:
    id_ = f"cards.rebar.{facts.card.address}"
    if facts.is_rebar_on is None:
        return None
    if facts.is_rebar_on:
        title = f"{facts.label} has Resizable BAR"
        return ok(id_, Area.CARDS, title, "All of its memory can be reached at once")
    whole = f" of {_size(facts.vram_bytes)}" if facts.vram_bytes else ""
    return Finding(
        id=id_,
        area=Area.CARDS,
        status=Status.WARN,
        title=f"{facts.label} runs without Resizable BAR",
        detail=f"The processor reaches only {_size(facts.window_bytes or 0)}{whole} at a time: "
        "models load slower, and the card answers slower.",
        fix="In the BIOS turn on 'Above 4G Decoding' and 'Re-Size BAR Support', and CSM off. "
        "The command shows what the card can do.",
        command=f"sudo lspci -vv -s {facts.card.address} | grep -A 3 'Resizable BAR'",
    )


def _link(facts: CardFacts) -> Finding | None:
    link, id_ = facts.link, f"cards.link.{facts.card.address}"
    if link is None:
        return None
    speed, most = _gt_per_s(link.speed), _gt_per_s(link.max_speed)
    if link.device == facts.card.address and (speed, link.width) == (STUB_GT_PER_S, 1):
        return unknown(
            id_,
            Area.CARDS,
            f"The PCIe link of {facts.label} can't be seen here",
            "The card itself always tells 2.5 GT/s with one lane, and the switch on it is not shown, "
            "as in a virtual machine.",
        )
    is_narrow, is_slow = link.width < link.max_width, speed < most
    shown = f"{link.speed}, {_lanes(link.width)}"
    if not is_narrow and not is_slow:
        return ok(id_, Area.CARDS, f"{facts.label} has its full PCIe link", shown)
    return Finding(
        id=id_,
        area=Area.CARDS,
        status=Status.WARN,
        title=f"The PCIe link of {facts.label} is below its best",
        detail=f"{shown} instead of {link.max_speed}, {_lanes(link.max_width)}{_cost(link)}. "
        "Models load slower, and work spread over several cards suffers.",
        fix=_link_fix(is_narrow=is_narrow),
        command=f"sudo lspci -vv -s {link.device} | grep -E 'LnkCap:|LnkSta:'",
    )


def _link_fix(*, is_narrow: bool) -> str:
    if is_narrow:
        return (
            "Use a slot with more lanes; a second card or an M.2 drive may share this one's. "
            "Or it is the riser."
        )
    return (
        "Look again while the card works. If it stays, set the slot's speed in the BIOS or check the riser."
    )


def _cost(link: Link) -> str:
    now, best = _gb_per_s(link.speed, link.width), _gb_per_s(link.max_speed, link.max_width)
    return f", about {now:.0f} instead of {best:.0f} GB/s" if round(now) >= 1 else ""


def _power(facts: CardFacts) -> Finding | None:
    if facts.cap_w is None or facts.rated_w is None:
        return None
    id_ = f"cards.power.{facts.card.address}"
    if facts.cap_w >= facts.rated_w * CAPPED_BELOW:
        return ok(id_, Area.CARDS, f"{facts.label} may draw its full power", f"{facts.cap_w:.0f} W")
    name = "power1_cap" if facts.card.driver == "xe" else "power1_max"
    path = f"/sys/bus/pci/devices/{facts.card.address}/hwmon/hwmon*/{name}"
    return Finding(
        id=id_,
        area=Area.CARDS,
        status=Status.WARN,
        title=f"{facts.label} is limited to {facts.cap_w:.0f} W",
        detail=f"It is built for {facts.rated_w:.0f} W. The limit makes it slower, cooler and quieter.",
        fix="If nobody meant that, the command lifts it until the next start.",
        command=f"echo {facts.rated_w * 1e6:.0f} | sudo tee {path}",
    )


def _gt_per_s(speed: str) -> float:
    found = re.match(r"\d+(\.\d+)?", speed)
    return float(found[0]) if found else 0.0


def _gb_per_s(speed: str, width: int) -> float:
    rate = _gt_per_s(speed)
    return rate * width / 8 * (8 / 10 if rate <= OLD_LINK_GT_PER_S else 128 / 130)


def _lanes(width: int) -> str:
    return f"{width} lane{'' if width == 1 else 's'}"


def _size(count: int) -> str:
    return f"{count >> 20} MiB" if count < GIB else f"{count / GIB:.1f}".removesuffix(".0") + " GiB"
