"""What an answer cost in joules and what a waiting model costs in a day, from counters that only differ."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from arcdesk.core.gpu import Figure, Unknown, Why

MAX_PLAUSIBLE_W = 1500.0  # of one card: no counter that says more is believed
CHANNEL_ORDER = ("card", "pkg")  # the whole board first; then the GPU alone
WRAP_UJ = 1 << 64  # the drivers fold the hardware's 32 bits into 64
WRAP_WINDOW_UJ = 1 << 44  # so near its end a counter has gone round; further down it was set back
MIN_IDLE_SAMPLES = 10
_UJ_PER_J = 1_000_000
_HOURS_PER_DAY = 24
_NOTHING: Figure[float] = Figure()


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyCounter:
    """One card's energy counters at one moment. `at` is monotonic seconds.

    `channels_uj` by source and label ('energy1/card'), in microjoules; `unknown` says why there is none.
    """

    address: str
    at: float
    channels_uj: Mapping[str, int] = field(default_factory=dict)
    unknown: Unknown | None = None


class EnergyCounters(Protocol):
    """Reads nothing but the energy counters. Blocking: call it in a thread of its own."""

    def read(self) -> tuple[EnergyCounter, ...]:
        """One per card, asleep ones with the reason. Never raises, never wakes a card."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyUsed:
    """What the card(s) used while one answer was made. All of it: nothing is subtracted.

    `idle_part_j` is what the same time would have cost without an answer; `caveat` is a plain sentence
    ('' none), e.g. that another program was on the card as well.
    """

    joules: Figure[float] = _NOTHING
    joules_per_token: Figure[float] = _NOTHING
    idle_part_j: Figure[float] = _NOTHING
    tokens: int | None = None  # of the answer, as the server counted them
    seconds: float = 0.0
    cards: tuple[str, ...] = ()  # PCI addresses
    caveat: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleCost:
    """What a loaded model costs while nobody asks: the median power of `n` quiet samples."""

    watts: Figure[float] = _NOTHING
    n: int = 0
    cards: tuple[str, ...] = ()  # PCI addresses

    @property
    def wh_per_day(self) -> float | None:
        """Watt hours in a day of waiting."""
        return None if self.watts.value is None else self.watts.value * _HOURS_PER_DAY

    @property
    def kwh_per_day(self) -> float | None:
        """Kilowatt hours in a day of waiting."""
        watt_hours = self.wh_per_day
        return None if watt_hours is None else watt_hours / 1000.0


def channels_by_worth(names: Iterable[str]) -> list[str]:
    """Channel names, the whole board first, then the GPU, then the rest by name."""

    def worth(name: str) -> tuple[int, str]:
        label = name.rpartition("/")[2]
        return (CHANNEL_ORDER.index(label) if label in CHANNEL_ORDER else len(CHANNEL_ORDER), name)

    return sorted(names, key=worth)


def delta_uj(before: int, after: int) -> int | None:
    """What a counter moved, its end at 2^64 passed at most once; None when it was set back or is absurd."""
    if before < 0 or after < 0 or before >= WRAP_UJ or after >= WRAP_UJ:
        return None
    if after >= before:
        return after - before
    has_gone_round = before > WRAP_UJ - WRAP_WINDOW_UJ and after < WRAP_WINDOW_UJ
    return after + WRAP_UJ - before if has_gone_round else None


def joules_between(before: EnergyCounter, after: EnergyCounter) -> Figure[float]:
    """What one card used between two looks, from the best channel that moved; else why it is unknown."""
    unknown = before.unknown or after.unknown
    if unknown is not None:
        return Figure(unknown=unknown)
    shared = channels_by_worth(before.channels_uj.keys() & after.channels_uj.keys())
    if not shared:
        return Figure(unknown=NO_COUNTER)
    moved = {name: delta_uj(before.channels_uj[name], after.channels_uj[name]) for name in shared}
    seconds = after.at - before.at
    refused = [name for name in shared if not _is_plausible(moved[name], seconds)]
    for name in shared:
        step_uj = moved[name]
        if step_uj and name not in refused:
            return Figure(step_uj / _UJ_PER_J, source=f"hwmon {name}")
    return Figure(unknown=_JUMPED if refused else _STOOD_STILL)


def _is_plausible(step_uj: int | None, seconds: float) -> bool:
    # A second of grace: the counter may have been brought up to date long before the first look.
    return step_uj is not None and step_uj <= MAX_PLAUSIBLE_W * _UJ_PER_J * (max(seconds, 0.0) + 1.0)


def sum_of(parts: Sequence[Figure[float]]) -> Figure[float]:
    """All parts together; unknown as soon as one is."""
    if not parts:
        return Figure(unknown=NO_COUNTER)
    for part in parts:
        if part.value is None:
            return Figure(unknown=part.unknown or NO_COUNTER)
    sources = sorted({part.source for part in parts if part.source})
    return Figure(sum(part.value or 0.0 for part in parts), source=", ".join(sources))


def energy_used(
    joules: Figure[float],
    *,
    tokens: int | None,
    seconds: float,
    idle_w: float | None,
    cards: tuple[str, ...],
    caveat: str = "",
) -> EnergyUsed:
    """An answer's cost from what was measured; what follows from an unknown is unknown as well."""
    return EnergyUsed(
        joules=joules,
        joules_per_token=_per_token(joules, tokens),
        idle_part_j=_idle_part(joules, seconds, idle_w),
        tokens=tokens,
        seconds=seconds,
        cards=cards,
        caveat=caveat,
    )


def _per_token(joules: Figure[float], tokens: int | None) -> Figure[float]:
    if joules.value is None:
        return joules
    if not tokens or tokens < 0:
        return Figure(unknown=Unknown(Why.NOT_PROVIDED, "The server did not count the answer's tokens."))
    return Figure(joules.value / tokens, source=joules.source)


def _idle_part(joules: Figure[float], seconds: float, idle_w: float | None) -> Figure[float]:
    if joules.value is None:
        return joules
    if idle_w is None:
        return Figure(unknown=IDLE_NOT_SEEN)
    return Figure(min(joules.value, idle_w * max(seconds, 0.0)), source="median power of quiet moments")


def idle_cost(quiet_w: Sequence[float], cards: tuple[str, ...]) -> IdleCost:
    """The median power of quiet samples; unknown while they are too few to mean something."""
    n = len(quiet_w)
    if n < MIN_IDLE_SAMPLES:
        return IdleCost(watts=Figure(unknown=IDLE_NOT_SEEN), n=n, cards=cards)
    return IdleCost(watts=Figure(statistics.median(quiet_w), source=f"median of {n}"), n=n, cards=cards)


NO_COUNTER = Unknown(
    Why.NOT_PROVIDED,
    "The kernel gives no energy counter for this card.",
    "Arc A needs Linux 6.2 or newer, Arc B 6.12 or newer; GPUs inside a processor have none.",
)
IDLE_NOT_SEEN = Unknown(
    Why.SECOND_LOOK,
    "Not enough quiet moments were seen with the model loaded.",
    "Leave the window of the graphics cards open for a while without asking.",
)
_STOOD_STILL = Unknown(Why.SECOND_LOOK, "The energy counter did not move in this time.")
_JUMPED = Unknown(Why.ERROR, "The energy counter was set back or jumped in this time.")
