"""The Docker adapter against a real engine, when all goes well."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import docker
import httpx
import pytest

from arcdesk.core.engine_state import ContainerObservation
from arcdesk.core.errors import NotFoundError
from arcdesk.core.ports import ContainerEvent, ContainerEventKind, LogLine, PullProgress
from arcdesk.core.settings import ContainerSettings
from arcdesk.engine.docker_runtime import DockerRuntime
from tests.docker.runtime_rig import (
    collect,
    docker_threads,
    free_port,
    left_over_threads,
    own_engine,
    registry,
    runtime,
    sdk,
    settings,
    until,
)
from tests.rig.docker_engine import DockerEngine
from tests.rig.private_engine import PrivateEngine

__all__ = ["own_engine", "runtime", "sdk", "settings"]  # fixtures
pytestmark = pytest.mark.docker
OURS = {"io.arcdesk.role": "engine"}
MODEL_DIR = "/llm/models/SmolLM2-135M-Instruct"


async def observed(
    runtime: DockerRuntime, condition: Callable[[ContainerObservation], bool], timeout_s: float = 20.0
) -> ContainerObservation:
    async with asyncio.timeout(timeout_s):
        while True:
            found = await runtime.find()
            if found is not None and condition(found):
                return found
            await asyncio.sleep(0.05)


async def all_lines(runtime: DockerRuntime, container_id: str, since: float = 0.0) -> list[LogLine]:
    async with asyncio.timeout(20):
        return [line async for line in runtime.follow_log(container_id, since=since)]


class TestStart:
    async def test_a_container_is_made_as_the_settings_say(
        self, runtime: DockerRuntime, settings: ContainerSettings, own_engine: PrivateEngine
    ) -> None:
        seen = await runtime.start(settings)

        made = json.loads(own_engine.engine.docker("inspect", seen.container_id))[0]
        assert seen.is_running
        assert seen.name == settings.name
        assert seen.host_port == settings.host_port
        assert seen.served_model == "tinyllama"
        assert seen.model_path == "TinyLlama/TinyLlama-1.1B-Chat-v1.0"
        assert seen.started_at == pytest.approx(time.time(), abs=30)
        assert made["NetworkSettings"]["Ports"]["8000/tcp"] == [
            {"HostIp": "127.0.0.1", "HostPort": str(settings.host_port)}
        ]
        assert made["HostConfig"]["ShmSize"] == 64 * 1024**2
        assert made["HostConfig"]["Privileged"] is False
        assert made["HostConfig"]["Memory"] == 0
        assert made["HostConfig"]["RestartPolicy"]["Name"] in ("", "no")
        assert made["Config"]["Labels"]["io.arcdesk.role"] == "engine"
        environment = dict(pair.split("=", 1) for pair in made["Config"]["Env"])
        assert "VLLM_API_KEY" not in environment
        assert environment["TZ"] == "Etc/UTC"

    async def test_the_cache_folder_is_made_by_us_and_writable_from_inside(
        self, runtime: DockerRuntime, settings: ContainerSettings, own_engine: PrivateEngine
    ) -> None:
        seen = await runtime.start(settings)
        cache = Path(settings.hf_cache_dir)

        assert cache.stat().st_uid == os.getuid()
        own_engine.engine.docker("exec", seen.container_id, "touch", "/root/.cache/huggingface/mark")
        assert (cache / "mark").exists()

    async def test_the_models_folder_is_read_only_inside(
        self, runtime: DockerRuntime, settings: ContainerSettings, sdk: docker.DockerClient, tmp_path: Path
    ) -> None:
        models = tmp_path / "models"
        models.mkdir()
        (models / "config.json").write_text("{}")
        seen = await runtime.start(replace(settings, models_dir=str(models)))
        container = sdk.containers.get(seen.container_id)

        assert container.exec_run(["cat", "/llm/models/config.json"]).output == b"{}"
        assert container.exec_run(["touch", "/llm/models/mark"]).exit_code != 0

    async def test_each_new_container_has_a_new_key(
        self, runtime: DockerRuntime, settings: ContainerSettings
    ) -> None:
        first = await runtime.start(settings)
        await runtime.remove(first.container_id)
        second = await runtime.start(settings)

        assert first.api_key
        assert second.api_key
        assert len(second.api_key) >= 40
        assert first.api_key != second.api_key

    async def test_another_arcdesk_adopts_the_running_container_with_its_key(
        self, runtime: DockerRuntime, settings: ContainerSettings, own_engine: PrivateEngine
    ) -> None:
        first = await runtime.start(settings)
        other = DockerRuntime(own_engine.host, environ={})
        try:
            assert await other.find() == first
            assert await other.start(settings) == first
        finally:
            await other.aclose()

    async def test_a_paused_container_is_adopted_awake(
        self, runtime: DockerRuntime, settings: ContainerSettings, sdk: docker.DockerClient
    ) -> None:
        first = await runtime.start(settings)
        sdk.containers.get(first.container_id).pause()

        again = await runtime.start(settings)

        assert again.container_id == first.container_id
        assert again.status == "running"

    async def test_other_settings_replace_the_running_container(
        self, runtime: DockerRuntime, settings: ContainerSettings, sdk: docker.DockerClient
    ) -> None:
        first = await runtime.start(settings)
        second = await runtime.start(replace(settings, max_model_len=1024))

        assert second.container_id != first.container_id
        assert second.host_port == first.host_port  # the port of a left-over is not 'taken'
        assert [one.id for one in sdk.containers.list(all=True)] == [second.container_id]

    async def test_an_ended_container_is_replaced(
        self, runtime: DockerRuntime, settings: ContainerSettings, sdk: docker.DockerClient
    ) -> None:
        first = await runtime.start(settings)
        await runtime.stop(first.container_id, grace_s=5)
        second = await runtime.start(settings)

        assert second.is_running
        assert [one.id for one in sdk.containers.list(all=True)] == [second.container_id]

    async def test_the_graphics_device_is_passed_through(
        self,
        runtime: DockerRuntime,
        settings: ContainerSettings,
        sdk: docker.DockerClient,
        render_node: Path,
    ) -> None:
        seen = await runtime.start(replace(settings, device="/dev/dri"))

        listing = sdk.containers.get(seen.container_id).exec_run(["ls", "/dev/dri"])
        assert render_node.name in listing.output.decode()


class TestFind:
    async def test_no_container_is_none(
        self, runtime: DockerRuntime, sdk: docker.DockerClient, tiny_image: str
    ):
        foreign = sdk.containers.run(tiny_image, detach=True)
        try:
            assert await runtime.find() is None
            assert await runtime.peek() is False
        finally:
            foreign.remove(force=True)

    async def test_peek_sees_a_container_even_when_it_has_ended(
        self, runtime: DockerRuntime, sdk: docker.DockerClient, tiny_image: str
    ) -> None:
        sdk.containers.run(tiny_image, ["true"], labels=OURS)
        assert await runtime.peek() is True

    async def test_the_exit_code_is_told(
        self, runtime: DockerRuntime, sdk: docker.DockerClient, tiny_image: str
    ) -> None:
        sdk.containers.run(tiny_image, ["sh", "-c", "sleep .3; exit 3"], labels=OURS, detach=True)
        seen = await observed(runtime, lambda one: one.has_ended)

        assert (seen.exit_code, seen.oom_killed) == (3, False)
        assert seen.finished_at >= seen.started_at > 0

    async def test_a_kill_for_lack_of_memory_is_told(
        self, runtime: DockerRuntime, sdk: docker.DockerClient, tiny_image: str
    ) -> None:
        greedy = ["dd", "if=/dev/zero", "of=/dev/null", "bs=256M", "count=1"]
        sdk.containers.run(tiny_image, greedy, labels=OURS, mem_limit="16m", detach=True)
        # Docker learns of the end and of its reason by two messages, in either order.
        seen = await observed(runtime, lambda one: one.has_ended and one.oom_killed)

        assert seen.exit_code == 137

    async def test_the_running_one_comes_before_the_newest(
        self, runtime: DockerRuntime, sdk: docker.DockerClient, tiny_image: str
    ) -> None:
        running = sdk.containers.run(tiny_image, labels=OURS, detach=True)
        sdk.containers.create(tiny_image, labels=OURS)

        seen = await runtime.find()
        assert seen is not None
        assert seen.container_id == running.id
        assert seen.exit_code is None

    async def test_without_a_running_one_it_is_the_newest(
        self, runtime: DockerRuntime, sdk: docker.DockerClient, tiny_image: str
    ) -> None:
        sdk.containers.run(tiny_image, ["true"], labels=OURS)
        newest = sdk.containers.create(tiny_image, labels=OURS)

        seen = await runtime.find()
        assert seen is not None
        assert (seen.container_id, seen.status) == (newest.id, "created")

    async def test_images_are_known_by_name(self, runtime: DockerRuntime, tiny_image: str) -> None:
        assert await runtime.has_image(tiny_image)
        assert not await runtime.has_image("arcdesk-rig/none:1")


class TestServer:
    """With a real server behind the start script of the image."""

    @pytest.fixture
    def serving(
        self,
        docker_engine: DockerEngine,
        own_engine: PrivateEngine,
        llama_image: str,
        settings: ContainerSettings,
    ) -> ContainerSettings:
        if not own_engine.engine.has_image(llama_image):
            own_engine.load_image(docker_engine, llama_image)
        return replace(settings, image=llama_image, model_path=MODEL_DIR, served_model_name="smol")

    async def test_it_answers_to_the_key_of_the_observation(
        self, runtime: DockerRuntime, serving: ContainerSettings
    ) -> None:
        seen = await runtime.start(serving)
        url = f"http://127.0.0.1:{seen.host_port}"
        async with httpx.AsyncClient(base_url=url) as http:
            await _healthy(http)
            denied = await http.get("/v1/models")
            models = await http.get("/v1/models", headers={"Authorization": f"Bearer {seen.api_key}"})

        assert denied.status_code == 401
        assert [model["id"] for model in models.json()["data"]] == ["smol"]

    async def test_stop_ends_the_server_itself_within_the_grace(
        self, runtime: DockerRuntime, serving: ContainerSettings
    ) -> None:
        seen = await runtime.start(serving)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{seen.host_port}") as http:
            await _healthy(http)
        began = time.monotonic()
        await runtime.stop(seen.container_id, grace_s=20)

        ended = await runtime.find()
        assert ended is not None
        assert ended.has_ended
        assert ended.exit_code != 137  # what `docker stop` alone ends in: bash as PID 1 never hears TERM
        assert time.monotonic() - began < 10

    async def test_the_log_is_followed_from_the_first_line_to_the_end(
        self, runtime: DockerRuntime, serving: ContainerSettings
    ) -> None:
        seen = await runtime.start(serving)
        follower = asyncio.ensure_future(all_lines(runtime, seen.container_id, since=seen.started_at))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{seen.host_port}") as http:
            await _healthy(http)
        await runtime.stop(seen.container_id, grace_s=20)

        texts = [line.text for line in await follower]
        assert texts[0] == f"Starting service with model: {MODEL_DIR}"
        assert any("Application startup complete." in text for text in texts)


async def _healthy(http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(40):
        while True:
            try:
                if (await http.get("/health")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)


class TestStop:
    async def test_an_image_without_a_server_is_stopped_by_docker(
        self, runtime: DockerRuntime, settings: ContainerSettings
    ) -> None:
        seen = await runtime.start(settings)
        await runtime.stop(seen.container_id, grace_s=30)  # no server to wait for: the grace is not used

        ended = await runtime.find()
        assert ended is not None
        assert (ended.status, ended.exit_code) == ("exited", 0)

    async def test_a_paused_container_is_stopped(
        self, runtime: DockerRuntime, settings: ContainerSettings, sdk: docker.DockerClient
    ) -> None:
        seen = await runtime.start(settings)
        sdk.containers.get(seen.container_id).pause()
        await runtime.stop(seen.container_id, grace_s=1)

        ended = await runtime.find()
        assert ended is not None
        assert ended.has_ended

    async def test_a_gone_container_is_fine(
        self, runtime: DockerRuntime, settings: ContainerSettings
    ) -> None:
        seen = await runtime.start(settings)
        await runtime.remove(seen.container_id)
        await runtime.stop(seen.container_id, grace_s=1)
        await runtime.remove(seen.container_id)

        assert await runtime.find() is None


class TestLog:
    async def _log_of(self, runtime: DockerRuntime, sdk: docker.DockerClient, image: str, script: str):
        container = sdk.containers.run(image, ["sh", "-c", script], labels=OURS, detach=True)
        return await all_lines(runtime, container.id)

    async def test_both_outputs_come_in_their_order_with_dockers_time(
        self, runtime: DockerRuntime, sdk: docker.DockerClient, tiny_image: str
    ) -> None:
        script = "for i in 1 2 3; do echo out $i; sleep .05; echo err $i >&2; sleep .05; done"
        lines = await self._log_of(runtime, sdk, tiny_image, script)

        assert [line.text for line in lines] == ["out 1", "err 1", "out 2", "err 2", "out 3", "err 3"]
        times = [line.at for line in lines]
        assert times == sorted(times)
        assert times[0] == pytest.approx(time.time(), abs=30)
        assert times[-1] - times[0] >= 0.2

    async def test_a_line_that_docker_cuts_in_pieces_is_joined(
        self, runtime: DockerRuntime, sdk: docker.DockerClient, tiny_image: str
    ) -> None:
        script = "printf 'ä%.0s' $(seq 1 25001); echo; echo next"
        lines = await self._log_of(runtime, sdk, tiny_image, script)

        assert [line.text for line in lines] == ["ä" * 25001, "next"]

    async def test_a_progress_bar_becomes_lines(
        self, runtime: DockerRuntime, sdk: docker.DockerClient, tiny_image: str
    ) -> None:
        script = r"printf '\rshards: 0/2\rshards: 1/2\rshards: 2/2\n\ndone'"
        lines = await self._log_of(runtime, sdk, tiny_image, script)

        assert [line.text for line in lines] == ["shards: 0/2", "shards: 1/2", "shards: 2/2", "", "done"]

    async def test_since_leaves_out_what_was_before(
        self, runtime: DockerRuntime, sdk: docker.DockerClient, tiny_image: str
    ) -> None:
        script = "echo old; sleep 1.5; echo new"
        container = sdk.containers.run(tiny_image, ["sh", "-c", script], labels=OURS, detach=True)
        old, _ = await all_lines(runtime, container.id)

        lines = await all_lines(runtime, container.id, since=old.at + 1.3)
        assert [line.text for line in lines] == ["new"]

    async def test_thousands_of_lines_arrive_whole(
        self, runtime: DockerRuntime, sdk: docker.DockerClient, tiny_image: str
    ) -> None:
        lines = await self._log_of(runtime, sdk, tiny_image, "seq 1 20000")
        assert [line.text for line in lines] == [str(number) for number in range(1, 20001)]

    async def test_closing_the_iterator_ends_the_thread(
        self, runtime: DockerRuntime, settings: ContainerSettings, sdk: docker.DockerClient, tiny_image: str
    ) -> None:
        endless = ["sh", "-c", "echo first; sleep 1000"]
        container = sdk.containers.run(tiny_image, endless, labels=OURS, detach=True)
        lines = runtime.follow_log(container.id, since=0)
        assert (await anext(lines)).text == "first"
        await lines.aclose()

        await until(lambda: "docker-log" not in [thread.name for thread in docker_threads()], 3)

    async def test_a_cancelled_reader_ends_the_thread(
        self, runtime: DockerRuntime, sdk: docker.DockerClient, tiny_image: str
    ) -> None:
        container = sdk.containers.run(tiny_image, labels=OURS, detach=True)
        task = asyncio.ensure_future(all_lines(runtime, container.id))
        await until(lambda: "docker-log" in [thread.name for thread in docker_threads()])
        task.cancel()
        await asyncio.wait({task})

        await until(lambda: "docker-log" not in [thread.name for thread in docker_threads()], 3)

    async def test_the_tail_is_the_end_of_the_log(
        self, runtime: DockerRuntime, sdk: docker.DockerClient, tiny_image: str
    ) -> None:
        container = sdk.containers.run(tiny_image, ["seq", "1", "50"], labels=OURS, detach=True)
        await all_lines(runtime, container.id)

        tail = await runtime.log_tail(container.id, lines=3)
        assert [line.text for line in tail] == ["48", "49", "50"]

    async def test_a_gone_container_has_no_lines(self, runtime: DockerRuntime) -> None:
        assert await all_lines(runtime, "0123456789ab") == []
        with pytest.raises(NotFoundError):
            await runtime.log_tail("0123456789ab", lines=3)


class TestEvents:
    async def test_the_life_of_our_container_is_told_and_no_other(
        self,
        runtime: DockerRuntime,
        settings: ContainerSettings,
        sdk: docker.DockerClient,
        tiny_image: str,
    ) -> None:
        heard: list[ContainerEvent] = []
        task = asyncio.ensure_future(collect(runtime, heard))
        await until(lambda: bool(heard))
        foreign = sdk.containers.run(tiny_image, detach=True)
        seen = await runtime.start(settings)
        foreign.remove(force=True)
        sdk.containers.get(seen.container_id).stop(timeout=5)
        await runtime.remove(seen.container_id)
        await until(lambda: heard[-1].kind is ContainerEventKind.REMOVED)
        task.cancel()
        await asyncio.wait({task})

        kind = ContainerEventKind
        assert [event.kind for event in heard] == [
            kind.SUBSCRIBED, kind.CREATED, kind.STARTED, kind.SIGNALLED, kind.DIED, kind.REMOVED
        ]  # fmt: skip
        assert {event.container_id for event in heard[1:]} == {seen.container_id}
        assert heard[3].signal == 15
        assert heard[4].exit_code == 0
        assert heard[1].at == pytest.approx(time.time(), abs=30)

    async def test_nothing_is_missed_after_subscribed(
        self, runtime: DockerRuntime, sdk: docker.DockerClient, tiny_image: str
    ) -> None:
        for _ in range(5):
            events = runtime.events()
            assert (await anext(events)).kind is ContainerEventKind.SUBSCRIBED
            container = sdk.containers.create(tiny_image, labels=OURS)
            async with asyncio.timeout(5):
                event = await anext(events)
            await events.aclose()
            assert (event.kind, event.container_id) == (ContainerEventKind.CREATED, container.id)
            container.remove()


class TestPull:
    async def test_progress_rises_to_the_size_of_all_layers(self, runtime: DockerRuntime) -> None:
        with registry() as shared:
            shared.go_on.set()
            async with asyncio.timeout(60):
                seen = [progress async for progress in runtime.pull(shared.image)]

            done = [progress.done_bytes for progress in seen if progress.done_bytes is not None]
            assert done == sorted(done)
            assert len(set(done)) > 2
            assert seen[-1].done_bytes == seen[-1].total_bytes
            assert done[-1] >= shared.layer_bytes
            assert await runtime.has_image(shared.image)

    async def test_closing_cancels_the_download(self, runtime: DockerRuntime) -> None:
        with registry() as shared:
            progress = runtime.pull(shared.image)
            async with asyncio.timeout(30):
                while not _is_under_way(await anext(progress)):
                    pass
            began = time.monotonic()
            await progress.aclose()

            assert time.monotonic() - began < 1
            await until(lambda: "docker-pull" not in [thread.name for thread in docker_threads()], 3)
            shared.go_on.set()
            assert not await runtime.has_image(shared.image)

    async def test_an_unknown_tag_is_explained(self, runtime: DockerRuntime) -> None:
        with registry() as shared, pytest.raises(NotFoundError) as caught:
            async for _ in runtime.pull(shared.image.replace(":1", ":gone")):
                pass
        assert caught.value.problem.cause == "docker_image"
        assert caught.value.problem.actions


def _is_under_way(progress: PullProgress) -> bool:
    return bool(progress.done_bytes) and progress.done_bytes != progress.total_bytes


class TestEnd:
    async def test_no_thread_is_left_and_it_takes_less_than_a_second(
        self, own_engine: PrivateEngine, settings: ContainerSettings
    ) -> None:
        runtime = DockerRuntime(own_engine.host, environ={})
        seen = await runtime.start(settings)
        events, lines = runtime.events(), runtime.follow_log(seen.container_id, since=0)
        await anext(events)
        waiting = asyncio.ensure_future(anext(lines, None))
        await until(lambda: len(docker_threads()) >= 3)
        await runtime.remove(seen.container_id)

        began = time.monotonic()
        await runtime.aclose()
        assert time.monotonic() - began < 1
        assert left_over_threads() == []
        assert await waiting is None
        assert await anext(events, None) is None

    def test_it_works_on_qts_loop(self, own_engine: PrivateEngine, settings: ContainerSettings) -> None:
        qasync = pytest.importorskip("qasync")
        from PySide6.QtWidgets import QApplication

        app = QApplication.instance() or QApplication(["test", "-platform", "offscreen"])
        with qasync.QEventLoop(app) as loop:
            assert loop.run_until_complete(_one_life(own_engine.host, settings)) == ["subscribed", "create"]
        assert left_over_threads() == []


async def _one_life(host: str, settings: ContainerSettings) -> list[str]:
    runtime = DockerRuntime(host, environ={})
    events = runtime.events()
    kinds = [(await anext(events)).kind.value]
    assert await runtime.peek() is False
    seen = await runtime.start(replace(settings, host_port=free_port()))
    kinds.append((await anext(events)).kind.value)
    assert await runtime.peek() is True
    await runtime.stop(seen.container_id, grace_s=1)
    assert await all_lines(runtime, seen.container_id) == []
    await runtime.remove(seen.container_id)
    await runtime.aclose()
    return kinds
