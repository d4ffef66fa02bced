"""The container engine on a real Docker Engine, when all goes well: its life, its adoption, its idleness."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from arcdesk.core.chat import AnswerFinished, TokenArrived
from arcdesk.core.engine_state import EnginePhase, EngineSnapshot, LoadStep
from arcdesk.core.settings import ContainerSettings
from tests.docker.engine_helpers import (
    Desk,
    arcdesk_on,
    daemon,
    docker,
    inspected,
    our_containers,
    own_daemon,
    settings,
    text_of,
    the_container,
    with_fault,
)
from tests.docker.runtime_rig import docker_threads
from tests.rig.private_engine import PrivateEngine

__all__ = ["daemon", "own_daemon", "settings"]  # fixtures
pytestmark = pytest.mark.docker

ABSENT, STOPPED, STARTING = EnginePhase.ABSENT, EnginePhase.STOPPED, EnginePhase.STARTING
LOADING, READY = EnginePhase.LOADING, EnginePhase.READY
STOPPING, FAILED = EnginePhase.STOPPING, EnginePhase.FAILED
STARTED_AT = "{{.State.StartedAt}}"


def ready_states(desk: Desk) -> list[EngineSnapshot]:
    return [state for state in desk.states if state.phase is READY]


async def metric(desk: Desk, name: str) -> float:
    """One figure of the server's own count."""
    headers = {"Authorization": f"Bearer {desk.endpoint.api_key}"}
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{desk.endpoint.root_url}/metrics", headers=headers)
    found = re.search(rf"^llamacpp:{name} (\S+)$", answer.text, re.MULTILINE)
    assert found, answer.text
    return float(found[1])


