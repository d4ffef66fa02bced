"""The way up: the store's changes as Qt signals."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from arcdesk.core.store import AppState, Store


class StoreBridge(QObject):
    """The one listener with Qt. `engine_changed` and its siblings fire only when their part differs."""

    state_changed = Signal(object)
    engine_changed = Signal(object)
    conversations_changed = Signal(object)
    active_changed = Signal(int)
    answering_changed = Signal(object)
    notices_changed = Signal(object)

    def __init__(self, store: Store, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self._last: AppState | None = None
        self._end = store.subscribe(self._on_state)

    @property
    def state(self) -> AppState:
        """The state now."""
        return self._store.state

    def _on_state(self, state: AppState) -> None:
        last, self._last = self._last, state
        if last is None:
            return  # at birth nobody is connected: widgets render `state` themselves
        if state.engine != last.engine:
            self.engine_changed.emit(state.engine)
        if state.conversations != last.conversations:
            self.conversations_changed.emit(state.conversations)
        if state.active_conversation != last.active_conversation:
            self.active_changed.emit(state.active_conversation)
        if state.answering != last.answering:
            self.answering_changed.emit(state.answering)
        if state.notices != last.notices:
            self.notices_changed.emit(state.notices)
        self.state_changed.emit(state)

    def close(self) -> None:
        """Stop listening."""
        self._end()
