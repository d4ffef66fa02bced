"""The window connected to the services: nothing typed and nothing answered gets lost on the way."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QListWidget

from arcdesk.app.hotkey_controller import HotkeyController
from arcdesk.core.hotkey import HotkeyHow, HotkeyState
from arcdesk.storage import paths
from arcdesk.storage.history_db import FILE_NAME, HistoryDb
from arcdesk.ui.first_run import FirstRunCard
from tests.fakes.openai_server import (
    ANSWER,
    DONE,
    LAST_CHUNK,
    STREAM_HEAD,
    OpenAIServer,
    Step,
    chunked,
    delta,
    event,
)
from tests.ui.app_rig import App, no_docker, open_app, server, until

__all__ = ["no_docker", "server"]  # fixtures
pytestmark = pytest.mark.qt_log_ignore("does not support raise")  # the offscreen platform says so

QUESTION = "What is the capital of France?"


def words(*texts: str) -> list[Step]:
    return [chunked(event(delta(content=text))) for text in texts]


def thoughts(*texts: str) -> list[Step]:
    return [chunked(event(delta(reasoning_content=text))) for text in texts]


def ending() -> list[Step]:
    return [chunked(event(delta("stop", content=""))), chunked(DONE) + LAST_CHUNK]


async def test_a_question_and_its_answer_go_through_the_window(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        app.ask(QUESTION)
        await app.until_answered()
        await until(lambda: "".join(ANSWER) in app.words, "the answer in view")
        assert QUESTION in app.words
        assert app.window.windowTitle() == f"{QUESTION} — ArcDesk"


@pytest.mark.parametrize("is_first", [True, False], ids=["first", "later"])
async def test_a_question_that_cannot_be_stored_stays_in_the_prompt(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch, is_first: bool
) -> None:
    monkeypatch.setattr("arcdesk.storage.history_schema.BUSY_PATIENCE_S", 0.05)
    async with open_app(server.base_url) as app:
        if not is_first:
            app.ask("Hello")
            await app.until_answered()
        asked_before = len(server.requests)
        with closing(sqlite3.connect(paths.data_dir() / FILE_NAME, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            app.ask(QUESTION)
            await until(lambda: app.state.notices and not app.is_asking, "the problem to be told")
            assert app.state.notices[-1].cause == "history_busy"
            assert app.window.prompt.text == QUESTION
            assert QUESTION not in app.words
            other.execute("ROLLBACK")
        assert len(server.requests) == asked_before
        app.ask("")  # Enter once more: it is still there to be sent
        await app.until_answered()
        stored = await app.chat.messages(app.state.active_conversation)
        assert [message.text for message in stored][-2:] == [QUESTION, "".join(ANSWER)]


class SlowDrafts(HistoryDb):
    """The real history; what stood in the prompt box can be made to come late."""

    gate: asyncio.Event

    async def draft(self, conversation_id: int) -> str:
        text = await super().draft(conversation_id)
        await self.gate.wait()
        return text


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """While it is not set, a chat that was chosen is not shown yet."""
    SlowDrafts.gate = asyncio.Event()
    SlowDrafts.gate.set()
    monkeypatch.setattr("arcdesk.storage.history_db.HistoryDb", SlowDrafts)
    return SlowDrafts.gate


async def begin_half_an_answer(app: App, server: OpenAIServer, *rest: Step) -> None:
    server.script(STREAM_HEAD, *words("Half"), *rest)
    app.ask(QUESTION)
    await until(lambda: "Half" in app.words, "the first word in view")


async def test_an_answer_that_ends_while_its_chat_is_being_shown_again_is_whole(
    server: OpenAIServer, gate: asyncio.Event
) -> None:
    go_on = asyncio.Event()
    async with open_app(server.base_url) as app:
        await begin_half_an_answer(app, server, go_on, *words(" and half"), *ending())
        await app.choose(0)
        gate.clear()
        app.chat.select(1)
        go_on.set()
        await until(lambda: not app.state.answering, "the end of the answer")
        assert "Half" not in app.words, "the switch must still be under way"
        gate.set()
        await until(lambda: "Half and half" in app.words, "the whole answer")
        assert "TTFT" in app.words, "it is shown as ended"


async def test_an_answer_goes_on_in_view_after_a_switch_to_and_fro(server: OpenAIServer) -> None:
    go_on, end = asyncio.Event(), asyncio.Event()
    async with open_app(server.base_url) as app:
        await begin_half_an_answer(app, server, go_on, *words(" and half"), end, *ending())
        await app.choose(0)
        app.chat.select(1)
        go_on.set()
        await until(lambda: "Half and half" in app.words, "what came meanwhile")
        end.set()
        await until(lambda: "TTFT" in app.words, "its end")
        assert app.words.count("Half") == 1


async def test_thinking_is_there_again_after_a_switch_and_after_the_end(server: OpenAIServer) -> None:
    go_on = asyncio.Event()
    async with open_app(server.base_url) as app:
        server.script(STREAM_HEAD, *thoughts("Hm, ", "France."), go_on, *words("Paris"), *ending())
        app.ask(QUESTION)
        await until(lambda: "Thinking…" in app.words, "the thinking in view")
        await app.choose(0)
        app.chat.select(1)
        await until(lambda: "Thinking…" in app.words, "the thinking, again")
        assert "first word" not in app.words
        go_on.set()
        await until(lambda: "TTFT" in app.words, "the end")
        await app.choose(0)
        app.chat.select(1)
        await until(lambda: "Thought  Show" in app.words, "the stored thinking")
        assert (await app.chat.messages(1))[-1].thoughts == "Hm, France."


async def test_escape_in_the_conversation_stops_the_answer(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        app.window.activateWindow()
        await begin_half_an_answer(app, server, asyncio.Event())
        app.window.transcript.setFocus()
        QTest.keyClick(app.window.transcript, Qt.Key.Key_Escape)
        await until(lambda: "Stopped" in app.words, "the answer to stop")
        await server.until(lambda server: server.chats_given_up == 1)


async def test_a_deleted_chat_leaves_the_keyboard_in_the_prompt_and_ctrl_z_brings_it_back(
    server: OpenAIServer,
) -> None:
    async with open_app(server.base_url) as app:
        app.window.activateWindow()
        app.ask(QUESTION)
        await app.until_answered()
        chats = app.window.conversations.findChild(QListWidget)
        assert isinstance(chats, QListWidget)
        chats.setFocus()
        chats.setCurrentRow(1)
        QTest.keyClick(chats, Qt.Key.Key_Delete)
        await until(lambda: not app.state.conversations, "the delete")
        assert app.window.focusWidget() is app.window.prompt.edit
        QTest.keyClicks(app.window.prompt.edit, "x")
        QTest.keyClick(app.window.prompt.edit, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        assert app.window.prompt.text == ""  # what was typed goes first
        assert not app.state.conversations
        QTest.keyClick(app.window.prompt.edit, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        await until(lambda: app.state.conversations, "the chat")
        await until(lambda: not app.state.notices, "the end of the notice")


async def test_the_first_card_says_nothing_of_the_key_before_it_is_known(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_asked = asyncio.Event()

    async def start(hotkey: HotkeyController, shortcut: str) -> None:
        """A desktop that has not answered yet."""
        assert shortcut == "Ctrl+Alt+Space"
        is_asked.set()

    monkeypatch.setenv("ARCDESK_HOTKEY", "Ctrl+Alt+Space")
    monkeypatch.setattr(HotkeyController, "start", start)
    async with open_app(server.base_url) as app:
        card = app.window.welcome.first_run
        await until(card.isVisible, "the card")
        await until(is_asked.is_set, "the question for the key")
        assert said(card, "Quick prompt") == "…"
        bound = HotkeyState(how=HotkeyHow.X11, wanted="Ctrl+Alt+Space", trigger="Ctrl+Alt+Space")
        app.session.desktop.hotkey._on_state(bound)
        assert said(card, "Quick prompt") == "Ctrl+Alt+Space"


def said(card: FirstRunCard, name: str) -> str:
    (label,) = [one for one in card.findChildren(QLabel) if one.accessibleName() == name]
    return label.text()
