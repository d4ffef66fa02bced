"""The offer of the suite and what suites say, in the running app before a real server and ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from arcdesk.app.bench_offers import OFFER
from arcdesk.core import bench_alert
from arcdesk.core.bench_suite import SUITE
from arcdesk.core.engine_state import EngineKind, EnginePhase
from arcdesk.core.errors import ActionKind, Problem
from tests.rig.paced_server import PacedServer
from tests.ui.app_rig import App, open_app, until
from tests.ui.app_rig import no_docker as no_docker

pytestmark = pytest.mark.qt_log_ignore("does not support")  # the offscreen platform says so


class Desk:
    """ArcDesk before a server that stands for a container's."""

    def __init__(self, app: App, server: PacedServer) -> None:
        self.app = app
        self.session = app.session
        self.server = server

    @property
    def causes(self) -> list[str]:
        return [notice.cause for notice in self.app.state.notices]

    def notice(self, cause: str) -> Problem:
        return next(notice for notice in self.app.state.notices if notice.cause == cause)

    async def until_ready(self) -> None:
        await self.session.engine.settle()
        await self.session.engine.start()
        await self.session.engine.wait_ready()

    def become_ready(self, kind: EngineKind = EngineKind.CONTAINER) -> None:
        """As if it were a container's (or another's): the state says so, the server answers."""
        store = self.session.store
        loading = replace(store.state.engine, kind=kind, phase=EnginePhase.LOADING)
        store.update(engine=loading)
        store.update(engine=replace(loading, phase=EnginePhase.READY))

    async def settle(self) -> None:
        await until(lambda: self.app.is_idle and not self.session.bench.runner.is_running, "all to be quiet")

    async def suite(self) -> None:
        """As the benchmark's window begins it."""
        endpoint = self.session.engine.endpoint
        assert endpoint is not None
        await self.session.bench.runner.run(endpoint, SUITE, lambda event: None)


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    async with PacedServer(first_s=0.001, token_s=0.0001) as server, open_app(server.base_url) as app:
        await app.session.load("bench_parts")
        _ = app.session.bench
        desk = Desk(app, server)
        await desk.until_ready()
        yield desk


async def test_it_is_offered_once_for_each_new_thing(desk: Desk) -> None:
    desk.become_ready()
    await until(lambda: OFFER in desk.causes, "the offer")
    notice = desk.notice(OFFER)
    assert notice.title == "small was never measured here"
    (action,) = notice.actions
    assert (action.kind, action.target) == (ActionKind.OPEN_BENCH, "suite")
    desk.session.notices.dismiss_newest()
    desk.become_ready()
    await desk.settle()
    assert OFFER not in desk.causes


async def test_the_setting_and_other_engines_offer_nothing(desk: Desk) -> None:
    desk.become_ready(EngineKind.EMBEDDED)
    await desk.settle()
    desk.session.take(replace(desk.session.settings, bench_offers=False))
    desk.become_ready()
    await desk.settle()
    assert OFFER not in desk.causes
    assert await desk.session.bench.ledger.asked() == []


async def test_an_answer_on_its_way_is_not_disturbed(desk: Desk) -> None:
    desk.session.store.update(answering=frozenset({1}))
    desk.become_ready()
    await asyncio.sleep(0)
    await desk.settle()
    assert OFFER not in desk.causes
    desk.session.store.update(answering=frozenset())
    await until(lambda: OFFER in desk.causes, "the offer after the answer")


async def test_first_suites_are_two_and_a_loss_is_told_after_being_measured_again(desk: Desk) -> None:
    await desk.suite()
    await until(lambda: bench_alert.MEASURED in desk.causes, "the first suites")
    await desk.settle()
    ledger = desk.session.bench.ledger
    assert await ledger.count() == 2
    assert "The first suite with small" in desk.notice(bench_alert.MEASURED).detail
    desk.server.first_s = 0.06  # of a suite's 90 requests; the decoding stays as it was
    await desk.suite()
    await until(lambda: bench_alert.AGAIN in desk.causes, "the suspicion")
    await until(lambda: bench_alert.SLOWER in desk.causes, "the alert")
    await desk.settle()
    notice = desk.notice(bench_alert.SLOWER)
    assert notice.title.startswith("time to first token")
    assert notice.title.endswith("nothing known changed")
    assert await ledger.count() >= 4
    newest = (await ledger.rows(limit=1))[0].id
    assert notice.actions[0].target == f"2,{newest}"
    assert bench_alert.AGAIN not in desk.causes


async def test_a_question_ends_the_suite_that_was_begun_by_itself(desk: Desk) -> None:
    await desk.suite()
    runner = desk.session.bench.runner
    await until(lambda: bench_alert.AGAIN in desk.causes and runner.is_running, "the second suite")
    desk.session.store.update(answering=frozenset({1}))
    await until(lambda: not runner.is_running, "the end of it")
    await until(lambda: bool(desk.notice(bench_alert.AGAIN).actions), "the way to go on")
    assert desk.notice(bench_alert.AGAIN).actions[0].target == "suite"


async def test_a_suite_that_was_stopped_says_nothing(desk: Desk) -> None:
    endpoint = desk.session.engine.endpoint
    assert endpoint is not None
    runner = desk.session.bench.runner

    def on_event(event: object) -> None:
        if type(event).__name__ == "BenchStepDone":
            runner.cancel()

    outcome = await runner.run(endpoint, SUITE, on_event)
    assert outcome.is_cancelled
    await desk.settle()
    assert [cause for cause in desk.causes if cause.startswith("bench_")] == []


async def test_ready_during_a_benchmark_is_looked_into_at_its_end(desk: Desk) -> None:
    endpoint = desk.session.engine.endpoint
    assert endpoint is not None
    plan = replace(SUITE, concurrencies=(1,), requests=4, warm_up_requests=0)
    running = asyncio.ensure_future(desk.session.bench.runner.run(endpoint, plan, lambda event: None))
    await asyncio.sleep(0)
    desk.become_ready()
    assert OFFER not in desk.causes
    await running
    await until(lambda: OFFER in desk.causes, "the offer after the benchmark")


async def test_the_offer_goes_while_another_engine_is_in_use(desk: Desk) -> None:
    desk.become_ready()
    await until(lambda: OFFER in desk.causes, "the offer")
    asked = desk.notice(OFFER)
    desk.become_ready(EngineKind.EMBEDDED)
    await desk.settle()
    assert OFFER not in desk.causes
    desk.become_ready()
    await until(lambda: OFFER in desk.causes, "the offer again")
    assert desk.notice(OFFER) == asked
    desk.session.notices.dismiss_newest()
    for kind in (EngineKind.EMBEDDED, EngineKind.CONTAINER):
        desk.become_ready(kind)
        await desk.settle()
    assert OFFER not in desk.causes  # it was answered


async def test_nothing_is_repeated_while_a_comparison_has_the_engine(desk: Desk) -> None:
    offers = desk.session.bench.offers
    assert offers._may_repeat
    with desk.session.engine.lent():
        assert not offers._may_repeat
    assert offers._may_repeat
