"""The container engine on a real Docker Engine, when something outside goes wrong."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Coroutine
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from arcdesk.api.openai_client import OpenAIClient
from arcdesk.core.chat import AnswerFailed, AnswerFinished, ChatEvent, TokenArrived
from arcdesk.core.engine_state import EnginePhase, EngineSnapshot
from arcdesk.core.errors import Action, ActionKind, DockerUnreachable, EngineError, Problem, UsageError
from arcdesk.core.ports import Endpoint
from arcdesk.core.settings import ContainerSettings, change_container
from tests.docker.engine_helpers import (
    LONG_QUESTION,
    Desk,
    arcdesk_on,
    daemon,
    docker,
    in_thread,
    inspected,
    made_beside,
    our_containers,
    own_daemon,
    settings,
    text_of,
    the_container,
    with_fault,
)
from tests.rig.private_engine import PrivateEngine

__all__ = ["daemon", "own_daemon", "settings"]  # fixtures
pytestmark = pytest.mark.docker

ABSENT, STOPPED, STARTING = EnginePhase.ABSENT, EnginePhase.STOPPED, EnginePhase.STARTING
LOADING, READY, UNAVAILABLE = EnginePhase.LOADING, EnginePhase.READY, EnginePhase.UNAVAILABLE
STOPPING, FAILED = EnginePhase.STOPPING, EnginePhase.FAILED
CAUSE_PATIENCE_S = 5.0  # from the log's own time of the cause to the failed state


def problem_of(state: EngineSnapshot) -> Problem:
    assert state.problem is not None, state
    return state.problem


def fix_in(problem: Problem) -> Action:
    return next(action for action in problem.actions if action.kind is ActionKind.APPLY_SETTINGS)


async def apply(desk: Desk, action: Action) -> None:
    """What the button does: take the settings, start."""
    await desk.service.use(change_container(desk.service.settings, action.settings))
    await desk.start()


async def logged_at(daemon: PrivateEngine, container_id: str, text: str) -> float:
    """Docker's time of the first line with this text, Unix seconds."""
    command = ("docker", "-H", daemon.host, "logs", "--timestamps", container_id)
    pipe, stdout = asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=stdout)
    lines = (await process.communicate())[0].decode().splitlines()
    stamps = sorted(line.split(" ")[0] for line in lines if text in line)
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d*Z", r"\1+00:00", stamps[0])).timestamp()


