"""Window, strip and menu on the real service and reader: the cards are looked at while they are seen only."""

from __future__ import annotations

import gc
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QPushButton, QVBoxLayout, QWidget

from arcdesk.app.gpu_controller import GpuController
from arcdesk.app.gpu_recording import save_recording
from arcdesk.app.gpu_text import snapshot_text
from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.services.gpu_service import GpuService
from arcdesk.telemetry.gpu_reader import CardReader
from arcdesk.telemetry.gpu_recorded import RecordedHost, load_recording
from arcdesk.ui import theme
from arcdesk.ui.gpu_strip import GpuStrip
from arcdesk.ui.gpu_window import GpuWindow
from arcdesk.ui.tasks import Tasks
from tests.shots_gpu import RECORDINGS
from tests.ui.app_rig import until

pytestmark = pytest.mark.qt_log_ignore("does not support")


class Desk:
    """A controller with all that is real, and what came of it."""

    def __init__(self, recording: str, interval_s: float = 0.02) -> None:
        self.host = RecordedHost(load_recording(RECORDINGS / f"{recording}.json"))
        self.service = GpuService(CardReader(self.host), interval_s=interval_s)
        self.performed: list[Action] = []
        self.problems: list[Problem] = []
        self.tasks = Tasks(self.problems.append)
        self.controller = GpuController(
            self.service,
            self.tasks,
            perform=self.performed.append,
            palette=lambda: theme.DARK,
            record=self._record,
        )

    async def _record(self, path: Path) -> None:
        await save_recording(path, answers=self.host.containers, host=self.host)

    async def open(self) -> GpuWindow:
        self.controller.open()
        window = self.controller.window
        assert window is not None
        await until(lambda: window.cards or window.empty.isVisible(), "the first look")
        return window

    async def aclose(self) -> None:
        self.controller.close()
        await self.tasks.cancel_all()
        await self.service.aclose()
        await until(lambda: self.controller.window is None, "the window to go")


@pytest.fixture(autouse=True)
def stays_alive(qapp: QApplication) -> Iterator[None]:
    """A tray program outlives its windows; and none of another test is left for our thread to delete."""
    qapp.setQuitOnLastWindowClosed(False)
    gc.collect()
    yield
    qapp.setQuitOnLastWindowClosed(True)
    gc.collect()


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk("b580_xe")
    yield desk
    await desk.aclose()


def press(window: QWidget, text: str) -> None:
    (found,) = [one for one in window.findChildren(QPushButton) if one.text() == text]
    found.click()


def samplers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("gpu-sampler")]


async def test_the_cards_are_looked_at_while_the_window_is_seen(desk: Desk) -> None:
    assert not desk.service.is_watched
    window = await desk.open()
    assert desk.service.is_watched
    (card,) = window.cards.values()
    assert "B580" in card.accessibleName()
    window.showMinimized()
    assert not desk.service.is_watched
    await until(lambda: not samplers(), "the thread to end")
    desk.controller.open()  # again from the menu: it comes back
    assert desk.controller.window is window
    assert desk.service.is_watched
    assert not window.isMinimized()
    window.hide()
    assert not desk.service.is_watched
    window.show()
    assert desk.service.is_watched


async def test_esc_closes_the_window_and_ends_the_watch(desk: Desk) -> None:
    window = await desk.open()
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert not desk.service.is_watched
    await until(lambda: desk.controller.window is None, "the window to go")
    again = await desk.open()
    assert again is not window
    assert desk.service.is_watched


async def test_f5_looks_at_once() -> None:
    desk = Desk("b580_xe", interval_s=3600.0)
    try:
        window = await desk.open()
        before = desk.service.view.snapshot
        desk.host.advance()
        QTest.keyClick(window, Qt.Key.Key_F5)
        await until(lambda: desk.service.view.snapshot is not before, "another look")
    finally:
        await desk.aclose()


async def test_a_sleeping_card_is_not_woken_by_the_window() -> None:
    desk = Desk("b580_xe_suspended")
    try:
        window = await desk.open()
        (card,) = window.cards.values()
        assert card.notice.isVisible()
        looks = desk.service.view.snapshot
        await until(lambda: desk.service.view.snapshot is not looks, "more looks")
        recording = load_recording(RECORDINGS / "b580_xe_suspended.json")
        wakes = tuple(recording["permissions"]["wakes_gpu"])
        assert wakes
        assert not [path for path in desk.host.touched if path.startswith(wakes)]
    finally:
        await desk.aclose()


async def test_figures_go_to_the_clipboard(desk: Desk) -> None:
    window = await desk.open()
    press(window, "Copy figures")
    text = QGuiApplication.clipboard().text()
    assert text == snapshot_text(desk.controller.newest.snapshot)  # as `arcdesk gpu` prints it
    assert "Intel Arc B580" in text


async def test_a_button_of_the_window_is_performed() -> None:
    desk = Desk("b580_no_driver")
    try:
        window = await desk.open()
        (card,) = window.cards.values()
        press(card, "Open the doctor")
        assert [action.kind for action in desk.performed] == [ActionKind.OPEN_DOCTOR]
    finally:
        await desk.aclose()


async def test_a_recording_is_saved_where_one_says(desk: Desk, tmp_path: Path) -> None:
    window = await desk.open()
    press(window, "Save a recording…")
    (chooser,) = window.findChildren(QFileDialog)
    assert chooser.isVisible()
    target = tmp_path / "cards.json"
    chooser.fileSelected.emit(str(target))
    chooser.close()
    await until(lambda: str(target) in window.said, "the word that it is there")
    again = CardReader(RecordedHost(load_recording(target))).sample()  # what was written can be read
    assert [card.name for card in again.cards] == ["Intel Arc B580"]


async def test_a_recording_that_fails_is_told(desk: Desk, tmp_path: Path) -> None:
    window = await desk.open()
    press(window, "Save a recording…")
    (chooser,) = window.findChildren(QFileDialog)
    chooser.fileSelected.emit(str(tmp_path / "nowhere" / "cards.json"))
    chooser.close()
    await until(lambda: desk.problems, "the problem")
    assert desk.problems[0].title == "The recording could not be saved"
    assert "No such file" in desk.problems[0].detail
    assert window.said == ""


async def test_the_strip_looks_while_it_is_seen_and_opens_the_window(desk: Desk) -> None:
    frame, strip = QWidget(), GpuStrip()
    QVBoxLayout(frame).addWidget(strip)
    desk.controller.attach(strip)
    assert not desk.service.is_watched
    frame.show()
    await until(lambda: strip.cards, "the first look")
    frame.showMinimized()
    assert not desk.service.is_watched
    frame.showNormal()
    assert desk.service.is_watched
    strip.hide()  # folded away
    assert not desk.service.is_watched
    strip.show()
    (card,) = strip.cards.values()
    card.click()
    window = desk.controller.window
    assert window is not None
    frame.close()
    assert desk.service.is_watched  # by the window
    window.close()
    assert not desk.service.is_watched


async def test_the_menus_lines_come_while_it_is_open(desk: Desk) -> None:
    told: list[list[str]] = []
    end = desk.controller.watch_lines(told.append)
    await until(lambda: told, "lines")
    assert told[0][0].startswith("B580 · ")
    end()
    assert not desk.service.is_watched
    count = len(told)
    again = desk.controller.watch_lines(told.append)
    assert len(told) == count + 1  # what is known is told at once
    again()
    again()  # twice does no harm


async def test_close_ends_all_watches(desk: Desk) -> None:
    await desk.open()
    desk.controller.watch_lines(lambda _: None)
    desk.controller.close()
    assert not desk.service.is_watched
