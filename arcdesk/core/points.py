"""One moment of a line that is plotted."""

from __future__ import annotations

from typing import NamedTuple


class Point(NamedTuple):
    """`at` is monotonic seconds; None is a gap, never 0."""

    at: float
    value: float | None
