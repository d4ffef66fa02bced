"""How an engine phase is called, coloured and drawn: the only place that says it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from arcdesk.core.engine_state import EngineKind, EnginePhase, EngineSnapshot
from arcdesk.core.store import AppState

SEPARATOR = " · "


class TrayShape(Enum):
    """The pictures of the tray icon, told apart by outline alone."""

    SLASHED = "slashed"
    MARK = "mark"
    TRAVELLING_DOT = "travelling dot"
    RING = "ring"
    FILLED_RING = "filled ring"
    TRIANGLE = "triangle"
    SQUARE = "square"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseLook:
    """One row of the table. `colour` is a token: a field name of `theme.Palette`."""

    label: str
    colour: str
    shape: TrayShape


PHASE_LOOK: dict[EnginePhase, PhaseLook] = {
    EnginePhase.UNAVAILABLE: PhaseLook(label="Unavailable", colour="warn", shape=TrayShape.SLASHED),
    EnginePhase.ABSENT: PhaseLook(label="Not running", colour="secondary", shape=TrayShape.MARK),
    EnginePhase.STOPPED: PhaseLook(label="Stopped", colour="secondary", shape=TrayShape.MARK),
    EnginePhase.STARTING: PhaseLook(label="Starting", colour="accent", shape=TrayShape.TRAVELLING_DOT),
    EnginePhase.LOADING: PhaseLook(label="Loading", colour="accent", shape=TrayShape.TRAVELLING_DOT),
    EnginePhase.READY: PhaseLook(label="Ready", colour="ok", shape=TrayShape.RING),
    EnginePhase.STOPPING: PhaseLook(label="Stopping", colour="secondary", shape=TrayShape.SQUARE),
    EnginePhase.FAILED: PhaseLook(label="Failed", colour="error", shape=TrayShape.TRIANGLE),
}
ANSWERING_LOOK = PhaseLook(label="Answering", colour="ok", shape=TrayShape.FILLED_RING)


def look(state: AppState) -> PhaseLook:
    """How the state is shown now. Answering counts on a ready engine only: a waiting question is not it."""
    if state.engine.phase is EnginePhase.READY and state.answering:
        return ANSWERING_LOOK
    return PHASE_LOOK[state.engine.phase]


def rate_text(tokens_per_s: float | None, *, is_estimate: bool = False) -> str:
    """'84 tok/s', below ten with one decimal, '≈ …' for an estimate; '' where it is unknown."""
    if tokens_per_s is None:
        return ""
    number = f"{tokens_per_s:.1f}" if tokens_per_s < 9.95 else f"{tokens_per_s:.0f}"
    return f"{'≈ ' if is_estimate else ''}{number} tok/s"


def tooltip(state: AppState, rate: str = "") -> str:
    """One line: state, model, where, rate; for a failure what happened. Leaves out what is not known."""
    engine = state.engine
    label = look(state).label
    if engine.problem is not None:
        return SEPARATOR.join((label, engine.problem.title))
    rate = rate if engine.phase is EnginePhase.READY else ""
    return SEPARATOR.join(part for part in (label, engine.model, where(engine), rate) if part)


def where(engine: EngineSnapshot) -> str:
    """What answers: the device as the server reports it, else the place (the embedded engine's says all)."""
    if engine.kind is EngineKind.EMBEDDED:
        return engine.place
    return engine.device or engine.place
