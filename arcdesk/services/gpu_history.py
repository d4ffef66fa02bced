"""The last five minutes of each card's figures, for plots."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from arcdesk.core.gpu import Figure, GpuReading, GpuSnapshot
from arcdesk.core.gpu_view import HistoryKey, Plotted, Point

KEPT_POINTS = 300  # five minutes at one look a second
COMPUTE_ENGINES = ("ccs", "compute")


class GpuHistory:
    """Rings of points, one per card and figure. Lives on the loop's thread; fills the port `History`."""

    def __init__(self, kept_points: int = KEPT_POINTS) -> None:
        self._kept_points = kept_points
        self._rings: dict[HistoryKey, deque[Point]] = {}
        self._last_at = float("-inf")

    @property
    def keys(self) -> tuple[HistoryKey, ...]:
        """The lines that have at least one value, card by card."""
        return tuple(self._rings)

    def points(self, key: HistoryKey) -> Sequence[Point]:
        """The oldest first; the ring itself: don't keep it."""
        return self._rings.get(key, ())

    def add(self, snapshot: GpuSnapshot) -> None:
        """Take one look. One that was taken already, or is older, is left out."""
        if snapshot.at <= self._last_at:
            return
        self._last_at = snapshot.at
        seen: set[HistoryKey] = set()
        for card in snapshot.cards:
            for figure, value in plotted(card):
                key = HistoryKey(card.address, figure)
                seen.add(key)
                self._add_point(key, Point(snapshot.at, value))
        self._leave_gaps(seen, snapshot.at)

    def break_off(self, at: float) -> None:
        """Nobody looks from now on: the lines are not to be drawn across the pause."""
        self._leave_gaps(set(), at)

    def _add_point(self, key: HistoryKey, point: Point) -> None:
        ring = self._rings.get(key)
        if ring is None:
            if point.value is None:
                return  # a figure that this card does not have has no line
            ring = self._rings[key] = deque(maxlen=self._kept_points)
        ring.append(point)

    def _leave_gaps(self, seen: set[HistoryKey], at: float) -> None:
        for key, ring in list(self._rings.items()):
            if key in seen:
                continue
            ring.append(Point(at, None))  # the card has gone, or nobody looks
            if all(point.value is None for point in ring):
                del self._rings[key]


def plotted(card: GpuReading) -> Iterable[tuple[Plotted, float | None]]:
    """What of a reading goes into plots; None is unknown."""
    memory = card.shared_used_bytes if card.is_integrated else card.vram_used_bytes
    if memory.value is None and not card.is_integrated:
        memory = card.vram_used_at_least_bytes
    yield Plotted.VRAM, memory.value
    yield Plotted.BUSY, highest(card.busy_pct)
    yield Plotted.COMPUTE, compute_pct(card)
    yield Plotted.POWER, card.power_w.value
    yield Plotted.TEMPERATURE, highest(card.temps_c)
    yield Plotted.FREQUENCY, highest(card.act_mhz)


def compute_pct(card: GpuReading) -> float | None:
    """The busiest compute engine of the programs that could be read."""
    engines = card.engines_pct.value or {}
    values = [engines[name] for name in COMPUTE_ENGINES if name in engines]
    return max(values, default=None)


def highest(figure: Figure[dict[str, float]] | Figure[dict[str, int]]) -> float | None:
    """The highest of the values; None when there is none."""
    return max(figure.value.values(), default=None) if figure.value else None
