"""Where the live panel floats: beside the window, on the screen, and never over the box for questions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect, QSettings, QSize, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from arcdesk.ui.live_dock import LiveDock
from arcdesk.ui.live_float import GAP_PX, LEAST_HEIGHT_PX, floating_place, is_in_reach
from arcdesk.ui.live_place import LivePlace
from arcdesk.ui.main_window import MainWindow

pytestmark = pytest.mark.qt_log_ignore("does not support", extend=True)  # the offscreen platform says so

SCREEN = QRect(0, 0, 1920, 1080)
WANTED = QSize(328, 700)
BOTTOM = Qt.DockWidgetArea.BottomDockWidgetArea


def placed(window: QRect, area: QRect = SCREEN, wanted: QSize = WANTED) -> QRect:
    """Beside a window whose prompt box is 73 px high, 16 px above its lower edge."""
    chat = window.adjusted(223, 43, 0, -97)
    prompt = QRect(window.left() + 235, window.bottom() - 88, window.width() - 247, 73)
    place = floating_place(wanted, window, chat, prompt, area)
    assert area.contains(place)
    assert not place.intersects(prompt)
    return place


class TestArithmetic:
    def test_the_right_comes_first(self) -> None:
        place = placed(QRect(100, 50, 1180, 760))
        assert place == QRect(1280 + GAP_PX, 50, 328, 700)

    def test_then_the_left(self) -> None:
        window = QRect(700, 50, 1180, 760)
        place = placed(window)
        assert place == QRect(700 - GAP_PX - 328, 50, 328, 700)
        assert not place.intersects(window)

    def test_the_last_pixel_of_room_is_enough(self) -> None:
        just = SCREEN.width() - 328 - GAP_PX
        assert placed(QRect(0, 0, just, 760)).right() == SCREEN.right()
        assert placed(QRect(0, 0, just + 1, 760)).left() < just  # no room: over the chat

    def test_a_window_low_on_the_screen_lifts_it(self) -> None:
        assert placed(QRect(100, 600, 1180, 700)) == QRect(1288, 1080 - 700, 328, 700)

    def test_a_window_above_the_screen_does_not(self) -> None:
        assert placed(QRect(100, -300, 1180, 760)).top() == 0

    def test_without_room_beside_it_lies_over_the_chats_corner(self) -> None:
        place = placed(SCREEN)
        assert place.right() == SCREEN.right() - GAP_PX
        assert place.top() == 43
        short = placed(QRect(0, 0, 800, 600), QRect(0, 0, 800, 600))
        assert short.bottom() < 600 - 89  # it ends above the prompt box

    def test_a_second_screen_has_its_own_numbers(self) -> None:
        left_of_all = QRect(-1600, 120, 1600, 900)
        assert placed(QRect(-1580, 130, 1000, 760), left_of_all).left() == -580 + GAP_PX
        assert placed(left_of_all, left_of_all).right() == -1 - GAP_PX

    def test_a_panel_larger_than_the_screen_is_made_smaller(self) -> None:
        small = QRect(0, 0, 300, 500)
        assert placed(QRect(0, 0, 300, 500), small, QSize(328, 2000)).width() == 300

    def test_a_prompt_at_the_screens_top_leaves_room_below_only(self) -> None:
        place = placed(QRect(0, -560, 1920, 700))
        assert place.height() >= LEAST_HEIGHT_PX
        assert place.top() > 140 - 16

    @pytest.mark.parametrize("left", range(-800, 2000, 350))
    @pytest.mark.parametrize("top", range(-300, 1000, 250))
    @pytest.mark.parametrize("width", [700, 1180, 1900])
    def test_it_is_on_the_screen_and_off_the_prompt_wherever_the_window_is(
        self, left: int, top: int, width: int
    ) -> None:
        placed(QRect(left, top, width, 700))

    def test_a_place_is_in_reach_while_its_head_is_on_a_screen(self) -> None:
        place = QRect(1800, 900, 328, 700)
        assert not is_in_reach(place, [SCREEN])  # of its head only the left half
        assert is_in_reach(place.translated(-100, 0), [SCREEN])
        assert not is_in_reach(place.translated(3000, 0), [SCREEN, SCREEN.translated(0, 1080)])
        assert is_in_reach(place, [SCREEN, SCREEN.translated(1920, 0)])


@dataclass(frozen=True)
class Seat:
    """The chat window with the panel open in it."""

    window: MainWindow
    dock: LiveDock
    place: LivePlace

    @property
    def floating(self) -> QRect:
        assert self.dock.isFloating() and self.dock.isVisible()
        return self.dock.frameGeometry()

    @property
    def prompt(self) -> QRect:
        return on_desktop(self.window.prompt)

    def press_float(self) -> None:
        QTest.mouseClick(self.dock._buttons["float"], Qt.MouseButton.LeftButton)

    def drag_to(self, place: QRect) -> None:
        """Take hold of it, as a person does; then it is there."""
        QTest.mousePress(self.dock, Qt.MouseButton.LeftButton, pos=QPoint(20, 10))
        self.dock.setGeometry(place)
        QTest.mouseRelease(self.dock, Qt.MouseButton.LeftButton, pos=QPoint(20, 10))


def on_desktop(widget: QWidget) -> QRect:
    return QRect(widget.mapToGlobal(QPoint(0, 0)), widget.size())


def open_seat(qtbot: QtBot, memory: QSettings, width: int = 780, at: QPoint | None = None) -> Seat:
    window = MainWindow(memory)
    qtbot.addWidget(window)
    dock = LiveDock(window)
    place = LivePlace(window, dock)
    window.resize(width, 600)
    window.move(at or QPoint(0, 0))
    window.show()
    place.show()
    QApplication.processEvents()
    return Seat(window, dock, place)


@pytest.fixture
def memory(tmp_path: Path) -> QSettings:
    return QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)


@pytest.fixture
def seat(qtbot: QtBot, memory: QSettings) -> Iterator[Seat]:
    made = open_seat(qtbot, memory)
    yield made
    made.window.hide()


class TestPanel:
    @pytest.mark.parametrize("is_below", [False, True], ids=["right", "bottom"])
    def test_floated_by_its_button_it_leaves_the_prompt_free(
        self, seat: Seat, qtbot: QtBot, is_below: bool
    ) -> None:
        if is_below:
            seat.dock.place(BOTTOM)
        seat.press_float()
        area = seat.window.screen().availableGeometry()
        for _ in range(2):  # at once, and when the window has taken the room that became free
            assert not seat.floating.intersects(seat.prompt)
            assert area.contains(seat.floating)
            qtbot.wait(300)
        seat.press_float()
        assert not seat.dock.isFloating() and seat.dock.isVisible()

    def test_where_the_screen_has_room_it_stands_beside_the_window(
        self, qtbot: QtBot, memory: QSettings
    ) -> None:
        seat = open_seat(qtbot, memory, width=430)
        seat.press_float()
        assert seat.floating.left() == seat.window.frameGeometry().right() + 1 + GAP_PX
        seat.press_float()
        area = seat.window.screen().availableGeometry()
        seat.window.move(area.right() - seat.window.frameGeometry().width(), 0)
        seat.press_float()  # nobody had touched it: it goes with the window
        assert seat.floating.right() == seat.window.frameGeometry().left() - 1 - GAP_PX

    def test_two_clicks_on_its_head_are_its_button(self, seat: Seat) -> None:
        head = seat.dock.titleBarWidget()
        assert head is not None
        QTest.mouseDClick(head, Qt.MouseButton.LeftButton, pos=QPoint(20, 10))
        assert not seat.floating.intersects(seat.prompt)

    def test_where_the_person_had_it_it_floats_again(
        self, seat: Seat, qtbot: QtBot, memory: QSettings
    ) -> None:
        mine = QRect(40, 20, 350, 300)
        seat.press_float()
        seat.drag_to(mine)
        seat.press_float()
        seat.press_float()
        assert seat.floating == mine
        seat.dock.place(BOTTOM)
        seat.window.remember()
        again = open_seat(qtbot, memory)
        assert not again.dock.isFloating()
        again.press_float()
        assert again.floating == mine

    def test_a_place_on_a_screen_that_is_gone_is_left(self, qtbot: QtBot, memory: QSettings) -> None:
        memory.setValue("window/live_floated", QRect(9000, 20, 350, 300))
        seat = open_seat(qtbot, memory)
        seat.press_float()
        assert seat.window.screen().availableGeometry().contains(seat.floating)
