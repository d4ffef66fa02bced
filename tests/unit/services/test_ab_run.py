"""A comparison over engines that really run: the embedded one with the real starter model, real servers."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from arcdesk.core.ab_markdown import ab_markdown
from arcdesk.core.ab_plan import AbConfiguration, AbPlan, names_of
from arcdesk.core.ab_progress import AbProgress, AbStage
from arcdesk.core.engine_state import EngineKind, EnginePhase
from arcdesk.core.settings import Settings
from arcdesk.engine.starter_model import find_starter_model
from tests.fakes.openai_server import ANSWER, Cut, OpenAIServer
from tests.unit.services.ab_rig import AbDesk, ab_desk

PATIENCE_S = 120.0
READY, STOPPED = EnginePhase.READY, EnginePhase.STOPPED
PROMPTS = ("What is the capital of France?", "Count from one to five.")
EMBEDDED = Settings(engine="embedded")


@pytest.fixture
def other_model(tmp_path: Path) -> str:
    """The starter's weights under another name: another model, as far as the engine knows."""
    found = find_starter_model()
    assert found is not None
    copy = tmp_path / "other-model.gguf"
    shutil.copyfile(found, copy)
    return str(copy)


def side(settings: Settings, kind: EngineKind, name: str = "") -> AbConfiguration:
    return AbConfiguration(name=name, kind=kind, settings=settings)


def plan_of(a: AbConfiguration, b: AbConfiguration, prompts: tuple[str, ...] = PROMPTS) -> AbPlan:
    one, other = names_of(a, b)
    return AbPlan(a=replace(a, name=one), b=replace(b, name=other), prompts=prompts, max_tokens=12)


def embedded(gguf_path: str) -> AbConfiguration:
    return side(replace(EMBEDDED, gguf_path=gguf_path), EngineKind.EMBEDDED)


def remote(server: OpenAIServer) -> AbConfiguration:
    return side(Settings(engine=server.base_url), EngineKind.REMOTE)


@asynccontextmanager
async def two_servers(token_delay_s: float = 0.0) -> AsyncIterator[tuple[AbDesk, AbPlan]]:
    """A and B are servers of this computer; A is the engine, not yet connected."""
    async with (
        OpenAIServer(token_delay_s=token_delay_s) as one,
        OpenAIServer(token_delay_s=token_delay_s) as other,
        ab_desk(Settings(engine=one.base_url)) as desk,
    ):
        yield desk, plan_of(side(desk.own, EngineKind.REMOTE), remote(other))


async def until(desk: AbDesk, *phases: EnginePhase) -> None:
    changed = asyncio.Event()
    end = desk.store.subscribe(lambda _: changed.set())
    try:
        async with asyncio.timeout(PATIENCE_S):
            while desk.now.phase not in phases:
                changed.clear()
                await changed.wait()
    finally:
        end()


async def test_two_models_are_asked_in_turn_and_the_first_is_put_back(other_model: str) -> None:
    async with ab_desk(EMBEDDED) as desk:
        await desk.service.start()
        plan = plan_of(embedded(""), embedded(other_model))
        outcome = await asyncio.wait_for(desk.comparison(plan).run(), PATIENCE_S)

        assert outcome.is_whole and outcome.left_problem is None
        a, b = outcome.test.a, outcome.test.b
        assert (a.name, b.name) == ("starter model", "other-model")
        assert (a.was_running, a.start_s, b.was_running) == (True, None, False)
        assert b.start_s is not None and b.start_s > 0
        for answers in (a.answers, b.answers):
            assert len(answers) == len(PROMPTS)
            for answer in answers:
                assert answer is not None and not answer.error
                assert answer.text and answer.tokens and answer.ttft_ms
                assert answer.tokens <= 12
        assert "Paris" in (a.answers[0].text if a.answers[0] else "")
        assert desk.texts["b", 1].strip() == (b.answers[1].text if b.answers[1] else "")
        assert desk.stages == [
            ("starting", "a"),
            ("warm_up", "a"),
            ("asking", "a"),
            ("stopping", "b"),
            ("starting", "b"),
            ("warm_up", "b"),
            ("asking", "b"),
            ("restoring", "b"),
        ]
        assert (desk.meter.begun, desk.meter.ended) == (2, 2)
        assert desk.service.settings is desk.own
        assert (desk.now.phase, desk.now.profile) == (READY, "embedded starter model")
        report = ab_markdown(outcome.test)
        assert "ran already" in report and "There is no card here." in report
        assert "| other-model.gguf |" in report.replace("\\", "")
        assert str(Path(other_model).parent) not in report


async def test_what_did_not_run_before_does_not_run_afterwards() -> None:
    async with two_servers() as (desk, plan):
        outcome = await asyncio.wait_for(desk.comparison(plan).run(), PATIENCE_S)

        assert outcome.is_whole
        assert not outcome.test.a.was_running
        assert desk.now.phase is STOPPED and desk.service.settings is desk.own


async def test_b_does_not_start_and_a_is_back_with_its_answers_kept(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\0" * 5000)
    async with ab_desk(EMBEDDED) as desk:
        await desk.service.start()
        outcome = await asyncio.wait_for(
            desk.comparison(plan_of(embedded(""), embedded(str(broken)))).run(), PATIENCE_S
        )

        assert outcome.side == "b" and outcome.problem is not None
        assert outcome.problem.cause and outcome.problem.actions == ()  # they would change A's settings
        assert outcome.test.b.answers == (None, None)
        assert all(answer and answer.text for answer in outcome.test.a.answers)
        assert outcome.problem.title in ab_markdown(outcome.test)
        assert (desk.now.phase, desk.service.settings) == (READY, desk.own)


async def test_a_server_that_is_not_there_is_found_before_the_other_side_is_asked() -> None:
    async with OpenAIServer() as one, ab_desk(Settings(engine=one.base_url)) as desk:
        async with OpenAIServer() as gone:
            plan = plan_of(side(desk.own, EngineKind.REMOTE), remote(gone))
        await desk.service.start()
        outcome = await asyncio.wait_for(desk.comparison(plan).run(), PATIENCE_S)

        assert outcome.side == "b" and outcome.problem is not None
        assert outcome.problem.cause == "server_refused", outcome.problem
        assert outcome.test.a.answers == outcome.test.b.answers == (None, None)
        assert not [each for each in one.requests if each.method == "POST"]
        assert (desk.now.phase, desk.service.settings) == (READY, desk.own)


async def test_a_cancel_while_b_answers_puts_a_back() -> None:
    async with two_servers() as (desk, plan):
        await desk.service.start()
        run = desk.comparison(plan)

        def cancel(progress: AbProgress) -> None:
            if (progress.stage, progress.side, progress.number) == (AbStage.ASKING, "b", 1):
                run.cancel()

        desk.on_progress = cancel
        outcome = await asyncio.wait_for(run.run(), PATIENCE_S)

        assert outcome.is_cancelled and outcome.problem is None
        assert outcome.test.b.answers[0] and outcome.test.b.answers[1] is None
        assert "cancelled" in ab_markdown(outcome.test)
        assert (desk.now.phase, desk.service.settings) == (READY, desk.own)
        assert desk.now.base_url == desk.own.engine


async def test_a_cancel_between_the_engines_puts_a_back() -> None:
    async with two_servers() as (desk, plan):
        await desk.service.start()
        run = desk.comparison(plan)

        def cancel(progress: AbProgress) -> None:
            if (progress.stage, progress.side) == (AbStage.STARTING, "b"):
                run.cancel()

        desk.on_progress = cancel
        outcome = await asyncio.wait_for(run.run(), PATIENCE_S)

        assert outcome.is_cancelled
        assert (desk.now.phase, desk.now.base_url) == (READY, desk.own.engine)
        assert desk.service.settings is desk.own


async def test_quitting_half_way_leaves_no_engine_and_the_own_settings(other_model: str) -> None:
    async with ab_desk(EMBEDDED) as desk:
        await desk.service.start()
        run = desk.comparison(plan_of(embedded(""), embedded(other_model)))

        def quit_app(progress: AbProgress) -> None:
            if (progress.stage, progress.side) == (AbStage.WARM_UP, "b"):
                run.cancel(puts_back=False)

        desk.on_progress = quit_app
        await asyncio.wait_for(run.run(), PATIENCE_S)

        assert desk.service.settings is desk.own
        assert desk.now.phase is STOPPED
        assert psutil.Process().children() == []


async def test_an_engine_that_dies_while_it_answers_ends_it_with_the_reason(other_model: str) -> None:
    async with ab_desk(EMBEDDED) as desk:
        await desk.service.start()

        def kill(progress: AbProgress) -> None:
            if (progress.stage, progress.side, progress.number) == (AbStage.ASKING, "b", 1):
                for child in psutil.Process().children():
                    child.kill()

        desk.on_progress = kill
        plan = plan_of(embedded(""), embedded(other_model))
        outcome = await asyncio.wait_for(desk.comparison(plan).run(), PATIENCE_S)

        assert outcome.side == "b" and outcome.problem is not None
        killed = outcome.test.b.answers[1]
        assert killed is not None and killed.error
        assert outcome.test.b.answers[0] and not outcome.test.b.answers[0].error
        assert (desk.now.phase, desk.service.settings) == (READY, desk.own)


async def test_a_stop_by_the_person_ends_it_and_nothing_is_started_again() -> None:
    async with two_servers(token_delay_s=0.05) as (desk, plan):
        await desk.service.start()
        stopping: list[asyncio.Task[None]] = []

        def stop(progress: AbProgress) -> None:
            if (progress.stage, progress.side, progress.number) == (AbStage.ASKING, "b", 0) and not stopping:
                stopping.append(asyncio.ensure_future(desk.service.stop()))

        desk.on_progress = stop
        outcome = await asyncio.wait_for(desk.comparison(plan).run(), PATIENCE_S)
        await asyncio.gather(*stopping)

        assert outcome.problem is not None and outcome.problem.title == "The engine was stopped meanwhile"
        assert (desk.now.phase, desk.service.settings) == (STOPPED, desk.own)


async def test_other_settings_meanwhile_win_and_stay() -> None:
    async with two_servers(token_delay_s=0.05) as (desk, plan):
        await desk.service.start()
        wanted = Settings(engine=desk.own.engine, theme="dark")
        switching: list[asyncio.Task[None]] = []

        def switch(progress: AbProgress) -> None:
            if (progress.stage, progress.side, progress.number) == (AbStage.ASKING, "b", 0) and not switching:
                desk.own = wanted
                switching.append(asyncio.ensure_future(desk.service.use(wanted)))

        desk.on_progress = switch
        outcome = await asyncio.wait_for(desk.comparison(plan).run(), PATIENCE_S)
        await asyncio.gather(*switching)

        assert outcome.problem is not None and outcome.problem.cause == "ab_interrupted"
        assert "other settings" in outcome.problem.title
        assert desk.service.settings is wanted


async def test_a_server_as_one_side_is_let_go_and_the_embedded_one_comes_back() -> None:
    async with OpenAIServer() as server, ab_desk(EMBEDDED) as desk:
        await desk.service.start()
        plan = plan_of(embedded(""), remote(server), PROMPTS[:1])
        outcome = await asyncio.wait_for(desk.comparison(plan).run(), PATIENCE_S)

        assert outcome.is_whole
        assert outcome.test.b.answers[0] is not None
        assert outcome.test.b.answers[0].text == "".join(ANSWER)
        assert outcome.test.b.start_s is None  # connecting is no start
        assert desk.now.phase is READY and desk.now.kind is EngineKind.EMBEDDED


async def test_a_refused_answer_is_a_finding_and_the_next_prompt_is_asked() -> None:
    async with OpenAIServer() as a, OpenAIServer() as b, ab_desk(Settings(engine=a.base_url)) as desk:
        b_plain = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        b.script(b_plain, Cut.CLOSE)  # the warm-up; its answer does not count
        b.script(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", Cut.CLOSE)
        plan = plan_of(side(Settings(engine=a.base_url), EngineKind.REMOTE), remote(b))
        outcome = await asyncio.wait_for(desk.comparison(plan).run(), PATIENCE_S)

        first, second = outcome.test.b.answers
        assert outcome.is_whole
        assert first is not None and first.error and not first.text
        assert second is not None and not second.error and second.text == "".join(ANSWER)
        assert "Failed" in ab_markdown(outcome.test)


async def test_a_mistake_of_ours_ends_it_with_what_came_and_puts_a_back() -> None:
    async with OpenAIServer() as a, OpenAIServer() as b, ab_desk(Settings(engine=a.base_url)) as desk:
        mistakes = [ZeroDivisionError("a painter's mistake")]

        def break_down(progress: AbProgress) -> None:
            if progress.side == "b" and mistakes:
                raise mistakes.pop()

        desk.on_progress = break_down
        plan = plan_of(side(Settings(engine=a.base_url), EngineKind.REMOTE), remote(b))
        outcome = await asyncio.wait_for(desk.comparison(plan).run(), PATIENCE_S)

        assert outcome.problem is not None and outcome.problem.cause == "ab_broke"
        assert "ZeroDivisionError" in outcome.problem.evidence
        assert all(each is not None and each.text for each in outcome.test.a.answers)
        assert desk.service.settings.engine == a.base_url


async def test_a_server_that_goes_away_ends_it_with_what_it_gave() -> None:
    async with OpenAIServer() as a, OpenAIServer() as b, ab_desk(Settings(engine=a.base_url)) as desk:
        plan = plan_of(side(Settings(engine=a.base_url), EngineKind.REMOTE), remote(b))

        def close(progress: AbProgress) -> None:
            if (progress.stage, progress.side, progress.number) == (AbStage.ASKING, "b", 1):
                b.script(Cut.RESET)
                assert b._server is not None
                b._server.close()

        desk.on_progress = close
        await desk.service.start()
        outcome = await asyncio.wait_for(desk.comparison(plan).run(), PATIENCE_S)

        assert outcome.side == "b" and outcome.problem is not None
        assert outcome.test.b.answers[0] and not outcome.test.b.answers[0].error
        assert outcome.test.b.answers[1] and outcome.test.b.answers[1].error
        await until(desk, READY)
        assert desk.service.settings is desk.own
