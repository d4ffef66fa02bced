"""The benchmark's window in the running app: real session, real load generator, real ledger."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit, QPushButton

from arcdesk.app.bench_ends import KEEP
from arcdesk.app.bench_output import base_name
from arcdesk.app.bench_runner import lock_of
from arcdesk.core.bench import BenchPlan, BenchRun, Dataset
from arcdesk.core.bench_check import End
from arcdesk.core.bench_presets import PresetId, plan_of
from arcdesk.core.bench_progress import BenchPhase
from arcdesk.core.engine_state import EnginePhase
from arcdesk.core.errors import ActionKind
from arcdesk.storage import paths
from arcdesk.storage.bench_ledger import FILE_NAME
from arcdesk.storage.file_lock import held
from arcdesk.ui.bench_view import BenchState
from tests.rig.paced_server import PacedServer
from tests.ui.app_rig import no_docker as no_docker
from tests.ui.app_rig import until
from tests.ui.bench_rig import PLAN, Desk, open_desk

pytestmark = pytest.mark.qt_log_ignore("does not support")  # the offscreen platform says so

SLOW = replace(PLAN, concurrencies=(1, 3), requests=6, output_tokens=8)


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    async with PacedServer() as server, open_desk(server) as desk:
        await desk.open()
        yield desk


def type_into(line: QLineEdit, text: str) -> None:
    line.setFocus()
    line.selectAll()
    QTest.keyClicks(line, text)


def card_button(desk: Desk, label: str) -> QPushButton:
    """A button of the problem in view."""
    (button,) = [one for one in desk.window.problem.findChildren(QPushButton) if one.text() == label]
    return button


async def kept(desk: Desk) -> list[BenchRun]:
    ledger = desk.app.session.bench.ledger
    return [await ledger.get(row.id) for row in await ledger.rows()]


async def test_a_benchmark_is_measured_shown_and_kept(desk: Desk) -> None:
    await desk.measure()
    shown = desk.view.shown
    assert shown is not None and [step.concurrency for step in shown.run.steps] == [1, 2]
    assert all(step.good == 4 and step.failed == 0 for step in shown.stats)
    assert desk.server.most_at_once == 2
    (run,) = await kept(desk)
    assert run.id == desk.view.run_id and run.plan == PLAN
    assert run.surroundings.model == "small" and run.surroundings.engine == "remote"
    assert desk.window.results.shown is shown and desk.window.results.isVisible()
    assert desk.window.foot.compare.isEnabled()


async def test_a_run_that_the_ledger_refused_can_be_kept_later(desk: Desk) -> None:
    foot = desk.window.foot
    await desk.measure()  # the ledger's file is there
    with closing(sqlite3.connect(paths.data_dir() / FILE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # another program writes, and takes its time
        await desk.measure()
        problem = desk.view.problem
        assert problem is not None and problem.cause == "bench_ledger_busy"
        assert problem.actions == (KEEP,)  # measuring again would lose the run
        assert desk.window.results.isVisible() and foot.keep.isVisible() and not foot.compare.isEnabled()
        card_button(desk, "Keep this run").click()
        await desk.until_said("Still not kept.")
        assert desk.view.problem == problem and not desk.view.run_id
        foot.keep.click()
        await desk.until_said("Keeping…")
        await desk.until_said("Still not kept.")
        assert desk.view.problem == problem
    button = card_button(desk, "Keep this run")
    for _ in range(2):
        button.click()  # an impatient finger
    await desk.until_said("Kept in the ledger.")
    assert len(await kept(desk)) == 2 and desk.view.problem is None
    assert foot.compare.isEnabled() and not foot.keep.isVisible()


async def test_arcdesk_bench_keeps_the_window_from_measuring_meanwhile(desk: Desk) -> None:
    await desk.measure()
    before = desk.view.shown
    with held(lock_of(desk.server.base_url)) as is_ours:
        assert is_ours
        await desk.measure()
        assert desk.view.shown is before and before is not None and desk.view.run_id
        problem = desk.view.problem
        assert problem is not None and problem.title == "A benchmark is running already"
        assert [action.kind for action in problem.actions] == [ActionKind.RETRY]
    await desk.measure()
    assert desk.view.problem is None and desk.view.run_id


async def test_enter_in_a_field_starts(desk: Desk) -> None:
    desk.window.activateWindow()
    line = desk.window.form.output_tokens.line
    type_into(line, "3")
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert desk.view.state is BenchState.WAITING
    await desk.until_state(BenchState.IDLE)
    (run,) = await kept(desk)
    assert run.plan == replace(PLAN, output_tokens=3)


async def test_enter_starts_as_soon_as_the_window_is_there(desk: Desk) -> None:
    assert desk.window.focusWidget() is desk.window.start.button
    QTest.keyClick(desk.window.form.preset, Qt.Key.Key_Return)
    assert desk.view.state is BenchState.WAITING and not desk.window.form.preset.view().isVisible()
    await desk.until_state(BenchState.RUNNING)
    assert desk.window.focusWidget() is desk.window.progress.cancel
    await desk.until_state(BenchState.IDLE)
    assert desk.window.focusWidget() is desk.window.start.button
    QTest.keyClick(desk.window.start.button, Qt.Key.Key_Return)
    assert desk.view.state is BenchState.WAITING
    await desk.until_state(BenchState.IDLE)
    assert len(await kept(desk)) == 2


async def test_what_can_not_stand_is_said_beside_the_field_and_start_is_shut(desk: Desk) -> None:
    type_into(desk.window.form.concurrencies.line, "1, 0")
    assert desk.window.form.grid.why("concurrencies") == "'0' is no number of at least 1."
    assert not desk.window.start.button.isEnabled()
    assert desk.window.start.reason.text() == "Requests at once: '0' is no number of at least 1."
    desk.controller.open(is_suite=False)
    QTest.keyClick(desk.window.form.concurrencies.line, Qt.Key.Key_Return)
    assert desk.view.state is BenchState.IDLE
    type_into(desk.window.form.concurrencies.line, "2")
    assert desk.window.start.button.isEnabled() and not desk.window.start.reason.isVisible()


async def test_a_preset_fills_the_fields_and_an_edit_makes_it_ones_own(desk: Desk) -> None:
    form = desk.window.form
    form.preset.present(PresetId.AUTOTP)
    form.preset.activated.emit(form.preset.currentIndex())
    assert form.concurrencies.text == "1, 2, 3" and form.output_tokens.text == "128"
    assert desk.view.checked.plan == plan_of(PresetId.AUTOTP)
    type_into(form.output_tokens.line, "64")
    assert desk.view.preset is PresetId.OWN


async def test_esc_ends_it_and_keeps_what_is_done(desk: Desk) -> None:
    await desk.open(SLOW)
    gate = asyncio.Event()
    gate.set()
    desk.server.hold = gate
    desk.window.start.button.click()
    await until(lambda: desk.view.shown is not None, "the first step")
    gate.clear()  # the second step never ends by itself
    await until(lambda: desk.view.progress is not None and desk.view.progress.step == 2, "the second step")
    QTest.keyClick(desk.window, Qt.Key.Key_Escape)
    assert desk.view.state is BenchState.ENDING and desk.window.isVisible()
    await desk.until_state(BenchState.IDLE)
    (run,) = await kept(desk)
    assert run.steps[0].concurrency == 1 and not run.steps[0].is_cancelled
    assert sum(record.is_good for record in run.steps[0].records) == 6
    assert desk.view.problem is None and desk.view.said == "Ended early. What was done is kept."
    QTest.keyClick(desk.window, Qt.Key.Key_Escape)
    assert not desk.window.isVisible()


async def test_ended_in_the_warm_up_it_says_that_nothing_was_measured(desk: Desk) -> None:
    desk.server.hold = asyncio.Event()
    desk.window.start.button.click()
    await until(
        lambda: desk.view.progress is not None and desk.view.progress.phase is BenchPhase.WARM_UP, "warm-up"
    )
    QTest.keyClick(desk.window, Qt.Key.Key_Escape)
    await desk.until_state(BenchState.IDLE)
    assert desk.window.foot.said.text() == "Ended before anything was measured."
    assert not await kept(desk) and desk.view.problem is None


async def test_it_goes_on_while_the_window_is_closed(desk: Desk) -> None:
    gate = asyncio.Event()
    desk.server.hold = gate
    desk.window.start.button.click()
    await desk.until_state(BenchState.RUNNING)
    desk.window.close()
    desk.app.window.activateWindow()
    await until(desk.app.window.isActiveWindow, "the chat window in front")
    gate.set()
    runner = desk.app.session.bench.runner
    await until(lambda: not desk.controller._measure.is_busy, "its end")
    assert not runner.is_running and len(await kept(desk)) == 1
    (notice,) = [notice for notice in desk.app.state.notices if notice.cause == "bench_done"]
    assert notice.actions[0].kind is ActionKind.OPEN_BENCH and "tok/s" in notice.detail
    desk.app.session.open_bench()
    await until(lambda: desk.window.isVisible() and desk.view.shown is not None, "the results")
    assert desk.view.state is BenchState.IDLE
    assert not [notice for notice in desk.app.state.notices if notice.cause == "bench_done"]


async def test_a_notification_tells_the_end_while_nobody_looks(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, str]] = []
    desktop = desk.app.session.desktop
    monkeypatch.setattr(desktop, "tell_bench", lambda title, body, action: told.append((title, body)))
    gate = asyncio.Event()
    desk.server.hold = gate
    desk.window.start.button.click()
    await desk.until_state(BenchState.RUNNING)
    desk.window.close()
    desk.app.window.hide()
    await until(lambda: QApplication.activeWindow() is None, "no window of ours in front")
    gate.set()
    await until(lambda: told, "the note")
    ((title, body),) = told
    assert title == "Benchmark done" and body.startswith("small: up to ") and "tok/s" in body


async def test_the_form_is_locked_while_it_runs(desk: Desk) -> None:
    desk.server.hold = asyncio.Event()
    desk.window.start.button.click()
    await until(lambda: desk.server.answering, "the first request")
    assert not desk.window.form.isEnabled() and not desk.window.start.button.isEnabled()
    assert desk.window.progress.isVisible() and desk.window.progress.cancel.isEnabled()
    desk.controller.open(plan=BenchPlan())  # someone else's wish changes nothing now
    assert desk.view.checked.plan == PLAN
    desk.window.progress.cancel.click()
    await desk.until_state(BenchState.IDLE)
    assert desk.window.form.isEnabled() and not desk.window.progress.isVisible()
    assert await kept(desk) == []  # nothing was answered


async def test_a_server_that_dies_half_way_is_told_with_a_button(desk: Desk) -> None:
    await desk.open(SLOW)
    desk.window.start.button.click()
    await until(lambda: desk.view.shown is not None, "the first step")
    await desk.server.close()
    await desk.until_state(BenchState.IDLE)
    (run,) = await kept(desk)
    assert run.steps[0].concurrency == 1 and all(record.is_good for record in run.steps[0].records)
    problem = desk.window.problem.problem
    assert problem is not None and desk.window.problem.isVisible()
    assert {action.kind for action in problem.actions} & {ActionKind.RETRY, ActionKind.START}
    buttons = [button.text() for button in desk.window.problem.findChildren(QPushButton)]
    assert problem.actions[0].label in buttons


async def test_requests_that_fail_are_counted_apart(desk: Desk) -> None:
    asked = iter(range(1000))
    desk.server.refuse = lambda request: (
        503 if "stream" in (request.body or {}) and next(asked) % 3 == 2 else None
    )
    await desk.open(replace(PLAN, concurrencies=(1,), requests=9, warm_up_requests=0))
    await desk.measure()
    assert desk.view.shown is not None
    (stats,) = desk.view.shown.stats
    assert (stats.good, stats.failed) == (6, 3)


async def test_the_context_of_the_model_is_minded(desk: Desk) -> None:
    await until(lambda: desk.view.engine.phase is EnginePhase.READY or desk.app.is_idle, "the engine")
    await desk.measure()  # connects
    await until(lambda: desk.controller._look.context == 4096, "the context")
    type_into(desk.window.form.input_tokens.line, "4090")
    type_into(desk.window.form.output_tokens.line, "7")
    assert "don't fit" in desk.window.start.warning.text() and desk.window.start.warning.isVisible()
    assert desk.window.start.button.isEnabled()  # the server has the last word
    type_into(desk.window.form.output_tokens.line, "6")
    assert not desk.window.start.warning.isVisible()


async def test_the_estimate_comes_from_what_was_measured_last(desk: Desk) -> None:
    assert "at what was measured last" not in desk.window.start.summary.text()
    await desk.measure()
    await until(lambda: "at what was measured last" in desk.window.start.summary.text(), "the estimate")


async def test_an_engine_that_is_not_there_is_started_or_told() -> None:
    server = PacedServer()
    await server.__aenter__()
    async with open_desk(server) as desk:
        await server.close()
        await desk.open()
        assert desk.window.start.button.text() == "Start the engine and measure"
        await desk.measure()
        assert desk.view.shown is None and desk.window.problem.isVisible()
        assert desk.view.problem is not None and desk.view.problem.actions


async def test_waiting_for_the_engine_can_be_ended() -> None:
    async with PacedServer() as server, open_desk(server) as desk:
        server.refuse = lambda asked: None
        await desk.open()
        ready = asyncio.Event()
        engine = desk.app.session.engine

        async def never() -> None:
            await ready.wait()

        engine.first_look = never  # type: ignore[method-assign]
        desk.window.start.button.click()
        await asyncio.sleep(0)
        assert desk.view.state is BenchState.WAITING
        assert desk.window.progress.title.text() == "Waiting for the engine"
        QTest.keyClick(desk.window, Qt.Key.Key_Escape)
        await desk.until_state(BenchState.IDLE)
        assert desk.view.problem is None


async def test_quit_while_it_runs_keeps_what_is_done() -> None:
    async with PacedServer() as server:
        gate = asyncio.Event()
        gate.set()
        server.hold = gate
        async with open_desk(server) as desk:
            await desk.open(SLOW)
            desk.window.start.button.click()
            await until(lambda: desk.view.shown is not None, "the first step")
            gate.clear()
        from arcdesk.storage.bench_ledger import BenchDb

        ledger = BenchDb()
        (row,) = await ledger.rows()
        run = await ledger.get(row.id)
        await ledger.aclose()
        assert sum(record.is_good for record in run.steps[0].records) == 6


async def test_the_last_plan_is_there_after_a_restart_of_the_app() -> None:
    plan = replace(PLAN, concurrencies=(3,), output_tokens=2, duration_s=None, requests=3)
    async with PacedServer() as server:
        async with open_desk(server) as desk:
            await desk.open(plan)
            await desk.measure()
        async with open_desk(server) as desk:
            await desk.open(None)
            assert desk.view.checked.plan == plan and desk.view.preset is PresetId.OWN
            desk.controller._on_preset(PresetId.SUITE)
            desk.controller._on_preset(PresetId.OWN)
            assert desk.view.checked.plan == plan


async def test_a_memory_that_was_edited_by_hand_is_left_alone() -> None:
    file = QSettings(str(paths.state_dir() / "window.ini"), QSettings.Format.IniFormat)
    file.setValue("bench/lastPlan", '{"concurrencies": ["a"], "input_tokens": null}')
    file.sync()
    async with PacedServer() as server, open_desk(server) as desk:
        await desk.open(None)
        assert desk.view.preset is PresetId.QUICK and desk.view.form.end is End.SECONDS


async def test_the_suite_begins_by_itself(desk: Desk) -> None:
    desk.app.session.open_bench("suite")
    await desk.until_state(BenchState.RUNNING)
    assert desk.view.preset is PresetId.SUITE and desk.view.checked.plan == plan_of(PresetId.SUITE)
    desk.window.progress.cancel.click()
    await desk.until_state(BenchState.IDLE)


async def test_a_file_of_prompts_is_looked_into(desk: Desk, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("one\ntwo\nthree\n")
    more = desk.window.form.more
    more.dataset.present(Dataset.FILE)
    more.dataset.activated.emit(more.dataset.currentIndex())
    assert desk.view.checked.why("dataset_path") == "Choose the file with the prompts."
    more.dataset_path.line.setText(str(prompts))
    await until(lambda: desk.view.prompts_note, "the count")
    assert desk.view.prompts_note == "3 prompts in the file." and desk.view.checked.plan is not None
    more.dataset_path.line.setText(str(tmp_path / "none.txt"))
    await until(lambda: desk.view.checked.why("dataset_path"), "the refusal")
    assert "can't be read" in more.grid.why("dataset_path")
    assert not desk.window.start.button.isEnabled()
    more.dataset_path.line.setText(str(prompts))
    await until(lambda: desk.view.checked.plan is not None and desk.view.prompts_note, "the file again")
    await desk.measure()
    sent = {
        asked.body["prompt"]
        for asked in desk.server.asked
        if "completions" in asked.path and "prompt" in asked.body
    }
    assert sent >= {"one", "two", "three"}


async def test_an_image_goes_along_in_a_chat(desk: Desk, tmp_path: Path) -> None:
    picture = tmp_path / "dot.png"
    desk.window.grab().scaled(2, 2).save(str(picture))
    await desk.open(replace(PLAN, concurrencies=(1,), requests=1, warm_up_requests=0))
    desk.window.form.more.image_path.line.setText(str(picture))
    assert desk.view.checked.plan is not None and desk.view.checked.plan.api.value == "chat"
    await desk.measure()
    (asked,) = [one for one in desk.server.asked if one.body and one.body.get("stream")]
    kinds = [part["type"] for part in asked.body["messages"][-1]["content"]]
    assert "image_url" in kinds


async def test_reports_are_copied_and_saved(desk: Desk, tmp_path: Path) -> None:
    await desk.measure()
    assert desk.view.shown is not None
    desk.window.foot.copy.click()
    await until(lambda: desk.view.said == "Copied as Markdown.", "the copy")
    assert "|" in QGuiApplication.clipboard().text()
    for fmt, name in (("json", "run.json"), ("ipex", "run.txt")):
        desk.window.save_requested.emit(fmt)
        (dialog,) = [one for one in desk.window.findChildren(QFileDialog) if one.isVisible()]
        dialog.fileSelected.emit(str(tmp_path / name))
        dialog.close()
        await desk.until_said(f"Saved as {tmp_path / name}.")
    assert "Average first token latency" in (tmp_path / "run.txt").read_text()
    own = tmp_path / base_name(desk.view.shown.run)
    for folder in (tmp_path, own):
        desk.window.save_requested.emit("autotp")
        (dialog,) = [one for one in desk.window.findChildren(QFileDialog) if one.isVisible()]
        dialog.fileSelected.emit(str(tmp_path))
        dialog.close()
        await desk.until_said(f"Saved 1.log, 2.log in {folder}.")
    assert {path.name for path in tmp_path.glob("*.log")} == {"1.log", "2.log"}
    assert {path.name for path in own.iterdir()} == {"1.log", "2.log"}


async def test_a_report_that_can_not_be_written_is_told(desk: Desk, tmp_path: Path) -> None:
    await desk.measure()
    desk.window.save_requested.emit("text")
    (dialog,) = [one for one in desk.window.findChildren(QFileDialog) if one.isVisible()]
    dialog.fileSelected.emit(str(tmp_path / "no" / "such" / "folder.txt"))
    dialog.close()
    await until(lambda: desk.view.problem is not None, "the problem")
    assert desk.view.problem is not None and desk.view.problem.cause == "storage_unwritable"


@pytest.mark.parametrize(("width", "is_narrow"), [(1120, False), (600, True)])
async def test_the_form_stands_beside_or_above(desk: Desk, width: int, is_narrow: bool) -> None:
    desk.window.resize(width, 800)
    left, right = desk.window._left, desk.window._right

    def is_below() -> bool:
        return right.geometry().top() >= left.geometry().bottom()

    await until(lambda: desk.window.is_narrow is is_narrow and is_below() is is_narrow, "the place")
    assert (right.geometry().left() >= left.geometry().right()) is not is_narrow
