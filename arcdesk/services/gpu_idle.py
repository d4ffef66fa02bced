"""Measures what a loaded model costs while nobody asks, from looks that others cause."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from arcdesk.core.energy import IdleCost, idle_cost
from arcdesk.core.gpu import GpuReading, GpuSnapshot
from arcdesk.services.gpu_history import compute_pct

QUIET_FOR_S = 5.0  # after an answer, until the card has calmed down
QUIET_COMPUTE_PCT = 5.0  # somebody else may ask the same server
KEPT_QUIET_SAMPLES = 600


class IdleMeter:
    """What the loaded model costs while nobody asks, from looks that others cause.

    `is_quiet`: the engine is ready and no answer is under way.
    """

    def __init__(self, *, is_quiet: Callable[[], bool], cards: Callable[[], tuple[str, ...]]) -> None:
        self._is_quiet = is_quiet
        self._cards = cards
        self._quiet_w: deque[float] = deque(maxlen=KEPT_QUIET_SAMPLES)
        self._quiet_since: float | None = None

    @property
    def cost(self) -> IdleCost:
        """The cost as known so far."""
        return idle_cost(self._quiet_w, self._cards())

    def forget(self) -> None:
        """Another model, or none: begin anew."""
        self._quiet_w.clear()
        self._quiet_since = None

    def take(self, snapshot: GpuSnapshot) -> bool:
        """Take a look; returns whether it was a quiet one that counts."""
        if not self._is_quiet():
            self._quiet_since = None
            return False
        if self._quiet_since is None:
            self._quiet_since = snapshot.at
        watts = self._watts(snapshot)
        if watts is None or snapshot.at - self._quiet_since < QUIET_FOR_S:
            return False
        self._quiet_w.append(watts)
        return True

    def _watts(self, snapshot: GpuSnapshot) -> float | None:
        addresses = self._cards()
        cards = [card for card in snapshot.cards if card.address in addresses]
        if not cards or len(cards) != len(addresses) or any(map(_is_at_work, cards)):
            return None
        parts = [card.power_w.value for card in cards]
        known = [part for part in parts if part is not None]
        return sum(known) if len(known) == len(parts) else None


def _is_at_work(card: GpuReading) -> bool:
    compute = compute_pct(card)
    return compute is not None and compute > QUIET_COMPUTE_PCT
