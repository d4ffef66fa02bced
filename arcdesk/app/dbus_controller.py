"""Joins the app to the session bus: what others may ask of it, what it tells the person."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtGui import QGuiApplication, QWindow

from arcdesk.app.note_icon import note_icon
from arcdesk.app.notifier import Notifier
from arcdesk.app.snapshot_json import status_json
from arcdesk.core.chat import AnswerFailed, ChatRequest, Message, Role, TokenArrived
from arcdesk.core.engine_state import EngineKind
from arcdesk.core.errors import Action, AnswerError, ArcDeskError
from arcdesk.core.ports import Endpoint
from arcdesk.desktop.dbus_bus import SessionBus
from arcdesk.desktop.dbus_service import DbusService
from arcdesk.desktop.notifications import NotificationService
from arcdesk.desktop.search_provider import Titled

if TYPE_CHECKING:
    from arcdesk.app.session import Session
    from arcdesk.core.store import AppState


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """What the app's windows do for the desktop. `token` is an activation token, '' without one."""

    present_quick: Callable[[str, str], None]  # text ('' for none), token
    open_chat: Callable[[int, str], None]  # conversation id (0: as it is), token
    perform: Callable[[Action, str], None]  # a button's action, token
    is_looked_at: Callable[[], bool]  # a window of ours has the focus
    is_hidden: Callable[[], bool]  # no window of ours can be seen
    tray_message: Callable[[str, str], None]  # title, body: where no notification server is


class DbusController:
    """Owns the connection, the service and the notifications of one session."""

    def __init__(self, session: Session, hands: Hands, *, bus: SessionBus | None = None) -> None:
        self._session = session
        self._hands = hands
        self.bus = bus or SessionBus()
        self.service = DbusService(self.bus, self, on_problem=session.notify)
        self._notes = NotificationService(self.bus, pixels=note_icon)
        self.notifier = Notifier(
            self._notes,
            settings=lambda: session.settings,
            act=hands.perform,
            is_looked_at=hands.is_looked_at,
            is_hidden=hands.is_hidden,
            tray_message=hands.tray_message,
            keep=session.notices.add,
            # Wayland gives the clipboard only to who has the focus; a notification's button brings none.
            can_copy=not QGuiApplication.platformName().startswith("wayland"),
        )
        self._ends: list[Callable[[], None]] = []

    async def start(self) -> None:
        """Tell what happens from now on, and take our name on the bus, if there is one."""
        self._ends.append(self._session.store.subscribe(self._on_state_to_tell))
        self._session.app.focusWindowChanged.connect(self._on_focus)
        await self.service.start()

    async def aclose(self) -> None:
        """Tell no more, take back what is shown, leave the bus."""
        for end in self._ends:
            end()
        if self._ends:
            self._session.app.focusWindowChanged.disconnect(self._on_focus)
        self._ends = []
        await self.service.aclose()
        await self._notes.aclose()
        await self.bus.aclose()

    def _on_state_to_tell(self, state: AppState) -> None:
        if not self._session.engine.is_lent:  # restarts of a comparison are no news
            self.notifier.on_state(state)

    def _on_focus(self, window: QWindow | None) -> None:
        if window is not None and self._hands.is_looked_at():
            self.notifier.on_looked()

    def on_message(self, conversation_id: int, message: Message) -> None:
        """A message was added or closed, in the list or in the quick prompt."""
        if message.state.is_open or message.role is not Role.ASSISTANT:
            return
        chats = self._session.store.state.conversations
        title = next((chat.title for chat in chats if chat.id == conversation_id), None)
        self.notifier.on_answer(conversation_id, title, message)

    # what others ask of us

    async def ask(self, text: str) -> str:
        """One question, one answer, kept nowhere: as `arcdesk ask` does."""
        endpoint = await self._reach_engine()
        request = ChatRequest(messages=(Message(role=Role.USER, text=text),))
        pieces: list[str] = []
        async with contextlib.aclosing(self._session.parts.backend.ask(endpoint, request)) as events:
            async for event in events:
                match event:
                    case TokenArrived():
                        pieces.append(event.text)
                    case AnswerFailed():
                        raise AnswerError(event.problem)
        return "".join(pieces)

    async def _reach_engine(self) -> Endpoint:
        engine = self._session.engine
        engine.refuse_if_lent()
        await engine.settle()
        await engine.first_look()
        if engine.snapshot.kind is not EngineKind.CONTAINER and engine.snapshot.phase.can_start:
            await engine.start()
        return await engine.wait_ready()

    async def start_engine(self) -> None:
        """Start the engine."""
        await self._session.engine.start()

    async def stop_engine(self) -> None:
        """Stop the engine."""
        await self._session.engine.stop()

    async def restart_engine(self) -> None:
        """Stop, then start."""
        await self._session.engine.restart()

    async def status(self) -> dict[str, Any]:
        """What `arcdesk status --json` prints; an engine out of reach is in it."""
        with contextlib.suppress(ArcDeskError):
            await self._session.engine.first_look()
        return status_json(self._session.store.state.engine, is_app_running=True)

    async def conversations(self) -> Sequence[Titled]:
        """All conversations, the newest first."""
        await self._session.chat()
        return [Titled(id=chat.id, title=chat.title) for chat in self._session.store.state.conversations]

    def present_quick(self, text: str, token: str) -> None:
        """Show the quick prompt."""
        self._hands.present_quick(text, token)

    def open_chat(self, token: str, conversation_id: int = 0) -> None:
        """Show the window."""
        self._hands.open_chat(conversation_id, token)

    def quit(self) -> None:
        """End the app."""
        self._session.quit()
