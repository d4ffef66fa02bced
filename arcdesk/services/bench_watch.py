"""Offers the small suite when the engine is ready on something new, and says what a suite found."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arcdesk.core.errors import ArcDeskError
from arcdesk.services.threads import in_thread

if TYPE_CHECKING:  # the figures' modules are heavy, and a start needs none of them
    from arcdesk.core.bench import BenchRun, Surroundings
    from arcdesk.core.bench_differences import Difference
    from arcdesk.core.bench_ledger import BenchRepo
    from arcdesk.core.bench_suite import SuiteResult

log = logging.getLogger(__name__)

LOOK_BACK = 20  # runs
NAMED = 3  # differences that an offer names


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The suite should be offered. `differences` are to the newest one; none if it would be the first."""

    about: Surroundings
    is_first: bool
    differences: tuple[Difference, ...] = ()

    @property
    def title(self) -> str:
        """What is new."""
        if self.is_first:
            return f"{self.about.model} was never measured here"
        fresh = [each.since() for each in self.differences if each.after]
        more = len(fresh) - NAMED
        shown = fresh if more < 2 else [*fresh[:NAMED], f"{more} more changes"]
        return f"Something is new: {', '.join(shown)}"

    @property
    def question(self) -> str:
        """What is offered."""
        if self.is_first:
            return "Measure it once, so that a later slowdown is noticed?"
        return "Measure whether it became slower?"

    def sentence(self) -> str:
        """Why it is offered."""
        return f"{self.title}. {self.question}"


class BenchWatch:
    """Decides; it starts nothing. Called on the loop's thread."""

    def __init__(self, repo: BenchRepo) -> None:
        self._repo = repo
        self._asked: list[Surroundings] = []  # also if the disk refused to remember

    async def on_ready(self, about: Surroundings) -> Offer | None:
        """After READY: an offer, if this was neither measured nor offered before. It is remembered at once.

        Raises nothing: a ledger that can't be read offers nothing.
        """
        if not about.model or _is_covered(self._asked, about):
            return None
        try:
            return await self._offer(about)
        except ArcDeskError as error:
            log.warning("no suite is offered: %s", error)
            return None

    async def after_suite(self, now: Sequence[BenchRun]) -> SuiteResult:
        """What suites made one after the other say against the earlier ones; they are in the ledger already.

        Raises ArcDeskError.
        """
        from arcdesk.core.bench_suite import suite_result

        first = now[0].id
        found = await self._repo.like(now[-1].plan, now[-1].surroundings.model, LOOK_BACK + len(now))
        # By id, not by time: the clock may have been set back.
        earlier = sorted((each for each in found if each.id < first), key=lambda each: -each.id)
        return await in_thread("arcdesk-suite", lambda: suite_result(now, earlier))

    async def _offer(self, about: Surroundings) -> Offer | None:
        from arcdesk.core.bench_differences import differences
        from arcdesk.core.bench_suite import SUITE

        if _is_covered(await self._repo.asked(), about):
            return None
        runs = await self._repo.like(SUITE, about.model, LOOK_BACK)
        if _is_covered([run.surroundings for run in runs], about):
            return None
        self._asked.append(about)
        await self._repo.note_asked(about)
        if not runs:
            return Offer(about=about, is_first=True)
        return Offer(about=about, is_first=False, differences=differences(runs[0].surroundings, about))


def _is_covered(known: Sequence[Surroundings], about: Surroundings) -> bool:
    from arcdesk.core.bench_differences import covers

    return any(covers(one, about) for one in known)
