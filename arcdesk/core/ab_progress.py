"""How far an A/B comparison is, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from arcdesk.core.ab_report import AbTest
from arcdesk.core.errors import Problem


class AbStage(Enum):
    """What is done now."""

    STOPPING = "stopping"  # the side before makes room
    STARTING = "starting"
    WARM_UP = "warm_up"
    ASKING = "asking"
    RESTORING = "restoring"  # what ran before is put back


@dataclass(frozen=True, slots=True, kw_only=True)
class AbProgress:
    """`side` is 'a' or 'b', `number` the prompt under way, counted from 0. `test` is all that is known."""

    stage: AbStage
    side: str
    number: int = 0
    test: AbTest


@dataclass(frozen=True, slots=True, kw_only=True)
class AbOutcome:
    """`problem` is why it ended early, on `side`; `left_problem` why what ran before is not back."""

    test: AbTest
    problem: Problem | None = None
    side: str = ""
    is_cancelled: bool = False
    left_problem: Problem | None = None

    @property
    def is_whole(self) -> bool:
        """Both sides came to every prompt."""
        return self.problem is None and not self.is_cancelled
