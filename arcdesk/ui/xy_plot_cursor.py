"""Which point of a plot is meant: the nearest to the pointer, or the next for an arrow key."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF

from arcdesk.ui.xy_plot_frame import Frame
from arcdesk.ui.xy_plot_values import XyChart


@dataclass(frozen=True, slots=True)
class Cursor:
    """A point by its place in its series."""

    series: int
    point: int


def nearest(laid: Frame, at: QPointF, reach_px: float) -> Cursor | None:
    """The known point next to `at`: first by how far across (up to `reach_px`), then by how far up."""
    if not laid.body.adjusted(-reach_px, -reach_px, reach_px, reach_px).contains(at):
        return None
    best: tuple[int, float, Cursor] | None = None
    left, top = at.x(), at.y()
    for series, spots in enumerate(laid.spots):
        for point, spot in enumerate(spots):
            if spot is None or (across := abs(spot.x() - left)) > reach_px:
                continue
            # steps of some pixels across: of points almost above each other the nearer one is meant
            rank = (int(across / 4), abs(spot.y() - top) + across)
            if best is None or rank < best[:2]:
                best = (*rank, Cursor(series, point))
    return None if best is None else best[2]


def moved(
    chart: XyChart, cursor: Cursor | None, series: int, points: int, *, to_end: int = 0
) -> Cursor | None:
    """The cursor `series` and `points` further, or at an end (-1 first, 1 last). It stops at the ends.

    Another series is entered at the point that is nearest in x. None: there is no point at all.
    """
    shown = [index for index, each in enumerate(chart.series) if each.points]
    if not shown:
        return None
    if cursor is None:
        last = len(chart.series[shown[0]].points) - 1
        return Cursor(shown[0], last if to_end > 0 or points < 0 else 0)
    if series:
        place = min(max(shown.index(cursor.series) + series, 0), len(shown) - 1)
        return _entered(chart, cursor, shown[place])
    last = len(chart.series[cursor.series].points) - 1
    if to_end:
        return Cursor(cursor.series, 0 if to_end < 0 else last)
    return Cursor(cursor.series, min(max(cursor.point + points, 0), last))


def _entered(chart: XyChart, cursor: Cursor, series: int) -> Cursor:
    if series == cursor.series:
        return cursor
    x = chart.series[cursor.series].points[cursor.point].x
    there = chart.series[series].points
    return Cursor(series, min(range(len(there)), key=lambda index: abs(there[index].x - x)))
