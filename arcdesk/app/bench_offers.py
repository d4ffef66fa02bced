"""Offers the small suite when the engine is ready on something new, and tells what suites found."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from arcdesk.core.bench_ports import BenchOutcome
from arcdesk.core.engine_state import EngineKind, EnginePhase
from arcdesk.core.errors import Action, ActionKind, ArcDeskError, Problem
from arcdesk.services.bench_watch import BenchWatch, Offer

if TYPE_CHECKING:  # what a suite says is heavy, and most starts need none of it
    from arcdesk.app.session import Session
    from arcdesk.core.bench import BenchRun, Surroundings
    from arcdesk.core.bench_ledger import BenchRepo
    from arcdesk.core.bench_ports import BenchRunning
    from arcdesk.core.bench_suite import SuiteResult
    from arcdesk.core.store import AppState

OFFER = "bench_offer"
IDLE_LOOKS, IDLE_LOOK_S = 100, 0.02
END_PATIENCE_S = 3.0

log = logging.getLogger(__name__)


class BenchOffers:
    """Made with the session's benchmark; works from then on until it is closed.

    Offered is what runs in a container: image, driver and kernel change under it without a word. The embedded
    engine changes with ArcDesk alone and most often runs on the processor, where other programs decide the
    figures; of a server elsewhere neither kernel nor image is known, and its load is not ours to add to.

    A suite that looks slower is measured again by itself (setting `bench_offers`), a question of the person's
    ends that at once. Nothing is offered or measured while an answer is on its way.
    """

    def __init__(self, session: Session, runner: BenchRunning, ledger: BenchRepo) -> None:
        self._session = session
        self._runner = runner
        self._watch = BenchWatch(ledger)
        self._is_ready = False
        self._is_due = False  # READY came and was not looked into yet
        self._is_looking = False
        self._asked: tuple[Surroundings, Problem] | None = None  # the newest question
        self._put_off: tuple[Surroundings, Problem] | None = None  # one that waits for its engine
        self._repeating: asyncio.Task[object] | None = None  # a suite of our own is under way
        self._series: list[BenchRun] = []  # suites made one after the other, not decided yet
        runner.finished.append(self._on_finished)
        runner.ended.append(self._look_if_free)
        session.bridge.state_changed.connect(self._on_state)
        self._on_state(session.store.state)

    async def aclose(self) -> None:
        """Listen no more, and end a suite of our own."""
        if self._on_finished in self._runner.finished:
            self._runner.finished.remove(self._on_finished)
            self._runner.ended.remove(self._look_if_free)
            self._session.bridge.state_changed.disconnect(self._on_state)
        if self._repeating is not None:
            self._runner.cancel()
            await asyncio.wait([self._repeating], timeout=END_PATIENCE_S)

    # the offer

    def _on_state(self, state: AppState) -> None:
        is_ready = state.engine.phase is EnginePhase.READY and state.engine.kind is EngineKind.CONTAINER
        if state.engine.phase is EnginePhase.READY and not is_ready:
            self._put_offer_off(state)
        self._is_due = is_ready and (self._is_due or not self._is_ready)
        self._is_ready = is_ready
        if self._repeating is not None and state.answering:
            self._runner.cancel()
        self._look_if_free()

    @property
    def _is_free(self) -> bool:
        is_taken = self._runner.is_running or self._session.engine.is_lent
        return self._is_ready and not self._session.store.state.answering and not is_taken

    def _look_if_free(self) -> None:
        if not self._is_due or self._is_looking or not self._is_free:
            return
        self._is_due, self._is_looking = False, True
        self._session.tasks.spawn(self._look(), name="look what is new", is_shown_elsewhere=True)

    async def _look(self) -> None:
        try:
            if self._session.settings.bench_offers:
                await self._offer()
        finally:
            self._is_looking = False
            self._look_if_free()

    async def _offer(self) -> None:
        endpoint = self._session.engine.endpoint
        if endpoint is None:
            return
        await self._session.load("bench_survey")
        from arcdesk.app.bench_survey import Survey

        about = await Survey(self._session).survey(endpoint)
        if not self._is_free:
            self._is_due = self._is_ready  # when it is free again
            return
        from arcdesk.core.bench_differences import is_same

        if self._put_off is not None and is_same(self._put_off[0], about):
            self._ask(*self._put_off)
        elif (offer := await self._watch.on_ready(about)) is not None:
            self._ask(about, _question(offer))

    def _ask(self, about: Surroundings, question: Problem) -> None:
        self._asked, self._put_off = (about, question), None
        self._session.notices.add(question)

    def _put_offer_off(self, state: AppState) -> None:
        """Its button would measure the engine that is in use now."""
        if self._asked is not None and self._asked[1] in state.notices:
            self._put_off = self._asked
            self._session.notices.withdraw(OFFER)

    # what suites found

    def _on_finished(self, run: BenchRun) -> None:
        self._session.tasks.spawn(self._hear(run), name="what the suite says")

    async def _hear(self, run: BenchRun) -> None:
        """A run was kept. Raises ArcDeskError: the earlier ones can't be read."""
        from arcdesk.core import bench_alert
        from arcdesk.core.bench_differences import is_same
        from arcdesk.core.bench_suite import is_suite

        if not is_suite(run) or not run.surroundings.model:
            return
        for cause in (OFFER, bench_alert.AGAIN, bench_alert.MEASURED, bench_alert.SLOWER):
            self._session.notices.withdraw(cause)  # a newer word comes
        if self._put_off is not None and is_same(self._put_off[0], run.surroundings):
            self._put_off = None
        if self._series and not is_same(self._series[-1].surroundings, run.surroundings):
            self._series = []
        self._series = [*self._series, run]
        result = await self._watch.after_suite(self._series)
        if result.wants_more:
            await self._again(result)
            return
        self._series = []
        self._tell(result, run)

    def _tell(self, result: SuiteResult, run: BenchRun) -> None:
        from arcdesk.core import bench_alert

        if not result.is_alert:
            self._session.notices.add(bench_alert.measured_notice(result))
            return
        notice = bench_alert.slower_notice(result, run.surroundings)
        self._session.notify(notice)
        body = " ".join(part for part in (notice.detail, notice.hint) if part)
        buttons = tuple((action.kind.value, action) for action in notice.actions)
        self._session.desktop.tell_regression(notice.title, body, buttons)

    async def _again(self, result: SuiteResult) -> None:
        """Measure once more if that disturbs nobody, else leave it to the person."""
        from arcdesk.core import bench_alert

        notices, endpoint = self._session.notices, self._session.engine.endpoint
        await self._until_idle()
        if endpoint is None or not self._may_repeat:
            notices.add(bench_alert.again_notice(result, is_measuring=False))
            return
        notices.add(bench_alert.again_notice(result, is_measuring=True))
        self._repeating = asyncio.current_task()
        try:
            outcome = await self._runner.run(endpoint, self._series[-1].plan, lambda event: None)
        except ArcDeskError as error:  # `arcdesk bench` was faster
            log.info("not measured again: %s", error)
            outcome = BenchOutcome(is_cancelled=True)
        finally:
            self._repeating = None
        if outcome.run is None or outcome.is_cancelled or outcome.problem is not None:
            notices.withdraw(bench_alert.AGAIN)
            notices.add(bench_alert.again_notice(result, is_measuring=False))

    async def _until_idle(self) -> None:
        """The runner tells of a run a moment before it can take the next."""
        for _ in range(IDLE_LOOKS):
            if not self._runner.is_running:
                return
            await asyncio.sleep(IDLE_LOOK_S)

    @property
    def _may_repeat(self) -> bool:
        session = self._session
        is_ready = session.engine.snapshot.phase is EnginePhase.READY and not session.engine.is_lent
        is_quiet = not session.store.state.answering and not session.bench.is_measuring
        return session.settings.bench_offers and is_ready and is_quiet


def _question(offer: Offer) -> Problem:
    label = "Measure (about two minutes)" if offer.is_first else "Measure (about a minute)"
    return Problem(
        cause=OFFER,
        title=offer.title,
        detail=offer.question,
        hint="It is asked once. Until then ArcDesk measures nothing.",
        actions=(Action(kind=ActionKind.OPEN_BENCH, label=label, target="suite"),),
    )
