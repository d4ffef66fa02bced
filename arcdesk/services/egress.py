"""Keeps the list of contacts true: lets declared hosts pass, adds up what went, writes it in batches."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from arcdesk.core.egress import Contact, Reason, declared_hosts, host_of, is_declared
from arcdesk.core.errors import ArcDeskError, Problem

if TYPE_CHECKING:  # the list is loaded with the first contact, not with the program
    from arcdesk.core.egress_list import EgressRepo, EgressView, Tally
    from arcdesk.core.settings import Settings

log = logging.getLogger(__name__)

WRITE_DELAY_S = 1.0  # after a contact: what follows at once is written with it
HEALTH_FACTOR = 10  # looks at a server come once a second: they spare the disk


class EgressLedger:
    """An EgressGate. Hosts are declared by what a person chooses, and stay so while this runs.

    `open_repo` is called when there is something to keep, or somebody wants to see the list.
    """

    def __init__(
        self,
        open_repo: Callable[[], EgressRepo],
        *,
        now: Callable[[], float] = time.time,
        delay_s: float = WRITE_DELAY_S,
    ) -> None:
        self._open_repo = open_repo
        self._repo: EgressRepo | None = None
        self._now = now
        self._delay_s = delay_s
        self._declared: frozenset[str] = frozenset()
        self._waiting: list[tuple[float, Contact]] = []
        self._unsaved: tuple[Tally, ...] = ()  # what the disk has refused so far
        self._timer: asyncio.Handle | None = None
        self._due_s = 0.0  # when it fires, by the loop's clock
        self._writing: asyncio.Task[None] | None = None
        self._problem: Problem | None = None
        self._is_closed = False

    def declare(self, settings: Settings) -> None:
        """A person chose these settings."""
        self._declared |= declared_hosts(settings)

    def declare_address(self, url: str) -> None:
        """A person chose this address."""
        self._declared |= {host_of(url)} - {""}

    def allows(self, host: str) -> bool:
        """This computer, or a declared host."""
        return is_declared(host, self._declared)

    def record(self, contact: Contact) -> None:
        """Keep it; it is written within a moment, a mere look at a server a little later."""
        self._waiting.append((self._now(), contact))
        if contact.is_refused:
            log.warning("not contacted: %s is not declared", contact.host)
        if not self._is_closed:
            self._plan_write(self._delay_s * (HEALTH_FACTOR if contact.reason is Reason.HEALTH else 1))

    async def view(self) -> EgressView:
        """The whole list, with what was recorded just now. Raises ArcDeskError if it can't be read."""
        await self._write()
        view = await self._opened().view()
        return replace(view, problem=self._problem or view.problem)

    async def clear(self) -> None:
        """Forget all; the list begins anew. Raises ArcDeskError."""
        self._waiting, self._unsaved = [], ()
        await self._opened().clear(self._now())
        self._problem = None

    async def aclose(self) -> None:
        """Write what waits."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._writing is not None:
            await asyncio.wait({self._writing})
        await self._write()
        if self._repo is not None:
            await self._repo.aclose()

    def _opened(self) -> EgressRepo:
        if self._repo is None:
            self._repo = self._open_repo()
        return self._repo

    def _plan_write(self, delay_s: float) -> None:
        """Write after `delay_s` at the latest."""
        loop = asyncio.get_running_loop()
        due_s = loop.time() + delay_s
        if self._timer is not None:
            if self._due_s <= due_s:
                return
            self._timer.cancel()
        self._due_s = due_s  # qasync's handles do not tell it
        self._timer = loop.call_later(delay_s, self._write_soon)

    def _write_soon(self) -> None:
        self._timer = None
        self._writing = asyncio.ensure_future(self._write())

    async def _write(self) -> None:
        """What the disk refuses waits for the next time."""
        if not self._waiting and not self._unsaved:
            return
        from arcdesk.core.egress_list import added_up, tally_of

        fresh = [tally_of(contact, at) for at, contact in self._waiting]
        batch = added_up((*self._unsaved, *fresh))
        self._waiting, self._unsaved = [], ()
        try:
            await self._opened().add(batch)
        except ArcDeskError as error:
            log.warning("the list of contacts was not written: %s", error)
            self._problem = error.problem
            self._unsaved = added_up((*batch, *self._unsaved))
        else:
            self._problem = None
