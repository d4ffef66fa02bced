"""The container's key and the hub's token: inside, and nowhere that Docker shows."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from pathlib import Path

import docker as sdk_library
import httpx
import pytest

from arcdesk.core.egress import Contact, Reason
from arcdesk.core.errors import EngineError
from arcdesk.core.settings import ContainerSettings
from arcdesk.engine.docker_runtime import DockerRuntime
from tests.docker.engine_helpers import (
    arcdesk_on,
    daemon,
    docker,
    own_daemon,
    settings,
    the_container,
)
from tests.docker.runtime_rig import registry
from tests.rig.private_engine import PrivateEngine

__all__ = ["daemon", "own_daemon", "settings"]  # fixtures
pytestmark = pytest.mark.docker

TOKEN = "hf_MARK_of_the_hub_token_0815"
OLD_KEY = "sk-MARK-of-an-older-arcdesk"


async def token() -> str | None:
    return TOKEN


def command_lines() -> str:
    """Of every process on this computer, those in containers included."""
    lines = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            lines.append((process / "cmdline").read_text(errors="replace"))
        except OSError:  # ended meanwhile
            continue
    return "\n".join(lines)


async def inside(daemon: PrivateEngine, container: str, *command: str) -> str:
    return await docker(daemon, "exec", container, *command)


@contextmanager
def client_of(daemon: PrivateEngine) -> Iterator[sdk_library.DockerClient]:
    client = sdk_library.DockerClient(base_url=daemon.host)
    try:
        yield client
    finally:
        client.close()


@pytest.fixture
async def runtime(daemon: PrivateEngine) -> AsyncIterator[DockerRuntime]:
    """The adapter with a token for the hub."""
    async with aclosing(DockerRuntime(daemon.host, environ={}, hub_token=token)) as runtime:
        yield runtime


@pytest.fixture
def tiny(settings: ContainerSettings, tiny_image: str) -> ContainerSettings:
    """A container that only runs a process."""
    return replace(settings, image=tiny_image)


async def test_docker_shows_no_secret_and_the_server_wants_its_key(
    daemon: PrivateEngine, settings: ContainerSettings
) -> None:
    async with arcdesk_on(daemon, settings) as desk:
        await desk.start()
        key = desk.endpoint.api_key
        assert key is not None and len(key) >= 40
        container = await the_container(daemon)
        shown = [
            await docker(daemon, "inspect", container),
            await docker(daemon, "ps", "--all", "--no-trunc"),
            await docker(daemon, "top", container),
            await docker(daemon, "logs", container),
            await docker(daemon, "history", "--no-trunc", settings.image),
            await docker(daemon, "events", "--since", "10m", "--until", "0s"),
            command_lines(),
        ]
        assert not [text for text in shown if key in text]
        async with httpx.AsyncClient(base_url=desk.endpoint.base_url) as http:
            for header in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Bearer {key[:-1]}"}):
                assert (await http.get("/models", headers=header)).status_code == 401
            assert (await http.get("/models", headers={"Authorization": f"Bearer {key}"})).is_success


async def test_the_images_own_program_is_the_first_process(
    daemon: PrivateEngine, settings: ContainerSettings
) -> None:
    """As without our wrapper: a bash that does not exec the server, so `docker stop` still means 137."""
    async with arcdesk_on(daemon, settings) as desk:
        await desk.start()
        container = await the_container(daemon)
        first = (await inside(daemon, container, "cat", "/proc/1/cmdline")).split("\0")
        assert first[:2] == ["bash", "/llm/start-vllm-service.sh"]
        assert (await inside(daemon, container, "readlink", "/proc/1/exe")).endswith("bash")


async def test_the_files_are_the_servers_alone(
    daemon: PrivateEngine, runtime: DockerRuntime, tiny: ContainerSettings
) -> None:
    seen = await runtime.start(tiny)
    listing = await inside(
        daemon, seen.container_id, "stat", "-c", "%a %u %n", "/run/arcdesk", "/run/arcdesk/key"
    )
    assert listing.splitlines() == ["700 0 /run/arcdesk", "600 0 /run/arcdesk/key"]
    environment = await inside(daemon, seen.container_id, "cat", "/proc/1/environ")
    assert f"VLLM_API_KEY={seen.api_key}\0" in environment


async def test_the_hubs_token_is_a_file_that_a_variable_names(
    daemon: PrivateEngine, runtime: DockerRuntime, tiny: ContainerSettings
) -> None:
    seen = await runtime.start(tiny)
    told = await docker(daemon, "inspect", seen.container_id)
    assert TOKEN not in told + command_lines()
    variables = dict(pair.split("=", 1) for pair in json.loads(told)[0]["Config"]["Env"])
    assert await inside(daemon, seen.container_id, "cat", variables["HF_TOKEN_PATH"]) == TOKEN


async def test_a_restart_by_hand_keeps_the_key(
    daemon: PrivateEngine, runtime: DockerRuntime, tiny: ContainerSettings
) -> None:
    seen = await runtime.start(tiny)
    await docker(daemon, "restart", "--time", "1", seen.container_id)
    async with aclosing(DockerRuntime(daemon.host, environ={})) as other:
        again = await other.find()
    assert again is not None and again.is_running
    assert again.api_key == seen.api_key
    assert f"VLLM_API_KEY={seen.api_key}\0" in await inside(
        daemon, seen.container_id, "cat", "/proc/1/environ"
    )


async def test_a_container_of_an_older_arcdesk_keeps_its_key(
    daemon: PrivateEngine, runtime: DockerRuntime, tiny: ContainerSettings
) -> None:
    with client_of(daemon) as client:
        old = client.containers.run(
            tiny.image,
            detach=True,
            name=tiny.name,
            environment={"VLLM_API_KEY": OLD_KEY},
            labels={"io.arcdesk.role": "engine"},
        )
    seen = await runtime.find()
    assert seen is not None
    assert (seen.container_id, seen.api_key) == (old.id, OLD_KEY)


async def test_a_container_that_lost_its_key_does_not_serve(
    daemon: PrivateEngine, runtime: DockerRuntime, tiny: ContainerSettings
) -> None:
    """Rather no server than one that is open to everybody."""
    seen = await runtime.start(tiny)
    await inside(daemon, seen.container_id, "rm", "/run/arcdesk/key")
    await docker(daemon, "restart", "--time", "1", seen.container_id)
    code = await docker(daemon, "wait", seen.container_id)
    assert code != "0"
    found = await runtime.find()
    assert found is not None and found.has_ended


@pytest.mark.parametrize("user", ["1234", "1234:1234", "server"])
async def test_a_server_that_is_not_root_can_read_its_key(
    daemon: PrivateEngine, runtime: DockerRuntime, tiny: ContainerSettings, user: str
) -> None:
    recipe = (
        f"FROM {tiny.image}\nUSER 0\nRUN mkdir -p /etc && echo 'server:x:77:77::/:/bin/sh' > /etc/passwd\n"
        f"USER {user}\n"
    )
    tag = f"arcdesk-test/user-{user.replace(':', '-')}:1"
    with client_of(daemon) as client:
        client.images.build(fileobj=io.BytesIO(recipe.encode()), tag=tag, network_mode="none", forcerm=True)
        try:
            seen = await runtime.start(replace(tiny, image=tag))
            environment = await inside(daemon, seen.container_id, "cat", "/proc/1/environ")
            assert f"VLLM_API_KEY={seen.api_key}\0" in environment
            assert (await inside(daemon, seen.container_id, "id", "-u")) in ("1234", "77")
            await runtime.remove(seen.container_id)
        finally:
            client.images.remove(tag, force=True)


def empty_image(client: sdk_library.DockerClient, tag: str, *changes: str) -> None:
    """An image with one file that is no program."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("nothing"), io.BytesIO())
    name, _, version = tag.partition(":")
    client.api.import_image_from_data(buffer.getvalue(), repository=name, tag=version, changes=list(changes))


