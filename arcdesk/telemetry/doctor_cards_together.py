"""Judges several cards in one computer: equal or not, and in which order a container numbers them."""

from __future__ import annotations

from collections import Counter

from arcdesk.core.doctor import Area, Finding, Status, ok
from arcdesk.telemetry.doctor_cards_facts import GIB, CardFacts

SHOW_ORDER = "docker exec arcdesk-engine sycl-ls"


def together_findings(cards: list[CardFacts]) -> list[Finding]:
    """Nothing for a single card."""
    usable = [facts for facts in cards if facts.card.is_driven and facts.card.render]
    discrete = [facts for facts in usable if not facts.card.is_integrated]
    found = [_pair(discrete)] if len(discrete) > 1 else []
    if discrete and (len(discrete) < len(usable) or len(_kinds(discrete)) > 1):
        found.append(_order(usable))
    return found


def _kinds(cards: list[CardFacts]) -> Counter[tuple[str, int | None]]:
    """One id may be two products, told apart by their memory, as far as it is known for all."""
    is_told = all(facts.regions for facts in cards)
    return Counter((facts.card.pci_id, _whole_gib(facts) if is_told else None) for facts in cards)


def _whole_gib(facts: CardFacts) -> int:
    return round((facts.vram_bytes or 0) / GIB)  # what the firmware keeps of it may differ a little


def _pair(cards: list[CardFacts]) -> Finding:
    id_ = "cards.together"
    if len(_kinds(cards)) > 1:
        return Finding(
            id=id_,
            area=Area.CARDS,
            status=Status.WARN,
            title="The cards are not equal",
            detail=f"{_names(cards)}. A model split by tensor parallel gives each the same share: the "
            "smallest memory and the slowest card set the pace.",
            fix="Use one card per server, or pipeline parallel.",
        )
    many = f"{len(cards)} × {cards[0].card.name}"
    if any(facts.is_rebar_on is False for facts in cards):
        return Finding(
            id=id_,
            area=Area.CARDS,
            status=Status.WARN,
            title="Equal cards, but without Resizable BAR",
            detail=f"{many}. Cards reach each other's memory through that window: with tensor parallel every "
            "token waits for it.",
            fix="Turn Resizable BAR on in the BIOS before a model is spread over the cards.",
        )
    return ok(id_, Area.CARDS, "The cards are equal", f"{many}: a model can be spread over them.")


def _order(cards: list[CardFacts]) -> Finding:
    node = next(facts.card.render for facts in cards if not facts.card.is_integrated)
    return Finding(
        id="cards.order",
        area=Area.CARDS,
        status=Status.UNKNOWN,
        title="Which number a container gives each card is not known",
        detail=f"{_names(cards)}. A server takes number 0 unless ZE_AFFINITY_MASK names another; the numbers "
        "follow the driver's order in the container, not the PCI address.",
        fix=f"To be sure, set the container's device to one card, as /dev/dri/{node}. "
        "The command shows the order in a running container.",
        command=SHOW_ORDER,
    )


def _names(cards: list[CardFacts]) -> str:
    return " and ".join(f"{facts.card.name} ({facts.where.removeprefix('at ')})" for facts in cards)
