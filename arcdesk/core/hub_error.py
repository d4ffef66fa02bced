"""What goes wrong between ArcDesk and the model hub, told to people."""

from __future__ import annotations

from arcdesk.core.errors import ArcDeskError, Problem


class HubError(ArcDeskError):
    """The hub did not give what was asked. `is_passing`: the same request may well succeed later.

    `retry_after_s` is what the hub asked for, None if it named no time.
    """

    exit_code = 1

    def __init__(
        self, problem: Problem, *, is_passing: bool = False, retry_after_s: float | None = None
    ) -> None:
        super().__init__(problem)
        self.is_passing = is_passing
        self.retry_after_s = retry_after_s


class HubNotFound(HubError):
    """The hub has no such model, revision or file."""

    exit_code = 5


class HubDamaged(HubError):
    """What came is not what the hub announced; the damaged part has been thrown away."""


class TransferStopped(Exception):
    """Somebody stopped this transfer; what has come is kept."""
