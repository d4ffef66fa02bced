"""A plot's content: its points, how they hang together, where its axis ends."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from arcdesk.core.gpu_view import Point
from arcdesk.ui.gpu_words import UNKNOWN

T = TypeVar("T")
SPAN_S = 120.0  # what a plot shows
GAP_S = 5.0  # farther apart than this, two points are not joined
ROUND_STEPS = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.5, 10.0, 20.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """What a plot shows. The axis ends at `ceiling`, or at a round number of `unit`s above the values."""

    title: str
    points: tuple[Point, ...] = ()
    now_text: str = UNKNOWN
    why: str = ""  # why the newest value is unknown, in a few words
    about: str = ""  # tooltip: the source; or reason and remedy
    ceiling: float = 1.0
    unit: float = 1.0


def last_points(points: Sequence[Point]) -> Sequence[Point]:
    """Those of the span that a plot shows."""
    if not points or points[-1].at - points[0].at <= SPAN_S:
        return points
    return points[bisect_left(points, points[-1].at - SPAN_S, key=lambda point: point.at) :]


def axis_top(points: Sequence[Point], ceiling: float, unit: float = 1.0) -> float:
    """`ceiling`; where a value is higher, the next round number of units. Always above zero."""
    highest = max([value for _, value in points if value is not None], default=0.0)
    if highest <= ceiling:
        return ceiling or unit
    size = 10.0 ** math.floor(math.log10(highest / unit))
    return next(step * size * unit for step in ROUND_STEPS if step * size * unit >= highest)


def runs(points: Sequence[Point], spots: Sequence[T | None]) -> list[list[T]]:
    """The stretches of line between the gaps: where a value is unknown, or nobody looked for a while.

    `spots` are the points' places, one each.
    """
    made: list[list[T]] = []
    before: float | None = None
    for point, spot in zip(points, spots, strict=True):
        if spot is None:
            before = None
            continue
        if before is None or point.at - before > GAP_S:
            made.append([])
        made[-1].append(spot)
        before = point.at
    return made
