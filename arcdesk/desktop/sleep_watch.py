"""Notices that the computer slept, and keeps it from falling asleep by itself while an answer is written."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from arcdesk.desktop.dbus_values import BusError, BusUnavailable
from arcdesk.desktop.logind import Logind

log = logging.getLogger(__name__)

# A person who asks has just moved a finger: no desktop falls asleep within this time.
HOLD_AFTER_S = 10.0

Release = Callable[[], Awaitable[None]]
Way = Callable[[str], Awaitable[Release]]  # takes the reason; raises BusUnavailable, BusError, TimeoutError


class SleepWatch:
    """Calls `on_resume` with the seconds slept, after each sleep. Does nothing where logind is not."""

    def __init__(self, logind: Logind, on_resume: Callable[[float], None]) -> None:
        self._logind = logind
        self._on_resume = on_resume
        self._slept_at: float | None = None
        logind.on_sleep.append(self._on_sleep)

    def _on_sleep(self, is_before: bool) -> None:
        if is_before:
            self._slept_at = _clock_through_sleep()
            log.info("the computer is about to sleep")
            return
        began, self._slept_at = self._slept_at, None
        slept_s = max(0.0, _clock_through_sleep() - began) if began is not None else 0.0
        log.info("the computer woke after %.0f s", slept_s)
        self._on_resume(slept_s)

    def stop(self) -> None:
        """Listen no longer."""
        if self._on_sleep in self._logind.on_sleep:
            self._logind.on_sleep.remove(self._on_sleep)


def _clock_through_sleep() -> float:
    clock = getattr(time, "CLOCK_BOOTTIME", None)  # goes on while the computer sleeps, as monotonic does not
    return time.clock_gettime(clock) if clock is not None else time.time()


class KeepAwake:
    """Holds off sleep out of idleness while there is a reason; a person may always send it to sleep.

    `groups`: of each group the first way that works is taken. What does not work is silent;
    `why_unavailable` says it.
    """

    def __init__(self, groups: Sequence[Sequence[Way]], *, hold_after_s: float = HOLD_AFTER_S) -> None:
        self._groups = groups
        self._hold_after_s = hold_after_s
        self._why = ""
        self._held: list[Release] = []
        self._timer: asyncio.TimerHandle | None = None
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self.why_unavailable = ""  # of the last try, when no way worked

    def want(self, why: str) -> None:
        """Hold it off from soon on, for the reason a person reads; an empty one releases at once."""
        if why == self._why:
            return
        was_wanted, self._why = bool(self._why), why
        if not why:
            self._cancel_timer()
            if self._held or self._turn.locked():
                self._spawn(self._settle())
        elif not was_wanted:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._hold_after_s, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        self._spawn(self._settle())

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _settle(self) -> None:
        """Bring what is held in line with what is wanted now; one at a time."""
        async with self._turn:
            if self._why and not self._held:
                self._held = await self._take(self._why)
            if not self._why:
                await self._release()

    async def _take(self, why: str) -> list[Release]:
        taken: list[Release] = []
        failures: list[str] = []
        for group in self._groups:
            for way in group:
                try:
                    taken.append(await way(why))
                    break
                except (BusUnavailable, BusError, TimeoutError) as error:
                    failures.append(str(error) or "it does not answer")
        self.why_unavailable = "" if taken else "; ".join(dict.fromkeys(failures))
        return taken

    async def _release(self) -> None:
        held, self._held = self._held, []
        for release in held:
            try:
                await release()
            except (
                BusUnavailable,
                BusError,
                TimeoutError,
            ) as error:  # its holder has gone
                log.info("keeping awake had ended already: %s", error)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def aclose(self) -> None:
        """Release, and hold nothing again."""
        self._why = ""
        self._cancel_timer()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._settle()


def logind_way(logind: Logind) -> Way:
    """logind's own idle action: servers, wlroots desktops, KDE."""

    async def take(why: str) -> Release:
        lock = await logind.inhibit("idle", why, "block")

        async def release() -> None:
            lock.release()

        return release

    return take
