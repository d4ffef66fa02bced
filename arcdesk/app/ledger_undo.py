"""Offers to take back the newest delete of a run, in the ledger's window and in the chat's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.ui.models_view import Notice

if TYPE_CHECKING:
    from arcdesk.app.session import Session


class LedgerUndo:
    """Tells by `settled` once the delete was undone, or its notice dismissed, in either window."""

    def __init__(self, session: Session, *, settled: Callable[[], None]) -> None:
        self._session = session
        self._settled = settled
        self._undo: Action | None = None
        session.bridge.notices_changed.connect(self._on_notices)

    def offer(self, run_id: int) -> Notice:
        """A run was deleted; returns what the ledger's window says of it."""
        self._undo = Action(kind=ActionKind.UNDO_RUN_DELETE, label="Undo", target=str(run_id))
        title = f"Run {run_id} was deleted"
        self._session.notices.add(Problem(cause="run_deleted", title=title, actions=(self._undo,)))
        return Notice(text=title, buttons=(("undo", "Undo"),))

    def press(self) -> None:
        """The person takes it back."""
        if self._undo is not None:
            self._session.perform(self._undo)

    def close(self) -> None:
        """Listen no more."""
        self._session.bridge.notices_changed.disconnect(self._on_notices)

    def _on_notices(self, notices: tuple[Problem, ...]) -> None:
        if self._undo is not None and not any(self._undo in notice.actions for notice in notices):
            self._undo = None
            self._settled()
