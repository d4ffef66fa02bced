"""The way down: starts coroutines from clicks, keeps them, and brings their errors to the right surface."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from arcdesk.core.errors import ArcDeskError, Problem

log = logging.getLogger(__name__)


class Tasks:
    """Owns the tasks that the window starts. `on_problem` shows an error that no snapshot shows."""

    def __init__(self, on_problem: Callable[[Problem], None]) -> None:
        self._on_problem = on_problem
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(
        self, work: Coroutine[Any, Any, Any], *, name: str, is_shown_elsewhere: bool = False
    ) -> asyncio.Task[Any]:
        """Run `work`. `is_shown_elsewhere`: an ArcDeskError is only logged, a snapshot or bubble has it."""
        task = asyncio.ensure_future(work)
        task.set_name(name)
        self._tasks.add(task)

        def done(task: asyncio.Task[Any]) -> None:
            self._tasks.discard(task)
            if not task.cancelled() and (error := task.exception()) is not None:
                self._report(name, error, is_shown_elsewhere)

        task.add_done_callback(done)
        return task

    def _report(self, name: str, error: BaseException, is_shown_elsewhere: bool) -> None:
        if isinstance(error, ArcDeskError):
            log.info("%s: %s", name, error)
            if not is_shown_elsewhere:
                self._on_problem(error.problem)
            return
        log.error("%s failed", name, exc_info=error)
        self._on_problem(
            Problem(
                cause="bug",
                title="ArcDesk made a mistake",
                detail=f"'{name}' ended with {type(error).__name__}: {error}",
                hint="Nothing of yours is lost. The log has the details.",
            )
        )

    async def cancel_all(self) -> None:
        """End what still runs and wait for it."""
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
