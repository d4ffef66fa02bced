"""What a plot shows, as values: series of points, their axes, and vertical lines with words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum


class Scale(Enum):
    """How an axis runs."""

    LINEAR = "linear"
    LOG = "log"  # values of 0 or less (than 1e-9) have no place and are left out
    TIME = "time"  # Unix seconds, labelled in local time


class Mark(Enum):
    """The shape at each point, so that colour is never the only sign of a series."""

    NONE = "none"
    DOT = "dot"
    RING = "ring"
    SQUARE = "square"
    TRIANGLE = "triangle"
    DIAMOND = "diamond"


class Stroke(Enum):
    """The line between the points."""

    NONE = "none"
    SOLID = "solid"
    DASHED = "dashed"
    DOTTED = "dotted"


@dataclass(frozen=True, slots=True, kw_only=True)
class XyPoint:
    """`y` None is a gap in the line. `low` and `high` span the band, where both are known."""

    x: float
    y: float | None
    low: float | None = None
    high: float | None = None
    words: str = ""  # said of it on hover and to a screen reader; '': its two values with their units
    label: str = ""  # stands beside the point, for a handful of points only
    key: int | None = None  # what `point_chosen` tells; None: it can't be chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class XySeries:
    """Points in the order of their line. `colour` is a token of the palette.

    `tell` makes the words of a point (by its place) when they are wanted; None: the points have their own.
    """

    name: str
    points: tuple[XyPoint, ...]
    colour: str = "accent"
    mark: Mark = Mark.DOT
    stroke: Stroke = Stroke.SOLID
    tell: Callable[[int], str] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class XyAxis:
    """`ticks` are the values that get a label; none: round ones. `is_from_zero`: it begins at 0."""

    title: str = ""
    unit: str = ""
    scale: Scale = Scale.LINEAR
    ticks: tuple[float, ...] = ()
    is_from_zero: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class XyRule:
    """A vertical line at `x` with what it means; `is_before`: the words stand at its left."""

    x: float
    words: str
    is_before: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class XyChart:
    """A whole plot. Without any known point, `why` stands in its place."""

    title: str
    series: tuple[XySeries, ...] = ()
    x: XyAxis = XyAxis()
    y: XyAxis = XyAxis(is_from_zero=True)
    rules: tuple[XyRule, ...] = ()
    is_rising: bool = False  # the room is below the line: the words of `rules` stand at the foot
    why: str = ""
    note: str = ""  # a line in the secondary colour below the plot, such as what the band means

    @property
    def is_empty(self) -> bool:
        """No point of it is known."""
        return all(point.y is None for series in self.series for point in series.points)
