"""How long the last words of an answer take from their arrival to the screen."""

from __future__ import annotations

import time


class PaintLag:
    """Follows one answer: a piece arrives, is written into the document, and is drawn by a paint event.

    Several pieces that are drawn at once count by the last of them. One clock read for each call.
    """

    __slots__ = ("_arrived", "_drawn", "_lag_s", "_written", "is_over")

    def __init__(self) -> None:
        self._arrived = 0.0
        self._written = 0.0  # the arrival of the last piece in the document
        self._drawn = 0.0  # the arrival of the last piece on the screen
        self._lag_s: float | None = None
        self.is_over = False  # no piece follows

    def arrives(self) -> None:
        """A piece is here."""
        self._arrived = time.perf_counter()

    def is_written(self) -> None:
        """All that has arrived stands in the document."""
        self._written = self._arrived

    @property
    def waits_for_paint(self) -> bool:
        """The document has more than the screen."""
        return self._written != self._drawn

    def is_drawn(self) -> None:
        """What stands in the document has just been painted."""
        self._drawn = self._written
        self._lag_s = time.perf_counter() - self._written

    @property
    def seconds(self) -> float | None:
        """From the arrival of the last piece to its paint; None as long as it is not drawn."""
        return self._lag_s if self._arrived and self._drawn == self._arrived else None
