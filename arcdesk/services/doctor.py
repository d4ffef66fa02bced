"""Examines this computer: all checks at once, each with its patience, findings as they come."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from arcdesk.core.doctor import Area, Finding, unknown

log = logging.getLogger(__name__)
T = TypeVar("T")

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


async def in_thread(name: str, work: Callable[[], T]) -> T:
    """The result of `work`, done in a daemon thread: one that hangs holds up neither loop nor exit."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # T may include None

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as raised:  # it belongs to whoever waits
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await future


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