@pytest.mark.parametrize(
    ("changes", "cause"), [(['CMD ["/nothing"]'], "docker_no_shell"), ([], "docker_no_command")]
)
async def test_an_image_that_can_not_be_started_safely_is_refused_with_the_reason(
    daemon: PrivateEngine, runtime: DockerRuntime, tiny: ContainerSettings, changes: list[str], cause: str
) -> None:
    tag = "arcdesk-test/empty:1"
    with client_of(daemon) as client:
        empty_image(client, tag, *changes)
        try:
            with pytest.raises(EngineError) as caught:
                await runtime.start(replace(tiny, image=tag))
        finally:
            client.images.remove(tag, force=True)
    assert caught.value.problem.cause == cause
    assert await runtime.find() is None, "nothing is left behind"


class Gate:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.contacts: list[Contact] = []

    def allows(self, host: str) -> bool:
        return True

    def record(self, contact: Contact) -> None:
        self.contacts.append(contact)


async def test_contacts_with_docker_and_a_download_are_told(daemon: PrivateEngine) -> None:
    gate = Gate()
    async with aclosing(DockerRuntime(daemon.host, environ={}, egress=gate)) as runtime:
        await runtime.ping()
        with registry(layer_bytes=100_000) as source:
            source.go_on.set()
            async for _ in runtime.pull(source.image):
                pass
        (image,) = [one for one in gate.contacts if one.reason is Reason.IMAGE]
        with client_of(daemon) as client:
            client.images.remove(source.image, force=True)
    assert (image.host, image.via) == ("127.0.0.1", "Docker")
    assert image.bytes_in >= 100_000
    assert {one.host for one in gate.contacts if one.reason is Reason.DOCKER} == {daemon.host}
