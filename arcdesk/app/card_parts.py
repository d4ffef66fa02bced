"""The cards of a session: looked at while somebody watches, tied to the engine and its answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from shiboken6 import isValid

from arcdesk.app.gpu_controller import GpuController
from arcdesk.app.gpu_parts import GpuParts
from arcdesk.app.gpu_recording import save_recording
from arcdesk.core.chat import Message
from arcdesk.core.gpu import GpuSnapshot
from arcdesk.engine.docker_runtime import DockerRuntime
from arcdesk.services.gpu_engine import GpuEngine
from arcdesk.services.gpu_used import UsedWish
from arcdesk.ui import theme
from arcdesk.ui.gpu_strip import GpuStrip
from arcdesk.ui.gpu_words import snapshot_lines

if TYPE_CHECKING:
    from arcdesk.app.session import Session
    from arcdesk.services.chat_service import ChatService
    from arcdesk.ui.engine_card import EngineCard

MENU_PATIENCE_MS = 60_000  # some panels never tell that the menu was closed


class CardParts:
    """Made when a container engine is first seen, or somebody wants to see the cards."""

    def __init__(self, session: Session) -> None:
        self._session = session
        runtime = session.parts.runtime
        assert isinstance(runtime, DockerRuntime)
        self.gpu = GpuParts(runtime)
        self.controller = GpuController(
            self.gpu.service,
            session.tasks,
            perform=session.perform,
            palette=lambda: theme.current_palette(session.app, session.settings.theme),
            record=lambda path: save_recording(path, answers=lambda: self.gpu.service.answers),
        )
        self._engine = GpuEngine(
            store=session.store,
            gpu=self.gpu.service,
            backend=session.parts.backend,
            counters=self.gpu.counters,
            wish=self._wish,
            endpoint=lambda: session.engine.endpoint,
            on_problem=session.notify,
            on_answer=self._on_answer,
        )
        self._strip: GpuStrip | None = None
        self._unlisten: Callable[[], None] = lambda: None
        self._end_menu: Callable[[], None] = lambda: None
        self._menu_timer = QTimer(singleShot=True, interval=MENU_PATIENCE_MS)
        self._menu_timer.timeout.connect(self.menu_closed)
        self._engine.start()
        if session.chat_or_none is not None:
            self.listen_to(session.chat_or_none)
        session.settings_changed.append(self._dress)
        session.app.styleHints().colorSchemeChanged.connect(self._dress)

    def listen_to(self, chat: ChatService) -> None:
        """Measure what its answers cost."""
        self._unlisten()
        self._unlisten = chat.listen(self._engine.listener)

    def open(self, address: str = "") -> None:
        """Show the window of the cards."""
        self.controller.open(address)
        self._engine.check_if_unknown()

    async def offer_strip(self, place: EngineCard) -> None:
        """Put the cards into the inspector, where there are some. Raises EngineError if they don't answer."""
        if self._strip is not None:
            return
        snapshot = await self.gpu.service.sample_once()
        self._session.tray.set_gpu_lines(snapshot_lines(snapshot))  # as many as the menu will have
        if not snapshot.cards or self._strip is not None:
            return
        self._strip = GpuStrip()
        self._dress(None)
        place.add_foot(self._strip)
        self.controller.attach(self._strip)

    def menu_opened(self) -> None:
        """The tray's menu is seen: look, and put the cards into it."""
        self._end_menu()
        self._end_menu = self.controller.watch_lines(self._session.tray.set_gpu_lines)
        self._menu_timer.start()

    def menu_closed(self) -> None:
        """Nobody looks any more."""
        self._menu_timer.stop()
        self._end_menu()
        self._end_menu = lambda: None

    async def snapshot(self) -> GpuSnapshot:
        """The cards now. Raises EngineError when they do not answer."""
        return await self.gpu.service.sample_once(asks_containers=True)

    async def aclose(self) -> None:
        """Before the chat's and the engine's parts are closed."""
        self.menu_closed()
        self.controller.close()
        self._unlisten()
        await self._engine.aclose()
        await self.gpu.aclose()

    def _wish(self) -> UsedWish:
        container = self._session.engine.settings.container
        devices = (container.device,) if container.device else ()
        return UsedWish(container=container.name, devices=devices, cards=container.tensor_parallel_size)

    async def _on_answer(self, conversation_id: int, answer: Message, joules: float) -> None:
        await (await self._session.chat()).note_energy(conversation_id, answer, joules)

    def _dress(self, _: object) -> None:
        palette = theme.current_palette(self._session.app, self._session.settings.theme)
        if self._session.window_or_none is None and self._session.app.styleSheet():
            theme.apply(self._session.app, palette)  # else the chat window does
        self.controller.set_palette_colors(palette)
        if self._strip is not None and isValid(self._strip):
            self._strip.set_palette_colors(palette)
