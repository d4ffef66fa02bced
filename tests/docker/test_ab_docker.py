"""A comparison of two containers on a real Docker Engine: one after the other, and the first is put back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from arcdesk.app.ab_meet import meet
from arcdesk.core.ab_markdown import ab_markdown
from arcdesk.core.ab_plan import AbConfiguration, AbPlan, names_of
from arcdesk.core.ab_progress import AbProgress, AbStage
from arcdesk.core.bench_ports import CardUse
from arcdesk.core.engine_state import EngineKind, EnginePhase
from arcdesk.core.ports import Endpoint
from arcdesk.core.settings import ContainerSettings, Settings
from arcdesk.services.ab_run import AbRun
from tests.docker.engine_helpers import (
    PATIENCE_S,
    QUESTION,
    Desk,
    arcdesk_on,
    daemon,
    docker,
    our_containers,
    own_daemon,
    settings,
    the_container,
    with_fault,
)
from tests.rig.private_engine import PrivateEngine

__all__ = ["daemon", "own_daemon", "settings"]  # fixtures
pytestmark = pytest.mark.docker

READY, STOPPED, FAILED = EnginePhase.READY, EnginePhase.STOPPED, EnginePhase.FAILED


class NoCards:
    """A CardMeter where there are no cards."""

    async def begin(self) -> None:
        """Nothing to watch."""

    async def end(self) -> CardUse:
        return CardUse(notes=("There is no card here.",))


async def no_cards(_: Endpoint) -> NoCards:
    return NoCards()


def plan_of(a: ContainerSettings, b: ContainerSettings, own: Settings, prompts: int = 2) -> AbPlan:
    one = AbConfiguration(name="", kind=EngineKind.CONTAINER, settings=own)
    other = replace(one, settings=replace(own, container=b))
    assert one.settings.container == a
    names = names_of(one, other)
    return AbPlan(
        a=replace(one, name=names[0]),
        b=replace(other, name=names[1]),
        prompts=(QUESTION, "Count from one to five.")[:prompts],
        max_tokens=6,
    )


def comparison(
    desk: Desk, plan: AbPlan, own: Settings, on_progress: Callable[[AbProgress], None] = lambda _: None
) -> AbRun:
    return AbRun(
        plan,
        engine=desk.service,
        backend=desk.parts.backend,
        store=desk.store,
        meter_of=no_cards,
        meet=lambda side: meet(side, desk.parts),
        own_settings=lambda: own,
        on_progress=on_progress,
        on_text=lambda *_: None,
        clock=time.monotonic,
    )


async def test_both_are_asked_and_the_first_container_is_back(
    daemon: PrivateEngine, settings: ContainerSettings
) -> None:
    async with arcdesk_on(daemon, settings) as desk:
        own = desk.service.settings
        await desk.start()
        other = replace(settings, max_model_len=1024, served_model_name="smaller")
        seen: list[str] = []

        def on_progress(progress: AbProgress) -> None:
            if progress.stage is AbStage.WARM_UP:
                seen.append(str(desk.now.model))

        plan = plan_of(settings, other, own)
        outcome = await asyncio.wait_for(comparison(desk, plan, own, on_progress).run(), 4 * PATIENCE_S)

        assert outcome.is_whole and outcome.left_problem is None, outcome
        assert seen == ["smol", "smaller"]  # each as its own container serves it
        a, b = outcome.test.a, outcome.test.b
        assert a.was_running and b.start_s is not None and b.start_s > 0
        for answer in (*a.answers, *b.answers):
            assert answer is not None and not answer.error and answer.text and answer.ttft_ms
        assert desk.service.settings is own
        await asyncio.wait_for(desk.service.wait_ready(), PATIENCE_S)
        assert desk.now.model == "smol"
        assert len(await our_containers(daemon)) == 1
        assert "context 1024" in ab_markdown(outcome.test)
        await desk.service.stop()


async def test_b_that_fails_to_load_tells_why_and_the_first_container_is_back(
    daemon: PrivateEngine, settings: ContainerSettings
) -> None:
    async with arcdesk_on(daemon, settings) as desk:
        own = desk.service.settings
        await desk.start()
        plan = plan_of(settings, with_fault(settings, "lag"), own, prompts=1)
        outcome = await asyncio.wait_for(comparison(desk, plan, own).run(), 4 * PATIENCE_S)

        assert outcome.side == "b" and outcome.problem is not None
        assert outcome.problem.cause == "kv_context_too_long", outcome.problem
        assert outcome.problem.actions == ()
        assert outcome.test.a.answers[0] and outcome.test.a.answers[0].text
        assert outcome.test.b.answers == (None,)
        await asyncio.wait_for(desk.service.wait_ready(), PATIENCE_S)
        assert (desk.now.model, desk.service.settings) == ("smol", own)
        assert len(await our_containers(daemon)) == 1
        await desk.service.stop()


async def test_a_cancel_while_b_loads_leaves_no_container_of_b(
    daemon: PrivateEngine, settings: ContainerSettings
) -> None:
    async with arcdesk_on(daemon, settings) as desk:
        own = desk.service.settings  # the engine is not started: afterwards it is not either
        run: list[AbRun] = []

        def on_progress(progress: AbProgress) -> None:
            if (progress.stage, progress.side) == (AbStage.STARTING, "b"):
                asyncio.get_running_loop().call_soon(run[0].cancel)

        plan = plan_of(settings, replace(settings, max_model_len=1024), own, prompts=1)
        run.append(comparison(desk, plan, own, on_progress))
        outcome = await asyncio.wait_for(run[0].run(), 4 * PATIENCE_S)

        assert outcome.is_cancelled and outcome.left_problem is None
        assert outcome.test.a.start_s is not None
        assert await our_containers(daemon) == []
        assert desk.service.settings is own


async def test_a_container_beside_the_embedded_engine_is_not_replaced(
    daemon: PrivateEngine, settings: ContainerSettings
) -> None:
    async with arcdesk_on(daemon, settings) as desk:
        await desk.start()
        container = await the_container(daemon)
        own = Settings(engine="embedded", container=settings)
        await desk.service.use(own)
        a = AbConfiguration(name="a", kind=EngineKind.EMBEDDED, settings=own)
        wanted = replace(own, engine="container", container=replace(settings, max_model_len=1024))
        b = AbConfiguration(name="b", kind=EngineKind.CONTAINER, settings=wanted)
        plan = AbPlan(a=a, b=b, prompts=("Hello?",), max_tokens=4)
        outcome = await asyncio.wait_for(comparison(desk, plan, own).run(), 4 * PATIENCE_S)

        assert outcome.problem is not None and outcome.problem.cause == "ab_busy"
        assert outcome.test.a.answers[0] and outcome.test.a.answers[0].text
        assert await the_container(daemon) == container
        assert (await docker(daemon, "inspect", "-f", "{{.State.Status}}", container)).strip() == "running"
        assert desk.service.settings is own and desk.now.kind is EngineKind.EMBEDDED
