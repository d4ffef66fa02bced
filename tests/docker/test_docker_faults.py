"""The Docker adapter against a real engine that refuses, hangs or dies."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from arcdesk.core.errors import (
    ActionKind,
    ArcDeskError,
    DockerUnreachable,
    EngineError,
    NotFoundError,
    Problem,
    UsageError,
)
from arcdesk.core.ports import ContainerEvent, ContainerEventKind
from arcdesk.core.settings import ContainerSettings, Settings, change_container
from arcdesk.engine import docker_connect, docker_start
from arcdesk.engine.docker_address import Address
from arcdesk.engine.docker_connect import translated
from arcdesk.engine.docker_runtime import DockerRuntime
from tests.docker.runtime_rig import collect, own_engine, runtime, sdk, settings, until
from tests.rig.docker_engine import DockerEngine
from tests.rig.private_engine import PrivateEngine, private_engine

__all__ = ["own_engine", "runtime", "sdk", "settings"]  # fixtures
pytestmark = pytest.mark.docker
PROMPT_S = 5.0


def kinds(problem: Problem) -> set[ActionKind]:
    return {action.kind for action in problem.actions}


def applied(settings: ContainerSettings, problem: Problem) -> ContainerSettings:
    """The settings after the person pressed the button."""
    action = next(action for action in problem.actions if action.kind is ActionKind.APPLY_SETTINGS)
    return change_container(Settings(container=settings), action.settings).container


async def refused(runtime: DockerRuntime, settings: ContainerSettings) -> ArcDeskError:
    with pytest.raises(ArcDeskError) as caught:
        await runtime.start(settings)
    assert await runtime.find() is None, "a refused start leaves a container behind"
    return caught.value


class TestRefusedStart:
    async def test_a_missing_image_can_be_downloaded_or_gone_round(
        self, runtime: DockerRuntime, settings: ContainerSettings
    ) -> None:
        error = await refused(runtime, replace(settings, image="arcdesk-rig/none:1"))

        assert isinstance(error, NotFoundError)
        assert error.problem.cause == "docker_image"
        assert "arcdesk-rig/none:1" in error.problem.detail
        download = next(one for one in error.problem.actions if one.kind is ActionKind.PULL_IMAGE)
        assert download.target == "arcdesk-rig/none:1"
        assert ActionKind.USE_EMBEDDED in kinds(error.problem)

    async def test_a_missing_device_is_told_and_the_half_made_container_removed(
        self, runtime: DockerRuntime, settings: ContainerSettings
    ) -> None:
        error = await refused(runtime, replace(settings, device="/dev/no-such-card"))

        assert isinstance(error, EngineError)
        assert error.problem.cause == "docker_device"
        assert error.problem.actions

    async def test_a_port_of_another_container_names_it_and_offers_the_next(
        self,
        runtime: DockerRuntime,
        settings: ContainerSettings,
        sdk: docker.DockerClient,
        tiny_image: str,
    ) -> None:
        port = settings.host_port
        sdk.containers.run(tiny_image, name="neighbour", ports={"80/tcp": ("127.0.0.1", port)}, detach=True)
        error = await refused(runtime, settings)

        assert error.problem.cause == "docker_port"
        assert str(port) in error.problem.title
        assert "'neighbour'" in error.problem.detail
        second = await runtime.start(applied(settings, error.problem))
        assert second.is_running
        assert second.host_port != port

    async def test_a_port_of_a_process_names_it(
        self, runtime: DockerRuntime, settings: ContainerSettings
    ) -> None:
        with socket.create_server(("127.0.0.1", settings.host_port)):
            error = await refused(runtime, settings)

        assert error.problem.cause == "docker_port"
        assert f"process {os.getpid()}" in error.problem.detail

    async def test_a_port_taken_after_our_look_is_told_from_dockers_own_words(
        self, own_engine: PrivateEngine, runtime: DockerRuntime, settings: ContainerSettings
    ) -> None:
        client = docker.DockerClient(base_url=own_engine.host)
        address = Address(host=own_engine.host, source="The test")
        try:
            docker_start.prepare_folders(settings)
            with (
                socket.create_server(("127.0.0.1", settings.host_port)),
                pytest.raises(EngineError) as caught,
                translated(address, settings),
            ):
                docker_start.create_and_start(client, address, settings, {})
        finally:
            client.close()

        assert caught.value.problem.cause == "docker_port"
        assert f"process {os.getpid()}" in caught.value.problem.detail
        assert await runtime.find() is None

    async def test_a_name_of_a_foreign_container_is_told_with_two_ways_out(
        self,
        runtime: DockerRuntime,
        settings: ContainerSettings,
        sdk: docker.DockerClient,
        tiny_image: str,
    ) -> None:
        foreign = sdk.containers.create(tiny_image, name=settings.name)
        error = await refused(runtime, settings)

        assert error.problem.cause == "docker_name"
        assert tiny_image in error.problem.detail
        remove = next(one for one in error.problem.actions if one.kind is ActionKind.REMOVE_CONTAINER)
        assert remove.target == foreign.id
        renamed = await runtime.start(applied(settings, error.problem))
        assert renamed.is_running
        assert renamed.name != settings.name

        await runtime.remove(renamed.container_id)
        await runtime.remove(remove.target)
        assert (await runtime.start(settings)).name == settings.name

    async def test_a_wrong_setting_is_refused_before_docker_is_asked(
        self, settings: ContainerSettings
    ) -> None:
        runtime = DockerRuntime("unix:///nowhere.sock", environ={})
        with pytest.raises(UsageError):
            await runtime.start(replace(settings, model_path="my models/x"))
        await runtime.aclose()

    @pytest.mark.parametrize("change", [{"shm_size": "much"}, {"name": "no spaces please"}])
    async def test_what_docker_does_not_understand_is_an_error_with_its_words(
        self, runtime: DockerRuntime, settings: ContainerSettings, change: dict[str, str]
    ) -> None:
        error = await refused(runtime, replace(settings, **change))  # type: ignore[arg-type]
        assert isinstance(error, EngineError)
        assert next(iter(change.values())) in str(error) + error.problem.evidence

    async def test_folders_that_cannot_be_used_are_told(
        self, runtime: DockerRuntime, settings: ContainerSettings, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("in the way")
        blocked = await refused(runtime, replace(settings, hf_cache_dir=str(tmp_path / "file" / "hf")))
        missing = await refused(runtime, replace(settings, models_dir=str(tmp_path / "models")))

        assert blocked.problem.cause == missing.problem.cause == "bad_setting"
        assert str(tmp_path / "models") in missing.problem.detail
        assert not (tmp_path / "models").exists()

    async def test_a_refused_start_keeps_the_container_that_works(
        self, runtime: DockerRuntime, settings: ContainerSettings
    ) -> None:
        working = await runtime.start(settings)
        with pytest.raises(NotFoundError):
            await runtime.start(replace(settings, image="arcdesk-rig/none:1"))

        kept = await runtime.find()
        assert kept is not None
        assert (kept.container_id, kept.is_running) == (working.container_id, True)


class TestUnreachable:
    async def _reason(self, host: str | None, environ: dict[str, str] | None = None) -> Problem:
        runtime = DockerRuntime(host, environ=environ or {})
        with pytest.raises(DockerUnreachable) as caught:
            await runtime.ping()
        assert await runtime.peek() is False
        with pytest.raises(DockerUnreachable):
            await anext(runtime.events())
        await runtime.aclose()
        assert caught.value.problem.actions
        return caught.value.problem

    async def test_a_socket_without_a_listener_means_not_running(self, tmp_path: Path) -> None:
        path = tmp_path / "docker.sock"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        problem = await self._reason(f"unix://{path}")

        assert problem.cause == "docker_daemon"
        assert "refused" in problem.detail
        copy = next(one for one in problem.actions if one.kind is ActionKind.COPY)
        assert copy.target == "sudo systemctl start docker"

    async def test_a_stated_address_that_is_wrong_is_named_with_its_source(self, tmp_path: Path) -> None:
        host = f"unix://{tmp_path}/none.sock"
        problem = await self._reason(None, {"DOCKER_HOST": host})

        assert host in problem.title
        assert "DOCKER_HOST" in problem.detail

    async def test_an_engine_on_another_computer_is_declined(self) -> None:
        problem = await self._reason("ssh://somebody@example.invalid")
        assert "on this computer" in problem.detail

    async def test_a_closed_socket_means_no_permission(self, own_engine: PrivateEngine) -> None:
        path = Path(own_engine.host.removeprefix("unix://"))
        with nobody() if os.geteuid() == 0 else closed(path):
            problem = await self._reason(own_engine.host)

        assert problem.cause == "docker_permission"
        copy = next(one for one in problem.actions if one.kind is ActionKind.COPY)
        assert copy.target == "sudo usermod -aG docker $USER"
        assert ActionKind.USE_EMBEDDED in kinds(problem)

    async def test_an_engine_that_hangs_is_told_after_the_timeout(
        self, own_engine: PrivateEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(docker_connect, "CONNECT_TIMEOUT_S", 1)
        pid = own_engine.daemon.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            problem = await self._reason(own_engine.host)
        finally:
            os.kill(pid, signal.SIGCONT)

        assert problem.cause == "docker_daemon"
        assert "answer" in problem.title
        assert ActionKind.START in kinds(problem)

    def test_loading_the_sdk_waits_for_the_first_call(self) -> None:
        code = (
            "import sys, asyncio, arcdesk.engine.docker_runtime as m\n"
            "async def main():\n"
            "    runtime = m.DockerRuntime('unix:///nowhere.sock', environ={})\n"
            "    assert await runtime.peek() is False\n"
            "    await runtime.aclose()\n"
            "asyncio.run(main())\n"
            "assert not {'docker', 'requests'} & set(sys.modules), 'loaded'\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@contextmanager
def nobody() -> Iterator[None]:
    """This process as another user, who is not in Docker's group."""
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def closed(path: Path) -> Iterator[None]:
    """A socket that its owner may not open."""
    mode = path.stat().st_mode
    path.chmod(0)
    try:
        yield
    finally:
        path.chmod(mode)


