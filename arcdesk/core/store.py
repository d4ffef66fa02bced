"""The one place where the app's state lives: a frozen value, replaced whole, then announced."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from arcdesk.core.chat import AnswerStats, Conversation
from arcdesk.core.engine_state import EngineSnapshot
from arcdesk.core.errors import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class AppState:
    """Everything that is shown and is not a token on its way."""

    engine: EngineSnapshot = field(default_factory=EngineSnapshot)
    conversations: tuple[Conversation, ...] = ()
    active_conversation: int = 0  # 0: a chat not begun
    answering: frozenset[int] = frozenset()  # conversations with an answer on its way
    last_answer: AnswerStats | None = None
    notices: tuple[Problem, ...] = ()


Listener = Callable[[AppState], None]


class Store:
    """Holds one AppState. Services write it, on the thread that made the store; anyone may listen."""

    def __init__(self, state: AppState | None = None) -> None:
        self._state = state or AppState()
        self._listeners: list[Listener] = []
        self._thread = threading.get_ident()

    @property
    def state(self) -> AppState:
        """The state now."""
        return self._state

    def update(self, **changes: Any) -> None:
        """Replace fields. Equal state is silent. Raises RuntimeError from a foreign thread."""
        if threading.get_ident() != self._thread:
            raise RuntimeError("the store is written on the loop's thread only")
        fresh = replace(self._state, **changes)
        if fresh == self._state:
            return
        self._state = fresh
        for listener in tuple(self._listeners):
            listener(fresh)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` at once and after each change; returns the function that ends it."""
        self._listeners.append(listener)
        listener(self._state)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe
