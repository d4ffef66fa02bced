"""The hotkey in the settings: recording by keys, what is said of each state, and the wires to the service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QToolButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from arcdesk.app.hotkey_controller import HotkeyController
from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.core.hotkey import HotkeyHow, HotkeyState, ManualBinding
from arcdesk.core.settings import Settings
from arcdesk.ui.hotkey_section import HotkeySection
from arcdesk.ui.hotkey_words import TestPhase, key_line
from arcdesk.ui.tasks import Tasks

NONE = Qt.KeyboardModifier.NoModifier
CTRL_ALT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
MANUAL = ManualBinding(command="arcdesk quick --toggle", desktop="GNOME", steps=("Open it.", "Press it."))
BOUND = HotkeyState(how=HotkeyHow.X11, wanted="Ctrl+Alt+Space", trigger="Ctrl+Alt+Space", manual=MANUAL)
TAKEN = Problem(
    cause="hotkey_taken",
    title="Another program already holds Ctrl+Alt+Space",
    hint="Choose another key.",
    actions=(Action(kind=ActionKind.CHANGE_HOTKEY, label="Choose another key"),),
)
UNBOUND = HotkeyState(wanted="Ctrl+Alt+Space", problem=TAKEN, manual=MANUAL, one_click="GNOME")


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    """Something to stand in."""
    made = QWidget()
    qtbot.addWidget(made)
    return made


@pytest.fixture
def section(window: QWidget, qtbot: QtBot) -> HotkeySection:
    """The section in a window that has the keyboard."""
    made = HotkeySection()
    other = QLineEdit()
    column = QVBoxLayout(window)
    column.addWidget(made)
    column.addWidget(other)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    made.present(BOUND, TestPhase.IDLE)
    return made


def shown_texts(section: HotkeySection) -> str:
    """All that a person reads in it."""
    labels = [label.text() for label in section.findChildren(QLabel) if label.isVisible()]
    buttons = [button.text() for button in section.findChildren(QPushButton) if button.isVisible()]
    return "\n".join([*labels, *buttons])


def button(section: HotkeySection, text: str) -> QPushButton:
    """The visible button with this text."""
    (found,) = [b for b in section.findChildren(QPushButton) if b.text() == text and b.isVisible()]
    return found


def send_key(widget: QWidget, kind: QEvent.Type, key: Qt.Key, modifiers: Qt.KeyboardModifier) -> None:
    """One event as the keyboard sends it; QTest would add those of the modifiers, and knows fewer keys."""
    QApplication.sendEvent(widget, QKeyEvent(kind, key.value, modifiers))


def notes(section: HotkeySection) -> list[Any]:
    """Everything the section will ask for, in order."""
    said: list[Any] = []
    section.shortcut_chosen.connect(lambda text: said.append(("chosen", text)))
    section.recording_changed.connect(lambda on: said.append(("recording", on)))
    return said


def test_pressed_keys_become_the_shortcut(section: HotkeySection) -> None:
    said = notes(section)
    recorder = section.recorder
    QTest.mouseClick(recorder, Qt.MouseButton.LeftButton)
    QTest.keyPress(recorder, Qt.Key.Key_Control)
    assert recorder.text() == "Ctrl+…"
    QTest.keyPress(recorder, Qt.Key.Key_Alt, Qt.KeyboardModifier.ControlModifier)
    assert recorder.text() == "Ctrl+Alt+…"
    send_key(recorder, QEvent.Type.KeyRelease, Qt.Key.Key_Alt, CTRL_ALT)
    assert recorder.text() == "Ctrl+…"
    QTest.keyPress(recorder, Qt.Key.Key_B, CTRL_ALT)
    assert said == [("recording", True), ("chosen", "Ctrl+Alt+B"), ("recording", False)]
    assert recorder.text() == "Ctrl+Alt+B"


def test_escape_keeps_the_key_and_backspace_takes_none(section: HotkeySection) -> None:
    said = notes(section)
    recorder = section.recorder
    recorder.start()
    QTest.keyClick(recorder, Qt.Key.Key_Escape)
    assert said == [("recording", True), ("recording", False)]
    assert recorder.text() == "Ctrl+Alt+Space"
    recorder.start()
    QTest.keyClick(recorder, Qt.Key.Key_Backspace)
    assert said[2:] == [("recording", True), ("chosen", ""), ("recording", False)]
    assert recorder.text() == "None"


@pytest.mark.parametrize(
    ("key", "modifiers", "word"),
    [
        (Qt.Key.Key_A, NONE, "typing"),
        (Qt.Key.Key_A, Qt.KeyboardModifier.ShiftModifier, "typing"),
        (Qt.Key.Key_Tab, NONE, "typing"),
        (Qt.Key.Key_Delete, CTRL_ALT, "system"),
        (Qt.Key.Key_Dead_Acute, CTRL_ALT, "can't be used"),
    ],
)
def test_keys_that_would_not_do_are_refused_with_the_reason(
    section: HotkeySection, key: Qt.Key, modifiers: Qt.KeyboardModifier, word: str
) -> None:
    said = notes(section)
    section.recorder.start()
    send_key(section.recorder, QEvent.Type.KeyPress, key, modifiers)
    assert section.recorder.is_recording
    assert said == [("recording", True)]
    assert word in shown_texts(section)


def test_a_well_known_key_is_taken_with_a_warning(section: HotkeySection) -> None:
    said = notes(section)
    section.recorder.start()
    QTest.keyClick(section.recorder, Qt.Key.Key_Space, Qt.KeyboardModifier.AltModifier)
    assert ("chosen", "Alt+Space") in said
    assert "window's menu" in shown_texts(section)


def test_leaving_the_recorder_ends_the_recording(section: HotkeySection) -> None:
    said = notes(section)
    section.recorder.start()
    section.window().findChildren(QLineEdit)[-1].setFocus()
    assert said == [("recording", True), ("recording", False)]
    section.recorder.start()
    section.window().hide()
    assert said[-1] == ("recording", False)
    assert not section.recorder.is_recording


def test_a_working_key_says_how_and_keeps_the_rest_folded(section: HotkeySection) -> None:
    text = shown_texts(section)
    assert "Other programs do not see it" in text
    assert "Open it." not in text
    QTest.mouseClick(button(section, "Bind it by hand"), Qt.MouseButton.LeftButton)
    assert "1. Open it.\n2. Press it." in shown_texts(section)


def test_a_failed_key_says_why_and_shows_every_way_out(section: HotkeySection, qtbot: QtBot) -> None:
    section.present(UNBOUND, TestPhase.IDLE)
    text = shown_texts(section)
    assert TAKEN.title in text
    assert "1. Open it." in text
    with qtbot.waitSignal(section.bind_requested):
        QTest.mouseClick(button(section, "Bind it for me in GNOME"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "\nChoose another key\n" in shown_texts(section))  # drawn a moment later
    with qtbot.waitSignal(section.action_requested) as asked:
        QTest.mouseClick(button(section, "Choose another key"), Qt.MouseButton.LeftButton)
    assert asked.args == [TAKEN.actions[0]]
    copy = next(tool for tool in section.findChildren(QToolButton) if tool.isVisible())
    with qtbot.waitSignal(section.copy_requested) as copied:
        QTest.mouseClick(copy, Qt.MouseButton.LeftButton)
    assert copied.args == ["arcdesk quick --toggle"]


def test_another_key_can_be_reset_to_the_default(section: HotkeySection, qtbot: QtBot) -> None:
    name = f"Back to: {Settings().hotkey}"
    (reset,) = [tool for tool in section.findChildren(QToolButton) if tool.accessibleName() == name]
    assert not reset.isVisible(), "it is the default"
    section.present(replace(BOUND, wanted="Ctrl+Alt+K", trigger="Ctrl+Alt+K"), TestPhase.IDLE)
    with qtbot.waitSignal(section.shortcut_chosen) as chosen:
        QTest.mouseClick(reset, Qt.MouseButton.LeftButton)
    assert chosen.args == [Settings().hotkey]
    section.present(BOUND, TestPhase.IDLE)
    assert section.recorder.hasFocus(), "not on a button that is gone"


def test_while_a_key_is_recorded_nothing_is_said_of_the_present_one(section: HotkeySection) -> None:
    assert "holds this key" in shown_texts(section)
    section.record()
    section.present(HotkeyState(wanted=BOUND.wanted, manual=MANUAL), TestPhase.IDLE)  # the grab is released
    assert "key" not in shown_texts(section).replace("Press the keys", "").replace("present key", "")
    QTest.keyClick(section.recorder, Qt.Key.Key_Escape)
    section.present(BOUND, TestPhase.IDLE)
    assert "holds this key" in shown_texts(section)


@pytest.mark.parametrize(
    ("state", "line"), [(BOUND, "Ctrl+Alt+Space"), (UNBOUND, TAKEN.title), (HotkeyState(), "No key is set")]
)
def test_one_line_tells_the_key_or_why_there_is_none(state: HotkeyState, line: str) -> None:
    assert key_line(state).startswith(line)


def test_a_key_that_the_desktop_owns_is_not_recorded_here(section: HotkeySection, qtbot: QtBot) -> None:
    section.present(
        HotkeyState(
            how=HotkeyHow.PORTAL,
            wanted="Ctrl+Alt+Space",
            trigger="Press Super+Y",
            can_record=False,
            can_configure=True,
            manual=MANUAL,
        ),
        TestPhase.IDLE,
    )
    assert not section.recorder.isVisible()
    assert "Press Super+Y" in shown_texts(section)
    with qtbot.waitSignal(section.configure_requested):
        QTest.mouseClick(button(section, "Change it in your desktop…"), Qt.MouseButton.LeftButton)


@pytest.mark.parametrize("phase", list(TestPhase))
def test_each_phase_of_the_test_is_told(section: HotkeySection, phase: TestPhase) -> None:
    words = {
        TestPhase.IDLE: "",
        TestPhase.WAITING: "press: Ctrl+Alt+Space",
        TestPhase.IN_FRONT: "Once more",
        TestPhase.WORKED: "It works",
        TestPhase.NOTHING: "keep all keys to itself",
    }
    section.present(BOUND, phase)
    assert words[phase] in shown_texts(section)
    assert button(section, "Test it").isEnabled() is (phase is not TestPhase.WAITING)


def test_every_control_has_a_name_for_screen_readers(section: HotkeySection) -> None:
    section.present(UNBOUND, TestPhase.IDLE)
    controls = [
        *section.findChildren(QPushButton),
        *section.findChildren(QToolButton),
        *section.findChildren(QLineEdit),
    ]
    nameless = [control for control in controls if control.isVisible() and not _name(control)]
    assert not nameless


def _name(control: QWidget) -> str:
    text = control.text() if isinstance(control, (QPushButton, QToolButton)) else ""
    return control.accessibleName() or text


async def until(look: Callable[[], object]) -> None:
    """Let the loop run until it is so."""
    async with asyncio.timeout(20):
        while not look():
            await asyncio.sleep(0.01)


async def test_the_controller_brings_states_and_wishes_across(
    monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    """A real service in a session without display and bus: all it can say is why, and the way by hand."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "XDG_CURRENT_DESKTOP", "XDG_SESSION_TYPE", "DESKTOP_SESSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
    kept: list[str] = []
    acted: list[Action] = []
    problems: list[Problem] = []
    tasks = Tasks(problems.append)
    controller = HotkeyController(tasks, lambda _: None, kept.append, acted.append)
    section = HotkeySection()
    qtbot.addWidget(section)
    section.show()
    controller.attach(section)
    states: list[HotkeyState] = []
    controller.listeners.append(states.append)
    await controller.start("Ctrl+Alt+Space")
    await until(lambda: states)
    assert states[-1].problem is not None
    assert states[-1].problem.cause == "hotkey_no_bus"
    assert "The desktop can't be asked for a key" in shown_texts(section)
    QTest.mouseClick(button(section, "Test it"), Qt.MouseButton.LeftButton)
    await until(lambda: "press: Ctrl+Alt+Space" in shown_texts(section))
    is_in_front = QGuiApplication.applicationState() == Qt.ApplicationState.ApplicationActive
    assert controller.command_pressed()
    word = "Once more" if is_in_front else "It works"
    await until(lambda: word in shown_texts(section))
    section.shortcut_chosen.emit("Super+F9")
    assert kept == ["Super+F9"]
    await controller.settings_changed("Super+F9")
    await until(lambda: states[-1].wanted == "Super+F9")
    section.copy_requested.emit("arcdesk quick --toggle")
    assert [(action.kind, action.target) for action in acted] == [(ActionKind.COPY, "arcdesk quick --toggle")]
    controller.handle(TAKEN.actions[0])
    assert section.recorder.is_recording
    await controller.aclose()
    await tasks.cancel_all()
    assert not problems
    assert QApplication.instance() is not None


@pytest.mark.parametrize("is_portal", [False, True])
def test_its_buttons_go_on_in_another_row_where_it_is_narrow(
    section: HotkeySection, window: QWidget, qtbot: QtBot, is_portal: bool
) -> None:
    how = HotkeyHow.PORTAL if is_portal else HotkeyHow.X11
    section.present(
        replace(BOUND, how=how, wanted="Ctrl+Alt+K", can_record=not is_portal, can_configure=is_portal),
        TestPhase.IDLE,
    )
    window.resize(380, 400)
    qtbot.wait(20)
    assert window.width() == 380
    buttons = [
        one for kind in (QPushButton, QToolButton) for one in section.findChildren(kind) if one.isVisible()
    ]
    assert len(buttons) >= 3
    for button in buttons:
        assert button.width() >= button.minimumSizeHint().width()
        assert button.mapTo(window, button.rect().topRight()).x() < window.width(), button.text()
