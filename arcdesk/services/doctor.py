"""Examines this computer: all checks at once, each with its patience, findings as they come."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from arcdesk.core.doctor import Area, Finding, unknown
from arcdesk.services.threads import in_thread

log = logging.getLogger(__name__)

PATIENCE_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One look at this computer. `run` may take its time, but never blocks the loop."""

    id: str
    area: Area
    title: str  # what is looked at, for a check that did not come to an end
    run: Callable[[], Awaitable[Sequence[Finding]]]
    patience_s: float = PATIENCE_S


def blocking(id: str, area: Area, title: str, look: Callable[[], Sequence[Finding]]) -> Check:
    """A check whose `look` blocks: it runs in a thread of its own, which nobody waits for in the end."""
    return Check(id=id, area=area, title=title, run=lambda: in_thread(f"arcdesk-doctor-{id}", look))


async def examine(checks: Sequence[Check]) -> AsyncGenerator[tuple[Check, Sequence[Finding]], None]:
    """Each check with what it found, in the order in which they end. Never raises for a check."""
    tasks = {asyncio.ensure_future(_run(check)): check for check in checks}
    try:
        waiting = set(tasks)
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in sorted(done, key=lambda task: checks.index(tasks[task])):
                yield tasks[task], task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _run(check: Check) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(check.patience_s):
            return await check.run()
    except TimeoutError:
        reason = f"No answer within {check.patience_s:g}\u202fs."
        return (unknown(check.id, check.area, check.title, reason),)
    except Exception as error:  # one broken look must not hide the others
        log.error("the check %s failed", check.id, exc_info=error)
        reason = f"ArcDesk could not look: {type(error).__name__}: {error}"
        return (unknown(check.id, check.area, check.title, reason),)
