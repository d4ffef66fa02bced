"""Which changes the running engine does not know yet, and which the container would refuse."""

from __future__ import annotations

from dataclasses import replace

from arcdesk.core.engine_state import EngineKind
from arcdesk.core.errors import Problem, UsageError
from arcdesk.core.settings import ContainerSettings, Settings, check_container
from arcdesk.core.settings_info import Effect
from arcdesk.core.settings_table import SETTINGS

_CONCERNS = {EngineKind.CONTAINER: Effect.NEW_CONTAINER, EngineKind.EMBEDDED: Effect.NEXT_START}


def waiting_ids(started_with: Settings | None, now: Settings, running: EngineKind | None) -> frozenset[str]:
    """The settings that differ from those with which the engine of this kind was started."""
    if started_with is None or running is None:
        return frozenset()
    effect = _CONCERNS.get(running)
    return frozenset(
        info.id
        for info in SETTINGS
        if info.effect is effect and info.value_in(started_with) != info.value_in(now)
    )


def container_problem(settings: ContainerSettings) -> Problem | None:
    """What the server would refuse about values that are each fine; its button sets the number at once."""
    try:
        check_container(settings)
    except UsageError as error:
        problem = error.problem
        actions = tuple(
            replace(action, label=f"Use {action.settings[0][1]}")
            for action in problem.actions
            if action.settings and action.settings[0][1].isdecimal()
        )
        return replace(problem, actions=actions) if actions else None
    return None
