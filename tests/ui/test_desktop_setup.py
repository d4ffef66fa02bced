"""The switch for log-in and the card of the first run, over real files."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QCheckBox, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from arcdesk.app.desktop_setup import DesktopSetup
from arcdesk.core.autostart_state import AutostartKind, AutostartState
from arcdesk.core.errors import Problem
from arcdesk.core.settings import Settings
from arcdesk.desktop import autostart, install
from arcdesk.ui.autostart_row import AutostartRow
from arcdesk.ui.first_run import WIDTH_PX, FirstRun, FirstRunCard, FirstRunMemory
from arcdesk.ui.tasks import Tasks
from arcdesk.ui.theme import DARK
from arcdesk.ui.welcome import Welcome
from tests.ui.app_rig import until

LINES = ("On this computer (CPU)", "Ctrl+Alt+Space opens it")


class Person:
    """The settings as the session has them."""

    def __init__(self) -> None:
        self.settings = Settings()
        self.problems: list[Problem] = []
        self.tasks = Tasks(self.problems.append)

    def save(self, settings: Settings) -> None:
        self.settings = settings


@pytest.fixture(autouse=True)
def folders(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No system's files, no bus; no widget of an earlier test is left for a thread to delete."""
    gc.collect()
    for name in ("XDG_DATA_DIRS", "XDG_CONFIG_DIRS"):
        monkeypatch.setenv(name, str(own_home / "system"))
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "disabled:")
    return own_home


@pytest.fixture
def person() -> Iterator[Person]:
    person = Person()
    yield person
    assert person.problems == [], "what the widgets say is not said twice"


@pytest.fixture
def setup(person: Person) -> DesktopSetup:
    return DesktopSetup(person.tasks, settings=lambda: person.settings, save=person.save, texts=lambda: LINES)


@pytest.fixture
def row(qtbot: QtBot, setup: DesktopSetup) -> AutostartRow:
    row = AutostartRow()
    qtbot.addWidget(row)
    row.show()
    setup.serve_row(row)
    return row


def memory_of(home: Path) -> FirstRunMemory:
    return FirstRunMemory(QSettings(str(home / "state" / "window.ini"), QSettings.Format.IniFormat))


@pytest.fixture
def card(qtbot: QtBot, setup: DesktopSetup, folders: Path) -> FirstRunCard:
    card = FirstRunCard()
    qtbot.addWidget(card)
    card.show()
    setup.serve_card(card, memory_of(folders))
    return card


def button(widget: QWidget, label: str) -> QAbstractButton:
    (found,) = [b for b in widget.findChildren(QAbstractButton) if label in (b.text(), b.accessibleName())]
    return found


def words(widget: QWidget) -> str:
    """All that is read on it."""
    return " ".join(label.text() for label in widget.findChildren(QLabel) if label.isVisible())


def press(widget: QWidget, label: str) -> None:
    """By the keyboard, as a person without a mouse does."""
    found = button(widget, label)
    found.setFocus()
    QTest.keyClick(found, Qt.Key.Key_Space)


LOG_IN = "Open ArcDesk when you log in"
MENU = "Put ArcDesk into the applications menu"


async def test_the_switch_writes_the_file_and_removes_it(row: AutostartRow) -> None:
    assert not row.switch.isChecked()
    assert "Off until you turn it on" in words(row)
    press(row, LOG_IN)
    await until(row.switch.isChecked, "the switch to be on")
    assert autostart.state().kind is AutostartKind.ON
    press(row, LOG_IN)
    await until(lambda: not row.switch.isChecked(), "the switch to be off")
    assert autostart.state().kind is AutostartKind.OFF


async def test_a_switch_that_can_not_follow_stays_and_says_why(row: AutostartRow, folders: Path) -> None:
    (folders / "config" / "autostart").write_text("in the way")
    press(row, LOG_IN)
    await until(lambda: "can't be opened at log-in" in words(row), "the reason")
    assert not row.switch.isChecked()
    (folders / "config" / "autostart").unlink()
    press(row, LOG_IN)
    await until(row.switch.isChecked, "the second try")
    assert "can't" not in words(row)


def test_a_change_by_others_is_seen_at_the_next_look(row: AutostartRow, setup: DesktopSetup) -> None:
    autostart.turn_on()
    setup.refresh()
    assert row.switch.isChecked()


