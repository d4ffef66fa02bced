"""Notices how long the loop is held up while an answer streams."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

TICK_S = 0.05


class StallWatch:
    """From `start` to `stop` it ticks; a tick that comes late was held up. Belongs to the loop's thread.

    `worst_s` is the longest hold-up in seconds; a tenth of a tick or so is the timer's own.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter, tick_s: float = TICK_S) -> None:
        self._clock = clock
        self._tick_s = tick_s
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.worst_s: float | None = None

    def start(self) -> None:
        """Watch from now on."""
        if self._timer is None:
            self.worst_s = 0.0
            self._arm()

    def stop(self) -> None:
        """Watch no more; `worst_s` stays, with the hold-up that lasts until now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._note()

    def _arm(self) -> None:
        self._due = self._clock() + self._tick_s
        self._timer = asyncio.get_running_loop().call_later(self._tick_s, self._tick)

    def _tick(self) -> None:
        self._note()
        self._arm()

    def _note(self) -> None:
        self.worst_s = max(self.worst_s or 0.0, self._clock() - self._due)
