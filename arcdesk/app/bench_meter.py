"""Chooses what watches the cards of the server that is measured."""

from __future__ import annotations

from typing import Protocol

from arcdesk.core.bench_ports import CardMeter
from arcdesk.core.bench_untold import why_no_card
from arcdesk.core.energy import EnergyCounters
from arcdesk.core.ports import Endpoint
from arcdesk.services.bench_cards import EngineCards, NoCards
from arcdesk.services.gpu_service import GpuService


class Cards(Protocol):
    """What is needed of GpuParts."""

    @property
    def service(self) -> GpuService:
        """Looks at the cards."""
        ...

    @property
    def counters(self) -> EnergyCounters:
        """Their energy counters."""
        ...


async def meter_of(endpoint: Endpoint, cards: Cards, *, container: str) -> CardMeter:
    """The meter for this server. Looks at the cards once, if they matter; raises nothing."""
    nothing = no_cards(endpoint)
    if nothing is not None:
        return nothing
    name = container if endpoint.engine == "container" else ""
    meter = EngineCards(cards.service, cards.counters, container=name)
    await meter.prepare()
    return meter


def no_cards(endpoint: Endpoint) -> CardMeter | None:
    """The meter of a server that works on no card of this computer; None: it may."""
    why = why_no_card(endpoint.engine, endpoint.base_url)
    return NoCards(why) if why else None
