"""What other parts put into the settings: its place and title, its turn with Tab, and that all is seen."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.ui.hotkey_section import HotkeySection
from arcdesk.ui.privacy_page import PrivacyPage
from arcdesk.ui.problem_card import ProblemCard
from arcdesk.ui.settings_window import SettingsWindow

pytestmark = pytest.mark.qt_log_ignore("does not support raise")
PROBLEM = Problem(
    cause="any",
    title="It did not work",
    actions=(
        Action(kind=ActionKind.RETRY, label="Try again"),
        Action(kind=ActionKind.COPY, label="Copy"),
    ),
)


@pytest.fixture
def window(qtbot: QtBot) -> SettingsWindow:
    made = SettingsWindow()
    qtbot.addWidget(made)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    return made


def tabbed(start: QWidget, count: int) -> list[QWidget | None]:
    """Where Tab goes, step by step."""
    start.setFocus()
    stops: list[QWidget | None] = []
    for _ in range(count):
        QTest.keyClick(start.window().focusWidget(), Qt.Key.Key_Tab)
        stops.append(start.window().focusWidget())
    return stops


def test_a_section_takes_the_place_and_the_title_of_a_row(window: SettingsWindow, qtbot: QtBot) -> None:
    section = HotkeySection()
    window.add_to_page("quick", section, in_place_of="quick.hotkey")
    window.show_page("quick")
    titles = [label for label in window.findChildren(QLabel) if label.text() == "Key for the quick prompt"]
    qtbot.waitUntil(lambda: section.y() > 0)
    assert [label.isVisible() for label in titles].count(True) == 1
    switches = [box for box in window.findChildren(QCheckBox) if box.isVisible()]
    assert all(
        section.mapTo(window, QPoint(0, 0)).y() < box.mapTo(window, QPoint(0, 0)).y() for box in switches
    )


def test_tab_goes_from_top_to_bottom(window: SettingsWindow) -> None:
    section = HotkeySection()
    window.add_to_page("quick", section, in_place_of="quick.hotkey")
    window.show_page("quick")
    stops = tabbed(window.book.list, 4)
    assert stops[0] is section.recorder
    heights = [stop.mapTo(window, stop.rect().center()).y() for stop in stops if stop is not None]
    assert heights == sorted(heights)


def test_from_the_search_the_cursor_key_goes_to_the_pages(window: SettingsWindow) -> None:
    window.book.focus_search()
    QTest.keyClick(window.book.search, Qt.Key.Key_Down)
    assert window.focusWidget() is window.book.list
    QTest.keyClick(window.book.list, Qt.Key.Key_Down)
    assert window.book.page == "engine"


def test_the_privacy_page_is_shown_whole(window: SettingsWindow, qtbot: QtBot) -> None:
    """It has no scroll bar of its own within the one of the settings."""
    page = PrivacyPage()
    window.add_page("Privacy", "page-privacy", page)
    window.show_page("privacy")

    def cut_off() -> list[str]:
        labels = [label for label in page.findChildren(QLabel) if label.isVisible()]
        places = [QRect(label.mapTo(page, QPoint(0, 0)), label.size()) for label in labels]
        return [
            label.text()
            for label, place in zip(labels, places, strict=True)
            if label.height() < label.heightForWidth(label.width()) or not page.rect().contains(place)
        ]

    qtbot.waitUntil(lambda: page.height() > 100 and not cut_off())
    assert not page.findChildren(QScrollArea)


def test_the_buttons_of_a_problem_have_their_turn_where_they_are_seen(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    first, card, last = QPushButton("First"), ProblemCard(is_wide=True), QPushButton("Last")
    column = QVBoxLayout(window)
    for widget in (first, card, last):
        column.addWidget(widget)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    card.present(PROBLEM)
    qtbot.waitUntil(lambda: all(button.isVisible() for button in card.findChildren(QPushButton)))
    stops = tabbed(first, 3)
    assert [stop.text() for stop in stops if isinstance(stop, QPushButton)] == ["Try again", "Copy", "Last"]
