"""The benchmark's window while others want the engine: a comparison, and ArcDesk's own repeated suite."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest
import pytest_asyncio

from arcdesk.core.bench import BenchPlan
from arcdesk.core.bench_ports import BenchOutcome
from arcdesk.core.bench_progress import BenchPhase
from arcdesk.core.engine_state import EnginePhase
from arcdesk.core.errors import Problem
from arcdesk.services.engine_problems import lent_problem
from arcdesk.storage import paths
from arcdesk.storage.bench_ledger import FILE_NAME
from arcdesk.ui.bench_view import BenchState
from tests.rig.paced_server import PacedServer
from tests.ui.app_rig import no_docker as no_docker
from tests.ui.app_rig import until
from tests.ui.bench_rig import PLAN, Desk, open_desk

pytestmark = pytest.mark.qt_log_ignore("does not support")  # the offscreen platform says so

ONE = replace(PLAN, concurrencies=(1,), requests=40, warm_up_requests=0)
LOST = Problem(cause="x", title="The model does not fit", detail="Out of memory.", hint="Take a smaller one.")


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    async with PacedServer() as server, open_desk(server) as desk:
        await desk.open()
        await desk.app.session.engine.start()
        await desk.app.session.engine.wait_ready()
        yield desk


def become(desk: Desk, phase: EnginePhase, problem: Problem | None = None) -> None:
    store = desk.app.session.store
    store.update(engine=replace(store.state.engine, phase=phase, problem=problem))


def by_itself(desk: Desk, plan: BenchPlan = PLAN) -> asyncio.Task[BenchOutcome]:
    """As ArcDesk begins a suite that it measures once more."""
    session = desk.app.session
    endpoint = session.engine.endpoint
    assert endpoint is not None
    return asyncio.ensure_future(session.bench.runner.run(endpoint, plan, lambda event: None))


@contextmanager
def ledger_taken() -> Iterator[None]:
    """Another program writes into the ledger's file, and takes its time."""
    with closing(sqlite3.connect(paths.data_dir() / FILE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


# a comparison


async def test_a_comparison_that_begins_while_it_waits_has_the_engine_alone(desk: Desk) -> None:
    parts = desk.app.session.bench
    become(desk, EnginePhase.LOADING)
    desk.window.start.button.click()
    await asyncio.sleep(0.05)
    assert desk.view.state is BenchState.WAITING and parts.is_measuring and not parts.runner.is_running
    with desk.app.session.engine.lent():
        become(desk, EnginePhase.READY)
        await desk.until_state(BenchState.IDLE)
        assert desk.view.problem == lent_problem()
        assert desk.view.shown is None and not parts.is_measuring


async def test_waiting_that_was_ended_measures_nothing_any_more(desk: Desk) -> None:
    become(desk, EnginePhase.LOADING)
    desk.window.start.button.click()
    await asyncio.sleep(0.05)
    assert desk.app.session.bench.is_measuring
    desk.window.progress.cancel.click()
    await desk.until_state(BenchState.IDLE)
    assert not desk.app.session.bench.is_measuring


async def test_the_comparison_s_refusal_keeps_its_words_and_goes_with_it(desk: Desk) -> None:
    with desk.app.session.engine.lent():
        await desk.measure()
        assert desk.view.problem == lent_problem()
        become(desk, EnginePhase.FAILED, LOST)
        assert desk.view.problem == lent_problem()
    await until(lambda: desk.view.problem is None, "the end of the refusal")
    assert not desk.window.problem.isVisible()


async def test_another_problem_stays_when_the_comparison_is_over(desk: Desk) -> None:
    with desk.app.session.engine.lent():
        await desk.measure()
        other = Problem(cause="timeout", title="The server does not answer")
        desk.controller._measure.tell(other)
    await until(lambda: desk.app.is_idle, "all to be quiet")
    assert desk.view.problem is not None and desk.view.problem.title == other.title


# a suite of our own


async def test_a_suite_that_arcdesk_repeats_is_seen_and_can_be_ended(desk: Desk) -> None:
    await desk.measure()
    shown = desk.view.shown
    desk.server.hold = asyncio.Event()
    running = by_itself(desk)
    await desk.until_state(BenchState.REPEATING)
    progress = desk.window.progress
    assert progress.isVisible() and progress.title.text() == "ArcDesk measures the suite once more"
    assert not progress.bar.isVisible() and not desk.window.start.button.isEnabled()
    assert (
        desk.view.shown is shown
        and desk.window.foot.save.isEnabled()
        and desk.window.foot.compare.isEnabled()
    )
    desk.app.session.open_bench("suite")  # what a notice's button asks for shows it
    await asyncio.sleep(0.05)
    assert desk.view.state is BenchState.REPEATING and desk.view.problem is None
    progress.cancel.click()
    assert (await running).is_cancelled
    assert desk.view.state is BenchState.IDLE and not progress.isVisible()
    assert desk.window.start.button.isEnabled() and desk.view.shown is shown


async def test_a_window_that_is_made_meanwhile_shows_it_too() -> None:
    async with PacedServer() as server, open_desk(server) as desk:
        await desk.app.session.load("bench_parts")
        await desk.app.session.engine.settle()
        await desk.app.session.engine.start()
        await desk.app.session.engine.wait_ready()
        server.hold = asyncio.Event()
        running = by_itself(desk)
        await asyncio.sleep(0)
        await desk.open()
        assert desk.view.state is BenchState.REPEATING and desk.window.progress.isVisible()
        server.hold.set()
        await running
        assert desk.view.state is BenchState.IDLE


async def test_who_was_refused_because_of_it_may_measure_after_it(desk: Desk) -> None:
    become(desk, EnginePhase.LOADING)
    desk.window.start.button.click()
    await asyncio.sleep(0.05)
    desk.server.hold = asyncio.Event()
    running = by_itself(desk)
    become(desk, EnginePhase.READY)
    await desk.until_state(BenchState.REPEATING)
    assert desk.view.problem is not None and desk.view.problem.cause == "bench_running"
    desk.server.hold.set()
    await running
    assert desk.view.state is BenchState.IDLE and desk.view.problem is None
    await desk.measure()
    assert desk.view.problem is None and desk.view.run_id


# what the ledger refused


async def test_a_run_that_is_not_kept_outlives_a_benchmark_that_came_to_nothing(desk: Desk) -> None:
    await desk.app.session.bench.ledger.count()  # the file is there
    desk.controller.open(plan=ONE)
    with ledger_taken():
        desk.window.start.button.click()
        await until(lambda: desk.view.progress is not None and desk.view.progress.done >= 2, "answers")
        desk.window.progress.cancel.click()
        await desk.until_state(BenchState.IDLE)
        assert desk.view.said == "Ended early. It is not in the ledger."
    unkept = desk.view.shown
    assert unkept is not None and desk.view.is_unkept
    desk.server.hold = asyncio.Event()
    desk.controller.open(plan=replace(ONE, warm_up_requests=1))
    desk.window.start.button.click()
    await until(
        lambda: desk.view.progress is not None and desk.view.progress.phase is BenchPhase.WARM_UP, "warm-up"
    )
    desk.window.progress.cancel.click()
    await desk.until_state(BenchState.IDLE)
    assert desk.view.shown is unkept and desk.window.foot.keep.isVisible()
    assert desk.view.said == "Ended before anything was measured."
    desk.window.foot.keep.click()
    await desk.until_said("Kept in the ledger.")


# a small window


@pytest.mark.parametrize("height", [440, 520, 620, 720, 780])
async def test_a_problem_above_results_has_room_in_a_narrow_window(desk: Desk, height: int) -> None:
    await desk.measure()
    window = desk.window
    window.resize(440, height)
    desk.controller._measure.tell(lent_problem())
    await asyncio.sleep(0.05)
    card, foot = window.problem, window.foot
    assert card.height() >= card.layout().heightForWidth(card.width())
    assert foot.mapTo(window, foot.rect().bottomLeft()).y() < height
    assert foot.height() >= foot.heightForWidth(foot.width()) - 2
    window.problem.dismissed.emit()
    assert window.start.button.isVisible()