@pytest.mark.parametrize("kind", AutostartKind)
def test_every_state_has_its_words(row: AutostartRow, kind: AutostartKind) -> None:
    row.present(AutostartState(kind=kind, program="/old/arcdesk"))
    assert words(row)
    assert "{" not in words(row)
    names_program = kind in (AutostartKind.ELSEWHERE, AutostartKind.GONE)
    assert ("/old/arcdesk" in words(row)) is names_program
    assert button(row, "Open this one instead").isVisible() is names_program
    assert row.switch.accessibleDescription() in words(row)


async def test_another_arcdesk_is_replaced_by_this_one(
    row: AutostartRow, setup: DesktopSetup, folders: Path
) -> None:
    file = folders / "config/autostart/org.arcdesk.ArcDesk.desktop"
    file.parent.mkdir()
    file.write_text("[Desktop Entry]\nExec=/bin/sh --background\n")
    setup.refresh()
    assert "/bin/sh" in words(row)
    press(row, "Open this one instead")
    await until(lambda: autostart.state().kind is AutostartKind.ON, "this ArcDesk")
    await until(lambda: "/bin/sh" not in words(row), "the row to follow")


async def test_the_card_shows_what_is_true_and_fulfils_wishes(card: FirstRunCard, person: Person) -> None:
    assert all(line in words(card) for line in LINES)
    assert not any(switch.isChecked() for switch in card.findChildren(QCheckBox)), "both are off at first"

    press(card, "Start the engine with ArcDesk")
    assert person.settings == replace(Settings(), start_engine_with_app=True)
    assert button(card, "Start the engine with ArcDesk").isChecked()

    press(card, LOG_IN)
    await until(button(card, LOG_IN).isChecked, "the switch to be on")
    assert autostart.state().is_on

    press(card, MENU)
    await until(lambda: not button(card, MENU).isVisible(), "the button to go")
    assert install.is_current()


async def test_a_refusal_is_told_on_the_card(card: FirstRunCard, folders: Path) -> None:
    (folders / "data" / "applications").write_text("in the way")
    press(card, MENU)
    await until(lambda: "could not be put into the applications menu" in words(card), "the reason")
    assert button(card, MENU).isVisible()


def test_dismissed_once_is_for_ever(card: FirstRunCard, setup: DesktopSetup, folders: Path) -> None:
    assert card.isVisible()
    press(card, "Got it")
    assert not card.isVisible()
    setup.refresh()
    assert not card.isVisible()
    assert not memory_of(folders).is_due, "another run knows it"


@pytest.mark.parametrize("width_px", [360, 700])
def test_long_words_make_the_card_higher_and_are_not_clipped(qtbot: QtBot, width_px: int) -> None:
    welcome = Welcome()
    qtbot.addWidget(welcome)
    welcome.resize(width_px, 700)
    long = "Intel Arc B580 in the container arcdesk-engine, which somebody named at length. " * 2
    welcome.first_run.present(FirstRun(engine=long, hotkey=long))
    welcome.first_run.show()
    welcome.show()
    qtbot.waitUntil(lambda: welcome.first_run.width() >= min(WIDTH_PX, width_px - 40))
    for label in welcome.first_run.findChildren(QLabel):
        if label.isVisible() and label.wordWrap():
            assert label.height() >= label.heightForWidth(label.width()), label.text()
    welcome.first_run.present(FirstRun(engine="CPU", hotkey="…", is_in_menu=False))
    qtbot.wait(20)
    assert welcome.first_run.mapTo(welcome, welcome.first_run.rect().topRight()).x() < width_px - 8
    for one in welcome.first_run.findChildren(QPushButton):
        assert one.isVisible()
        assert welcome.first_run.rect().contains(one.geometry())


def test_every_control_has_a_name(card: FirstRunCard, row: AutostartRow) -> None:
    for widget in (card, row):
        for control in widget.findChildren(QAbstractButton):
            assert control.accessibleName() or control.text()
        assert widget is row or widget.accessibleName()


def test_the_card_takes_the_palette(card: FirstRunCard) -> None:
    card.set_palette_colors(DARK)
    assert card.grab().toImage().pixelColor(card.width() // 2, 5).name() == DARK.surface
