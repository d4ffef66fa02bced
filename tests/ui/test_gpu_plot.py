"""The plot: gaps, a named axis, values under the pointer, and a picture that only moves on."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from arcdesk.core.gpu_view import Point
from arcdesk.ui.gpu_curve import Curve, axis_top, last_points, runs
from arcdesk.ui.gpu_plot import Plot
from arcdesk.ui.gpu_words import percent


def points(*values: float | None, start: float = 1000.0) -> tuple[Point, ...]:
    return tuple(Point(start + number, value) for number, value in enumerate(values))


def curve(made: tuple[Point, ...], **more: object) -> Curve:
    return Curve(title="Busy", points=made, now_text="50 %", ceiling=100.0, **more)  # type: ignore[arg-type]


@pytest.fixture
def plot(qtbot: QtBot) -> Plot:
    plot = Plot(percent)
    qtbot.addWidget(plot)
    plot.resize(244, plot.minimumSizeHint().height())
    plot.show()
    return plot


def test_the_line_breaks_where_a_value_is_unknown_or_nobody_looked() -> None:
    made = (*points(1.0, 2.0, None, 3.0), *points(4.0, 5.0, start=1100.0))
    spots = [point.value for point in made]
    assert runs(made, spots) == [[1.0, 2.0], [3.0], [4.0, 5.0]]


def test_the_axis_ends_at_its_ceiling_or_at_a_round_number_above_all_values() -> None:
    assert axis_top(points(20.0), 190.0) == 190.0
    assert axis_top(points(201.0), 190.0) == 250.0
    assert axis_top(points(1e9), 190.0) == 1e9
    assert axis_top((), 0.0) == 1.0
    assert axis_top(points(None, None), 100.0) == 100.0
    gib = 1024.0**3
    assert axis_top(points(5.3 * gib), gib, gib) == 7.5 * gib


def test_only_the_last_two_minutes_are_seen() -> None:
    seen = last_points(points(*([1.0] * 300)))
    assert len(seen) == 121
    assert last_points(()) == ()


def test_the_value_under_the_pointer_is_named_with_its_age(plot: Plot) -> None:
    plot.present(curve(points(*[float(n % 100) for n in range(121)])))
    assert plot.words_at(242) == percent(20)
    assert plot.words_at(0) == f"{percent(0)}, 120 s ago"
    assert plot.words_at(122) == f"{percent(60)}, 60 s ago"
    plot.present(curve(points(5.0, None)))
    assert plot.words_at(242) == "–"


def test_it_is_described_for_who_does_not_see_it(plot: Plot) -> None:
    plot.present(curve(points(10.0, None, 30.0)))
    assert plot.accessibleName() == "Busy: 50 %"
    expected = f"from {percent(10)} to {percent(30)}, on average {percent(20)}"
    assert expected in plot.accessibleDescription()
    plot.present(Curve(title="Busy", why="hidden by the kernel"))
    assert plot.accessibleName() == "Busy: –, hidden by the kernel"
    assert "Nothing was measured" in plot.in_words()


def shown(plot: Plot) -> QImage:
    return plot.grab().toImage()


def test_moving_on_paints_what_painting_anew_would(plot: Plot, qtbot: QtBot) -> None:
    values = [float((number * 37) % 90) for number in range(90)]
    whole = [*values[:40], None, None, *values[40:]]
    begun = None
    for length in range(30, len(whole) + 1):
        plot.present(curve(points(*whole[:length])))
        plot.repaint()
        begun = begun or plot._line.full_draws
    assert plot._line.full_draws == begun  # it moved on, and never began anew
    anew = Plot(percent)
    qtbot.addWidget(anew)
    anew.resize(plot.size())
    anew.show()
    anew.present(curve(points(*whole)))
    first, second = shown(plot), shown(anew)
    assert first.size() == second.size()
    # where two stretches meet, a pixel's edge may be softer; a column at the wrong place would be hundreds
    different = sum(
        abs(first.pixelColor(x, y).lightness() - second.pixelColor(x, y).lightness()) > 90
        for x in range(first.width())
        for y in range(first.height())
    )
    assert different < 40


def test_what_is_shown_already_is_not_painted_again(plot: Plot) -> None:
    plot.present(curve(points(1.0, 2.0)))
    QTest.qWait(1)
    before = plot.paints
    plot.present(curve(points(1.0, 2.0)))
    QTest.qWait(20)
    assert plot.paints == before


def test_the_pointer_marks_its_point(plot: Plot) -> None:
    plot.present(curve(points(*[float(n % 100) for n in range(121)])))
    QTest.mouseMove(plot, QPoint(5, 30))
    QTest.qWait(1)
    clean = shown(plot)
    QTest.mouseMove(plot, QPoint(120, 30))
    QTest.qWait(1)
    assert shown(plot) != clean


@pytest.mark.parametrize("value", [-5.0, 1e12, 0.0, 1e-9])
def test_odd_values_are_drawn_without_harm(plot: Plot, value: float) -> None:
    plot.present(curve(points(value, value, None, value)))
    assert not shown(plot).isNull()
    assert plot.top >= value
