"""What the buttons beside an error do in the quick prompt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication

from arcdesk.core.engine_state import EnginePhase
from arcdesk.core.errors import Action, ActionKind
from arcdesk.core.settings import Settings, change_container

if TYPE_CHECKING:
    from arcdesk.app.quick_talk import QuickTalk
    from arcdesk.app.session import Session

_RUNNING = (EnginePhase.READY, EnginePhase.LOADING, EnginePhase.FAILED)


def perform(session: Session, talk: QuickTalk, action: Action) -> bool:
    """Do what a button says; returns False where another window takes over."""
    match action.kind:
        case ActionKind.RETRY:
            talk.ask_again()
        case ActionKind.START:
            _spawn(session, _start_and_ask(session, talk), "start the engine")
        case ActionKind.USE_EMBEDDED:
            wanted = replace(session.settings, engine="embedded")
            _spawn(session, _use_and_ask(session, talk, wanted), "use the embedded engine")
        case ActionKind.APPLY_SETTINGS:
            wanted = change_container(session.settings, action.settings)
            _spawn(session, _use_and_ask(session, talk, wanted), "apply settings")
        case ActionKind.COPY:
            QGuiApplication.clipboard().setText(action.target)
        case ActionKind.NEW_CHAT:
            talk.begin_anew()
        case _:
            session.perform(action)
            return False
    return True


def _spawn(session: Session, work: object, name: str) -> None:
    session.tasks.spawn(work, name=name, is_shown_elsewhere=True)  # type: ignore[arg-type]


async def _start_and_ask(session: Session, talk: QuickTalk) -> None:
    if session.engine.snapshot.phase.can_start:
        await session.engine.start()
    talk.ask_again(only_unanswered=True)


async def _use_and_ask(session: Session, talk: QuickTalk, settings: Settings) -> None:
    if settings.engine == session.settings.engine and session.engine.snapshot.phase in _RUNNING:
        await session.engine.stop()
    await session.apply(settings, start=True)
    talk.ask_again(only_unanswered=True)
