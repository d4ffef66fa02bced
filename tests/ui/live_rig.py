"""The panel and the strip of a running session, and pictures of what was measured."""

from __future__ import annotations

import asyncio
import functools
import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import cast

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget

from arcdesk.api.metrics_client import MetricsClient
from arcdesk.api.openai_client import OpenAIClient
from arcdesk.core.chat import (
    AnswerFinished,
    AnswerStats,
    ChatRequest,
    Conversation,
    Message,
    Role,
    TokenArrived,
)
from arcdesk.core.engine_state import EngineKind, EnginePhase, EngineSnapshot
from arcdesk.core.live_stats import LiveFigure, LiveHistory, LiveKey, LiveView, OurView
from arcdesk.core.ports import Endpoint
from arcdesk.core.store import AppState
from arcdesk.services.live_stats import LiveStatsService
from arcdesk.ui import theme
from arcdesk.ui.live_dock import LiveDock
from arcdesk.ui.live_place import LivePlace
from arcdesk.ui.live_strip import LiveStrip
from arcdesk.ui.main_window import MainWindow
from arcdesk.ui.theme import Palette
from tests.fakes.live_server import LiveServer
from tests.fakes.openai_server import MODEL
from tests.ui.app_rig import App


def strip_of(app: App) -> LiveStrip:
    """The strip in the inspector."""
    found = app.window.findChild(LiveStrip)
    assert isinstance(found, LiveStrip)
    return found


def dock_of(app: App) -> LiveDock | None:
    """The panel, once it was made."""
    found = app.window.findChild(LiveDock)
    return found if isinstance(found, LiveDock) else None


# pictures


QUESTIONS = ("What is a fox?", "Where does it live?", "What does it eat?", "How old does it get?")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What the real service measured of real answers."""

    view: LiveView
    ours: OurView
    messages: tuple[Message, ...]


@functools.cache
def measured() -> Measured:
    """Half a minute of answers from the scripted server, measured in a thread with a loop of its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(_measure())).result()


async def _measure() -> Measured:
    async with LiveServer(tokens=110, prefill_s=0.12, token_delay_s=0.011) as server:
        endpoint = Endpoint(base_url=server.base_url, model=MODEL)
        source, chat = MetricsClient(), OpenAIClient()
        service = LiveStatsService(source, lambda: endpoint)
        views: list[LiveView] = []
        service.watch(views.append)
        service.watch_ours(lambda _: None)
        messages: list[Message] = []
        try:
            for number, text in enumerate(itertools.islice(itertools.cycle(QUESTIONS), 14), start=1):
                server.token_delay_s = 0.011 + 0.004 * (number % 3)
                messages += await _answer(service, chat, endpoint, number, text)
            last = asyncio.ensure_future(_answer(service, chat, endpoint, 15, QUESTIONS[0]))
            looks = len(views)
            while len(views) < looks + 2:  # in the middle of an answer
                await asyncio.sleep(0.05)
            ours = service.our_view
            view = replace(views[-1], history=_copy(views[-1].history))
            await last
            return Measured(view=view, ours=ours, messages=tuple(messages[-2:]))
        finally:
            await service.aclose()
            await source.aclose()
            await chat.aclose()


def _copy(history: LiveHistory) -> LiveHistory:
    """As it is now; it goes on."""
    kept = LiveHistory()
    for row in history.rows:
        kept.add(
            row.at, {key: LiveFigure(value=value) for key, value in zip(LiveKey, row.values, strict=True)}
        )
    return kept


async def _answer(
    service: LiveStatsService, chat: OpenAIClient, endpoint: Endpoint, number: int, text: str
) -> list[Message]:
    question = Message(id=2 * number, role=Role.USER, text=text)
    said: list[str] = []
    stats: AnswerStats | None = None
    async for one in chat.ask(endpoint, ChatRequest(messages=(question,))):
        service.listener.on_event(1, number, one)
        if isinstance(one, TokenArrived):
            said.append(one.text)
        elif isinstance(one, AnswerFinished):
            stats = one.stats
    answer = Message(id=2 * number + 1, role=Role.ASSISTANT, text="".join(said), stats=stats)
    return [question, answer]


def live_window(palette: Palette, *, at_the_bottom: bool = False, is_open: bool = True) -> QWidget:
    """The chat window with the panel at the right or the bottom, or with the strip alone. To be shown."""
    taken = measured()
    window = MainWindow()
    theme.apply(cast(QApplication, QApplication.instance()), palette)
    window.resize(1360 if is_open and not at_the_bottom else 1180, 760)
    strip, dock = LiveStrip(), LiveDock(window)
    window.engine_card.add_foot(strip)
    place = LivePlace(window, dock)
    window.set_palette_colors(palette)
    strip.set_palette_colors(palette)
    dock.set_palette_colors(palette)
    stats = taken.messages[-1].stats
    engine = EngineSnapshot(
        kind=EngineKind.REMOTE,
        phase=EnginePhase.READY,
        model=stats.model if stats else None,
        profile="OpenAI-compatible server",
        place="127.0.0.1",
    )
    talk = Conversation(id=1, title=QUESTIONS[0], created_at=1.0, updated_at=1.0)
    window.present(AppState(engine=engine, conversations=(talk,), active_conversation=1))
    window.show()
    if is_open:
        place.show()
    if at_the_bottom:
        dock.place(Qt.DockWidgetArea.BottomDockWidgetArea)
        window.resizeDocks([dock], [288], Qt.Orientation.Vertical)
    window.transcript.show_messages(taken.messages)
    strip.present(taken.ours)
    dock.panel.present(taken.view)
    return window
