"""News that no snapshot and no bubble shows: a problem to dismiss, a delete to undo."""

from __future__ import annotations

from arcdesk.core.errors import Action, Problem
from arcdesk.core.store import Store


class Notices:
    """The list in the store; the window shows the newest."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, notice: Problem) -> None:
        """Show it; the same one stands only once."""
        others = tuple(one for one in self._store.state.notices if one != notice)
        self._store.update(notices=(*others, notice))

    def dismiss_newest(self) -> None:
        """The person has seen it."""
        self._store.update(notices=self._store.state.notices[:-1])

    def settle(self, action: Action) -> None:
        """A notice's button was used: that notice is done."""
        left = tuple(one for one in self._store.state.notices if action not in one.actions)
        self._store.update(notices=left)

    def withdraw(self, cause: str) -> None:
        """What was told with this cause is over."""
        left = tuple(one for one in self._store.state.notices if one.cause != cause)
        self._store.update(notices=left)
