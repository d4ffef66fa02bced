"""The whole desktop program in the test's process: real session, window, history and client, offscreen."""

from __future__ import annotations

import asyncio
import gc
from argparse import Namespace
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import pytest_asyncio
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from arcdesk.app.session import Session
from arcdesk.app.window_controller import WindowController
from arcdesk.core.errors import Action
from arcdesk.core.store import AppState
from arcdesk.desktop.instance_server import InstanceLock
from arcdesk.services.chat_service import ChatService
from arcdesk.ui.main_window import MainWindow
from arcdesk.ui.tray import Tray
from tests.fakes.openai_server import OpenAIServer

PATIENCE_S = 30.0  # of a loaded machine; what is waited for usually comes within a second


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait until it is true; an AssertionError with `what` if it never is."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"waited for {what}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """One running session with its window open."""

    session: Session
    chat: ChatService

    @property
    def _controller(self) -> WindowController:
        controller = self.session._window
        assert controller is not None
        return controller

    @property
    def window(self) -> MainWindow:
        return self._controller.window

    @property
    def state(self) -> AppState:
        return self.session.store.state

    @property
    def words(self) -> str:
        """What is seen of the conversation; a chat not begun shows the welcome instead."""
        transcript = self.window.transcript
        return transcript.toPlainText() if transcript.isVisible() else ""

    def ask(self, text: str) -> None:
        """Type a question and send it, as a person does."""
        edit = self.window.prompt.edit
        QTest.keyClicks(edit, text)
        QTest.keyClick(edit, Qt.Key.Key_Return)

    @property
    def is_asking(self) -> bool:
        """A question was sent and is not stored yet; another Enter would count as pressed twice."""
        return self._controller._is_asking

    @property
    def is_idle(self) -> bool:
        """Nothing that a click began is under way."""
        return not self.session.tasks._tasks

    async def choose(self, conversation_id: int) -> None:
        """Open this chat, as the list does, and wait until what comes for it is shown."""
        self.chat.select(conversation_id)
        await until(lambda: self._controller._prompt_of == conversation_id, "the other chat")

    async def until_answered(self) -> None:
        """The question's answer is closed, whatever became of it."""
        await until(self._is_answered, "an answer")

    def _is_answered(self) -> bool:
        state = self.state
        return bool(state.active_conversation) and not state.answering and self.is_idle

    def perform(self, action: Action) -> None:
        """Press the button of a problem."""
        self.session.perform(action)


@pytest.fixture(autouse=True)
def no_docker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No engine of the person's is found; no widgets are left for a thread of the next test to delete."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    monkeypatch.setenv("ARCDESK_HOTKEY", "")  # there is no desktop here that could give us one
    yield
    gc.collect()


@pytest_asyncio.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    """A server to ask."""
    async with OpenAIServer() as server:
        yield server


@asynccontextmanager
async def open_app(engine: str) -> AsyncIterator[App]:
    """ArcDesk with `engine` and its window; afterwards it has been quit in order."""
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    look = (application.styleSheet(), application.palette())
    application.setQuitOnLastWindowClosed(False)  # as the program does: Qt would stop the loop under us
    lock = InstanceLock.take()
    assert lock is not None, "another ArcDesk runs in this test's home"
    session = Session(application, Tray(), Namespace(engine=engine, background=False, verbose=False))
    running = asyncio.ensure_future(session.run())
    try:
        chat = await session.chat()
        app = App(session=session, chat=chat)
        await until(lambda: app._controller._prompt_of == 0, "the window to be ready")
        yield app
    finally:
        session.quit()
        await running
        lock.release()
        application.setStyleSheet(look[0])
        application.setPalette(look[1])
