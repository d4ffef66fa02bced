"""Measures what answers cost: energy counters at both ends of an answer, nothing between."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from arcdesk.core.chat import AnswerStats
from arcdesk.core.energy import (
    EnergyCounter,
    EnergyCounters,
    EnergyUsed,
    energy_used,
    joules_between,
    sum_of,
)
from arcdesk.core.gpu import Figure, GpuSnapshot, Unknown, Why
from arcdesk.services.threads import in_thread

log = logging.getLogger(__name__)

REREAD_EVERY_S = 240.0  # the hardware's 32 bits go round in 23 minutes at 190 W, unseen if nobody reads
READ_PATIENCE_S = 10.0
OTHERS_MIN_BYTES = 512 * 1024 * 1024

Cards = Callable[[], tuple[str, ...]]  # PCI addresses that the engine works on; () not known

_OVERLAPPED = Unknown(
    Why.NOT_PROVIDED, "Another answer was made at the same time: the counter does not tell them apart."
)
_WHICH_CARD = Unknown(
    Why.NOT_PROVIDED, "There are several cards, and on which of them the engine works is not known."
)
_NO_READ = Unknown(Why.ERROR, "The energy counter gave no answer.")
_GONE = Unknown(Why.ERROR, "The card's energy counter was not there all the time.")


@dataclass(slots=True, kw_only=True, eq=False)
class _Running:
    """An answer under way."""

    ended: asyncio.Event = field(default_factory=asyncio.Event)
    is_alone: bool = True
    measuring: asyncio.Task[list[tuple[EnergyCounter, ...]] | None] | None = None


class AnswerEnergy:
    """Joules per answer of the container engine. All methods belong to the loop's thread.

    `others` names programs that held the given cards as well. A look takes a thread for a moment; between
    the looks there is at most a timer of four minutes.
    """

    def __init__(
        self,
        counters: EnergyCounters,
        *,
        cards: Cards,
        idle_w: Callable[[], float | None] = lambda: None,
        others: Callable[[tuple[str, ...]], tuple[str, ...]] = lambda _: (),
        reread_every_s: float = REREAD_EVERY_S,
        read_patience_s: float = READ_PATIENCE_S,
    ) -> None:
        self._counters = counters
        self._cards = cards
        self._idle_w = idle_w
        self._others = others
        self._reread_every_s = reread_every_s
        self._read_patience_s = read_patience_s
        self._running: dict[int, _Running] = {}

    @property
    def is_busy(self) -> bool:
        """An answer is under way."""
        return bool(self._running)

    def begin(self, message_id: int) -> None:
        """The request of this answer goes out now."""
        if message_id in self._running:
            return
        running = _Running(is_alone=not self._running)
        for other in self._running.values():
            other.is_alone = False
        running.measuring = asyncio.ensure_future(self._measure(running))
        self._running[message_id] = running

    async def end(self, message_id: int, stats: AnswerStats | None) -> EnergyUsed | None:
        """The answer is over: what it cost. None for one that was never begun."""
        running = self._running.get(message_id)
        if running is None or running.measuring is None:
            return None
        running.ended.set()
        try:
            looks = await running.measuring
        finally:
            self._running.pop(message_id, None)
        return self._cost(running, looks, stats)

    def drop(self, message_id: int) -> None:
        """The answer came to nothing: don't measure it."""
        running = self._running.pop(message_id, None)
        if running is not None and running.measuring is not None:
            running.measuring.cancel()

    async def aclose(self) -> None:
        """Stop measuring."""
        tasks = [running.measuring for running in self._running.values() if running.measuring is not None]
        for message_id in list(self._running):
            self.drop(message_id)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _measure(self, running: _Running) -> list[tuple[EnergyCounter, ...]] | None:
        """The counters at the begin, every few minutes, and at the end; None when a look failed."""
        looks: list[tuple[EnergyCounter, ...]] = []
        is_last = False
        try:
            while True:
                async with asyncio.timeout(self._read_patience_s):
                    looks.append(await in_thread("gpu-energy", self._counters.read))
                if is_last:
                    return looks
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._reread_every_s):
                        await running.ended.wait()
                is_last = running.ended.is_set()
        except TimeoutError:
            log.warning("the energy counters gave no answer in %.0f s", self._read_patience_s)
            return None

    def _cost(
        self, running: _Running, looks: list[tuple[EnergyCounter, ...]] | None, stats: AnswerStats | None
    ) -> EnergyUsed:
        tokens = stats.completion_tokens if stats else None
        addresses = self._cards() or _only_card(looks or [])
        seconds = _seconds(looks or [])
        others = self._others(addresses)
        return energy_used(
            _joules(running, looks, addresses),
            tokens=tokens,
            seconds=seconds,
            idle_w=self._idle_w(),
            cards=addresses,
            caveat=f"{', '.join(others)} held the card as well: its work is included." if others else "",
        )


def _joules(
    running: _Running, looks: list[tuple[EnergyCounter, ...]] | None, addresses: tuple[str, ...]
) -> Figure[float]:
    if looks is None:
        return Figure(unknown=_NO_READ)
    if not running.is_alone:
        return Figure(unknown=_OVERLAPPED)
    if not addresses:
        return Figure(unknown=_WHICH_CARD) if looks[-1] else sum_of(())
    return sum_of([_of_card(looks, address) for address in addresses])


def _of_card(looks: list[tuple[EnergyCounter, ...]], address: str) -> Figure[float]:
    steps = []
    for before, after in itertools.pairwise(looks):
        first, second = _find(before, address), _find(after, address)
        if first is None or second is None:
            return Figure(unknown=_GONE)
        steps.append(joules_between(first, second))
    return sum_of(steps)


def _find(look: tuple[EnergyCounter, ...], address: str) -> EnergyCounter | None:
    return next((counter for counter in look if counter.address == address), None)


def _only_card(looks: list[tuple[EnergyCounter, ...]]) -> tuple[str, ...]:
    """The one card with a counter, if there is just one; else the one card at all."""
    seen = [counter for look in looks for counter in look]
    counting = {counter.address for counter in seen if counter.channels_uj}
    addresses = counting or {counter.address for counter in seen}
    return tuple(addresses) if len(addresses) == 1 else ()


def _seconds(looks: list[tuple[EnergyCounter, ...]]) -> float:
    if len(looks) < 2 or not looks[0] or not looks[-1]:
        return 0.0
    return max(0.0, looks[-1][0].at - looks[0][0].at)


def others_on(snapshot: GpuSnapshot, addresses: tuple[str, ...], container: str) -> tuple[str, ...]:
    """Programs and other containers that hold much of these cards' memory."""
    held: dict[str, int] = {}
    for card in snapshot.cards:
        for client in card.clients if card.address in addresses else ():
            if client.container != container or not container:
                name = client.container or client.name
                held[name] = held.get(name, 0) + client.vram_bytes
    return tuple(name for name, size in held.items() if size >= OTHERS_MIN_BYTES)
