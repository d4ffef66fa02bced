"""Judges whether this user may open a card's render node, and how that is allowed."""

from __future__ import annotations

from arcdesk.core.doctor import Area, Finding, Status, ok
from arcdesk.telemetry.doctor_cards_facts import CardFacts, Machine

GIVE_DRI = "In a container or sandbox, pass /dev/dri in."


def dri_finding(machine: Machine, cards: list[CardFacts]) -> Finding | None:
    """One for all cards when there are no nodes at all."""
    noded = [facts for facts in cards if _has_kernel_node(facts)]
    if machine.has_dri or not noded:
        return None
    names = " and ".join(facts.label for facts in noded)
    return Finding(
        id="cards.dri",
        area=Area.CARDS,
        status=Status.BAD,
        title="/dev/dri is missing",
        detail=f"The kernel drives {names}, but its nodes are not here: no engine can use it.",
        fix=GIVE_DRI,
    )


def access_finding(machine: Machine, facts: CardFacts) -> Finding | None:
    """Of one card that has a node."""
    if not machine.has_dri or not _has_kernel_node(facts):
        return None
    id_, name = f"cards.render.{facts.card.address}", facts.label
    shown = f"/dev/dri/{facts.card.render}"
    if not facts.has_node:
        return Finding(
            id=id_,
            area=Area.CARDS,
            status=Status.BAD,
            title=f"{shown} is missing",
            detail=f"The kernel made it for {name}, but it is not there.",
            fix=GIVE_DRI,
        )
    if facts.may_use:
        return ok(id_, Area.CARDS, f"You may use {shown}", name)
    fix, command = _way_in(facts, shown)
    return Finding(
        id=id_,
        area=Area.CARDS,
        status=Status.WARN,
        title=f"You may not use {shown}",
        detail=f"Docker can pass {name} on, but ArcDesk can't read how much of its memory is in use.",
        fix=fix,
        command=command,
    )


def _has_kernel_node(facts: CardFacts) -> bool:
    return facts.card.is_driven and bool(facts.card.render)


def _way_in(facts: CardFacts, shown: str) -> tuple[str, str]:
    group = facts.group
    if group.is_enrolled:
        return f"You were added to the group '{group.name}' already: log out and in again.", ""
    if group.name in ("", "root", "nogroup"):
        return "No group of yours can be given it: look at who owns it.", f"ls -l {shown}"
    return "Run the command, log out and in again.", f"sudo usermod -aG {group.name} $USER"