@pytest.fixture
def mortal_engine(docker_engine: DockerEngine, tiny_image: str, tmp_path: Path) -> Iterator[PrivateEngine]:
    """An engine to be killed."""
    with private_engine(tmp_path / "engine") as engine:
        engine.load_image(docker_engine, tiny_image)
        yield engine


class TestEngineDies:
    async def test_streams_tell_it_at_once_and_calls_work_again_after_the_restart(
        self, mortal_engine: PrivateEngine, settings: ContainerSettings
    ) -> None:
        runtime = DockerRuntime(mortal_engine.host, environ={})
        try:
            seen = await runtime.start(settings)
            events = runtime.events()
            assert (await anext(events)).kind is ContainerEventKind.SUBSCRIBED
            next_event = asyncio.ensure_future(anext(events))
            lines = runtime.follow_log(seen.container_id, since=0)
            speak = ("exec", seen.container_id, "sh", "-c", "echo hello > /proc/1/fd/1")
            mortal_engine.engine.docker(*speak)
            assert (await anext(lines)).text == "hello"
            next_line = asyncio.ensure_future(anext(lines))

            began = time.monotonic()
            mortal_engine.kill()
            for stream in (next_event, next_line):
                with pytest.raises(DockerUnreachable):
                    await asyncio.wait_for(stream, PROMPT_S)
            assert time.monotonic() - began < PROMPT_S
            with pytest.raises(DockerUnreachable) as caught:
                await runtime.find()
            assert caught.value.problem.cause == "docker_daemon"

            mortal_engine.start()
            found = await runtime.find()
            assert found is not None
            assert found.container_id == seen.container_id
            assert (await anext(runtime.events())).kind is ContainerEventKind.SUBSCRIBED
        finally:
            await runtime.aclose()

    async def test_an_orderly_end_of_docker_is_told_too(
        self, mortal_engine: PrivateEngine, settings: ContainerSettings
    ) -> None:
        runtime = DockerRuntime(mortal_engine.host, environ={})
        try:
            await runtime.start(settings)
            heard: list[ContainerEvent] = []
            listening = asyncio.ensure_future(collect(runtime, heard))
            await until(lambda: bool(heard))
            await asyncio.get_running_loop().run_in_executor(None, mortal_engine.stop)
            with pytest.raises(DockerUnreachable):
                await asyncio.wait_for(listening, PROMPT_S)
            assert ContainerEventKind.DIED in {event.kind for event in heard}
        finally:
            await runtime.aclose()


def test_reasons_are_ranked_by_what_they_tell() -> None:
    failures = [
        docker_connect.Failure(
            address=Address(host=f"unix:///{code}", source="Docker's usual place"),
            error=OSError(code, os.strerror(code)),
        )
        for code in (errno.ENOENT, errno.ECONNREFUSED, errno.EACCES)
    ]
    causes = [docker_connect.unreachable_problem(failures[:count]).cause for count in (1, 2, 3)]
    assert causes[0] in ("docker_missing", "docker_daemon")
    assert causes[1:] == ["docker_daemon", "docker_permission"]
