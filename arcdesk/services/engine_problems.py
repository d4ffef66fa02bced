"""Problems of an engine that the services themselves can tell."""

from __future__ import annotations

from arcdesk.core.engine_state import EngineKind, EnginePhase, EngineSnapshot
from arcdesk.core.errors import Action, ActionKind, Problem

USE_EMBEDDED = Action(kind=ActionKind.USE_EMBEDDED, label="Use the embedded engine")


def lent_problem() -> Problem:
    """Two configurations are being compared with it."""
    return Problem(
        cause="engine_lent",
        title="Two configurations are being compared",
        detail="The engine is theirs until that ends.",
        hint="Ask again afterwards, or cancel the comparison.",
        actions=(Action(kind=ActionKind.OPEN_BENCH, label="Show the comparison", target="ab"),),
    )


def not_ready_problem(snapshot: EngineSnapshot) -> Problem:
    """Why nothing can be asked now, and the button that changes it."""
    if snapshot.problem is not None:
        return snapshot.problem
    match snapshot.phase:
        case EnginePhase.STARTING | EnginePhase.LOADING:
            return Problem(
                cause="not_ready",
                title="The engine is still loading",
                detail="It answers as soon as the model is on the card.",
                hint="Ask again in a moment.",
                actions=(Action(kind=ActionKind.RETRY, label="Ask again"),),
            )
        case EnginePhase.STOPPING:
            return Problem(
                cause="not_ready",
                title="The engine is stopping",
                hint="Start it again when it has stopped.",
                actions=(Action(kind=ActionKind.START, label="Start engine and ask"),),
            )
        case _:
            actions = [Action(kind=ActionKind.START, label="Start engine and ask")]
            if snapshot.kind is EngineKind.CONTAINER:
                actions.append(USE_EMBEDDED)
            return Problem(
                cause="not_ready",
                title="The engine is not running",
                detail="Your question is kept.",
                hint="Start the engine and it will be asked.",
                actions=tuple(actions),
            )


def no_starter_model() -> Problem:
    """The embedded engine has nothing to load."""
    return Problem(
        cause="model_path",
        title="The embedded engine has no model",
        detail="The starter model is not installed and no GGUF file was chosen.",
        hint="Choose a GGUF file.",
        actions=(Action(kind=ActionKind.CHOOSE_MODEL, label="Choose a GGUF file…"),),
    )
