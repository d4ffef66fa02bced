"""Where everything of a plot lies: its rows, its body, and the place of every point."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from PySide6.QtCore import QPointF, QRectF, QSizeF

from arcdesk.ui.gpu_paint import Fonts
from arcdesk.ui.xy_plot_axis import Ruler, ruler
from arcdesk.ui.xy_plot_values import XyChart, XySeries

LEAST_BODY_PX = 72.0
GAP_PX, TICK_GAP_PX, SWATCH_PX = 8.0, 4.0, 26.0
RIGHT_PX = 12.0  # half a label of the last tick
_TICK_ROOM_PX, _LINE_ROOM_PX = 72.0, 32.0  # of a label below, and of one at the left
Spots = tuple[QPointF | None, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A series in the legend: where its row begins."""

    series: XySeries
    left: float
    top: float


@dataclass(frozen=True, slots=True)
class Frame:
    """A chart laid out for one size, in logical pixels."""

    chart: XyChart
    body: QRectF
    across: Ruler
    up: Ruler
    spots: tuple[Spots, ...]  # of each series; None: a gap, or outside of a logarithmic axis
    legend: tuple[Entry, ...]
    notes: tuple[str, ...]  # the note's lines
    is_note_beside: bool  # in the row of the axis' title

    def x_px(self, value: float) -> float | None:
        """None: it has no place."""
        share = self.across.share(value)
        return None if share is None else self.body.left() + share * self.body.width()

    def y_px(self, value: float) -> float | None:
        """None: it has no place."""
        share = self.up.share(value)
        return None if share is None else self.body.bottom() - share * self.body.height()


def frame(chart: XyChart, size: QSizeF, fonts: Fonts) -> Frame:
    """Lay the chart out."""
    legend, top = _legend(chart, size.width(), fonts)
    notes = tuple(wrapped(chart.note, size.width(), fonts))
    is_beside = _is_beside(chart, size.width(), fonts)
    height = max(LEAST_BODY_PX, size.height() - top - _foot_px(chart, size.width(), fonts))
    up = ruler(chart.y, _heights(chart), max(2, int(height / _LINE_ROOM_PX)))
    left = max((fonts.small_width(tick.text) for tick in up.ticks), default=0.0) + TICK_GAP_PX * 1.5
    body = QRectF(left, top, max(size.width() - left - RIGHT_PX, 16.0), height)
    xs = [point.x for series in chart.series for point in series.points]
    across = ruler(chart.x, xs, max(2, int(body.width() / _TICK_ROOM_PX)))
    laid = Frame(chart, body, across, up, (), legend, notes, is_beside)
    return replace(laid, spots=tuple(_spots(laid, each) for each in chart.series))


def height_for(chart: XyChart, width: float, fonts: Fonts, body_px: float) -> float:
    """What a plot with so high a body needs."""
    return _legend(chart, width, fonts)[1] + body_px + _foot_px(chart, width, fonts)


def axis_words(chart: XyChart) -> str:
    """'since it was sent, ms'."""
    return ", ".join(part for part in (chart.x.title, chart.x.unit) if part)


def _is_beside(chart: XyChart, width: float, fonts: Fonts) -> bool:
    wide = fonts.small_width(chart.note) + 16 + fonts.small_width(axis_words(chart)) + RIGHT_PX
    return bool(chart.note) and wide <= width


def _foot_px(chart: XyChart, width: float, fonts: Fonts) -> float:
    notes = len(wrapped(chart.note, width, fonts))
    rows = 1 + bool(axis_words(chart)) + notes
    if _is_beside(chart, width, fonts) and axis_words(chart):
        rows -= 1
    return TICK_GAP_PX + fonts.small_line_px * rows + 4


def _heights(chart: XyChart) -> Iterable[float]:
    for series in chart.series:
        for point in series.points:
            yield from (value for value in (point.y, point.low, point.high) if value is not None)


def _spots(laid: Frame, series: XySeries) -> Spots:
    return tuple(_spot(laid, point.x, point.y) for point in series.points)


def _spot(laid: Frame, x: float, y: float | None) -> QPointF | None:
    left, top = laid.x_px(x), None if y is None else laid.y_px(y)
    return None if left is None or top is None else QPointF(left, top)


def _legend(chart: XyChart, width: float, fonts: Fonts) -> tuple[tuple[Entry, ...], float]:
    """The entries, and where the body may begin. One series is named by the title alone."""
    top = fonts.line_px + TICK_GAP_PX
    if len(chart.series) < 2:
        return (), top + TICK_GAP_PX
    entries, left = [], 0.0
    for series in chart.series:
        wide = SWATCH_PX + fonts.small_width(series.name) + 12
        if left and left + wide > width:
            left, top = 0.0, top + fonts.small_line_px + 2
        entries.append(Entry(series, left, top))
        left += wide
    return tuple(entries), top + fonts.small_line_px + GAP_PX


def wrapped(text: str, width: float, fonts: Fonts, *, is_small: bool = True) -> list[str]:
    """The text in lines; a word that is too long stays whole, and so do a number and its unit."""
    measure = fonts.small_width if is_small else fonts.width
    lines: list[str] = []
    for word in text.split(" ") if text else ():
        if lines and measure(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