class TestLife:
    async def test_a_start_goes_through_its_phases_and_ready_means_answered(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        async with arcdesk_on(daemon, settings) as desk:
            state = await desk.start()

            assert await metric(desk, "tokens_predicted_total") >= 1  # nobody else has asked
            assert desk.phases == [ABSENT, STARTING, LOADING, READY]
            assert state.device == "CPU"
            assert state.model == "smol"
            assert state.base_url == f"http://127.0.0.1:{settings.host_port}/v1"
            assert (state.problem, state.progress) == (None, None)

    async def test_an_answer_streams(self, daemon: PrivateEngine, settings: ContainerSettings) -> None:
        async with arcdesk_on(daemon, settings) as desk:
            await desk.start()
            events = await desk.ask()

            assert "Paris" in text_of(events)
            assert len([event for event in events if isinstance(event, TokenArrived)]) > 2
            assert isinstance(events[-1], AnswerFinished)
            assert events[-1].stats.device == "CPU"

    async def test_stop_ends_it_and_takes_the_container_away_and_it_starts_again(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        async with arcdesk_on(daemon, settings) as desk:
            await desk.start()
            desk.forget()
            await desk.service.stop()

            assert desk.phases == [READY, STOPPING, STOPPED]
            assert desk.now.problem is None
            assert desk.service.endpoint is None
            assert await our_containers(daemon) == []

            desk.forget()
            await desk.start()
            assert desk.phases == [STOPPED, STARTING, LOADING, READY]
            assert "Paris" in text_of(await desk.ask())

    async def test_restart_makes_a_new_container_and_shows_no_failure_between(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        async with arcdesk_on(daemon, settings) as desk:
            await desk.start()
            first = await the_container(daemon)
            desk.forget()
            await desk.service.restart()
            await desk.service.wait_ready()

            assert await the_container(daemon) != first
            assert desk.phases == [READY, STOPPING, STOPPED, STARTING, LOADING, READY]

    async def test_the_container_is_closed_to_others_and_reports_to_nobody(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        async with arcdesk_on(daemon, settings) as desk:
            await desk.start()
            told = await docker(daemon, "inspect", await the_container(daemon))
            container = json.loads(told)[0]
            assert desk.endpoint.api_key
            assert desk.endpoint.api_key not in told

            (binding,) = container["NetworkSettings"]["Ports"]["8000/tcp"]
            assert binding == {"HostIp": "127.0.0.1", "HostPort": str(settings.host_port)}
            gateway = container["NetworkSettings"]["Gateway"]  # another address of this computer
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((gateway, settings.host_port), timeout=5)

            variables = dict(pair.split("=", 1) for pair in container["Config"]["Env"])
            assert variables["VLLM_NO_USAGE_STATS"] == variables["DO_NOT_TRACK"] == "1"
            assert container["Config"]["Labels"]["io.arcdesk.role"] == "engine"
            assert container["Config"]["Labels"]["io.arcdesk.profile"] == settings.profile
            async with httpx.AsyncClient(base_url=desk.endpoint.base_url) as http:
                assert (await http.get("/models")).status_code == 401
                key = {"Authorization": f"Bearer {desk.endpoint.api_key}"}
                assert (await http.get("/models", headers=key)).status_code == 200


class TestCommands:
    async def test_stop_while_loading(self, daemon: PrivateEngine, settings: ContainerSettings) -> None:
        async with arcdesk_on(daemon, with_fault(settings, "slow")) as desk:
            await desk.service.start()
            await desk.until(LOADING)
            await desk.service.stop()

            assert desk.phases == [ABSENT, STARTING, LOADING, STOPPING, STOPPED]
            assert await our_containers(daemon) == []

    async def test_a_server_that_never_speaks_can_be_stopped(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        async with arcdesk_on(daemon, with_fault(settings, "silent")) as desk:
            await desk.service.start()
            await desk.until(LOADING)
            await desk.service.stop()

            assert desk.now.phase is STOPPED
            assert await our_containers(daemon) == []

    async def test_two_starts_at_once_make_one_container(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        async with arcdesk_on(daemon, settings) as desk:
            await asyncio.gather(desk.service.start(), desk.service.start())
            await desk.service.wait_ready()

            assert len(await our_containers(daemon)) == 1
            assert desk.phases == [ABSENT, STARTING, LOADING, READY]

    async def test_stop_during_a_start_wins(self, daemon: PrivateEngine, settings: ContainerSettings) -> None:
        async with arcdesk_on(daemon, settings) as desk:
            starting = asyncio.ensure_future(desk.service.start())
            await desk.until(STARTING)
            await desk.service.stop()
            await starting

            assert desk.now.phase is STOPPED
            assert desk.now.problem is None
            assert await our_containers(daemon) == []

    async def test_starting_with_other_settings_replaces_what_runs_and_shows_no_failure(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        async with arcdesk_on(daemon, settings) as desk:
            await desk.start()
            first = await the_container(daemon)
            desk.forget()
            await desk.service.use(
                replace(desk.service.settings, container=replace(settings, served_model_name="other"))
            )
            await desk.until(READY)  # the one that still runs
            await desk.start()

            assert await the_container(daemon) != first
            assert desk.endpoint.model == "other"
            assert FAILED not in desk.phases
            assert STOPPED not in desk.phases


class TestAdoption:
    async def test_a_second_arcdesk_finds_the_same_run_and_its_key(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        async with arcdesk_on(daemon, settings) as first:
            await first.start()
            key = first.endpoint.api_key
            container = await the_container(daemon)
            started_at = await inspected(daemon, container, STARTED_AT)
        async with arcdesk_on(daemon, settings) as second:
            await second.until(READY)
            # Its log is read beside the first request: the device may come a moment later.
            await second.until_true(lambda: second.now.device == "CPU", "its device")

            assert second.endpoint.api_key == key
            assert await the_container(daemon) == container
            assert await inspected(daemon, container, STARTED_AT) == started_at
            assert STARTING not in second.phases
            assert "Paris" in text_of(await second.ask())
            await second.service.start()  # what runs is taken as it is
            await second.service.wait_ready()
            assert await inspected(daemon, container, STARTED_AT) == started_at

    async def test_the_address_is_the_containers_not_the_settings(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        async with arcdesk_on(daemon, settings) as first:
            await first.start()
        async with arcdesk_on(daemon, replace(settings, host_port=settings.host_port - 1)) as second:
            state = await second.until(READY)

            assert state.base_url == f"http://127.0.0.1:{settings.host_port}/v1"
            assert second.endpoint.base_url == state.base_url

    async def test_one_that_still_loads_goes_on_with_all_steps_of_its_log(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        slow = with_fault(settings, "slow")
        async with arcdesk_on(daemon, slow) as first:
            await first.service.start()
            await first.until(LOADING)
        async with arcdesk_on(daemon, slow) as second:
            await second.until(READY)

            assert second.phases == [ABSENT, LOADING, READY]
            loading = [state.progress for state in second.states if state.phase is LOADING and state.progress]
            steps = list(dict.fromkeys(progress.step for progress in loading))
            assert steps == sorted(steps, key=list(LoadStep).index), "a step never goes back"
            assert steps[-1] is LoadStep.WARM_UP
            took_s = dict(loading[-1].finished)
            # The stand-in answers, unlike vLLM, before its log is through: the rest does not count then.
            assert took_s.keys() >= {LoadStep.IMPORT, LoadStep.CONFIG, LoadStep.WEIGHTS}
            assert took_s[LoadStep.CONFIG] >= 3  # the stand-in takes 2 s for each of its pauses
            assert any(progress.total == 1 for progress in loading if progress.step is LoadStep.WEIGHTS)

    async def test_found_killed_is_stopped(self, daemon: PrivateEngine, settings: ContainerSettings) -> None:
        async with arcdesk_on(daemon, settings) as first:
            await first.start()
        container = await the_container(daemon)
        await docker(daemon, "kill", container)
        async with arcdesk_on(daemon, settings) as second:
            state = await second.until(STOPPED, FAILED)

            assert await inspected(daemon, container, "{{.State.ExitCode}}") == "137"
            assert (state.phase, state.problem) == (STOPPED, None)

    async def test_found_failed_tells_the_cause_from_its_log(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        wrong = replace(settings, model_path="/llm/models/none")
        async with arcdesk_on(daemon, wrong) as first:
            await first.service.start()
            await first.until(FAILED)
        container = await the_container(daemon)
        await docker(daemon, "wait", container)
        async with arcdesk_on(daemon, wrong) as second:
            state = await second.until(STOPPED, FAILED)

            assert await inspected(daemon, container, "{{.State.ExitCode}}") == "1"
            assert state.phase is FAILED
            assert state.problem is not None
            assert state.problem.cause == "model_path"


class TestIdle:
    async def test_with_no_container_and_nobody_looking_docker_is_left_alone(
        self, daemon: PrivateEngine, settings: ContainerSettings, tiny_image: str
    ) -> None:
        sockets = open_sockets()
        async with arcdesk_on(daemon, settings) as desk:
            await asyncio.sleep(1)  # time in which a client or a thread would be made

            assert desk.phases == [ABSENT]
            assert docker_threads() == []
            assert open_sockets() - sockets == set()

            desk.service.look()  # somebody opens the window: now it watches
            async with asyncio.timeout(30):
                while not docker_threads():
                    await asyncio.sleep(0.05)
            await docker(daemon, "run", "-d", "--label", "io.arcdesk.role=engine", tiny_image)
            await desk.until(LOADING)

    async def test_a_ready_server_is_not_asked_while_nobody_looks(
        self, daemon: PrivateEngine, settings: ContainerSettings
    ) -> None:
        async with arcdesk_on(daemon, settings) as desk:
            await desk.start()
            container = await the_container(daemon)
            await asyncio.sleep(1)
            before = await tcp_counts(daemon, container)
            await asyncio.sleep(6)
            after = await tcp_counts(daemon, container)

            assert after["PassiveOpens"] == before["PassiveOpens"], "a connection was made"
            # One segment may be a keep-alive of the connection; a request and its answer are more.
            assert after["InSegs"] - before["InSegs"] <= 2


def open_sockets() -> set[str]:
    """The sockets of this process."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = os.readlink(entry)
        except OSError:  # the descriptor of the listing itself
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


async def tcp_counts(daemon: PrivateEngine, container_id: str) -> dict[str, int]:
    """The kernel's counters of the container's own network."""
    lines = (await docker(daemon, "exec", container_id, "cat", "/proc/net/snmp")).splitlines()
    names, figures = (line.split()[1:] for line in lines if line.startswith("Tcp:"))
    return dict(zip(names, map(int, figures), strict=True))