class TestDeathWhileLoading:
    async def test_the_cause_is_told_long_before_the_server_notices_and_its_button_mends_it(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        async with arcdesk_on(daemon, with_fault(settings, "lag")) as desk:
            await desk.service.start()
            state = await desk.until(FAILED)

            container = await the_container(daemon)
            assert await inspected(daemon, container, "{{.State.Running}}") == "true", "it lives on for 100 s"
            said_at = await logged_at(daemon, container, "larger than the maximum number of tokens")
            assert state.since - said_at < CAUSE_PATIENCE_S
            problem = problem_of(state)
            assert problem.cause == "kv_context_too_long"
            assert "1312" in problem.evidence

            desk.forget()
            await apply(desk, fix_in(problem))
            assert await the_container(daemon) != container
            assert 0 < desk.service.settings.container.max_model_len <= 1312
            assert STOPPED not in desk.phases
            assert "Paris" in text_of(await desk.ask())

    async def test_starting_a_doomed_container_again_makes_a_new_one(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        async with arcdesk_on(daemon, with_fault(settings, "lag")) as desk:
            await desk.service.start()
            await desk.until(FAILED)
            first = await the_container(daemon)
            desk.forget()
            await desk.service.start()
            state = await desk.until(FAILED)

            assert await the_container(daemon) != first
            assert desk.phases[:3] == [FAILED, STARTING, LOADING]
            assert problem_of(state).cause == "kv_context_too_long"

    async def test_the_cause_stays_when_the_container_ends_at_last(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        short = {"VLLM_RPC_TIMEOUT": "4000"}  # ms until the server notices; 100 s are too long for a test
        lag = with_fault(settings, "lag")
        with made_beside(daemon, lag, environment=short) as container:
            await docker(daemon, "start", container)
        async with arcdesk_on(daemon, lag) as desk:
            await desk.until(FAILED)
            assert await inspected(daemon, container, "{{.State.Running}}") == "true"
            await docker(daemon, "wait", container)
            desk.service.look()
            await asyncio.sleep(1)

            assert desk.now.phase is FAILED
            assert problem_of(desk.now).cause == "kv_context_too_long"
            assert desk.phases.count(FAILED) == 1

    async def test_a_wrong_model_path_is_named(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        async with arcdesk_on(daemon, replace(settings, model_path="default_model_path")) as desk:
            await desk.service.start()
            problem = problem_of(await desk.until(FAILED))

            assert problem.cause == "model_path"
            assert "default_model_path" in f"{problem.title} {problem.detail} {problem.evidence}"
            assert problem.hint
            assert desk.phases == [ABSENT, STARTING, LOADING, FAILED]

    async def test_the_kernels_kill_under_a_memory_limit_is_told(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        limits: dict[str, Any] = {"mem_limit": "300m", "memswap_limit": "300m"}
        with made_beside(daemon, with_fault(settings, "oom"), **limits) as container:
            async with arcdesk_on(daemon, settings) as desk:
                await desk.until(STOPPED)  # made, but not started
                await docker(daemon, "start", container)
                problem = problem_of(await desk.until(FAILED))

        assert await inspected(daemon, container, "{{.State.OOMKilled}}") == "true"
        assert problem.cause == "host_oom"
        assert problem.hint

    async def test_a_server_that_is_killed_inside_is_told(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        async with arcdesk_on(daemon, with_fault(settings, "oom")) as desk:
            await desk.service.start()
            problem = problem_of(await desk.until(FAILED))

            assert problem.cause in ("host_oom", "killed")
            assert problem.actions


class LateHealth(OpenAIClient):
    """The real client, whose question for the health can be held back."""

    def __init__(self) -> None:
        super().__init__()
        self.may_ask = asyncio.Event()
        self.may_ask.set()
        self.is_held = asyncio.Event()

    async def is_healthy(self, endpoint: Endpoint) -> bool:
        if not self.may_ask.is_set():
            self.is_held.set()
            await self.may_ask.wait()
        return await super().is_healthy(endpoint)


class TestDeathMidAnswer:
    async def test_a_kill_keeps_the_partial_answer_and_fails_the_engine(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        async with arcdesk_on(daemon, settings) as desk:
            await desk.start()
            container = await the_container(daemon)
            desk.forget()
            events = await _struck_answer(desk, docker(daemon, "kill", container), max_tokens=1500)

            assert len(text_of(events)) > 10
            assert isinstance(events[-1], AnswerFailed)
            desk.service.look()  # as the chat does when an answer fails
            state = await desk.until(FAILED)
            assert problem_of(state).cause == "killed"
            assert any(action.kind is ActionKind.START for action in problem_of(state).actions)
            assert STOPPED not in desk.phases
            await desk.start()
            assert "Paris" in text_of(await desk.ask())

    async def test_a_dead_server_is_not_asked_any_more(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        backend = LateHealth()
        async with arcdesk_on(daemon, settings, backend=backend) as desk:
            await desk.start()
            backend.may_ask.clear()
            desk.service.look()
            await asyncio.wait_for(backend.is_held.wait(), 30)
            await docker(daemon, "rm", "--force", await the_container(daemon))
            await desk.until(FAILED)
            assert await our_containers(daemon) == []
            await asyncio.sleep(1)  # the last event is heard
            backend.may_ask.set()  # and now the look of before comes to its end

            assert await _callers_of(settings.host_port, for_s=4.0) == 0
            assert desk.now.phase is FAILED

    async def test_a_pause_of_the_container_loses_nothing(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        async with arcdesk_on(daemon, settings) as desk:
            await desk.start()
            container = await the_container(daemon)
            started_at = await inspected(daemon, container, "{{.State.StartedAt}}")
            desk.forget()

            async def pause() -> None:
                await docker(daemon, "pause", container)
                await asyncio.sleep(2)
                await docker(daemon, "unpause", container)

            events = await _struck_answer(desk, pause(), max_tokens=80)

            assert isinstance(events[-1], AnswerFinished)
            assert desk.phases == [READY]
            assert await inspected(daemon, container, "{{.State.StartedAt}}") == started_at

    async def test_a_look_at_a_paused_container_finds_it_again_afterwards(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        async with arcdesk_on(daemon, settings) as desk:
            await desk.start()
            container = await the_container(daemon)
            await docker(daemon, "pause", container)
            desk.service.look()
            await desk.until(LOADING)  # it does not answer: READY would be a lie
            await docker(daemon, "unpause", container)
            await desk.until(READY)

            assert FAILED not in desk.phases
            assert "Paris" in text_of(await desk.ask())


async def _struck_answer(
    desk: Desk, blow: Coroutine[Any, Any, object], *, max_tokens: int
) -> list[ChatEvent]:
    """Asks for a long answer and strikes after its tenth piece; returns all events."""
    events: list[ChatEvent] = []
    striking: asyncio.Future[object] | None = None
    async for event in desk.answer(LONG_QUESTION, max_tokens=max_tokens):
        events.append(event)
        if striking is None and sum(isinstance(one, TokenArrived) for one in events) == 10:
            striking = asyncio.ensure_future(blow)
    assert striking is not None, "the answer ended before the blow"
    await striking
    return events


async def _callers_of(port: int, *, for_s: float) -> int:
    """How many connections are made to a port in that time."""
    callers = 0

    def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal callers
        callers += 1
        writer.close()

    server = await asyncio.start_server(count, "127.0.0.1", port, reuse_address=True)
    async with server:
        await asyncio.sleep(for_s)
    return callers


class TestHandsOfOthers:
    async def test_docker_stop_from_outside_is_a_stop(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        async with arcdesk_on(daemon, settings) as desk:
            await desk.start()
            container = await the_container(daemon)
            desk.forget()
            await docker(daemon, "stop", "--time", "2", container)
            state = await desk.until(STOPPED, FAILED)

            assert await inspected(daemon, container, "{{.State.ExitCode}}") == "137"
            assert (state.phase, state.problem) == (STOPPED, None)
            assert FAILED not in desk.phases

    async def test_docker_rm_from_outside_is_a_failure_that_can_be_started_again(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        async with arcdesk_on(daemon, settings) as desk:
            await desk.start()
            await docker(daemon, "rm", "--force", await the_container(daemon))
            state = await desk.until(STOPPED, FAILED, ABSENT)

            assert state.phase is FAILED
            assert problem_of(state).cause == "killed"
            assert desk.service.endpoint is None
            assert (await desk.start()).phase is READY

    async def test_docker_restart_from_outside_leads_to_ready_again(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        async with arcdesk_on(daemon, settings) as desk:
            await desk.start()
            container = await the_container(daemon)
            desk.forget()
            await docker(daemon, "restart", "--time", "1", container)
            await desk.until_true(
                lambda: LOADING in desk.phases and desk.now.phase is READY, "a second loading"
            )

            assert FAILED not in desk.phases
            assert "Paris" in text_of(await desk.ask())

    async def test_a_stop_is_forgotten_when_the_container_starts_again(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        async with arcdesk_on(daemon, settings) as desk:
            await desk.start()
            container = await the_container(daemon)
            await docker(daemon, "stop", "--time", "1", container)
            await desk.until(STOPPED)
            await docker(daemon, "start", container)
            await desk.until(READY)
            await docker(daemon, "kill", container)
            state = await desk.until(STOPPED, FAILED)

            assert state.phase is FAILED
            assert problem_of(state).cause == "killed"

    async def test_containers_that_come_and_go_quickly_do_not_end_the_watch(
        self, daemon: PrivateEngine, settings: ContainerSettings, tiny_image: str
    ) -> None:
        async with arcdesk_on(daemon, settings) as desk:
            await desk.start()
            await desk.service.stop()
            for _ in range(6):
                label = ("--label", "io.arcdesk.role=engine")
                await docker(
                    daemon, "run", "--detach", "--rm", *label, tiny_image, "sh", "-c", "echo x; exit 1"
                )
            await desk.start()

            await docker(daemon, "kill", await the_container(daemon))
            assert problem_of(await desk.until(FAILED)).cause == "killed"


class TestRefusals:
    async def test_settings_that_the_server_would_refuse_make_no_container(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        async with arcdesk_on(daemon, replace(settings, max_num_batched_tokens=100)) as desk:
            with pytest.raises(UsageError):
                await desk.service.start()
            problem = problem_of(desk.now)
            assert problem.cause == "batched_lt_context"
            assert await our_containers(daemon) == []

            await apply(desk, fix_in(problem))
            assert desk.now.phase is READY

    async def test_a_taken_port_is_told_and_its_button_mends_it(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        with socket.create_server(("127.0.0.1", settings.host_port)):
            async with arcdesk_on(daemon, settings) as desk:
                with pytest.raises(EngineError):
                    await desk.service.start()
                problem = problem_of(desk.now)
                assert (desk.now.phase, problem.cause) == (FAILED, "docker_port")

                await apply(desk, fix_in(problem))
                assert desk.now.base_url != f"http://127.0.0.1:{settings.host_port}/v1"
                assert "Paris" in text_of(await desk.ask())


class TestDockerGone:
    async def test_a_start_without_docker_says_so_and_works_when_docker_is_back(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        await in_thread(daemon.stop)
        async with arcdesk_on(daemon, settings) as desk:
            with pytest.raises(DockerUnreachable):
                await desk.service.start()
            assert desk.now.phase is UNAVAILABLE
            assert problem_of(desk.now).cause == "docker_daemon"
            assert problem_of(desk.now).hint

            await in_thread(daemon.start)
            await desk.until(ABSENT)  # by itself
            assert (await desk.start()).phase is READY

    async def test_a_first_look_without_docker_says_so(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        await in_thread(daemon.stop)
        async with arcdesk_on(daemon, settings) as desk:
            driver = await desk.service.settle()
            with pytest.raises(DockerUnreachable):
                await driver.look_once()
            assert desk.now.phase is UNAVAILABLE
            assert problem_of(desk.now).cause == "docker_daemon"

    async def test_a_restart_of_docker_ends_in_the_true_state_by_itself(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        async with arcdesk_on(daemon, settings) as desk:
            await desk.start()
            container = await the_container(daemon)
            desk.forget()
            await in_thread(daemon.stop)  # stops the container first, as `systemctl stop docker` does
            assert problem_of(await desk.until(UNAVAILABLE)).actions
            assert desk.service.endpoint is None
            await in_thread(daemon.start)
            state = await desk.until(STOPPED, FAILED)

            assert await inspected(daemon, container, "{{.State.Running}}") == "false"
            assert (state.phase, state.problem) == (STOPPED, None)
            assert FAILED not in desk.phases
            assert (await desk.start()).phase is READY

    async def test_a_crash_of_docker_ends_in_the_true_state_by_itself(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        async with arcdesk_on(daemon, settings) as desk:
            await desk.start()
            container = await the_container(daemon)
            await in_thread(daemon.kill)
            began = time.monotonic()
            await desk.until(UNAVAILABLE)
            assert time.monotonic() - began < 10
            await in_thread(daemon.start)
            state = await desk.until(STOPPED, FAILED, READY)

            is_running = await inspected(daemon, container, "{{.State.Running}}")
            assert (state.phase is READY) == (is_running == "true")
            assert state.problem is None
            assert (await desk.start()).phase is READY
