"""A plot in words: one point, a line's course, and what changed between two points."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from arcdesk.ui.gpu_words import THIN, UNKNOWN
from arcdesk.ui.xy_plot_axis import moment_words, number
from arcdesk.ui.xy_plot_cursor import Cursor
from arcdesk.ui.xy_plot_frame import Frame
from arcdesk.ui.xy_plot_values import Scale, XyAxis, XyChart, XySeries

RULE_REACH_PX = 5.0


def tr(text: str) -> str:
    """The text in the person's language."""
    return QCoreApplication.translate("XyPlot", text)


def value_words(axis: XyAxis, value: float | None) -> str:
    """'84.2 tok/s', '12 Mar 2026 14:05', '–'."""
    if value is None:
        return UNKNOWN
    if axis.scale is Scale.TIME:
        return moment_words(value)
    return f"{number(value)}{THIN}{axis.unit}" if axis.unit else number(value)


def point_words(chart: XyChart, series: int, point: int) -> str:
    """One point; with more than one series its name goes first."""
    line = chart.series[series]
    here = line.points[point]
    said = line.tell(point) if line.tell is not None else here.words
    said = said or f"{value_words(chart.x, here.x)}: {value_words(chart.y, here.y)}"
    return f"{line.name}\n{said}" if len(chart.series) > 1 and line.name else said


def chart_words(chart: XyChart) -> str:
    """The whole plot for who does not see it."""
    if chart.is_empty:
        return chart.why
    lines = [_course(chart, series) for series in chart.series]
    lines += [f"{value_words(chart.x, rule.x)}: {rule.words}." for rule in chart.rules]
    lines += [chart.note] if chart.note else []
    return " ".join([*lines, tr("Arrow keys tell each point.")])


def _course(chart: XyChart, series: XySeries) -> str:
    known = [point for point in series.points if point.y is not None]
    name = f"{series.name}: " if series.name else ""
    if not known:
        return name + tr("nothing known.")
    low = min(point.y for point in known if point.y is not None)
    high = max(point.y for point in known if point.y is not None)
    if len(known) == 1:
        return name + tr("one point, {0}.").format(value_words(chart.y, low))
    words = tr("{0} points from {1} to {2}, between {3} and {4}.").format(
        len(known),
        value_words(chart.x, known[0].x),
        value_words(chart.x, known[-1].x),
        value_words(chart.y, low),
        value_words(chart.y, high),
    )
    return name + words


def rule_at(laid: Frame, x: float) -> str:
    """What the vertical lines near `x` (pixels) say."""
    said = []
    for rule in laid.chart.rules:
        at = laid.x_px(rule.x)
        if at is not None and abs(at - x) <= RULE_REACH_PX:
            said.append(rule.words)
    return ", ".join(said)


def since_words(chart: XyChart, before: Cursor, now: Cursor) -> list[str]:
    """The vertical lines that were passed on the way from one point of a series to another."""
    points = chart.series[now.series].points
    ends = sorted((points[before.point].x, points[now.point].x))
    return [rule.words for rule in chart.rules if ends[0] < rule.x <= ends[1]]
