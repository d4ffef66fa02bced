"""X-rays in the whole program: taken around each answer, kept with it, and shown when asked."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from arcdesk.core.chat import Message, MessageState
from arcdesk.core.xray import NOT_PAINTED, Part, XRay
from arcdesk.core.xray_answer import xray_of
from arcdesk.ui.transcript_section import XRAY_SIGN
from arcdesk.ui.xray_window import XRayWindow
from tests.rig.metered_sse import MeteredServer
from tests.ui.app_rig import App, no_docker, open_app, until

pytestmark = [
    pytest.mark.usefixtures("no_docker"),
    pytest.mark.qt_log_ignore("does not support"),  # the offscreen platform says so
]
__all__ = ["no_docker"]


@pytest_asyncio.fixture
async def metered() -> AsyncIterator[MeteredServer]:
    async with MeteredServer() as server:
        yield server


async def answered(app: App, text: str = "How long?") -> Message:
    """Ask, and wait until all is known of the answer."""
    app.ask(text)
    await app.until_answered()
    await until(lambda: not app.session.live.xray._tasks, "the X-ray")
    return (await app.chat.messages(app.state.active_conversation))[-1]


def picture_of(message: Message) -> XRay:
    assert message.stats is not None
    assert message.stats.xray is not None
    return xray_of(message.stats)


def press_sign(app: App) -> XRayWindow:
    """Go to the sign by keyboard and press Enter."""
    transcript = app.window.transcript
    transcript.setFocus()
    for _ in range(20):
        transcript.focusNextPrevChild(True)
        if transcript.textCursor().selectedText() == XRAY_SIGN:
            break
    QTest.keyClick(transcript, Qt.Key.Key_Return)
    window = app.session.live.xray.window
    assert window is not None and window.isVisible()
    return window


async def test_an_answer_is_taken_apart_and_shown(metered: MeteredServer) -> None:
    async with open_app(metered.base_url) as app:
        await answered(app)
        message = await answered(app, "And again?")
        picture = picture_of(message)
        counted = metered.counting.seen
        queue_s, prefill_s = counted["request_queue_time_seconds"], counted["request_prefill_time_seconds"]
        assert picture[Part.QUEUE].seconds == pytest.approx(queue_s[-1], abs=1e-6)
        assert picture[Part.PREFILL].seconds == pytest.approx(prefill_s[-1], abs=1e-6)
        assert picture.total_s is not None
        assert picture.known_s == pytest.approx(picture.total_s, rel=0.05)
        for part in (Part.CONNECT, Part.DECODE, Part.PARSE, Part.PAINT):
            assert picture[part].seconds is not None, part
        assert message.stats is not None and message.stats.xray is not None
        assert message.stats.xray.stall_ms is not None
        window = press_sign(app)
        assert "Our drawing" in window.text and "Prefill" in window.text
        assert app.window.transcript.accessibleDescription() == "Where the time went"
        buttons = {button.text(): button for button in window.findChildren(type(window._close))}
        QTest.mouseClick(buttons["Copy as text"], Qt.MouseButton.LeftButton)
        assert QGuiApplication.clipboard().text() == window.text
        QTest.keyClick(window, Qt.Key.Key_Escape)
        await until(lambda: app.session.live.xray.window is None, "the window to go")


async def test_an_answer_of_an_earlier_session_has_its_picture_still(metered: MeteredServer) -> None:
    async with open_app(metered.base_url) as app:
        before = await answered(app)
        conversation = app.state.active_conversation
    async with open_app(metered.base_url) as app:
        await app.choose(conversation)
        message = (await app.chat.messages(conversation))[-1]
        assert message.stats == before.stats
        assert picture_of(message) == picture_of(before)
        assert "Prefill" in press_sign(app).text


async def test_an_answer_that_nobody_saw_says_so(metered: MeteredServer) -> None:
    async with open_app(metered.base_url) as app:
        await answered(app)
        app.window.hide()
        await app.chat.ask("Unseen", app.state.active_conversation)
        await until(lambda: not app.session.live.xray._tasks, "the X-ray")
        message = (await app.chat.messages(app.state.active_conversation))[-1]
        assert picture_of(message)[Part.PAINT].reason == NOT_PAINTED


async def test_a_quick_answer_is_taken_apart_too(metered: MeteredServer) -> None:
    async with open_app(metered.base_url) as app:
        answer = await app.chat.ask_quick("Quick")
        await until(lambda: not app.session.live.xray._tasks, "the X-ray")
        begun: list[int] = []
        answer = await app.chat.ask_quick("Again", on_begun=begun.append)
        await until(lambda: not app.session.live.xray._tasks, "the X-ray")
        message = next(one for one in await app.chat.messages(begun[0]) if one.id == answer.id)
        picture = picture_of(message)
        assert picture[Part.PREFILL].is_servers
        assert "quick prompt" in picture[Part.PAINT].reason


async def test_a_server_without_figures_is_asked_once(metered: MeteredServer) -> None:
    metered.has_metrics = False
    async with open_app(metered.base_url) as app:
        for text in ("One", "Two", "Three"):
            message = await answered(app, text)
        assert metered.looks == 1
        picture = picture_of(message)
        assert picture.note == "This server tells no figures."
        assert picture[Part.PAINT].seconds is not None


async def test_a_stopped_answer_shows_what_is_known(metered: MeteredServer) -> None:
    metered.gaps_s = [0.02] * 100
    async with open_app(metered.base_url) as app:
        app.ask("Long")
        await until(lambda: "word word" in app.words, "some words")
        await app.chat.stop(app.state.active_conversation)
        await app.until_answered()
        await until(lambda: not app.session.live.xray._tasks, "the X-ray")
        message = (await app.chat.messages(app.state.active_conversation))[-1]
        assert message.state is MessageState.STOPPED
        picture = picture_of(message)
        assert picture[Part.PREFILL].seconds is None and picture.note
        assert picture.total_s is not None
        assert picture.known_s == pytest.approx(picture.total_s, rel=0.05)


async def test_the_question_finds_the_sample_of_its_typing(metered: MeteredServer) -> None:
    async with open_app(metered.base_url) as app:
        await answered(app)  # the engine is found
        looks = metered.looks
        QTest.keyClicks(app.window.prompt.edit, "Hm")
        await until(lambda: metered.looks > looks or not app.session.live.xray._xrays._asking, "a look")
        await until(lambda: not app.session.live.xray._xrays._asking, "its end")
        typed = metered.looks
        seen_at_first_token: list[int] = []
        metered.on_answer = lambda: seen_at_first_token.append(metered.looks)
        message = await answered(app, "m")
        assert seen_at_first_token == [typed]  # none was taken while the question waited
        assert picture_of(message)[Part.PREFILL].is_servers
