"""The window as a whole: renders only while seen, folds, remembers, asks before it closes."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt, QTimer
from PySide6.QtWidgets import QLineEdit, QListWidget
from pytestqt.qtbot import QtBot

from arcdesk.core.chat import Conversation
from arcdesk.core.engine_state import EnginePhase, EngineSnapshot
from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.core.store import AppState, Store
from arcdesk.ui import theme
from arcdesk.ui.bridge import StoreBridge
from arcdesk.ui.log_window import LogWindow
from arcdesk.ui.main_window import MainWindow

FRANCE = Conversation(id=7, title="Capital of France", created_at=1.0, updated_at=2.0)


@pytest.fixture
def memory(tmp_path: Path) -> QSettings:
    return QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)


@pytest.fixture
def window(qtbot: QtBot, memory: QSettings) -> MainWindow:
    made = MainWindow(memory)
    qtbot.addWidget(made)
    made.set_palette_colors(theme.LIGHT)
    return made


def test_a_hidden_window_draws_nothing_and_catches_up_when_shown(window: MainWindow) -> None:
    window.present(AppState(conversations=(FRANCE,), active_conversation=7))
    assert window.windowTitle() == "ArcDesk"
    window.show()
    assert window.windowTitle() == "Capital of France — ArcDesk"


def test_nothing_ticks_in_an_idle_window(qtbot: QtBot, window: MainWindow) -> None:
    window.show()
    window.present(AppState(engine=EngineSnapshot(phase=EnginePhase.READY)))
    qtbot.wait(300)
    assert [timer for timer in window.findChildren(QTimer) if timer.isActive()] == []


def test_panels_fold_by_key_and_are_remembered(qtbot: QtBot, window: MainWindow, memory: QSettings) -> None:
    window.resize(1180, 700)
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    qtbot.keyClick(window, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
    assert not window.engine_card.isVisible()
    qtbot.keyClick(window, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert not window.conversations.isVisible()
    window.remember()
    again = MainWindow(memory)
    qtbot.addWidget(again)
    again.show()
    assert not again.engine_card.isVisible()
    assert not again.conversations.isVisible()


def shown_and_active(qtbot: QtBot, window: MainWindow, state: AppState) -> None:
    window.present(state)
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()


def test_escape_stops_the_answer_wherever_the_focus_is(qtbot: QtBot, window: MainWindow) -> None:
    answering = AppState(conversations=(FRANCE,), active_conversation=7, answering=frozenset({7}))
    shown_and_active(qtbot, window, answering)
    stops: list[None] = []
    window.prompt.stop_requested.connect(lambda: stops.append(None))
    search = window.conversations.findChild(QLineEdit)
    chats = window.conversations.findChild(QListWidget)
    assert isinstance(search, QLineEdit)
    assert isinstance(chats, QListWidget)
    for count, place in enumerate((window.transcript, search, chats, window.prompt.edit), 1):
        place.setFocus()
        assert place.hasFocus()
        qtbot.keyClick(place, Qt.Key.Key_Escape)
        assert len(stops) == count, place
    window.present(AppState(conversations=(FRANCE,), active_conversation=7))
    qtbot.keyClick(window.transcript, Qt.Key.Key_Escape)
    assert len(stops) == 4, "nothing to stop"


def test_escape_belongs_to_an_inline_editor_first(qtbot: QtBot, window: MainWindow) -> None:
    answering = AppState(conversations=(FRANCE,), active_conversation=7, answering=frozenset({7}))
    shown_and_active(qtbot, window, answering)
    stops: list[None] = []
    window.prompt.stop_requested.connect(lambda: stops.append(None))
    chats = window.conversations.findChild(QListWidget)
    assert isinstance(chats, QListWidget)
    chats.setFocus()
    qtbot.keyClick(chats, Qt.Key.Key_F2)
    editor = chats.viewport().findChild(QLineEdit)
    assert isinstance(editor, QLineEdit)
    qtbot.keyClick(editor, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: chats.viewport().findChild(QLineEdit) is None)
    assert stops == []
    qtbot.keyClick(chats, Qt.Key.Key_Escape)
    assert len(stops) == 1


def test_escape_belongs_to_a_dialog_first(qtbot: QtBot, window: MainWindow) -> None:
    answering = AppState(conversations=(FRANCE,), active_conversation=7, answering=frozenset({7}))
    shown_and_active(qtbot, window, answering)
    stops: list[None] = []
    window.prompt.stop_requested.connect(lambda: stops.append(None))
    log = LogWindow(window)
    with qtbot.waitActive(log):
        log.open()
        log.activateWindow()
    with qtbot.waitSignal(log.destroyed):
        qtbot.keyClick(log, Qt.Key.Key_Escape)
    assert stops == []


def test_ctrl_q_asks_to_quit(qtbot: QtBot, window: MainWindow) -> None:
    shown_and_active(qtbot, window, AppState())
    with qtbot.waitSignal(window.quit_requested):
        qtbot.keyClick(window.prompt.edit, Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)


def test_who_types_in_the_conversation_means_the_prompt(qtbot: QtBot, window: MainWindow) -> None:
    shown_and_active(qtbot, window, AppState(conversations=(FRANCE,), active_conversation=7))
    window.prompt.set_text("And ")
    window.transcript.setFocus()
    qtbot.keyClick(window.transcript, Qt.Key.Key_Space)
    qtbot.keyClick(window.transcript, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert (window.prompt.text, window.transcript.hasFocus()) == ("And ", True), "keys of its own"
    with qtbot.waitSignal(window.prompt.draft_changed) as kept:
        qtbot.keyClick(window.transcript, "G", Qt.KeyboardModifier.ShiftModifier)
    assert window.prompt.edit.hasFocus()
    qtbot.keyClicks(window.focusWidget(), "ermany")
    assert (window.prompt.text, kept.args) == ("And Germany", ["And G"])


def test_a_narrow_window_keeps_the_chat(qtbot: QtBot, window: MainWindow) -> None:
    window.show()
    window.resize(800, 600)
    qtbot.waitUntil(lambda: not window.engine_card.isVisible())
    assert window.conversations.isVisible()
    window.resize(500, 600)
    qtbot.waitUntil(lambda: not window.conversations.isVisible())
    window.resize(1180, 700)
    qtbot.waitUntil(lambda: window.engine_card.isVisible() and window.conversations.isVisible())


def test_closing_is_the_owners_decision(qtbot: QtBot, window: MainWindow) -> None:
    window.show()
    with qtbot.waitSignal(window.close_requested):
        window.close()
    assert window.isVisible()
    window.close_requested.connect(lambda event: event.accept())
    window.close()
    assert not window.isVisible()


def test_the_newest_notice_is_shown(window: MainWindow) -> None:
    window.show()
    first, second = Problem(cause="a", title="First"), Problem(cause="b", title="Second")
    window.present(AppState(notices=(first, second)))
    assert window.notice.problem == second
    window.present(AppState())
    assert not window.notice.isVisible()


def test_the_welcome_gives_way_to_a_conversation(window: MainWindow) -> None:
    window.show()
    window.present(AppState())
    assert window.welcome.isVisible()
    window.present(AppState(conversations=(FRANCE,), active_conversation=7))
    assert not window.welcome.isVisible()
    assert window.transcript.isVisible()


def test_the_bridge_tells_only_what_differs(qtbot: QtBot) -> None:
    store = Store()
    bridge = StoreBridge(store)
    heard: list[str] = []
    bridge.engine_changed.connect(lambda _: heard.append("engine"))
    bridge.conversations_changed.connect(lambda _: heard.append("conversations"))
    bridge.state_changed.connect(lambda _: heard.append("state"))
    store.update(engine=EngineSnapshot(phase=EnginePhase.READY))
    store.update(conversations=(FRANCE,))
    bridge.close()
    store.update(conversations=())
    assert heard == ["engine", "state", "conversations", "state"]


@pytest.mark.parametrize("place", ["prompt", "search", "list", "window"])
def test_ctrl_z_undoes_a_delete_while_its_notice_stands(qtbot: QtBot, window: MainWindow, place: str) -> None:
    undo = Action(kind=ActionKind.UNDO_DELETE, label="Undo", target="7")
    asked: list[object] = []
    window.notice.action_requested.connect(asked.append)
    window.resize(1180, 700)
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    window.present(AppState(conversations=(FRANCE,)))
    parts = {
        "prompt": window.prompt.edit,
        "search": window.conversations.findChild(QLineEdit),
        "list": window.conversations.findChild(QListWidget),
        "window": window.engine_card,
    }
    part = parts[place]
    assert part is not None
    part.setFocus()
    qtbot.keyClick(part, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert asked == []  # nothing was deleted
    notice = Problem(cause="deleted", title="The chat was deleted", actions=(undo,))
    window.present(AppState(conversations=(FRANCE,), notices=(notice,)))
    if place in ("prompt", "search"):
        qtbot.keyClicks(part, "x")
        qtbot.keyClick(part, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        assert asked == []  # the field had something to undo
    qtbot.keyClick(part, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert asked == [undo]
