"""The quick prompt over its services: what is typed, asked and answered in it, by real keys."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget

from arcdesk.app.quick_controller import QuickController
from arcdesk.core.chat import Message
from arcdesk.core.quick import QUICK_DRAFT
from arcdesk.ui.quick_prompt import QuickPrompt
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
    json_response,
)
from tests.ui.app_rig import App, no_docker, open_app, server, until

__all__ = ["no_docker", "server"]  # fixtures
pytestmark = pytest.mark.qt_log_ignore("does not support raise")  # the offscreen platform says so

QUESTION = "What is the capital of France?"
WHOLE = "".join(ANSWER)


def words(*texts: str) -> list[Step]:
    return [chunked(event(delta(content=text))) for text in texts]


def ending() -> list[Step]:
    return [chunked(event(delta("stop", content=""))), chunked(DONE) + LAST_CHUNK]


@dataclass
class Quick:
    """The bar as a person has it."""

    app: App
    controller: QuickController

    @property
    def bar(self) -> QuickPrompt:
        return self.controller.bar

    @property
    def shown(self) -> str:
        """The answer as it is seen."""
        return self.bar.transcript.toPlainText() if self.bar.transcript.isVisible() else ""

    @property
    def status(self) -> str:
        return self.bar.foot.status

    def type(self, text: str) -> None:
        QTest.keyClicks(self.bar.edit, text)

    def key(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        QTest.keyClick(self.bar.edit, key, modifiers)

    def ask(self, text: str) -> None:
        self.type(text)
        self.key(Qt.Key.Key_Return)

    async def until_answered(self) -> None:
        await until(lambda: "TTFT" in self.status, "the end of the answer")
        await until(lambda: self.app.is_idle, "the rest of it")

    async def stored(self) -> list[Message]:
        """All messages of the newest quick conversation."""
        newest = (await self.app.chat.quick_history(1))[0]
        return await self.app.chat.messages(newest.conversation_id)


@asynccontextmanager
async def quick(app: App) -> AsyncIterator[Quick]:
    """The bar of a running session, shown and ready."""
    controller = QuickController(app.session)
    try:
        controller.present()
        await until(lambda: controller._talk._opening.done(), "the bar to be ready")
        yield Quick(app, controller)
    finally:
        await controller.aclose()


@asynccontextmanager
async def open_quick(engine: str) -> AsyncIterator[Quick]:
    async with open_app(engine) as app, quick(app) as bar:
        yield bar


CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


async def test_a_question_is_answered_in_the_bar_and_stays_out_of_the_list(server: OpenAIServer) -> None:
    async with open_quick(server.base_url) as quick:
        low = quick.bar.height()
        quick.ask(QUESTION)
        await quick.until_answered()
        assert WHOLE in quick.shown
        assert "Copy" not in quick.shown, "the foot's button does it"
        assert QUESTION not in quick.shown, "a lone question stands in the prompt already"
        assert quick.bar.edit.textCursor().selectedText() == QUESTION, "what is typed next replaces it"
        await until(lambda: quick.bar.height() > low, "the bar to grow")
        assert quick.app.state.conversations == ()
        assert quick.app.words == "", "the main window shows nothing of it"
        assert [message.text for message in await quick.stored()] == [QUESTION, WHOLE]


async def test_a_follow_up_goes_on_and_ctrl_n_begins_anew(server: OpenAIServer) -> None:
    async with open_quick(server.base_url) as quick:
        quick.ask(QUESTION)
        await quick.until_answered()
        quick.ask("And of Spain?")
        await quick.until_answered()
        assert [text in quick.shown for text in (QUESTION, "And of Spain?")] == [True, True]
        chats = [request.body["messages"] for request in server.requests if request.method == "POST"]
        assert [message["content"] for message in chats[-1]] == [QUESTION, WHOLE, "And of Spain?"]
        quick.key(Qt.Key.Key_N, CTRL)
        assert (quick.bar.text, quick.shown) == ("", "")
        quick.ask("Hello")
        await quick.until_answered()
        assert len(await quick.stored()) == 2


async def test_escape_hides_and_the_answer_goes_on(server: OpenAIServer) -> None:
    go_on = asyncio.Event()
    async with open_quick(server.base_url) as quick:
        server.script(STREAM_HEAD, *words("Half"), go_on, *words(" and half"), *ending())
        quick.ask(QUESTION)
        await until(lambda: "Half" in quick.shown, "the first word")
        quick.key(Qt.Key.Key_Escape)
        assert not quick.bar.isVisible()
        go_on.set()
        await until(lambda: not quick.app.state.answering, "the end")
        assert not quick.bar.isVisible(), "it does not come back by itself"
        quick.controller.present()
        await until(lambda: "Half and half" in quick.shown, "the whole answer")
        assert quick.bar.edit.textCursor().selectedText() == QUESTION


async def test_ctrl_dot_stops_and_enter_meanwhile_asks_nothing(server: OpenAIServer) -> None:
    async with open_quick(server.base_url) as quick:
        server.script(STREAM_HEAD, *words("Half"), asyncio.Event())
        quick.ask(QUESTION)
        await until(lambda: "Half" in quick.shown, "the first word")
        quick.ask("Faster!")
        assert "Still answering" in quick.status
        assert quick.bar.text == "Faster!"
        quick.key(Qt.Key.Key_Period, CTRL)
        await until(lambda: quick.status.startswith("Stopped"), "the answer to stop")
        await server.until(lambda server: server.chats_given_up == 1)
        assert [message.text for message in await quick.stored()] == [QUESTION, "Half"]
        assert quick.bar.text == "Faster!"


async def test_ctrl_enter_moves_a_running_answer_into_the_main_window(server: OpenAIServer) -> None:
    go_on = asyncio.Event()
    async with open_quick(server.base_url) as quick:
        server.script(STREAM_HEAD, *words("Half"), go_on, *words(" and half"), *ending())
        quick.ask(QUESTION)
        await until(lambda: "Half" in quick.shown, "the first word")
        quick.type("and then?")
        quick.key(Qt.Key.Key_Return, CTRL)
        await until(lambda: "Half" in quick.app.words, "the answer in the main window")
        assert not quick.bar.isVisible()
        go_on.set()
        await until(lambda: "Half and half" in quick.app.words, "the rest of it there")
        await until(lambda: quick.app.window.prompt.text == "and then?", "the line as its draft")
        (conversation,) = quick.app.state.conversations
        assert conversation.title == QUESTION
        quick.controller.present()
        assert (quick.bar.text, quick.shown) == ("", ""), "the bar begins anew"


@pytest.mark.parametrize("has_chat", [False, True], ids=["empty", "another chat is open"])
async def test_ctrl_enter_takes_a_line_not_asked_along(server: OpenAIServer, has_chat: bool) -> None:
    async with open_app(server.base_url) as app:
        if has_chat:
            app.ask("Hello")
            await app.until_answered()
        else:
            QTest.keyClicks(app.window.prompt.edit, "already here")
        async with quick(app) as bar:
            bar.type("a thought")
            bar.key(Qt.Key.Key_Return, CTRL)
            wanted = "a thought" if has_chat else "already here\n\na thought"
            await until(lambda: app.window.prompt.text == wanted, "the line in the main window")
            assert app.state.active_conversation == 0
            await until(lambda: app.is_idle, "the end of it")
            assert await app.chat.draft(QUICK_DRAFT) == ""


async def test_a_line_not_asked_survives_the_end_of_the_bar(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        async with quick(app) as bar:
            bar.type("half a thou")
            bar.key(Qt.Key.Key_Escape)
            await until(lambda: app.is_idle, "the draft to be stored")
            assert await app.chat.draft(QUICK_DRAFT) == "half a thou"
        async with quick(app) as bar:
            assert bar.bar.text == "half a thou"
            assert app.window.prompt.text == "", "it is no draft of the main window"


async def test_the_last_answer_is_there_again_in_the_next_run(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        async with quick(app) as bar:
            bar.ask(QUESTION)
            await bar.until_answered()
        async with quick(app) as bar:
            assert bar.bar.edit.textCursor().selectedText() == QUESTION
            assert WHOLE in bar.shown
            bar.ask("And of Spain?")
            await bar.until_answered()
            assert len(await bar.stored()) == 4


async def test_arrow_up_brings_earlier_questions_and_back(server: OpenAIServer) -> None:
    async with open_quick(server.base_url) as quick:
        for text in ("one", "two"):
            quick.ask(text)
            await until(lambda: quick.app.is_idle and not quick.controller._talk.is_answering, text)
        quick.type("mine")
        seen = []
        for key in (Qt.Key.Key_Up, Qt.Key.Key_Up, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Down):
            quick.key(key)
            seen.append(quick.bar.text)
        assert seen == ["two", "one", "one", "two", "mine"]


async def test_a_preset_takes_its_argument_and_what_is_attached(server: OpenAIServer) -> None:
    async with open_quick(server.base_url) as quick:
        QGuiApplication.clipboard().setText("Guten ```Tag```")
        quick.key(Qt.Key.Key_V, CTRL | SHIFT)
        assert quick.bar.chips.isVisible()
        quick.type("/tr")
        assert quick.bar.presets.current_name == "translate"
        quick.key(Qt.Key.Key_Tab)
        assert quick.bar.text == "/translate "
        quick.ask("French")
        await quick.until_answered()
        question = server.requests[-1].body["messages"][-1]["content"]
        assert question.startswith("Translate into French.")
        assert question.endswith("````\nGuten ```Tag```\n````"), "no fence inside may end the block"
        assert not quick.bar.chips.isVisible()
        assert [line.text for line in await quick.app.chat.quick_history(5)] == ["/translate French"]


async def test_a_preset_without_a_text_offers_what_was_copied(server: OpenAIServer) -> None:
    async with open_quick(server.base_url) as quick:
        QGuiApplication.clipboard().clear()
        quick.ask("/fix")
        assert "type it behind the name" in quick.status
        QGuiApplication.clipboard().setText("teh cat")
        quick.key(Qt.Key.Key_Return)
        assert "Enter asks" in quick.status
        assert not [request for request in server.requests if request.method == "POST"]
        quick.key(Qt.Key.Key_Return)
        await quick.until_answered()
        assert "teh cat" in server.requests[-1].body["messages"][-1]["content"]


async def test_own_presets_take_the_place_of_built_in_ones(server: OpenAIServer) -> None:
    async with open_quick(server.base_url) as quick:
        settings = replace(quick.app.session.settings, presets=(("fix", "Mend: {text}"), ("yo", "Yo.")))
        quick.controller.apply_settings(settings)
        quick.ask("/fix it")
        await quick.until_answered()
        assert server.requests[-1].body["messages"][-1]["content"] == "Mend: it"
        quick.type("/y")
        assert quick.bar.presets.current_name == "yo"
        quick.key(Qt.Key.Key_Escape)
        assert quick.bar.isVisible(), "the first Esc closes the list only"


async def test_an_error_is_told_in_the_bar_with_its_button(server: OpenAIServer) -> None:
    server.script(json_response(401, {"error": "Unauthorized"}))
    async with open_quick(server.base_url) as quick:
        quick.ask(QUESTION)
        await until(lambda: "key" in quick.shown.lower(), "the reason")
        answer = (await quick.stored())[-1]
        assert answer.problem is not None
        assert answer.problem.title in quick.shown
        retry = next(action for action in answer.problem.actions if action.kind.value == "retry")
        await until(lambda: quick.app.is_idle, "the end of it")
        quick.bar.transcript.action_requested.emit(retry)
        await quick.until_answered()
        assert [message.text for message in await quick.stored()] == [QUESTION, WHOLE]


async def test_ask_from_elsewhere_keeps_a_line_not_asked(server: OpenAIServer) -> None:
    async with open_quick(server.base_url) as quick:
        quick.type("my own line")
        quick.controller.ask(QUESTION)
        await quick.until_answered()
        assert quick.bar.text == "my own line"
        assert QUESTION in quick.shown, "it is not in the prompt, so it is shown"
        assert await quick.app.chat.draft(QUICK_DRAFT) == "my own line"


async def test_an_answer_that_another_question_displaces_is_kept_in_the_list(server: OpenAIServer) -> None:
    go_on = asyncio.Event()
    async with open_quick(server.base_url) as quick:
        server.script(STREAM_HEAD, *words("Half"), go_on, *words(" and half"), *ending())
        quick.ask("first")
        await until(lambda: "Half" in quick.shown, "the first word")
        quick.controller.ask("second")
        await until(lambda: "TTFT" in quick.status, "the second answer")
        assert "Half" not in quick.shown
        go_on.set()
        await until(lambda: not quick.app.state.answering, "the end of the first")
        (kept,) = quick.app.state.conversations
        assert kept.title == "first"
        assert (await quick.app.chat.messages(kept.id))[-1].text == "Half and half"


async def test_a_hundred_presses_leave_one_bar_that_obeys(server: OpenAIServer) -> None:
    async with open_quick(server.base_url) as quick:
        quick.type("kept")
        for _ in range(100):
            quick.controller.toggle()
            await asyncio.sleep(0)
        await until(lambda: quick.app.is_idle, "the end of what they began")
        quick.controller.hide()
        assert not quick.bar.isVisible()
        quick.controller.toggle()
        assert quick.bar.isVisible()
        assert quick.bar.text == "kept"


async def test_a_hidden_bar_draws_nothing(server: OpenAIServer) -> None:
    go_on = asyncio.Event()
    async with open_quick(server.base_url) as quick:
        server.script(STREAM_HEAD, *words("Half"), go_on, *words(" and half"), *ending())
        quick.ask(QUESTION)
        await until(lambda: "Half" in quick.shown, "the first word")
        quick.key(Qt.Key.Key_Escape)
        before = quick.bar.transcript.document().revision()
        go_on.set()
        await until(lambda: not quick.app.state.answering, "the end")
        assert quick.bar.transcript.document().revision() == before


async def test_hiding_when_another_program_takes_the_keyboard_is_asked_for(server: OpenAIServer) -> None:
    go_on = asyncio.Event()
    async with open_quick(server.base_url) as quick:
        quick.controller.apply_settings(replace(quick.app.session.settings, quick_hides_on_blur=True))
        server.script(STREAM_HEAD, *words("Half"), go_on, *words(" and half"), *ending())
        quick.ask(QUESTION)
        await until(lambda: "Half" in quick.shown, "the first word")
        other = QWidget()
        other.show()
        other.activateWindow()
        await until(lambda: QApplication.activeWindow() is other, "another window")
        await asyncio.sleep(0.4)
        assert quick.bar.isVisible(), "never in the middle of an answer, never for a window of ours"
        go_on.set()
        await quick.until_answered()
        other.close()


async def test_every_control_has_a_name(server: OpenAIServer) -> None:
    async with open_quick(server.base_url) as quick:
        QGuiApplication.clipboard().setText("x")
        quick.key(Qt.Key.Key_V, CTRL | SHIFT)
        quick.ask(QUESTION)
        await quick.until_answered()
        buttons = quick.bar.findChildren(QAbstractButton)
        nameless = [button for button in buttons if not (button.accessibleName() or button.text())]
        assert len(buttons) > 5
        assert nameless == []
        assert quick.bar.edit.accessibleName()


async def test_the_clipboard_comes_along_by_itself_only_where_that_was_chosen(server: OpenAIServer) -> None:
    async with open_quick(server.base_url) as quick:
        QGuiApplication.clipboard().setText("secret")
        quick.controller.hide()
        quick.controller.present()
        await until(lambda: quick.app.is_idle, "the bar")
        assert not quick.bar.chips.isVisible()
        quick.controller.hide()
        quick.controller.apply_settings(replace(quick.app.session.settings, quick_takes_clipboard=True))
        quick.controller.present()
        await until(quick.bar.chips.isVisible, "the chip")


def test_it_stands_on_the_pointers_screen_and_on_the_primary_one_without(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.ui.quick_screens_child", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["first"] == ["one", 320, 160, 640]
    assert seen["second"] == ["two", 1296, 100, 568], (
        "a narrow screen of another scale: with room at its sides"
    )
    assert seen["nowhere"] == ["one", 320, 160, 640], "the pointer's screen was unplugged"


async def test_a_long_answer_ends_at_a_share_of_the_screen_and_scrolls(server: OpenAIServer) -> None:
    async with open_quick(server.base_url) as quick:
        lines = [f"Line {number}\n\n" for number in range(80)]
        server.script(STREAM_HEAD, *words(*lines), *ending())
        quick.ask(QUESTION)
        await quick.until_answered()
        area = quick.bar.screen().availableGeometry()
        most = area.height() * 0.6
        await until(lambda: quick.bar.height() > most - 30, "the bar to be as high as it may")
        assert quick.bar.height() <= most
        assert quick.bar.transcript.verticalScrollBar().isVisible()
        assert quick.bar.transcript.is_at_latest
        quick.key(Qt.Key.Key_N, CTRL)
        await until(lambda: quick.bar.height() < 100, "the bar to be low again")


async def test_an_insertion_that_cannot_be_is_told_before(server: OpenAIServer) -> None:
    async with open_quick(server.base_url) as quick:
        quick.ask(QUESTION)
        await quick.until_answered()
        button = quick.bar.foot._insert
        assert not button.isEnabled()
        assert "only X11 desktops allow it" in button.toolTip()
