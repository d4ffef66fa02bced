"""What every way to the hotkey has in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.core.hotkey import HotkeyHow
from arcdesk.core.shortcut import Shortcut


class HotkeyRefused(ArcDeskError):
    """This way does not do, for the reason given. `is_final`: the person said no, so no other is tried."""

    def __init__(self, problem: Problem, *, is_final: bool = False) -> None:
        super().__init__(problem)
        self.is_final = is_final


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A key is bound: `trigger` as its holder describes it. With a problem: this way is ours, the key not."""

    trigger: str
    problem: Problem | None = None
    can_configure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HotkeyEvents:
    """Where a backend reports to, on the loop's thread. `pressed` carries the activation token or ''."""

    pressed: Callable[[str], None]
    changed: Callable[[Bound], None]
    lost: Callable[[Problem], None]


class HotkeyBackend(Protocol):
    """One way. It reports nothing before `start` has returned and nothing after `stop`."""

    how: HotkeyHow

    async def start(self, shortcut: Shortcut, events: HotkeyEvents) -> Bound:
        """Bind the key. Raises HotkeyRefused with the true reason."""
        ...

    async def stop(self) -> None:
        """Let the key go. May be called twice."""
        ...
