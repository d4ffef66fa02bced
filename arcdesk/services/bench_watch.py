"""Offers the small suite when the engine is ready on something new, and says what a suite found."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a suite says. `since`: when the first of what it is compared with was made, Unix seconds."""

    result: SuiteResult
    since: float | None = None


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

        earlier = await self._before(now[0], LOOK_BACK + len(now))
        return await in_thread("arcdesk-suite", lambda: suite_result(now, earlier))

    async def after_kept(self, run: BenchRun) -> Told:
        """As `after_suite`, for whoever saw no suite but this one: the ledger tells which belong to it.

        Raises ArcDeskError.
        """
        earlier = await self._before(run, LOOK_BACK + 1)
        result = await in_thread("arcdesk-suite", lambda: _replayed(run, earlier))
        times = [each.at for each in earlier if each.id in result.before_ids]
        return Told(result=result, since=min(times, default=None))

    async def _before(self, run: BenchRun, most: int) -> list[BenchRun]:
        """The earlier ones, the newest first. By id, not by time: the clock may have been set back."""
        found = await self._repo.like(run.plan, run.surroundings.model, most)
        return sorted((each for each in found if each.id < run.id), key=lambda each: -each.id)

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


def _replayed(run: BenchRun, earlier: Sequence[BenchRun]) -> SuiteResult:
    """What a window that had been open all the time would say. `earlier`: the newest first.

    A suite that wants more is the beginning of a series, and the next one on the same goes on with it.
    """
    from arcdesk.core.bench_differences import is_same
    from arcdesk.core.regression import MOST_RUNS

    on_same = takewhile(lambda each: is_same(each.surroundings, run.surroundings), earlier)
    series: list[BenchRun] = []
    for each in reversed(list(islice(on_same, MOST_RUNS - 1))):
        series.append(each)
        if not _said(series, earlier).wants_more:
            series = []
    return _said([*series, run], earlier)


def _said(now: Sequence[BenchRun], known: Sequence[BenchRun]) -> SuiteResult:
    from arcdesk.core.bench_suite import suite_result

    return suite_result(now, [each for each in known if each.id < now[0].id])


def _is_covered(known: Sequence[Surroundings], about: Surroundings) -> bool:
    from arcdesk.core.bench_differences import covers

    return any(covers(one, about) for one in known)
