"""Takes each answer of the chat apart, keeps what it learned, and shows it when asked."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from arcdesk.api.metrics_client import MetricsClient
from arcdesk.app.xray_viewer import XRayViewer
from arcdesk.core.chat import Message, MessageState, Role
from arcdesk.core.egress import host_of, is_local
from arcdesk.core.engine_state import EnginePhase
from arcdesk.core.errors import ArcDeskError
from arcdesk.core.ports import Endpoint
from arcdesk.core.xray_answer import NOT_KEPT, QUICK, record_of
from arcdesk.core.xray_server import ServerTimes
from arcdesk.services.chat_listeners import ChatListener
from arcdesk.services.live_xray import LiveXRay, XRayBefore
from arcdesk.services.xray_stall import StallWatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from arcdesk.app.session import Session
    from arcdesk.core.store import AppState
    from arcdesk.services.chat_service import ChatService
    from arcdesk.services.live_stats import LiveStatsService
    from arcdesk.ui.main_window import MainWindow
    from arcdesk.ui.xray_window import XRayWindow

log = logging.getLogger(__name__)

PAINT_PATIENCE_S = 1.0  # what is not drawn by then is not on the screen


@dataclass(slots=True, kw_only=True, eq=False)
class _Running:
    """An answer on its way; `endpoint` is None while it waits for the engine."""

    endpoint: Endpoint | None = None
    before: XRayBefore | None = None
    stall: StallWatch = field(default_factory=StallWatch)
    is_quick: bool = False
    painted: asyncio.Future[float]


class XRayController:
    """Follows the chat's answers; keeps an X-ray with each, and shows it when its sign is pressed.

    Nothing happens between answers, but for a look at /metrics while a question is being typed: so that
    none delays it. A server without /metrics is asked once.
    """

    def __init__(self, session: Session, live: LiveStatsService) -> None:
        self._session = session
        self._source = MetricsClient(egress=session.parts.ledger)
        self._xrays = LiveXRay(self._source, lambda: live.newest_sample)
        self._engine: tuple[Endpoint | None, EnginePhase] | None = None
        self._chat: ChatService | None = None
        self._unlisten: list[Callable[[], None]] = []
        self._listed: set[int] = set()  # conversations that are no quick ones, with an answer on its way
        self._running: dict[int, _Running] = {}
        self._painted: dict[int, asyncio.Future[float]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._main: MainWindow | None = None
        self._viewer = XRayViewer(session)
        session.bridge.state_changed.connect(self._on_state)

    # joining

    def listen_to(self, chat: ChatService) -> None:
        """Take the answers of this chat apart."""
        self._end_listening()
        self._chat = chat
        listed = ChatListener(on_message=self._on_listed)
        all_of_them = ChatListener(
            on_message=self._on_message, on_restated=self._on_restated, hears_quick=True
        )
        self._unlisten = [chat.listen(listed), chat.listen(all_of_them)]

    def offer(self, window: MainWindow) -> None:
        """Serve the signs in this window, and learn from it when an answer was drawn."""
        if self._main is not None:
            return
        self._main = window
        window.transcript.answer_painted.connect(self._on_painted)
        window.transcript.xray_requested.connect(self.open)
        window.prompt.edit.textChanged.connect(self._on_typing)

    async def aclose(self) -> None:
        """Let go of all; X-rays that are not made yet are not made."""
        self._end_listening()
        self._session.bridge.state_changed.disconnect(self._on_state)
        for running in self._running.values():
            running.stall.stop()
        self._running.clear()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._xrays.aclose()
        await self._source.aclose()
        self._viewer.close()

    def _end_listening(self) -> None:
        for end in self._unlisten:
            end()
        self._unlisten = []

    # the engine

    def _on_state(self, state: AppState) -> None:
        engine = (self._session.engine.endpoint, state.engine.phase)
        if engine == self._engine:
            return
        self._engine = engine
        if engine[1] is not EnginePhase.READY:
            self._xrays.engine_changed()
        for running in self._running.values():
            if running.endpoint is None:
                self._leave(running)

    def _ready(self) -> Endpoint | None:
        is_ready = self._session.store.state.engine.phase is EnginePhase.READY
        return self._session.engine.endpoint if is_ready else None

    def _on_typing(self) -> None:
        endpoint = self._ready()
        if endpoint is not None and not self._session.store.state.answering:
            self._xrays.expect(endpoint)

    # an answer

    def _on_listed(self, conversation_id: int, message: Message) -> None:
        if message.role is Role.ASSISTANT and message.state.is_open:
            self._listed.add(conversation_id)

    def _on_message(self, conversation_id: int, message: Message) -> None:
        if message.role is not Role.ASSISTANT:
            return
        if message.state.is_open:
            self._begin(conversation_id, message)
        elif (running := self._running.pop(message.id, None)) is not None:
            self._listed.discard(conversation_id)
            self._end(conversation_id, message, running)

    def _begin(self, conversation_id: int, message: Message) -> None:
        painted = asyncio.get_running_loop().create_future()
        running = _Running(painted=painted, is_quick=conversation_id not in self._listed)
        self._running[message.id] = running
        self._painted[message.id] = painted
        self._leave(running)

    def _leave(self, running: _Running) -> None:
        """The question leaves now, if there is an engine to leave for."""
        running.endpoint = self._ready()
        if running.endpoint is not None:
            running.stall.start()
            running.before = self._xrays.begin(running.endpoint)

    def _end(self, conversation_id: int, message: Message, running: _Running) -> None:
        running.stall.stop()
        if message.stats is None or message.stats.ttft_ms is None:  # no token came: there is nothing to see
            self._painted.pop(message.id, None)
            if running.before is not None:
                running.before.cancel()
            return
        task = asyncio.ensure_future(self._finish(conversation_id, message, running))
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)

    async def _finish(self, conversation_id: int, message: Message, running: _Running) -> None:
        servers, paint_lag_s = await asyncio.gather(self._times(message, running), self._paint_lag(running))
        self._painted.pop(message.id, None)
        record = record_of(
            servers,
            paint_lag_s=paint_lag_s,
            paint_reason=QUICK if running.is_quick else "",
            stall_s=running.stall.worst_s,
            is_local=running.endpoint is None or is_local(host_of(running.endpoint.base_url)),
        )
        if self._chat is not None:
            await self._chat.note_xray(conversation_id, message, record)

    async def _times(self, message: Message, running: _Running) -> ServerTimes:
        if running.before is None:
            return ServerTimes(reason=NOT_KEPT)
        return await self._xrays.times(
            running.before,
            message.stats.completion_tokens if message.stats else None,
            is_whole=message.state is MessageState.DONE,
        )

    async def _paint_lag(self, running: _Running) -> float | None:
        is_seen = self._main is not None and self._main.transcript.isVisible() and not running.is_quick
        if not running.painted.done() and not is_seen:
            return None
        try:
            async with asyncio.timeout(PAINT_PATIENCE_S):
                return await running.painted
        except TimeoutError:
            return None

    def _on_painted(self, message_id: int, lag_s: float) -> None:
        painted = self._painted.get(message_id)
        if painted is not None and not painted.done():
            painted.set_result(lag_s)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, ArcDeskError):
            log.info("an X-ray was not kept: %s", error)
        else:
            log.error("an X-ray failed", exc_info=error)

    # the window

    @property
    def window(self) -> XRayWindow | None:
        """The window, while it is open."""
        return self._viewer.window

    def open(self, message: Message) -> None:
        """Show where the time of this answer went."""
        self._viewer.open(message, self._main)

    def _on_restated(self, conversation_id: int, message: Message) -> None:
        self._viewer.restate(message)
