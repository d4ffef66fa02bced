"""Measures how fast a download runs, over the last seconds only."""

from __future__ import annotations

from collections import deque

WINDOW_S = 5.0
FIRST_AFTER_S = 1.0  # a shorter measurement says little


class SpeedMeter:
    """Told from time to time how many bytes have come so far."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, at_s: float, received_bytes: int) -> None:
        """`received_bytes` never falls; `at_s` is of a monotonic clock."""
        self._samples.append((at_s, received_bytes))
        while len(self._samples) > 2 and self._samples[1][0] <= at_s - WINDOW_S:
            self._samples.popleft()

    def bytes_per_s(self) -> float | None:
        """None until it has been measured for a second."""
        if len(self._samples) < 2:
            return None
        (first_s, first), (last_s, last) = self._samples[0], self._samples[-1]
        if last_s - first_s < FIRST_AFTER_S:
            return None
        return (last - first) / (last_s - first_s)

    def reset(self) -> None:
        """What follows has nothing to do with what was."""
        self._samples.clear()
