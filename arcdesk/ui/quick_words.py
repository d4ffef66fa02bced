"""What the quick prompt says about the engine."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from arcdesk.core.engine_state import EngineKind, EnginePhase
from arcdesk.core.store import AppState
from arcdesk.ui.phase_words import look


def tr(text: str) -> str:
    """The text in the person's language."""
    return QCoreApplication.translate("QuickPrompt", text)


def engine_words(state: AppState) -> str:
    """Before a question: what the engine would make of it; '' when it can answer, or starts by itself."""
    engine = state.engine
    if engine.phase is EnginePhase.READY:
        return ""
    if engine.problem is not None:
        return tr("Engine: {what}").format(what=engine.problem.title)
    if engine.phase in (EnginePhase.STARTING, EnginePhase.LOADING):
        words = tr("Engine: {state}… Your question will wait for it.")
        return words.format(state=look(state).label.lower())
    if engine.kind is EngineKind.CONTAINER:
        return tr("Engine: {state}.").format(state=look(state).label.lower())
    return ""


def waiting_words(state: AppState) -> str:
    """While a question waits for its first word."""
    if state.engine.phase is EnginePhase.READY:
        return tr("Waiting for the first word…")
    return tr("Waiting for the engine: {state}…").format(state=look(state).label.lower())
