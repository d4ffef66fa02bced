"""Tells what this kernel does not tell of a card, and from which on it would; and what only root may read."""

from __future__ import annotations

import re
from dataclasses import dataclass

from arcdesk.core.doctor import Area, Finding, Status, ok, unknown
from arcdesk.telemetry.doctor_cards_facts import CardFacts, Machine


@dataclass(frozen=True, slots=True)
class _Sensor:
    """A figure, the files that have it, and the first kernel that makes them."""

    words: str
    files: re.Pattern[str]
    since: tuple[int, int]


SENSORS = {
    "xe": (
        _Sensor("power", re.compile(r"energy\d+_input"), (6, 5)),
        _Sensor("temperatures", re.compile(r"temp\d+_input"), (6, 15)),
        _Sensor("fans", re.compile(r"fan\d+_input"), (6, 16)),
    ),
    "i915": (
        _Sensor("power", re.compile(r"energy\d+_input"), (6, 2)),
        _Sensor("fans", re.compile(r"fan\d+_input"), (6, 12)),
        _Sensor("temperature", re.compile(r"temp\d+_input"), (6, 13)),
    ),
}
MEMORY_PER_PROGRAM_I915 = (6, 8)
HIDDEN_USE = {
    "xe": "memory in use (only with CAP_PERFMON; 6.12.54 and 7.3 show it to everybody)",
    "i915": "memory in use (i915 shows it only with CAP_PERFMON)",
}


def kernel_finding(machine: Machine, facts: CardFacts) -> Finding | None:
    """What is missing of one card's figures; None where it can't be told."""
    if not facts.card.is_driven or facts.is_asleep or facts.card.is_integrated:
        return None
    id_, name = f"cards.kernel.{facts.card.address}", facts.label
    later = _later(machine, facts)
    missing = later + ([HIDDEN_USE[facts.card.driver]] if facts.is_use_hidden else [])
    if not missing:
        return (
            ok(
                id_,
                Area.CARDS,
                f"The kernel tells all figures of {name}",
                f"{facts.card.driver}, kernel {machine.kernel}",
            )
            if facts.regions
            else None
        )
    return unknown(
        id_,
        Area.CARDS,
        f"Not all figures of {name} are known",
        f"Kernel {machine.kernel} with {facts.card.driver} does not tell: {'; '.join(missing)}.",
        _fix(later, facts),
    )


def _later(machine: Machine, facts: CardFacts) -> list[str]:
    """What a newer kernel has. A file that is missing in a new enough one is not in the card."""
    version = machine.version
    if version is None:
        return []
    told = facts.sensors or frozenset()
    later = [
        f"{sensor.words} (from {sensor.since[0]}.{sensor.since[1]})"
        for sensor in SENSORS[facts.card.driver]
        if version < sensor.since and not any(sensor.files.fullmatch(name) for name in told)
    ]
    if facts.card.driver == "i915" and version < MEMORY_PER_PROGRAM_I915:
        later.append("memory by program (from 6.8)")
    return later


def _fix(later: list[str], facts: CardFacts) -> str:
    parts = []
    if later:
        parts.append("A newer kernel tells more; nothing else depends on it.")
    if facts.is_use_hidden:
        parts.append("ArcDesk adds up what your programs and containers hold instead.")
    return " ".join(parts)


def firmware_finding(cards: list[CardFacts]) -> Finding | None:
    """The firmware's version is in debugfs and in the kernel's log: both are root's."""
    if not any(facts.card.is_driven for facts in cards):
        return None
    return Finding(
        id="cards.firmware",
        area=Area.CARDS,
        status=Status.UNKNOWN,
        title="The firmware's version is not known",
        detail="Only root may read it: it is in the kernel's log.",
        fix="When a card misbehaves, the command shows which GuC and HuC firmware was loaded.",
        command="sudo dmesg | grep -iE 'guc|huc'",
    )
