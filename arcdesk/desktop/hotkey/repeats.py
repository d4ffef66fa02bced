"""Tells presses of a person from the repeats of a held key."""

from __future__ import annotations

REPEAT_WITHIN_MS = 1000  # a held key repeats sooner; later, its release was lost on the way


class Repeats:
    """Tells a press from the repeats of a held key. Times are the display's, in ms, and wrap at 32 bits."""

    def __init__(self, *, is_detectable: bool = False) -> None:
        self._is_detectable = is_detectable  # the display leaves out the releases between repeats
        self._down: dict[int, int] = {}  # code -> when it was last heard of
        self._released: dict[int, int] = {}

    def is_press(self, code: int, time_ms: int) -> bool:
        """Whether a person pressed; call it for each KeyPress, in order."""
        heard = self._down.get(code)
        self._down[code] = time_ms
        if heard is not None and (time_ms - heard) & 0xFFFFFFFF < REPEAT_WITHIN_MS:
            return False
        return self._is_detectable or self._released.get(code) != time_ms

    def release(self, code: int, time_ms: int) -> None:
        """A KeyRelease. Without detectable repeats one comes at the very time of each repeated press."""
        self._down.pop(code, None)
        self._released[code] = time_ms
