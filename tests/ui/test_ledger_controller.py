"""The ledger's window in the running app: real session, real ledger on disk, clicks and keys."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QPushButton

from arcdesk.core.bench import BenchPlan, Surroundings
from arcdesk.core.errors import ArcDeskError
from arcdesk.storage import paths
from arcdesk.ui.ledger_rows import COLUMNS, MADE_ON
from arcdesk.ui.ledger_window import COMPARE, HISTORY, RUN
from tests.ui.app_rig import no_docker as no_docker
from tests.ui.app_rig import until
from tests.ui.ledger_rig import Desk, open_desk
from tests.unit.storage import bench_rig as rig

pytestmark = pytest.mark.qt_log_ignore("does not support")  # the offscreen platform says so

NEWER = replace(rig.ABOUT, kernel="6.17.1")
PLAN = BenchPlan(concurrencies=(1, 4), requests=40)


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as desk:
        yield desk


async def keep(desk: Desk, rate: float, about: Surroundings = rig.ABOUT, *, at: float = 1_000.0) -> int:
    steps = [
        rig.step(concurrency=each, rate=rate / each, spread=0.02, seed=round(at) + each)
        for each in PLAN.concurrencies
    ]
    return (await desk.ledger.add(rig.run(*steps, about=about, plan=PLAN, at=at))).id


async def test_without_runs_it_offers_the_benchmark(desk: Desk) -> None:
    await desk.open()
    assert desk.window.empty.isVisible()
    desk.window.empty.button.click()
    await until(lambda: desk.app.session.bench.bench.window.isVisible(), "the benchmark's window")


async def test_runs_are_listed_the_newest_first_and_one_is_shown(desk: Desk) -> None:
    first = await keep(desk, 100, at=1_000.0)
    second = await keep(desk, 90, NEWER, at=2_000.0)
    await desk.open()
    assert desk.listed == [second, first]
    await until(lambda: desk.view.shown is not None, "the newest run")
    assert desk.window.list.chosen_ids == [second] and desk.view.run_id == second
    cells = [desk.window.list.rows.index(0, column).data() for column in range(len(COLUMNS))]
    assert cells[2:4] == ["TinyLlama", "1, 4"]
    assert "kernel 6.17.1" in cells[MADE_ON]
    await desk.select(first)
    await until(lambda: desk.view.shown is not None, "the results")
    assert desk.window.results.shown is desk.view.shown
    assert desk.window.results.isVisible()


async def test_two_are_compared_with_a_verdict_and_what_differs(desk: Desk) -> None:
    before = await keep(desk, 100, at=1_000.0)
    after = await keep(desk, 80, NEWER, at=2_000.0)
    await desk.open()
    await desk.select(before, after)
    await until(lambda: desk.view.pair is not None, "the comparison")
    window = desk.window
    assert window.tabs.currentIndex() == COMPARE
    assert "kernel: 6.16.3 → 6.17.1." in window.compare.differs.text()
    cells = window.compare.table.model()
    rows = {(cells.index(row, 1).data(), cells.index(row, 7).data()) for row in range(cells.rowCount())}
    assert ("decode, tok/s", "slower") in rows
    window.compare.copy()
    assert "decode, tok/s" in QApplication.clipboard().text()
    await desk.select(after)
    assert window.tabs.currentIndex() == RUN


async def test_compare_with_takes_the_next_click(desk: Desk) -> None:
    ids = [await keep(desk, 100, at=1_000.0 + number) for number in range(3)]
    await desk.open(str(ids[0]))
    desk.window.foot.compare.click()
    assert desk.window.pick_bar.isVisible()
    await desk.select(ids[2])
    await until(lambda: desk.view.pair is not None, "the comparison")
    assert desk.view.pair is not None
    assert (desk.view.pair.before.id, desk.view.pair.after.id) == (ids[0], ids[2])
    assert desk.window.list.chosen_ids == [ids[2], ids[0]]
    assert not desk.window.pick_bar.isVisible()


async def test_escape_ends_the_choice_first(desk: Desk) -> None:
    run = await keep(desk, 100)
    await desk.open(str(run))
    desk.window.foot.compare.click()
    QTest.keyClick(desk.window.list.table, Qt.Key.Key_Escape)
    assert not desk.window.pick_bar.isVisible()
    assert desk.window.isVisible()


async def test_a_link_opens_a_run_or_a_comparison(desk: Desk) -> None:
    one, two = await keep(desk, 100, at=1.0), await keep(desk, 90, at=2.0)
    await desk.open(f"{one},{two}")
    await until(lambda: desk.view.pair is not None, "the comparison")
    await desk.open(str(one))
    await until(lambda: desk.view.shown is not None and desk.view.shown.run.id == one, "the run")
    assert desk.view.pair is None
    assert desk.window.list.chosen_ids == [one]


async def test_the_history_marks_where_something_changed(desk: Desk) -> None:
    for number, about in enumerate((rig.ABOUT, rig.ABOUT, NEWER)):
        last = await keep(desk, 100 - 5 * number, about, at=1_000_000.0 + 86_400 * number)
    await desk.open(str(last))
    await until(lambda: len(desk.view.history) == 3, "the history")
    desk.window.tabs.setCurrentIndex(HISTORY)
    chart = desk.window.history.plot.chart
    assert [rule.words for rule in chart.rules] == ["kernel 6.17.1"]
    values = [point.y for point in chart.series[0].points]
    assert values == pytest.approx([100, 95, 90], rel=0.03)
    first = chart.series[0].points[0]
    assert first.key is not None
    desk.window.history.plot.point_chosen.emit(first.key)
    await until(lambda: desk.view.shown is not None and desk.view.shown.run.id == first.key, "that run")
    assert desk.window.list.chosen_ids == [first.key]


async def test_a_delete_can_be_undone_here_and_in_the_chat(desk: Desk) -> None:
    run = await keep(desk, 100)
    await keep(desk, 100, at=2_000.0)
    await desk.open(str(run))
    await until(lambda: desk.view.shown is not None, "the run")
    QTest.keyClick(desk.window.list.table, Qt.Key.Key_Delete)
    await until(lambda: run not in desk.listed, "the run to go")
    assert desk.app.state.notices[-1].cause == "run_deleted"
    undo = next(button for button in desk.window.notice.findChildren(QPushButton) if button.text() == "Undo")
    undo.click()
    await until(lambda: run in desk.listed, "the run to come back")
    await until(lambda: desk.view.shown is not None and desk.view.shown.run.id == run, "that run to be shown")
    assert desk.view.notice is None
    assert not desk.app.state.notices


async def test_a_note_is_kept(desk: Desk) -> None:
    run = await keep(desk, 100)
    await desk.open(str(run))
    await until(lambda: desk.view.shown is not None, "the run")
    QTest.keyClicks(desk.window.note, "after the update")
    QTest.keyClick(desk.window.note, Qt.Key.Key_Return)
    await until(lambda: desk.window.list.rows.rows[0].note == "after the update", "the note in the list")
    assert (await desk.ledger.get(run)).note == "after the update"


async def test_the_list_is_narrowed_by_words_and_model(desk: Desk) -> None:
    one = await keep(desk, 100)
    two = await keep(desk, 100, replace(NEWER, model="Qwen3-8B"), at=2_000.0)
    await desk.open()
    QTest.keyClicks(desk.window.list.search, "6.17")
    await until(lambda: desk.listed == [two], "the narrowed list")
    assert desk.window.list.count.text() == "1 run found"
    desk.window.list.clear_search()
    await until(lambda: desk.listed == [two, one], "the whole list")
    box = desk.window.list.model
    box.setCurrentIndex(box.findData("TinyLlama"))
    box.activated.emit(box.currentIndex())
    await until(lambda: desk.listed == [one], "one model's runs")
    await desk.open(str(two))  # a link to a run that is hidden now
    await until(lambda: desk.view.shown is not None and desk.view.shown.run.id == two, "the run")
    assert desk.listed == [two, one]


async def test_ten_thousand_runs_are_read_page_by_page(desk: Desk) -> None:
    await keep(desk, 100)
    _multiply(paths.data_dir() / "bench.db", 10_000)
    await desk.open()
    assert desk.view.count == 10_000
    assert len(desk.listed) == 200
    table = desk.window.list.table
    for page in range(2, 5):
        table.scrollToBottom()
        await until(partial(_has, desk, 200 * page), "the next page")
    assert len(set(desk.listed)) == 800


def _has(desk: Desk, rows: int) -> bool:
    return len(desk.listed) == rows


def _multiply(path: Path, count: int) -> None:
    with sqlite3.connect(path) as db:
        names = [row[1] for row in db.execute("PRAGMA table_info(runs)") if row[1] not in ("id", "at")]
        db.execute(
            f"""WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {count - 1})
            INSERT INTO runs (at, {", ".join(names)}) SELECT at + i, {", ".join(names)} FROM runs, n"""
        )
    db.close()


async def test_all_requests_are_saved(desk: Desk, tmp_path: Path) -> None:
    run = await keep(desk, 100)
    await desk.open(str(run))
    await until(lambda: desk.view.shown is not None, "the run")
    desk.window.foot.save_requested.emit("export")
    dialog = desk.window.findChild(QFileDialog)
    assert dialog is not None
    target = tmp_path / "run.json"
    dialog.fileSelected.emit(str(target))
    dialog.reject()
    await until(lambda: "Saved" in desk.view.said, "the file")
    data = json.loads(target.read_text())
    assert [len(step["records"]) for step in data["steps"]] == [40, 40]


async def test_a_newer_ledger_is_refused_in_words_and_left_alone(desk: Desk) -> None:
    path = paths.data_dir() / "bench.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
        db.execute("CREATE TABLE of_the_future (a)")
    db.close()
    before = path.read_bytes()
    await desk.open()
    problem = desk.window.problem.problem
    assert problem is not None
    assert problem.cause == "bench_ledger_newer"
    assert not desk.window.empty.isVisible()
    assert path.read_bytes() == before


async def test_a_broken_ledger_is_set_aside_and_told(desk: Desk) -> None:
    path = paths.data_dir() / "bench.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"no database at all " * 400)
    await desk.open()
    problem = desk.window.problem.problem
    assert problem is not None
    assert problem.cause == "bench_ledger_damaged"
    desk.window.problem_dismissed.emit()
    desk.controller.refresh()
    await desk.until_read()
    assert desk.window.problem.problem is None
    assert list(path.parent.glob("bench.db.broken-*"))


async def test_run_again_fills_the_benchmarks_form(desk: Desk) -> None:
    run = await keep(desk, 100)
    await desk.open(str(run))
    await until(lambda: desk.view.shown is not None, "the run")
    desk.window.foot.again.click()
    bench = desk.app.session.bench.bench
    assert bench.window.isVisible()
    assert bench.window.view.checked.plan == PLAN


async def test_a_run_that_is_gone_is_told(desk: Desk) -> None:
    await keep(desk, 100)
    await desk.open("77")
    problem = desk.window.problem.problem
    assert problem is not None
    assert problem.cause == "bench_run_gone"
    with pytest.raises(ArcDeskError):
        await desk.ledger.get(77)


async def test_quick_clicks_show_only_the_last(desk: Desk) -> None:
    ids = [await keep(desk, 100, at=1_000.0 + number) for number in range(4)]
    await desk.open()
    for each in ids:
        desk.window.chosen.emit([each])
        await asyncio.sleep(0)
    await until(lambda: desk.view.shown is not None and desk.app.is_idle, "the last run")
    assert desk.view.shown is not None
    assert desk.view.shown.run.id == ids[-1]
