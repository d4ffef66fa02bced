"""What the ledger's window shows after something changed: here, elsewhere, or beyond the first page."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from arcdesk.app import ledger_controller
from arcdesk.core.bench import BenchRun
from arcdesk.ui.ledger_note import LedgerNote
from arcdesk.ui.ledger_window import COMPARE, RUN
from tests.ui.app_rig import no_docker as no_docker
from tests.ui.app_rig import until
from tests.ui.ledger_rig import Desk, open_desk
from tests.ui.test_ledger_controller import keep
from tests.unit.storage import bench_rig as rig

pytestmark = pytest.mark.qt_log_ignore("does not support")  # the offscreen platform says so

OTHER = replace(rig.ABOUT, model="Other")


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as desk:
        yield desk


@pytest.fixture
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_controller, "PAGE", 2)


async def keep_many(desk: Desk, count: int) -> list[int]:
    return [await keep(desk, 100, at=1_000.0 + number) for number in range(count)]


async def read(desk: Desk, run_id: int) -> None:
    await until(lambda: _shown(desk) == run_id and desk.app.is_idle, f"run {run_id}")


def _shown(desk: Desk) -> int:
    return desk.view.shown.run.id if desk.view.shown is not None else 0


def _pair(desk: Desk) -> tuple[int, ...]:
    pair = desk.view.pair
    return (pair.before.id, pair.after.id) if pair is not None else ()


async def refresh(desk: Desk, run_id: int = 0) -> None:
    desk.controller.refresh(run_id)
    await desk.until_read()


# the filter by model


async def test_the_filter_ends_with_the_last_run_of_its_model(desk: Desk) -> None:
    one = await keep(desk, 100, at=1_000.0)
    other = await keep(desk, 90, OTHER, at=2_000.0)
    await desk.open()
    box = desk.window.list.model
    box.setCurrentIndex(box.findData("Other"))
    box.activated.emit(box.currentIndex())
    await until(lambda: desk.listed == [other], "the runs of one model")
    await desk.select(other)
    desk.window.foot.delete.click()
    await until(lambda: desk.listed == [one], "the runs of all models")
    assert box.currentText() == "All models"
    assert desk.window.list.count.text() == "1 run"
    desk.window.notice_button_pressed.emit("undo")
    await until(lambda: desk.listed == [other, one], "the run to come back")
    assert box.currentText() == "All models"
    assert not desk.view.is_narrowed


# choosing the other run


async def test_a_delete_ends_the_choice_of_the_other_run(desk: Desk) -> None:
    first, second, third = await keep_many(desk, 3)
    await desk.open(str(second))
    desk.window.foot.compare.click()
    desk.window.foot.delete.click()
    await until(lambda: desk.listed == [third, first], "the run to go")
    assert not desk.window.pick_bar.isVisible()
    await desk.select(third)
    await read(desk, third)
    assert desk.view.pair is None


async def test_a_delete_elsewhere_ends_the_choice_too(desk: Desk) -> None:
    first, second = await keep_many(desk, 2)
    await desk.open(str(first))
    await read(desk, first)
    desk.window.foot.compare.click()
    await desk.ledger.delete(first)
    await refresh(desk)
    assert desk.listed == [second]
    assert not desk.window.pick_bar.isVisible()


async def test_a_link_is_no_choice_of_the_other_run(desk: Desk) -> None:
    first, second = await keep_many(desk, 2)
    await desk.open(str(first))
    desk.window.foot.compare.click()
    await desk.open(str(second))
    await read(desk, second)
    assert desk.view.pair is None
    assert not desk.window.pick_bar.isVisible()


# the note


async def test_a_note_is_kept_when_the_window_turns_to_another_run(desk: Desk) -> None:
    first, second = await keep_many(desk, 2)
    await desk.open(str(first))
    await read(desk, first)
    desk.window.activateWindow()
    desk.window.note.setFocus()
    QTest.keyClicks(desk.window.note, "hello")
    await refresh(desk, second)
    await read(desk, second)
    assert (await desk.ledger.get(first)).note == "hello"
    assert (await desk.ledger.get(second)).note == ""
    assert desk.window.note.text() == ""
    notes = {row.id: row.note for row in desk.window.list.rows.rows}
    assert notes == {first: "hello", second: ""}


def test_what_is_being_typed_stays_when_the_same_run_is_shown_anew() -> None:
    field, told = LedgerNote(), []
    field.given.connect(lambda *given: told.append(given))
    run = BenchRun(at=1.0, plan=rig.run().plan, surroundings=rig.ABOUT, steps=(), id=7)
    field.present(run)
    QTest.keyClicks(field, "half")
    field.present(replace(run, note="from elsewhere"))
    assert field.text() == "half"
    assert told == []
    field.editingFinished.emit()
    field.present(replace(run, note="half"))
    field.present(None)
    assert told == [(7, "half")]
    assert field.text() == ""
    assert not field.isEnabled()


# what is on show stays, or goes


@pytest.mark.usefixtures("short_pages")
async def test_a_comparison_stays_where_a_run_is_beyond_the_first_page(desk: Desk) -> None:
    first, _, third = await keep_many(desk, 3)
    await desk.open(f"{first},{third}")
    await until(lambda: _pair(desk) == (first, third), "the comparison")
    await read(desk, third)
    desk.window.tabs.setCurrentIndex(RUN)
    pair = desk.view.pair
    await refresh(desk)
    assert desk.view.pair is pair
    assert desk.window.tabs.currentIndex() == RUN  # where the person looks
    await desk.open()
    assert desk.view.pair is pair


@pytest.mark.usefixtures("short_pages")
async def test_a_run_beyond_the_first_page_stays(desk: Desk) -> None:
    first, *_ = await keep_many(desk, 4)
    await desk.open(str(first))
    await read(desk, first)
    await refresh(desk)
    assert _shown(desk) == first
    assert desk.view.said == ""


@pytest.mark.usefixtures("short_pages")
async def test_a_found_run_stays_when_the_search_is_cleared(desk: Desk) -> None:
    first, *_ = await keep_many(desk, 4)
    await desk.ledger.note(first, "needle")
    await desk.open()
    QTest.keyClicks(desk.window.list.search, "needle")
    await until(lambda: desk.listed == [first], "the narrowed list")
    await desk.select(first)
    await read(desk, first)
    desk.window.list.clear_search()
    await until(lambda: len(desk.listed) == 2, "the whole list")
    await desk.until_read()
    assert _shown(desk) == first


async def test_a_narrower_list_lets_go_of_what_is_not_in_it(desk: Desk) -> None:
    first, second = await keep_many(desk, 2)
    await desk.ledger.note(first, "needle")
    await desk.open(str(second))
    await read(desk, second)
    QTest.keyClicks(desk.window.list.search, "needle")
    await until(lambda: desk.listed == [first] and desk.app.is_idle, "the narrowed list")
    assert desk.view.run_id == 0
    assert desk.view.said == ""


@pytest.mark.usefixtures("short_pages")
@pytest.mark.parametrize("place", [0, 3])
async def test_a_run_deleted_elsewhere_goes(desk: Desk, place: int) -> None:
    ids = await keep_many(desk, 4)
    gone = ids[place]
    await desk.open(str(gone))
    await read(desk, gone)
    await desk.ledger.delete(gone)
    await refresh(desk)
    assert desk.view.run_id == 0
    assert desk.view.shown is None
    assert not desk.window.foot.delete.isEnabled()
    assert desk.window.foot.said.text() == f"Run {gone} is not in the ledger any more."
    await refresh(desk)
    assert desk.view.run_id == 0


async def test_of_a_comparison_the_run_that_is_left_is_shown(desk: Desk) -> None:
    first, second = await keep_many(desk, 2)
    await desk.open(f"{first},{second}")
    await until(lambda: bool(_pair(desk)), "the comparison")
    await read(desk, second)
    assert desk.window.tabs.currentIndex() == COMPARE
    await desk.ledger.delete(second)
    await refresh(desk)
    await read(desk, first)
    assert desk.view.pair is None
    assert desk.window.list.chosen_ids == [first]
    assert desk.window.foot.said.text() == f"Run {second} is not in the ledger any more."


# saving


async def test_the_run_is_saved_that_the_file_was_asked_for(desk: Desk, tmp_path: Path) -> None:
    first, second = await keep_many(desk, 2)
    await desk.open(str(first))
    await read(desk, first)
    desk.window.foot.save_requested.emit("export")
    dialog = desk.window.findChild(QFileDialog)
    assert dialog is not None
    await desk.select(second)
    await read(desk, second)
    target = tmp_path / "run.json"
    dialog.fileSelected.emit(str(target))
    dialog.reject()
    await until(lambda: "Saved" in desk.view.said, "the file")
    assert json.loads(target.read_text())["id"] == first
