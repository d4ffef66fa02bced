"""The results show what was measured, say why the rest is unknown, and stay readable when narrow."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QEvent, QModelIndex, QObject, QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from arcdesk.core.bench import BenchPlan, BenchRun
from arcdesk.core.bench_shown import MOST_POINTS, shown_of
from arcdesk.core.bench_untold import why_untold
from arcdesk.ui import theme
from arcdesk.ui.bench_results import BenchResults
from arcdesk.ui.bench_results_charts import charts_across, charts_within
from arcdesk.ui.bench_table import BenchTable
from arcdesk.ui.bench_table_rows import DOUBT, is_near_the_largest
from arcdesk.ui.gpu_words import THIN
from arcdesk.ui.xy_plot_axis import number
from tests.ui import results_rig
from tests.unit.core.bench_runs import failed, run_of, steady, step_of

PLAN = BenchPlan(input_tokens=100, output_tokens=10, requests=8)


@pytest.fixture
def results(qtbot: QtBot) -> BenchResults:
    results = BenchResults()
    qtbot.addWidget(results)
    results.resize(1000, 900)
    results.show()
    qtbot.waitExposed(results)
    return results


def answers(count: int, **how: object) -> list[object]:
    return [steady(number * 0.1, **how) for number in range(count)]  # type: ignore[arg-type]


def run_with(*concurrencies: int, count: int = 8, plan: BenchPlan = PLAN, **how: object) -> BenchRun:
    steps = [step_of(each, *answers(count, first_s=0.1 * each, **how)) for each in concurrencies]  # type: ignore[arg-type]
    return run_of(*steps, plan=plan)


def cell(table: BenchTable, row: int, column: int, role: int = Qt.ItemDataRole.DisplayRole) -> object:
    return table.model().index(row, column).data(role)


def column_of(table: BenchTable, name: str) -> int:
    return [head.words for head in table.table.heads].index(name)


def visible_charts(view: QWidget) -> list[str]:
    return [plot.chart.title for plot in view.plots if plot.isVisibleTo(view)]  # type: ignore[attr-defined]


def test_rates_and_latencies_of_each_step_stand_in_real_tables(results: BenchResults) -> None:
    results.present(shown_of(run_with(1, 4)))
    rates, latencies = results.rates, results.latencies
    assert [cell(rates, row, 0) for row in (0, 1)] == ["1", "4"]
    assert cell(rates, 0, column_of(rates, "output tok/s")) == "40.00"  # 80 tokens in 2 s
    assert cell(rates, 0, column_of(rates, "total tok/s")) == "440.0"  # and 800 of the prompts
    assert latencies.model().rowCount() == 8
    p50 = column_of(latencies, "p50")
    assert [cell(latencies, row, p50) for row in (0, 1)] == ["100.0", "400.0"]
    assert cell(latencies, 4, p50) == "20.00"  # ITL of one stream
    assert cell(latencies, 4, column_of(latencies, "n")) == "72"


def test_figures_stand_at_the_right_with_digits_of_one_width(results: BenchResults) -> None:
    results.present(shown_of(run_with(1)))
    side = cell(results.rates, 0, 3, Qt.ItemDataRole.TextAlignmentRole)
    assert side == Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
    assert results.rates.font().featureValue(results.rates.font().featureTags()[0]) == 1


def test_a_cell_is_told_with_its_row_and_column(results: BenchResults) -> None:
    results.present(shown_of(run_with(1, 4)))
    column = column_of(results.latencies, "p90")
    said = cell(results.latencies, 1, column, Qt.ItemDataRole.AccessibleTextRole)
    assert said == (
        "TTFT, 4 streams, p90: 400.0. "
        "The p90 of 8 values lies next to the largest: it says little of those to come."
    )
    assert cell(results.latencies, 5, 0, Qt.ItemDataRole.AccessibleTextRole) == "ITL, 4 streams"


def test_percentiles_of_too_few_values_are_marked_and_explained(results: BenchResults) -> None:
    results.present(shown_of(run_with(1)))
    column = column_of(results.latencies, "p99")
    assert str(cell(results.latencies, 0, column)).startswith(DOUBT)
    assert "The p99 of 8 values" in str(cell(results.latencies, 0, column, Qt.ItemDataRole.ToolTipRole))
    assert results.doubt.isVisibleTo(results)
    results.present(shown_of(run_with(1, count=120)))
    assert not str(cell(results.latencies, 0, column)).startswith(DOUBT)
    assert not results.doubt.isVisibleTo(results)


@pytest.mark.parametrize(
    ("percentile", "n", "is_near"),
    [
        *((50, 1, False), (50, 2, False), (90, 11, False), (90, 10, True)),
        *((95, 21, False), (95, 20, True), (99, 101, False), (99, 100, True)),
    ],
)
def test_a_percentile_is_near_the_largest_value_if_it_lies_beyond_the_second(
    percentile: int, n: int, is_near: bool
) -> None:
    assert is_near_the_largest(percentile, n) is is_near


def test_goodput_has_a_column_only_if_limits_were_set(results: BenchResults) -> None:
    results.present(shown_of(run_with(1)))
    assert "goodput/s" not in [head.words for head in results.rates.table.heads]
    results.present(shown_of(run_with(1, 4, plan=replace(PLAN, ttft_limit_ms=200))))
    column = column_of(results.rates, "goodput/s")
    assert [cell(results.rates, row, column) for row in (0, 1)] == ["4.00", "0.00"]


def test_failures_are_told_apart_with_their_words(results: BenchResults) -> None:
    step = step_of(8, *answers(6), failed("timed out"), failed("timed out"))  # type: ignore[arg-type]
    results.present(shown_of(run_of(step, plan=PLAN)))
    assert results.head.failures.text() == "▲ 8 streams: 6 answered, 2 failed (2 × timed out)"
    assert results.head.ended.text() == "1 step · 6 answered, 2 failed"
    assert cell(results.rates, 0, 2) == "2"
    assert cell(results.rates, 0, 2, Qt.ItemDataRole.ToolTipRole) == "2 × timed out"


def test_with_one_step_there_is_no_plot_against_streams(results: BenchResults) -> None:
    results.present(shown_of(run_with(4)))
    assert not results.across.isVisibleTo(results)
    assert not results.steps.isVisibleTo(results)
    within = ["Time to first token", "Inter-token latency", "A typical answer", "Throughput over time"]
    assert visible_charts(results.within) == within


def test_plots_grow_with_each_step_and_the_chosen_step_stays(results: BenchResults) -> None:
    run = run_with(1, 2, 4)
    first = shown_of(replace(run, steps=run.steps[:1]))
    results.present(first)
    assert results.head.ended.text() == "1 of 3 steps · 8 answered"
    second = shown_of(replace(run, steps=run.steps[:2]), first)
    results.present(second)
    assert len(visible_charts(results.across)) == 4
    assert results.steps.currentText() == "2 streams"
    results.steps.setCurrentIndex(0)
    results.steps.activated.emit(0)
    results.present(shown_of(run, second))
    assert results.steps.currentText() == "1 stream"
    points = results.across.plots[0].chart.series[0].points
    assert [(point.x, point.y) for point in points] == [
        (1, pytest.approx(100)),
        (2, pytest.approx(200)),
        (4, pytest.approx(400)),
    ]


def test_another_run_begins_at_its_last_step(results: BenchResults) -> None:
    results.present(shown_of(run_with(1, 4)))
    results.steps.activated.emit(0)
    results.present(shown_of(run_with(1, 4, 8)))
    assert results.steps.currentText() == "8 streams"


def test_without_token_counts_rates_are_unknown_and_say_why(results: BenchResults) -> None:
    shown = shown_of(run_with(1, 4, tokens=None))
    results.present(shown)
    column = column_of(results.rates, "output tok/s")
    assert cell(results.rates, 0, column) == "–"
    assert cell(results.rates, 0, column, Qt.ItemDataRole.ToolTipRole) == "The server sent no token count."
    throughput, trade_off = charts_across(shown)[2:]
    assert throughput.is_empty and throughput.why == "The server sent no token count."
    assert trade_off.is_empty and trade_off.why == "The server sent no token count."
    over_time = charts_within(shown.steps[0])[3]
    assert over_time.y.unit == "pieces of text/s"
    assert not over_time.is_empty
    assert "Unknown: output tokens/s, total tokens/s, TPOT." in results.head.notes.text()


def test_answers_in_one_piece_have_no_gaps_and_say_so(results: BenchResults) -> None:
    shown = shown_of(run_with(2, pieces=1, tokens=1))
    results.present(shown)
    gaps, typical = charts_within(shown.steps[0])[1:3]
    assert (gaps.is_empty, gaps.why) == (True, "A gap needs two pieces of text.")
    assert typical.why == f"The answer came in one piece, after 200{THIN}ms."
    assert cell(results.latencies, 1, column_of(results.latencies, "p50")) == "–"
    tip = cell(results.latencies, 1, column_of(results.latencies, "p50"), Qt.ItemDataRole.ToolTipRole)
    assert tip == "A time per token needs two tokens in two pieces."


def test_several_tokens_in_a_piece_are_not_called_tokens(results: BenchResults) -> None:
    typical = charts_within(shown_of(run_with(1, pieces=5, tokens=10)).steps[0])[2]
    assert typical.y.title == "pieces of text"
    assert "A piece carried 2 tokens on average." in typical.note


def test_if_everything_failed_there_are_no_tables_and_no_empty_axes(results: BenchResults) -> None:
    results.present(shown_of(run_of(step_of(2, failed(), failed()), plan=PLAN)))
    assert results.nothing.text() == "Every request failed, so there are no figures."
    for part in (results.rates, results.latencies, results.across, results.within):
        assert not part.isVisibleTo(results)


def test_a_stopped_run_says_so(results: BenchResults) -> None:
    run = run_with(1, 4)
    cut = replace(run.steps[0], is_cancelled=True)
    results.present(shown_of(replace(run, steps=(cut,))))
    assert results.head.ended.text() == "1 of 2 steps · 8 answered · stopped early"
    assert "Stopped early" in results.head.notes.text()
    results.present(shown_of(replace(run, steps=())))
    assert results.nothing.text() == "No step was measured."


def test_memory_and_energy_are_told_or_say_why_not(results: BenchResults) -> None:
    run = replace(run_with(1), vram_peak_bytes=10_307_921_510, energy_j=1240.0)
    results.present(shown_of(run))
    assert results.head.vram.text() == f"9.60{THIN}GiB"
    assert results.head.energy.text() == f"1{THIN}240{THIN}J · 15.50{THIN}J per output token"
    around = replace(run.surroundings, engine="container", cards=("B580 (0000:03:00.0)",))
    silent = replace(run_with(1), surroundings=around, note="Energy is not known: it jumped.")
    results.present(shown_of(silent))
    for label in (results.head.vram, results.head.energy):
        assert label.text() == "–"
        assert label.accessibleDescription() == label.toolTip() == why_untold(silent)
    assert silent.note in results.head.vram.toolTip()
    results.present(shown_of(silent, is_under_way=True))
    assert results.head.vram.toolTip() == "It is told when the run has ended."


def test_foreign_words_are_plain_text(results: BenchResults) -> None:
    bad = run_of(step_of(1, *answers(2), failed("<img src=x>\n\x1b[31mred")), plan=PLAN, model="<b>x</b>")  # type: ignore[arg-type]
    results.present(shown_of(bad))
    assert results.head.title.text() == "<b>x</b>"
    assert results.head.title.textFormat() is Qt.TextFormat.PlainText
    assert "\x1b" not in results.head.failures.text()
    assert "\n" not in results.head.failures.text()


def test_what_it_was_measured_on_unfolds(results: BenchResults, qtbot: QtBot) -> None:
    results.present(shown_of(run_with(1)))
    assert not results.head.about.isVisibleTo(results)
    results.head.more.click()
    words = [label.text() for label in results.head.about.findChildren(QWidget)]  # type: ignore[attr-defined]
    assert "6.14" in words
    assert any(text.startswith("1 stream at once · Completions, 100 tokens in, 10 out") for text in words)


def test_one_cell_is_copied_alone_and_the_whole_table_with_its_heads(
    results: BenchResults, qtbot: QtBot
) -> None:
    results.present(shown_of(run_with(1, 4)))
    table = results.latencies
    table.setFocus()
    table.setCurrentIndex(table.model().index(0, column_of(table, "p99")))
    qtbot.keyClick(table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "100.0"  # without the sign of doubt
    table.selectAll()
    qtbot.keyClick(table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = QGuiApplication.clipboard().text().split("\n")
    assert lines[0] == "Latency ms\tStreams\tmean\tp50\tp90\tp95\tp99\tn"
    assert lines[2].split("\t")[:3] == ["TTFT", "4", "400.0"]  # its name, though it is not painted twice
    assert len(lines) == 9


def test_narrow_plots_go_below_each_other_and_nothing_is_cut_off(results: BenchResults, qtbot: QtBot) -> None:
    results.present(shown_of(run_with(1, 4)))
    tops = {plot.mapTo(results, plot.rect().topLeft()).y() for plot in results.across.plots}
    assert len(tops) == 2
    results.resize(420, 900)
    qtbot.waitUntil(lambda: len({plot.parentWidget().y() for plot in results.across.plots}) == 4)  # type: ignore[union-attr]
    page = results.findChild(QWidget, "benchResultsPage")
    assert page is not None
    assert page.width() <= 420
    assert results.latencies.horizontalScrollBar().maximum() > 0  # the figures can be reached
    whole = results.latencies.model().rowCount()
    last = results.latencies.visualRect(results.latencies.model().index(whole - 1, 0))
    assert last.bottom() <= results.latencies.viewport().height()


def test_no_part_is_ever_a_window_of_its_own(results: BenchResults, qtbot: QtBot) -> None:
    windows: list[str] = []

    class Watch(QObject):
        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            if event.type() is QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
                windows.append(watched.metaObject().className())
            return False

    watch = Watch()
    application = QApplication.instance()
    assert application is not None
    application.installEventFilter(watch)
    try:
        results.present(shown_of(run_with(1, 4)))
        results.head.more.click()
        results.clear()
        results.present(shown_of(run_with(2)))
    finally:
        application.removeEventFilter(watch)
    assert windows == []


def test_the_wheel_over_a_table_scrolls_the_page(results: BenchResults, qtbot: QtBot) -> None:
    results.resize(700, 400)
    results.present(shown_of(run_with(1, 4)))
    scroll = results.findChild(QScrollArea, "benchResults")
    assert scroll is not None
    qtbot.waitUntil(lambda: scroll.verticalScrollBar().maximum() > 0)
    table = results.latencies.viewport()
    middle = table.mapTo(results, table.rect().topLeft() + QPoint(40, 20))
    assert results.rect().contains(middle)
    QTest.wheelEvent(results.windowHandle(), QPointF(middle), QPoint(0, -240))
    assert scroll.verticalScrollBar().value() > 0


def test_tab_leaves_a_table_and_reaches_every_part(results: BenchResults, qtbot: QtBot) -> None:
    results.present(shown_of(run_with(1, 4)))
    results.activateWindow()
    results.head.more.setFocus()
    reached: list[QWidget] = []
    for _ in range(14):
        widget = QApplication.focusWidget()
        assert widget is not None
        reached.append(widget)
        qtbot.keyClick(widget, Qt.Key.Key_Tab)
    wanted = [results.rates, results.latencies, *results.across.plots, results.steps, *results.within.plots]
    assert [part for part in reached if part in wanted] == wanted


def test_every_control_has_a_name(results: BenchResults) -> None:
    results.present(shown_of(run_with(1, 4)))
    parts = [results.rates, results.latencies, results.steps, *results.across.plots, *results.within.plots]
    names = [part.accessibleName() for part in parts]
    assert all(names)
    assert names[:3] == ["Throughput", "Latency", "Step to look into"]


def test_a_large_run_gives_each_plot_few_points(results: BenchResults) -> None:
    step = step_of(8, *[steady(number * 0.1, pieces=400, tokens=400) for number in range(64)])
    results.present(shown_of(run_of(step, plan=PLAN)))
    counts = [len(plot.chart.series[0].points) for plot in results.within.plots]
    assert max(counts) <= MOST_POINTS
    assert results.within.plots[1].chart.note.endswith(f"n = {number(64 * 399)}")


def test_a_larger_font_gets_higher_rows_and_wider_columns(results: BenchResults) -> None:
    results.present(shown_of(run_with(1, 4)))
    table = results.latencies
    high, wide = table.sizeHint().height(), table.sizeHint().width()
    font = table.font()
    font.setPointSizeF(font.pointSizeF() * 2)
    table.setFont(font)
    assert table.sizeHint().height() > high * 1.2
    assert table.sizeHint().width() > wide * 1.2


def test_clear_shows_nothing(results: BenchResults) -> None:
    results.present(shown_of(run_with(1, 4)))
    results.clear()
    assert results.shown is None
    for part in (results.head, results.rates, results.across, results.within):
        assert not part.isVisibleTo(results)


def test_the_model_has_no_children(results: BenchResults) -> None:
    results.present(shown_of(run_with(1)))
    model = results.rates.model()
    assert (model.rowCount(model.index(0, 0)), model.columnCount(model.index(0, 0))) == (0, 0)
    assert model.rowCount(QModelIndex()) == 1


def test_a_run_measured_by_the_real_load_generator_is_shown(qtbot: QtBot) -> None:
    run = results_rig.quick()
    window = results_rig.results_window(theme.LIGHT, run)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    assert isinstance(window, BenchResults)
    good = [sum(record.is_good for record in step.records) for step in run.steps]
    assert [cell(window.rates, row, 1) for row in range(2)] == [str(count) for count in good]
    assert sum(good) < sum(len(step.records) for step in run.steps)
    assert "HTTP 503" in window.head.failures.text()
    typical = window.within.plots[2].chart
    assert typical.y.title == "tokens"
    stall = next(rule for rule in typical.rules if rule.words.startswith("longest gap"))
    first = typical.series[0].points[0].x
    assert stall.x > first
    assert not window.grab().isNull()
