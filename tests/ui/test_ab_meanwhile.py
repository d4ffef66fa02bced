"""What happens beside a comparison: benchmarks, other settings, a second comparison, a vote once more."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication

from arcdesk.core.ab_report import Choice, count_votes
from arcdesk.core.bench import BenchPlan
from arcdesk.core.engine_state import EnginePhase
from arcdesk.services.ab_run import AbRun
from arcdesk.ui.bench_view import BenchState
from tests.fakes.openai_server import OpenAIServer
from tests.rig.paced_server import PacedServer
from tests.ui.ab_rig import AbApp, ab_opened
from tests.ui.app_rig import no_docker, server, until
from tests.ui.test_ab_controller import run, set_up

__all__ = ["no_docker", "server"]  # fixtures
pytestmark = pytest.mark.qt_log_ignore("does not support raise", extend=True)  # the offscreen platform

PLAN = BenchPlan(concurrencies=(1,), input_tokens=8, output_tokens=50, requests=4, warm_up_requests=0)


def told(ab: AbApp) -> tuple[bool, bool]:
    """Whether the first page says that a benchmark runs, and whether it can be left."""
    setup = ab.window.setup
    problem = setup.problem.problem if setup.problem.isVisible() else None
    return problem is not None and problem.title == "A benchmark is running", setup.start.isEnabled()


async def test_a_benchmark_keeps_a_comparison_back_from_its_begin_to_its_end() -> None:
    async with PacedServer(token_s=0.01) as one, OpenAIServer() as other, ab_opened(one.base_url) as ab:
        session = ab.app.session
        await set_up(ab, other)
        await session.engine.start()
        endpoint = await session.engine.wait_ready()
        assert told(ab) == (False, True)
        measuring = asyncio.ensure_future(session.bench.runner.run(endpoint, PLAN, lambda _: None))
        await until(lambda: session.bench.runner.is_running, "the benchmark")
        assert told(ab) == (True, False)
        session.bench.runner.cancel()
        await measuring
        assert told(ab) == (False, True)


async def test_a_benchmark_that_waits_for_the_engine_keeps_a_comparison_back() -> None:
    async with PacedServer(token_s=0.01) as one, OpenAIServer() as other, ab_opened(one.base_url) as ab:
        session = ab.app.session
        await set_up(ab, other)
        await session.engine.start()
        await session.engine.wait_ready()
        await session.load("bench_controller")
        bench = session.bench.bench
        bench.open(plan=PLAN)
        await until(lambda: ab.app.is_idle, "the benchmark's window")
        store = session.store
        store.update(engine=replace(store.state.engine, phase=EnginePhase.LOADING))
        bench.window.start.button.click()
        await until(lambda: bench.window.view.state is BenchState.WAITING, "the benchmark to wait")
        ab.window.setup.start_requested.emit()
        assert told(ab) == (True, False) and not ab.controller.is_running
        bench.window.progress.cancel.click()
        await until(lambda: not session.bench.is_measuring, "the end of the waiting")
        ab.window.activateWindow()  # somebody turns back to it
        QApplication.sendEvent(ab.window, QEvent(QEvent.Type.ActivationChange))
        await until(lambda: told(ab) == (False, True), "a comparison that may begin")


async def test_other_settings_make_another_a_but_only_if_they_matter_to_it(server: OpenAIServer) -> None:
    async with OpenAIServer() as other, OpenAIServer() as third, ab_opened(server.base_url) as ab:
        session, setup = ab.app.session, ab.window.setup
        await set_up(ab, other)
        session.take(replace(session.settings, theme="dark"))
        await until(lambda: ab.app.is_idle, "nothing to do")
        assert setup.form.address.text() == other.base_url  # B is still what was filled in
        await session.apply(replace(session.settings, engine=third.base_url))
        place = third.base_url.partition("//")[2].removesuffix("/v1")
        await until(lambda: place in setup.a.title.text(), "the other A")
        await until(lambda: ab.app.is_idle, "B as its copy")
        assert setup.form.address.text() == third.base_url
        assert not setup.start.isEnabled()


async def test_other_settings_leave_results_alone(server: OpenAIServer) -> None:
    async with OpenAIServer() as other, OpenAIServer() as third, ab_opened(server.base_url) as ab:
        session, setup = ab.app.session, ab.window.setup
        await set_up(ab, other, prompts="Say hello.")
        await run(ab)
        await session.apply(replace(session.settings, engine=third.base_url))
        await until(lambda: ab.app.is_idle, "nothing to do")
        assert ab.window.pages.currentWidget() is ab.window.results
        assert setup.form.address.text() == other.base_url
        ab.click("Compare anew")
        await until(lambda: setup.form.address.text() == third.base_url, "the other A")


async def test_a_second_comparison_shows_its_own_names_at_once(server: OpenAIServer) -> None:
    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await held.wait()
        writer.close()

    held = asyncio.Event()
    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    async with silent, OpenAIServer() as other, ab_opened(server.base_url) as ab:
        await set_up(ab, other, prompts="Say hello.")
        await run(ab)
        ab.click("Compare anew")
        await until(lambda: ab.app.is_idle, "the first page")
        ab.window.setup.form.address.setText(f"http://127.0.0.1:{port}/v1")
        await until(ab.window.setup.start.isEnabled, "another plan")
        ab.click("Compare")
        cards = ab.window.running.sides
        await until(lambda: cards["b"].title.text() == f"127.0.0.1:{port}", "the other B's name")
        assert (cards["a"].state.text(), cards["b"].state.text()) == ("Starts", "Comes after A")
        assert cards["a"].bar.value() == 0
        ab.click("Cancel")
        await ab.until_page(ab.window.results, "the results")
        held.set()


async def test_votes_count_until_there_is_a_new_one(server: OpenAIServer) -> None:
    async with OpenAIServer() as other, ab_opened(server.base_url) as ab:
        await set_up(ab, other)
        await run(ab)

        def votes() -> int:
            outcomes = ab.controller._outcomes
            assert outcomes is not None and outcomes.outcome is not None
            return count_votes(outcomes.outcome.test).n

        ab.click("Vote blind…")
        for _ in range(2):
            ab.window.vote.buttons[Choice.TIE].click()
        assert votes() == 2
        ab.click("Vote again…")
        ab.click("Show the results")
        assert votes() == 2
        ab.click("Vote again…")
        ab.window.vote.buttons[Choice.LEFT].click()
        ab.click("Show the results")
        assert votes() == 1  # the new ones alone


async def test_a_mistake_of_ours_at_the_end_leaves_nobody_on_the_page_that_runs(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def break_down(_: AbRun) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(AbRun, "_end_b", break_down)
    async with OpenAIServer() as other, ab_opened(server.base_url) as ab:
        await set_up(ab, other, prompts="Say hello.")
        await run(ab)
        assert "mistake of ArcDesk" in ab.words(ab.window.results)
        session = ab.app.session
        assert session.engine.settings is session.settings
