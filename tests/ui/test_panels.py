"""The list of chats, the engine's card, problems, the timeline: what they show and what they ask for."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QLabel, QLineEdit, QListWidget, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from arcdesk.core.chat import Conversation
from arcdesk.core.engine_state import EngineKind, EnginePhase, EngineSnapshot, LoadProgress, LoadStep
from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.core.store import AppState
from arcdesk.ui.conversation_list import ConversationList, age_group
from arcdesk.ui.engine_card import EngineCard
from arcdesk.ui.log_window import LogWindow
from arcdesk.ui.problem_card import ProblemCard
from arcdesk.ui.theme import LIGHT
from arcdesk.ui.timeline import Timeline, duration_text, step_rows
from arcdesk.ui.welcome import Welcome

NOW = 1_700_000_000.0
FIX = Action(
    kind=ActionKind.APPLY_SETTINGS, label="Use 1 312 and restart", settings=(("max_model_len", "1312"),)
)
LOG = Action(kind=ActionKind.SHOW_LOG, label="Show log")
KV = Problem(
    cause="kv_context_too_long",
    title="The context does not fit beside this model",
    detail="The card has room for 1 312 tokens, 2 048 were asked for.",
    actions=(FIX, LOG),
)


def texts(widget: QWidget) -> str:
    return "\n".join(label.text() for label in widget.findChildren(QLabel) if label.isVisibleTo(widget))


def buttons(widget: QWidget) -> list[str]:
    return [button.text() for button in widget.findChildren(QPushButton) if not button.isHidden()]


def click(qtbot: QtBot, widget: QWidget, label: str) -> None:
    def shown() -> list[QPushButton]:
        return [b for b in widget.findChildren(QPushButton) if b.text() == label and not b.isHidden()]

    qtbot.waitUntil(lambda: bool(shown()))
    qtbot.mouseClick(shown()[0], Qt.MouseButton.LeftButton)


def shown_state(phase: EnginePhase, **engine: object) -> AppState:
    return AppState(engine=EngineSnapshot(phase=phase, **engine))  # type: ignore[arg-type]


# the engine's card


@pytest.fixture
def card(qtbot: QtBot) -> EngineCard:
    made = EngineCard()
    qtbot.addWidget(made)
    made.show()
    return made


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        (EnginePhase.ABSENT, {"Start"}),
        (EnginePhase.STOPPED, {"Start"}),
        (EnginePhase.UNAVAILABLE, {"Start"}),
        (EnginePhase.FAILED, {"Start", "Stop"}),
        (EnginePhase.LOADING, {"Stop"}),
        (EnginePhase.READY, {"Stop", "Restart"}),
    ],
)
def test_each_phase_offers_what_makes_sense(card: EngineCard, phase: EnginePhase, expected: set[str]) -> None:
    card.present(shown_state(phase))
    assert {label for label in buttons(card) if label in ("Start", "Stop", "Restart")} == expected


def test_buttons_ask_for_what_they_say(qtbot: QtBot, card: EngineCard) -> None:
    card.present(shown_state(EnginePhase.READY))
    for label, signal in (
        ("Stop", card.stop_requested),
        ("Restart", card.restart_requested),
        ("Log", card.log_requested),
    ):
        with qtbot.waitSignal(signal):
            click(qtbot, card, label)


def test_a_failure_shows_cause_figure_and_its_buttons(qtbot: QtBot, card: EngineCard) -> None:
    card.present(shown_state(EnginePhase.FAILED, problem=KV))
    assert KV.title in texts(card)
    assert KV.detail in texts(card)
    with qtbot.waitSignal(card.action_requested) as asked:
        click(qtbot, card, FIX.label)
    assert asked.args == [FIX]
    card.present(shown_state(EnginePhase.READY))
    assert KV.title not in texts(card)


def test_unknown_facts_are_a_dash_never_empty(card: EngineCard) -> None:
    card.present(shown_state(EnginePhase.STOPPED))
    assert texts(card).count("–") == 4


def test_the_embedded_engine_is_named_plainly(card: EngineCard) -> None:
    card.present(
        shown_state(
            EnginePhase.READY, kind=EngineKind.EMBEDDED, place="CPU, embedded starter model", device="CPU"
        )
    )
    assert "CPU, embedded starter model" in texts(card)


# problems


def test_the_first_action_is_the_primary_one(qtbot: QtBot) -> None:
    card = ProblemCard()
    qtbot.addWidget(card)
    card.present(KV)
    first, second = card.findChildren(QPushButton)
    assert (first.property("role"), second.property("role")) == ("primary", None)
    assert card.accessibleName() == KV.sentence()


def test_good_news_does_not_look_like_a_failure(qtbot: QtBot) -> None:
    card = ProblemCard()
    qtbot.addWidget(card)
    card.set_palette_colors(LIGHT)
    sign = next(label for label in card.findChildren(QLabel) if not label.pixmap().isNull())
    for cause, is_news in (("bench_done", True), ("timeout", False), ("run_deleted", True)):
        card.present(Problem(cause=cause, title="Something"))
        assert (card.property("isNews") is True, sign.isVisibleTo(card)) == (is_news, not is_news)


def test_markup_in_a_problem_is_shown_as_it_is(qtbot: QtBot) -> None:
    card = ProblemCard()
    qtbot.addWidget(card)
    card.present(Problem(cause="x", title="<b>bold</b><img src='file:///etc/passwd'>"))
    title = next(label for label in card.findChildren(QLabel) if "bold" in label.text())
    assert title.textFormat() is Qt.TextFormat.PlainText


# the timeline


def test_the_timeline_counts_shards_and_keeps_finished_steps() -> None:
    progress = LoadProgress(
        step=LoadStep.WEIGHTS,
        done=3,
        total=8,
        started_at=NOW - 41,
        finished=((LoadStep.CONTAINER, 1.2),),
    )
    rows = step_rows(progress, NOW, EngineKind.CONTAINER)
    assert ("✓", "Container up", "1.2\u202fs") in rows
    assert ("◐", "Load weights 3 of 8", "41\u202fs") in rows
    assert rows[-1] == ("○", "First answer", "")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.44, "0.4\u202fs"), (41, "41\u202fs"), (134, "2\u202fmin 14\u202fs"), (-3, "0.0\u202fs")],
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_the_clock_ticks_only_while_a_start_is_seen(qtbot: QtBot) -> None:
    timeline = Timeline()
    qtbot.addWidget(timeline)
    timer = timeline.findChild(QTimer)
    assert isinstance(timer, QTimer)
    timeline.present(LoadProgress(step=LoadStep.IMPORT, started_at=time.time()), EngineKind.CONTAINER)
    timeline.show()
    assert timer.isActive()
    timeline.hide()
    assert not timer.isActive()
    timeline.show()
    timeline.present(None, EngineKind.CONTAINER)
    assert not timer.isActive()


# the list of chats


def chat(number: int, title: str, age_s: float = 0) -> Conversation:
    at = time.time() - age_s
    return Conversation(id=number, title=title, created_at=at, updated_at=at)


@pytest.fixture
def chats(qtbot: QtBot) -> ConversationList:
    made = ConversationList()
    qtbot.addWidget(made)
    made.resize(240, 400)
    made.show()
    made.present((chat(1, "Capital of France"), chat(2, "Haiku", 3 * 86400)), active=1)
    return made


def rows(chats: ConversationList) -> list[str]:
    view = chats.findChild(QListWidget)
    assert isinstance(view, QListWidget)
    return [view.item(index).text() for index in range(view.count())]


def test_chats_stand_under_their_day(chats: ConversationList) -> None:
    assert rows(chats) == ["Today", "Capital of France", "Last 7 days", "Haiku"]


def test_searching_narrows_the_list(qtbot: QtBot, chats: ConversationList) -> None:
    chats.focus_search()
    qtbot.keyClicks(chats.focusWidget(), "hai")
    assert rows(chats) == ["Last 7 days", "Haiku"]


def test_a_click_opens_delete_and_f2_ask(qtbot: QtBot, chats: ConversationList) -> None:
    view = chats.findChild(QListWidget)
    assert isinstance(view, QListWidget)
    at = view.visualItemRect(view.item(3)).center()
    with qtbot.waitSignal(chats.selected) as opened:
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert opened.args == [2]
    with qtbot.waitSignal(chats.delete_requested) as asked:
        qtbot.keyClick(view, Qt.Key.Key_Delete)
    assert asked.args == [2]
    with qtbot.waitSignal(chats.rename_requested) as renamed:
        view.item(3).setText("Haiku about the sea")
    assert renamed.args == [2, "Haiku about the sea"]


def test_the_empty_list_says_what_to_do(qtbot: QtBot) -> None:
    empty = ConversationList()
    qtbot.addWidget(empty)
    empty.show()
    assert "Ask something" in texts(empty)


@pytest.mark.parametrize(
    ("days", "group"), [(0, "Today"), (1, "Yesterday"), (3, "Last 7 days"), (30, "Earlier"), (-1, "Today")]
)
def test_age_groups(days: int, group: str) -> None:
    today = date(2026, 11, 21)
    noon = (
        datetime.combine(today - timedelta(days=days), datetime.min.time()).astimezone().timestamp() + 43200
    )
    assert age_group(noon, today) == group


# the empty chat


def test_the_empty_chat_says_where_questions_go(qtbot: QtBot) -> None:
    welcome = Welcome()
    qtbot.addWidget(welcome)
    welcome.present(EngineSnapshot(kind=EngineKind.REMOTE, place="example.org"))
    assert "example.org" in texts(welcome)
    welcome.present(EngineSnapshot(kind=EngineKind.EMBEDDED, place="CPU, embedded starter model"))
    assert "Nothing leaves it" in texts(welcome)
    with qtbot.waitSignal(welcome.example_chosen):
        click(qtbot, welcome, "What is the capital of France?")


# renaming in the list


def view_of(chats: ConversationList) -> QListWidget:
    view = chats.findChild(QListWidget)
    assert isinstance(view, QListWidget)
    return view


def open_editor(qtbot: QtBot, chats: ConversationList, row: int) -> QLineEdit:
    """F2 on that row, as a person does it; returns the field that opens."""
    view = view_of(chats)
    view.setCurrentRow(row)
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_F2)
    qtbot.waitUntil(lambda: view.viewport().findChild(QLineEdit) is not None)
    editor = view.viewport().findChild(QLineEdit)
    assert isinstance(editor, QLineEdit)
    return editor


def activate(qtbot: QtBot, widget: QWidget) -> None:
    with qtbot.waitActive(widget):
        widget.activateWindow()


def test_a_list_that_changes_waits_until_the_new_name_is_typed(qtbot: QtBot, chats: ConversationList) -> None:
    activate(qtbot, chats)
    editor = open_editor(qtbot, chats, 1)
    editor.selectAll()
    qtbot.keyClicks(editor, "Cap")
    chats.present((chat(3, "Newer"), chat(1, "Capital of France"), chat(2, "Haiku", 3 * 86400)), active=3)
    assert "Newer" not in rows(chats)
    qtbot.keyClicks(editor, "itals")
    with qtbot.waitSignal(chats.rename_requested) as asked:
        qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert asked.args == [1, "Capitals"]
    qtbot.waitUntil(lambda: rows(chats) == ["Today", "Newer", "Capitals", "Last 7 days", "Haiku"])


def test_escape_leaves_the_name_and_shows_what_changed_meanwhile(
    qtbot: QtBot, chats: ConversationList
) -> None:
    asked: list[object] = []
    chats.rename_requested.connect(lambda *told: asked.append(told))
    activate(qtbot, chats)
    editor = open_editor(qtbot, chats, 1)
    qtbot.keyClicks(editor, "Nonsense")
    chats.present((chat(1, "Capital of France"), chat(4, "Fourth")), active=1)
    qtbot.keyClick(editor, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: rows(chats) == ["Today", "Capital of France", "Fourth"])
    assert asked == []


def test_an_empty_name_is_no_name(qtbot: QtBot, chats: ConversationList) -> None:
    asked: list[object] = []
    chats.rename_requested.connect(lambda *told: asked.append(told))
    activate(qtbot, chats)
    editor = open_editor(qtbot, chats, 1)
    editor.selectAll()
    qtbot.keyClicks(editor, "  ")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: rows(chats)[1] == "Capital of France")
    assert asked == []


def test_a_name_that_was_not_taken_goes_again(qtbot: QtBot, chats: ConversationList) -> None:
    as_stored = (chat(1, "Capital of France"), chat(2, "Haiku", 3 * 86400))
    chats.present(as_stored, active=1)
    activate(qtbot, chats)
    editor = open_editor(qtbot, chats, 1)
    editor.selectAll()
    qtbot.keyClicks(editor, "Capitals")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: rows(chats)[1] == "Capitals")
    chats.present(as_stored, active=1)
    assert rows(chats)[1] == "Capital of France"


# names for the screen reader


def test_what_shows_no_words_has_a_name(chats: ConversationList, card: EngineCard) -> None:
    search = chats.findChild(QLineEdit)
    assert isinstance(search, QLineEdit)
    assert search.accessibleName() == "Search the titles of chats"
    card.present(shown_state(EnginePhase.READY))
    dot = next(label for label in card.findChildren(QLabel) if label.text() == "●")
    ready = dot.accessibleName()
    card.present(shown_state(EnginePhase.STOPPED))
    assert (ready, dot.accessibleName()) == ("Engine state: Ready", "Engine state: Stopped")


# the log


def test_a_closed_log_window_is_gone_and_late_lines_are_no_harm(qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    log = LogWindow(parent)
    log.open()
    log.show_lines(["one", "two"])
    assert "The last 2 lines" in texts(log)
    with qtbot.waitSignal(log.destroyed):
        click(qtbot, log, "Close")
    assert parent.findChildren(LogWindow) == []
    log.show_lines(["late"])


def test_escape_closes_the_log_window_for_good(qtbot: QtBot) -> None:
    log = LogWindow()
    log.open()
    with qtbot.waitSignal(log.destroyed):
        qtbot.keyClick(log, Qt.Key.Key_Escape)
