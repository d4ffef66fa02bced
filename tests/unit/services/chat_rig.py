"""The chat over its real parts: history file, HTTP client, drivers. Used by tests and by their processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from arcdesk.app.parts import Parts, make_parts
from arcdesk.core.chat import ChatEvent, Message, ThoughtArrived, TokenArrived
from arcdesk.core.settings import Settings
from arcdesk.core.store import AppState, Store
from arcdesk.services.chat_listeners import ChatListener
from arcdesk.services.chat_service import ChatService
from arcdesk.services.engine_service import EngineService
from arcdesk.storage.history_db import HistoryDb

PATIENCE_S = 120.0  # of a loaded machine; what is waited for usually comes within a second


@dataclass(eq=False)
class ChatRig:
    """What a test sees of one running chat."""

    store: Store
    parts: Parts
    engine: EngineService
    history: HistoryDb
    chat: ChatService
    pieces: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    told: list[Message] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def take_event(self, _conversation_id: int, _message_id: int, event: ChatEvent) -> None:
        if isinstance(event, TokenArrived):
            self.pieces.append(event.text)
            self._announce()
        elif isinstance(event, ThoughtArrived):
            self.thoughts.append(event.text)
            self._announce()

    def take_message(self, _conversation_id: int, message: Message) -> None:
        self.told.append(message)
        self._announce()

    def _announce(self) -> None:
        task = asyncio.ensure_future(self._notify())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def until(self, condition: Callable[[ChatRig], bool]) -> None:
        """Wait until what was told fits."""
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(lambda: condition(self))

    async def until_state(self, condition: Callable[[AppState], bool]) -> None:
        await until_state(self.store, condition)

    async def stored(self, conversation_id: int = 1) -> list[Message]:
        return await self.history.messages(conversation_id)


async def until_state(store: Store, condition: Callable[[AppState], bool]) -> None:
    """Wait until the store's state fits."""
    fits = asyncio.Event()
    unsubscribe = store.subscribe(lambda state: fits.set() if condition(state) else None)
    try:
        async with asyncio.timeout(PATIENCE_S):
            await fits.wait()
    finally:
        unsubscribe()


@asynccontextmanager
async def open_chat(engine: str, path: Path, *, history: HistoryDb | None = None) -> AsyncIterator[ChatRig]:
    """A chat with `engine` (a word or an address) and the history file at `path`."""
    store, parts = Store(), make_parts()
    settings = Settings(engine=engine)
    service = EngineService(
        store=store, settings=settings, make_driver=parts.make_driver, runtime=parts.runtime
    )
    history = history or HistoryDb(path)
    chat = ChatService(store=store, history=history, backend=parts.backend, engine=service)
    rig = ChatRig(store, parts, service, history, chat)
    chat.listen(ChatListener(on_event=rig.take_event, on_message=rig.take_message))
    try:
        await chat.open()
        yield rig
    finally:
        await chat.aclose()
        await service.aclose()
        await parts.aclose()
