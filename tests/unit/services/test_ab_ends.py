"""How a comparison ends when somebody, or a mistake of ours, comes between: what runs then, what is told."""

from __future__ import annotations

import asyncio
import logging

import pytest

from arcdesk.core.ab_progress import AbProgress, AbStage
from arcdesk.core.engine_state import EngineKind, EnginePhase
from arcdesk.core.settings import Settings
from arcdesk.services.ab_run import AbRun
from tests.fakes.openai_server import OpenAIServer
from tests.unit.services.ab_rig import ab_desk
from tests.unit.services.test_ab_run import (
    EMBEDDED,
    PATIENCE_S,
    READY,
    STOPPED,
    embedded,
    other_model,
    plan_of,
    side,
    two_servers,
)

__all__ = ["other_model"]  # a fixture


async def test_a_stop_while_b_loads_is_meant_and_nothing_is_started_again(other_model: str) -> None:
    async with ab_desk(EMBEDDED) as desk:
        await desk.service.start()
        stopping: list[asyncio.Task[None]] = []

        async def stop() -> None:
            while desk.now.phase not in (EnginePhase.STARTING, EnginePhase.LOADING):
                await asyncio.sleep(0.01)
            await desk.service.stop()

        def hear(progress: AbProgress) -> None:
            if (progress.stage, progress.side) == (AbStage.STARTING, "b") and not stopping:
                stopping.append(asyncio.ensure_future(stop()))

        desk.on_progress = hear
        plan = plan_of(embedded(""), embedded(other_model), ("Hi.",))
        outcome = await asyncio.wait_for(desk.comparison(plan).run(), PATIENCE_S)
        await asyncio.gather(*stopping)

        assert outcome.problem is not None and outcome.problem.title == "The engine was stopped meanwhile"
        assert outcome.side == "b" and outcome.test.a.answers[0]
        assert (desk.now.phase, desk.service.settings) == (STOPPED, desk.own)


async def test_other_settings_while_b_connects_win_and_stay() -> None:
    async with two_servers() as (desk, plan):
        await desk.service.start()
        wanted = EMBEDDED
        switching: list[asyncio.Task[None]] = []

        async def switch() -> None:
            while desk.now.phase is not EnginePhase.STARTING:
                await asyncio.sleep(0)
            desk.own = wanted
            await desk.service.use(wanted)

        def hear(progress: AbProgress) -> None:
            if (progress.stage, progress.side) == (AbStage.STARTING, "b") and not switching:
                switching.append(asyncio.ensure_future(switch()))

        desk.on_progress = hear
        outcome = await asyncio.wait_for(desk.comparison(plan).run(), PATIENCE_S)
        await asyncio.gather(*switching)

        assert outcome.problem is not None and "other settings" in outcome.problem.title
        assert desk.service.settings is wanted


async def test_a_mistake_of_ours_while_b_is_ended_is_told_and_the_own_settings_are_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def break_down(_: AbRun) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(AbRun, "_end_b", break_down)
    async with two_servers() as (desk, plan):
        await desk.service.start()
        with caplog.at_level(logging.CRITICAL):
            outcome = await asyncio.wait_for(desk.comparison(plan).run(), PATIENCE_S)

        assert outcome.problem is None and outcome.left_problem is not None
        assert outcome.left_problem.cause == "ab_broke" and "OSError" in outcome.left_problem.evidence
        assert all(each and each.text for each in (*outcome.test.a.answers, *outcome.test.b.answers))
        assert desk.service.settings is desk.own


async def test_a_mistake_in_what_shows_it_does_not_keep_the_own_settings_back() -> None:
    async with two_servers() as (desk, plan):
        await desk.service.start()

        def break_down(progress: AbProgress) -> None:
            if progress.stage is AbStage.RESTORING:
                raise ZeroDivisionError("a painter's mistake")

        desk.on_progress = break_down
        outcome = await asyncio.wait_for(desk.comparison(plan).run(), PATIENCE_S)

        assert outcome.left_problem is not None and "ZeroDivisionError" in outcome.left_problem.evidence
        assert (desk.now.phase, desk.service.settings) == (READY, desk.own)


async def test_a_cancel_counts_although_the_command_it_waited_for_broke() -> None:
    async with two_servers() as (desk, plan):
        await desk.service.start()
        run = desk.comparison(plan)
        use = desk.service.use

        async def break_down(settings: object) -> None:
            if settings is not plan.b.settings:
                return await use(plan.a.settings)
            run.cancel()
            await asyncio.sleep(0.05)
            raise OSError("no space left")

        desk.service.use = break_down  # type: ignore[method-assign, assignment]
        outcome = await asyncio.wait_for(run.run(), PATIENCE_S)

        assert outcome.is_cancelled and outcome.problem is None
        assert desk.now.phase is READY


async def test_the_sides_are_named_before_b_was_found() -> None:
    async with OpenAIServer() as one, ab_desk(Settings(engine=one.base_url)) as desk:
        async with OpenAIServer() as gone:
            b = side(Settings(engine=gone.base_url), EngineKind.REMOTE)
        plan = plan_of(side(desk.own, EngineKind.REMOTE), b)
        outcome = await asyncio.wait_for(desk.comparison(plan).run(), PATIENCE_S)

        assert outcome.side == "b" and outcome.problem is not None
        assert desk.stages[0] == ("starting", "a")
        first = desk.progress[0].test
        assert (first.a.name, first.b.name) == (plan.a.name, plan.b.name)
