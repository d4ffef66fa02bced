"""Watches the engine's cards while a benchmark measures: the peak of their memory, and what they used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from arcdesk.core.bench_ports import CardUse
from arcdesk.core.energy import EnergyCounters
from arcdesk.core.errors import EngineError
from arcdesk.core.gpu import Figure, GpuReading, GpuSnapshot
from arcdesk.core.gpu_view import GpuView
from arcdesk.services.gpu_energy import AnswerEnergy, others_on
from arcdesk.services.gpu_service import GpuService

LOOK_PATIENCE_S = 5.0
_UNKNOWN: Figure[float] = Figure()
_KEY = 1  # there is one measurement at a time
_AT_LEAST = "VRAM is what the readable programs hold: the card's own figure is hidden."
_WHICH = "There are several cards, and on which of them the engine works is not known."
_NO_LOOK = "The cards were not seen in this time."


class NoCards:
    """A CardMeter where there is nothing to see; `why` says it."""

    def __init__(self, why: str) -> None:
        self._use = CardUse(notes=(why,))

    async def begin(self) -> None:
        """Nothing."""

    async def end(self) -> CardUse:
        """Nothing is known, and why."""
        return self._use


@dataclass(slots=True)
class _Seen:
    """What the looks of one measurement showed."""

    peak_bytes: int | None = None
    is_at_least: bool = False
    why: str = ""
    is_cardless: bool = False  # there is none at all
    others: dict[str, None] = field(default_factory=dict)


class EngineCards:
    """A CardMeter. All methods belong to the loop's thread.

    `container` is the name of the engine's container, '' if it runs in none of ours. The peak is the
    highest of one look a second; energy is read from counters at both ends.
    """

    def __init__(self, gpu: GpuService, counters: EnergyCounters, *, container: str = "") -> None:
        self._gpu = gpu
        self._container = container
        self._addresses: tuple[str, ...] = ()
        self._energy = AnswerEnergy(counters, cards=lambda: self._addresses)
        self._seen = _Seen()
        self._end_watch: Callable[[], None] | None = None
        self._is_watching = False

    async def prepare(self) -> None:
        """Find the engine's cards, which may take seconds: before anything is measured."""
        used = self._gpu.view.used if self._container else None
        if used is not None and used.cards:
            self._addresses = tuple(card.address for card in used.cards)
            return
        try:
            # Containers too, whether or not one is ours: what that takes to load is not loaded later, while
            # it is measured.
            snapshot = await self._gpu.sample_once(asks_containers=True, patience_s=LOOK_PATIENCE_S)
        except EngineError:
            return
        self._addresses = engine_cards(snapshot, self._container)

    async def begin(self) -> None:
        """From now on."""
        self._let_go()
        self._energy.drop(_KEY)
        self._seen = _Seen()
        self._is_watching = False
        self._end_watch = self._gpu.watch(self._on_view)  # tells of the last look, which is of before
        self._is_watching = True
        self._gpu.look_soon()
        self._energy.begin(_KEY)

    async def end(self) -> CardUse:
        """Until now."""
        if self._end_watch is None:
            return CardUse()
        used = await self._energy.end(_KEY, None)
        try:
            await self._gpu.sample_once(patience_s=LOOK_PATIENCE_S)  # the watch is told of it
        except EngineError:
            self._seen.why = self._seen.why or _NO_LOOK
        self._let_go()
        joules = used.joules if used is not None else _UNKNOWN
        return CardUse(
            vram_peak_bytes=self._seen.peak_bytes,
            energy_j=joules.value,
            notes=tuple(dict.fromkeys(filter(None, self._notes(joules)))),
        )

    def _notes(self, joules: Figure[float]) -> tuple[str, ...]:
        seen = self._seen
        if seen.is_cardless:
            return (seen.why,)
        others = f"{', '.join(seen.others)} held the card as well." if seen.others else ""
        return (
            seen.why if seen.peak_bytes is None else "",
            _AT_LEAST if seen.is_at_least else "",
            joules.unknown.detail if joules.unknown is not None else "",
            others,
        )

    def _let_go(self) -> None:
        if self._end_watch is not None:
            self._end_watch()
            self._end_watch = None

    def _on_view(self, view: GpuView) -> None:
        if not self._is_watching or view.is_stale:
            return
        seen, cards = self._seen, self._cards_in(view.snapshot)
        if not cards:
            seen.is_cardless = not view.snapshot.cards
            seen.why = view.snapshot.why_none or (_NO_LOOK if self._addresses else _WHICH)
            return
        memory = [memory_of(card) for card in cards]
        total = 0
        for figure in memory:
            if figure.value is None:
                seen.why = figure.unknown.detail if figure.unknown is not None else _NO_LOOK
                return
            total += figure.value
        if seen.peak_bytes is None or total > seen.peak_bytes:
            seen.peak_bytes = total
            seen.is_at_least = any(not _exact(card).is_known for card in cards)
        if self._container:
            names = others_on(view.snapshot, tuple(card.address for card in cards), self._container)
            seen.others.update(dict.fromkeys(names))

    def _cards_in(self, snapshot: GpuSnapshot) -> list[GpuReading]:
        addresses = self._addresses or engine_cards(snapshot, self._container)
        found = [card for card in snapshot.cards if card.address in addresses]
        return found if len(found) == len(addresses) else []


def engine_cards(snapshot: GpuSnapshot, container: str) -> tuple[str, ...]:
    """Those on which the container holds memory; else the only one there is; else none is known."""
    driven = [card for card in snapshot.cards if not card.problem]
    holding = [card.address for card in driven if container and card.container_bytes.get(container)]
    if holding:
        return tuple(holding)
    discrete = [card for card in driven if not card.is_integrated] or driven
    return (discrete[0].address,) if len(discrete) == 1 else ()


def memory_of(card: GpuReading) -> Figure[int]:
    """What is used of a card's memory; if that is hidden, what the readable programs hold."""
    exact = _exact(card)
    return (
        exact
        if exact.is_known or not card.vram_used_at_least_bytes.is_known
        else (card.vram_used_at_least_bytes)
    )


def _exact(card: GpuReading) -> Figure[int]:
    return card.shared_used_bytes if card.is_integrated else card.vram_used_bytes
