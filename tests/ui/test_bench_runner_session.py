"""Benchmarks of the running app and of the terminal beside it: one ledger, no card left watched."""

from __future__ import annotations

import asyncio
import re

import pytest

from arcdesk.app.bench_parts import BenchParts
from arcdesk.core.bench import BenchPlan
from arcdesk.core.bench_progress import BenchEvent
from arcdesk.core.ports import Endpoint
from tests.rig.paced_server import PacedServer
from tests.ui.app_rig import PATIENCE_S, App, no_docker, open_app, until
from tests.unit.app.command import run

__all__ = ["no_docker"]  # fixture
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support raise")
PLAN = BenchPlan(input_tokens=8, output_tokens=4, requests=4, warm_up_requests=1)


async def bench_of(app: App) -> tuple[BenchParts, Endpoint]:
    session = app.session
    await session.load("bench_parts")
    await session.engine.start()
    async with asyncio.timeout(PATIENCE_S):
        return session.bench, await session.engine.wait_ready()


async def test_app_and_terminal_measure_and_keep_beside_each_other() -> None:
    async with PacedServer() as server, open_app(server.base_url) as app:
        bench, endpoint = await bench_of(app)
        events: list[BenchEvent] = []
        command = asyncio.create_task(run("bench", "--requests", "4", "--input", "8", "--output", "4"))
        outcome = await bench.runner.run(endpoint, PLAN, events.append)
        done = await command  # it asks the server that the app asks
        kept = re.search(r"Kept as run (\d+)", done.err)
        assert done.code == 0 and kept is not None, done.err
        assert outcome.run is not None and outcome.problem is None and events
        rows = await bench.ledger.rows()
        assert {row.id for row in rows} == {outcome.run.id, int(kept[1])}
        assert [row.model for row in rows] == [server.model, server.model]
        assert not app.session.cards.gpu.service.is_watched


async def test_quit_in_the_middle_keeps_what_is_done() -> None:
    async with PacedServer() as server:
        async with open_app(server.base_url) as app:
            bench, endpoint = await bench_of(app)
            plan = BenchPlan(input_tokens=8, output_tokens=4, requests=1_000_000, warm_up_requests=0)
            running = asyncio.create_task(bench.runner.run(endpoint, plan, lambda event: None))
            await until(lambda: len(server.asked) > 20, "some answers")
            await bench.runner.aclose()
            outcome = await running
            assert outcome.run is not None and outcome.run.id and outcome.is_cancelled
        listed = await run("bench", "--list")
    assert listed.code == 0 and "Stopped early." in listed.out
