"""A plot tells its points to the pointer, to the keys and in words, and draws gaps as gaps."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QImage, QKeyEvent
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from arcdesk.ui.gpu_paint import Fonts
from arcdesk.ui.gpu_words import THIN
from arcdesk.ui.theme import DARK, LIGHT, qt_palette
from arcdesk.ui.xy_plot import XyPlot
from arcdesk.ui.xy_plot_cursor import Cursor
from arcdesk.ui.xy_plot_frame import frame, wrapped
from arcdesk.ui.xy_plot_overlay import bubble_rect
from arcdesk.ui.xy_plot_paint import stretches, thin
from arcdesk.ui.xy_plot_rules import room_for
from arcdesk.ui.xy_plot_values import Mark, Scale, Stroke, XyAxis, XyChart, XyPoint, XyRule, XySeries
from arcdesk.ui.xy_plot_words import since_words

UNIT = f"{THIN}tok/s"


def series(*values: float | None, name: str = "decode", **more: object) -> XySeries:
    points = tuple(XyPoint(x=number, y=value, key=number + 100) for number, value in enumerate(values))
    return XySeries(name=name, points=points, **more)  # type: ignore[arg-type]


def chart(*lines: XySeries, **more: object) -> XyChart:
    return XyChart(
        title="Decode",
        series=lines,
        x=XyAxis(title="run"),
        y=XyAxis(unit="tok/s", is_from_zero=True),
        **more,  # type: ignore[arg-type]
    )


@pytest.fixture
def plot(qtbot: QtBot) -> XyPlot:
    plot = XyPlot()
    qtbot.addWidget(plot)
    plot.setPalette(qt_palette(LIGHT))  # whatever an earlier test dressed the application in
    plot.setAutoFillBackground(True)
    plot.resize(400, 240)
    plot.show()
    qtbot.waitExposed(plot)
    return plot


def ink(plot: XyPlot, colour: str, is_in: Callable[[int, int], bool] = lambda x, y: True) -> int:
    """How many pixels are painted nearly so."""
    image: QImage = plot.grab().toImage()
    wanted = QColor(colour)
    return sum(
        is_in(x, y) and near(image.pixelColor(x, y), wanted)
        for x in range(image.width())
        for y in range(image.height())
    )


def near(one: QColor, other: QColor) -> bool:
    return all(
        abs(a - b) < 40
        for a, b in ((one.red(), other.red()), (one.green(), other.green()), (one.blue(), other.blue()))
    )


def test_the_pointer_learns_the_nearest_point(plot: XyPlot) -> None:
    plot.present(chart(series(80.0, 84.5, 90.0)))
    spot = plot.spot_of(0, 1)
    assert spot is not None
    assert plot.words_at(spot.x() + 5, spot.y() - 8) == f"1: 84.5{UNIT}"
    QTest.mouseMove(plot, spot.toPoint())
    assert plot.cursor_point is not None and plot.cursor_point.y == 84.5
    assert plot.words_at(-200, -200) == ""


def test_of_points_above_each_other_the_nearer_one_is_meant(plot: XyPlot) -> None:
    plot.present(chart(series(20.0, 20.0, name="p50"), series(90.0, 90.0, name="p99", mark=Mark.TRIANGLE)))
    low, high = plot.spot_of(0, 1), plot.spot_of(1, 1)
    assert low is not None and high is not None
    assert plot.words_at(low.x(), low.y() - 4).startswith("p50\n")
    assert plot.words_at(high.x(), high.y() + 4).startswith("p99\n")


def test_a_click_chooses_a_point_and_only_one_that_can_be(plot: XyPlot, qtbot: QtBot) -> None:
    told: list[int] = []
    plot.point_chosen.connect(told.append)
    plot.present(chart(series(80.0, 84.0)))
    spot = plot.spot_of(0, 1)
    assert spot is not None
    qtbot.mouseClick(plot, Qt.MouseButton.LeftButton, pos=spot.toPoint())
    assert told == [101]
    plot.present(chart(XySeries(name="", points=(XyPoint(x=0, y=1), XyPoint(x=1, y=2)))))
    there = plot.spot_of(0, 1)
    assert there is not None
    qtbot.mouseClick(plot, Qt.MouseButton.LeftButton, pos=there.toPoint())
    assert told == [101]


def test_arrow_keys_go_from_point_to_point_and_enter_chooses(plot: XyPlot, qtbot: QtBot) -> None:
    told: list[int] = []
    said: list[str] = []
    plot.point_chosen.connect(told.append)
    plot.cursor_changed.connect(said.append)
    plot.present(chart(series(80.0, None, 90.0)))
    plot.setFocus()
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Right):
        qtbot.keyClick(plot, key)
    assert said == [f"0: 80{UNIT}", "1: –", f"2: 90{UNIT}"]  # it stops at the end
    qtbot.keyClick(plot, Qt.Key.Key_Return)
    qtbot.keyClick(plot, Qt.Key.Key_Home)
    qtbot.keyClick(plot, Qt.Key.Key_Space)
    assert told == [102, 100]
    qtbot.keyClick(plot, Qt.Key.Key_End)
    assert plot.cursor_point is not None and plot.cursor_point.x == 2


def test_up_and_down_change_the_series_at_the_nearest_x(plot: XyPlot, qtbot: QtBot) -> None:
    sparse = XySeries(name="other", points=(XyPoint(x=0, y=1.0), XyPoint(x=3, y=2.0)), mark=Mark.SQUARE)
    plot.present(chart(series(1.0, 2.0, 3.0, 4.0), sparse))
    plot.setFocus()
    qtbot.keyClick(plot, Qt.Key.Key_End)
    qtbot.keyClick(plot, Qt.Key.Key_Left)
    qtbot.keyClick(plot, Qt.Key.Key_Down)
    assert plot.cursor_point == sparse.points[1]
    qtbot.keyClick(plot, Qt.Key.Key_Down)
    assert plot.cursor_point == sparse.points[1]
    qtbot.keyClick(plot, Qt.Key.Key_Up)
    assert plot.cursor_point is not None and plot.cursor_point.key == 103


def test_escape_takes_the_cursor_away_first_and_is_then_for_the_window(plot: XyPlot, qtbot: QtBot) -> None:
    plot.present(chart(series(1.0, 2.0)))
    plot.setFocus()
    qtbot.keyClick(plot, Qt.Key.Key_Right)
    first, second = (
        QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier) for _ in range(2)
    )
    plot.keyPressEvent(first)
    assert plot.cursor_point is None
    assert first.isAccepted()
    plot.keyPressEvent(second)
    assert not second.isAccepted()


def test_a_line_has_a_gap_where_a_value_is_unknown(plot: XyPlot) -> None:
    with_gap = chart(series(50.0, 50.0, None, None, 50.0, 50.0, mark=Mark.NONE))
    plot.present(with_gap)
    left, right = plot.spot_of(0, 1), plot.spot_of(0, 4)
    assert left is not None and right is not None

    def is_between(x: int, y: int) -> bool:
        return left.x() + 4 < x < right.x() - 4 and abs(y - left.y()) < 3

    assert ink(plot, LIGHT.accent, is_between) == 0
    plot.present(chart(series(50.0, 50.0, 50.0, 50.0, 50.0, 50.0, mark=Mark.NONE)))
    assert ink(plot, LIGHT.accent, is_between) > 20


def test_one_point_alone_is_seen_although_it_has_no_line(plot: XyPlot) -> None:
    plot.present(chart(series(None, 50.0, None, mark=Mark.NONE)))
    spot = plot.spot_of(0, 1)
    assert spot is not None
    assert ink(plot, LIGHT.accent, lambda x, y: abs(x - spot.x()) < 6 and abs(y - spot.y()) < 6) > 10


def test_an_empty_plot_says_why_and_draws_no_axes(plot: XyPlot) -> None:
    plot.present(chart(series(None, None), why="The server sent no token count."))
    assert plot.accessibleDescription() == "The server sent no token count."
    assert ink(plot, LIGHT.outline, lambda x, y: y > 200) == 0
    assert ink(plot, LIGHT.secondary) > 30  # the reason


def test_it_is_told_in_words(plot: XyPlot) -> None:
    rule = XyRule(x=1.5, words="kernel 6.17")
    plot.present(chart(series(80.0, 84.0, None), rules=(rule,), note="Medians."))
    assert plot.accessibleName() == "Decode"
    assert plot.accessibleDescription() == (
        f"decode: 2 points from 0 to 1, between 80{UNIT} and 84{UNIT}. "
        "1.5: kernel 6.17. Medians. Arrow keys tell each point."
    )


def test_a_vertical_line_is_told_to_the_pointer(plot: XyPlot) -> None:
    plot.present(chart(series(80.0, 84.0, 85.0), rules=(XyRule(x=1.0, words="kernel 6.17"),)))
    spot = plot.spot_of(0, 1)
    assert spot is not None
    assert plot.words_at(spot.x(), spot.y()).endswith("\nkernel 6.17")


def test_what_changed_on_the_way_is_told_when_the_cursor_passes_it() -> None:
    rules = (XyRule(x=0.5, words="driver xe"), XyRule(x=1.0, words="kernel 6.17"))
    shown = chart(series(1.0, 2.0, 3.0), rules=rules)
    assert since_words(shown, Cursor(0, 0), Cursor(0, 1)) == ["driver xe", "kernel 6.17"]
    assert since_words(shown, Cursor(0, 2), Cursor(0, 1)) == []
    assert since_words(shown, Cursor(0, 1), Cursor(0, 0)) == ["driver xe", "kernel 6.17"]


def test_words_of_vertical_lines_never_lie_over_each_other(plot: XyPlot) -> None:
    rules = [XyRule(x=1.0 + number / 50, words=f"kernel 6.{number}") for number in range(12)]
    laid = frame(chart(series(1.0, 2.0, 3.0), rules=tuple(rules)), QSizeF(400, 200), Fonts(plot.font()))
    taken: list[QRectF] = []
    for rule in rules:
        box = room_for(laid, rule, Fonts(plot.font()), taken)
        if box is not None:
            assert not any(box.intersects(other) for other in taken)
            taken.append(box)
    assert 3 <= len(taken) < 12  # the others are told on hover


def test_words_of_vertical_lines_leave_the_points_free_where_they_can(plot: XyPlot) -> None:
    fonts = Fonts(plot.font())
    rule = XyRule(x=1.0, words="the longest gap")
    low = chart(series(0.0, 2.0, 3.0, 4.0, 60.0), rules=(rule,), is_rising=True)
    laid = frame(low, QSizeF(400, 200), fonts)
    box = room_for(laid, rule, fonts, [])
    assert box is not None
    assert not any(spot is not None and box.contains(spot) for spot in laid.spots[0])


def test_long_words_go_on_in_a_second_line_and_keep_numbers_with_their_units(plot: XyPlot) -> None:
    said = f"39 tokens after 1{THIN}120{THIN}ms, 14.6{THIN}ms after the one before"
    lines = wrapped(said, 150, Fonts(plot.font()), is_small=False)
    assert len(lines) > 1
    assert " ".join(lines) == said
    assert wrapped("", 150, Fonts(plot.font())) == []


def test_words_are_made_only_when_they_are_wanted(plot: XyPlot, qtbot: QtBot) -> None:
    asked: list[int] = []

    def tell(index: int) -> str:
        asked.append(index)
        return f"number {index}"

    plot.present(chart(series(*map(float, range(300)), tell=tell)))
    plot.grab()
    assert asked == []
    plot.setFocus()
    qtbot.keyClick(plot, Qt.Key.Key_End)
    assert set(asked) == {299}


def test_the_same_chart_is_not_drawn_again_and_the_cursor_costs_no_new_drawing(plot: XyPlot) -> None:
    plot.present(chart(series(1.0, 2.0)))
    plot.grab()
    draws = plot.draws
    plot.present(chart(series(1.0, 2.0)))
    plot.grab()
    QTest.mouseMove(plot, QPoint(200, 100))
    plot.grab()
    assert plot.draws == draws
    plot.set_palette_colors(DARK)
    plot.grab()
    assert plot.draws == draws + 1


def test_ten_thousand_points_are_thinned_but_no_peak_is_lost() -> None:
    spots = [QPointF(index / 40, 100.0) for index in range(10_000)]
    spots[4321] = QPointF(4321 / 40, 3.0)
    kept = thin(spots)
    assert len(kept) <= 4 * 251
    assert min(spot.y() for spot in kept) == 3.0
    assert (kept[0], kept[-1]) == (spots[0], spots[-1])
    few = spots[:50:10]
    assert thin(few) is few or len(thin(few)) <= len(few) * 4


def test_stretches_are_parted_by_what_is_unknown() -> None:
    one, two, three = QPointF(0, 0), QPointF(1, 0), QPointF(2, 0)
    assert list(stretches([None, one, two, None, None, three])) == [[one, two], [three]]


@pytest.mark.parametrize("width", [60, 200, 333, 1200])
@pytest.mark.parametrize("scale", list(Scale))
def test_every_point_is_painted_inside_of_the_body(qtbot: QtBot, width: int, scale: Scale) -> None:
    plot = XyPlot()
    qtbot.addWidget(plot)
    points = tuple(XyPoint(x=1.0 + 7 * n * n, y=float(n % 5), low=0.0, high=9.0) for n in range(40))
    shown = XyChart(title="Any", series=(XySeries(name="", points=points),), x=XyAxis(scale=scale))
    laid = frame(shown, QSizeF(width, 200), Fonts(plot.font()))
    for spot in laid.spots[0]:
        assert spot is not None
        assert laid.body.adjusted(-1, -1, 1, 1).contains(spot)


def test_a_bubble_stays_inside_of_its_widget() -> None:
    room = QSizeF(300, 200)
    for x in range(0, 301, 20):
        for y in range(0, 201, 20):
            box = bubble_rect(QPointF(x, y), 120, 40, room)
            assert box.left() >= 0 and box.right() <= 300
            assert box.top() >= 0 and box.bottom() <= 200
            assert not box.contains(QPointF(x, y))


def test_series_differ_by_more_than_colour(plot: XyPlot) -> None:
    lines = (
        series(1.0, 2.0, name="p50"),
        series(2.0, 3.0, name="p99", mark=Mark.TRIANGLE, stroke=Stroke.DASHED, colour="warn"),
    )
    plot.present(chart(*lines))
    grey = [ink(plot, LIGHT.accent), ink(plot, LIGHT.warn)]
    assert min(grey) > 30
    assert grey[0] > grey[1]  # the dashes leave some out


def test_the_chosen_point_is_ringed(plot: XyPlot) -> None:
    plot.present(chart(series(50.0, 50.0, 50.0)))
    spot = plot.spot_of(0, 1)
    assert spot is not None

    def is_around(x: int, y: int) -> bool:
        return 5 < ((x - spot.x()) ** 2 + (y - spot.y()) ** 2) ** 0.5 < 9

    before = ink(plot, LIGHT.text, is_around)
    plot.set_chosen(101)
    assert ink(plot, LIGHT.text, is_around) > before + 15
