"""What a container downloads as root goes back to the person whose cache it is."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import docker as sdk_library
import pytest

from arcdesk.core.errors import DockerUnreachable, EngineError, NotFoundError
from arcdesk.core.settings import ContainerSettings
from arcdesk.engine import cache_owner
from arcdesk.engine.cache_owner import Owner, foreign_uids, own_cache
from arcdesk.engine.container_spec import HF_CACHE_TARGET
from arcdesk.engine.docker_runtime import DockerRuntime
from arcdesk.services.threads import in_thread
from tests.docker.engine_helpers import daemon, own_daemon
from tests.docker.engine_helpers import settings as llama_settings
from tests.rig.private_engine import PrivateEngine

__all__ = ["daemon", "llama_settings", "own_daemon"]  # fixtures
pytestmark = pytest.mark.docker  # which needs root here, and so may play other people

PERSON = Owner(uid=12345, gid=12346)
COLLEAGUE = 23456
DOWNLOAD = """
set -e
cd /root/.cache/huggingface/hub
mkdir -p models--org--tiny/blobs models--org--tiny/snapshots/c0ffee models--org--tiny/refs
echo weights > models--org--tiny/blobs/abc
ln -s ../../blobs/abc models--org--tiny/snapshots/c0ffee/model.safetensors
ln -s /root models--org--tiny/snapshots/c0ffee/outside
echo c0ffee > models--org--tiny/refs/main
chmod 700 models--org--tiny/snapshots
"""


@pytest.fixture
def client(daemon: PrivateEngine) -> Iterator[sdk_library.DockerClient]:
    client = sdk_library.DockerClient(base_url=daemon.host)
    yield client
    client.close()


@pytest.fixture
def settings(llama_settings: ContainerSettings, tiny_image: str) -> ContainerSettings:
    return replace(llama_settings, image=tiny_image)


@pytest.fixture
def cache(settings: ContainerSettings) -> Path:
    """The person's own cache, as a start makes it ready."""
    folder = Path(settings.hf_cache_dir)
    cache_owner.make_cache_folders(folder)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, PERSON.uid, PERSON.gid)
    assert {path.name for path in folder.rglob("*")} == {"hub", ".locks", "xet"}
    return folder


def downloading(
    client: sdk_library.DockerClient, image: str, cache: Path
) -> sdk_library.models.containers.Container:
    """A container that runs with the cache, into which its root has downloaded."""
    mount = {"Type": "bind", "Source": str(cache), "Target": HF_CACHE_TARGET, "ReadOnly": False}
    container = client.containers.run(image, detach=True, mounts=[mount])
    code, said = container.exec_run(["sh", "-c", DOWNLOAD])
    assert code == 0, said
    assert foreign_uids(cache, PERSON) == {0: 9}
    return container


def owners(folder: Path) -> set[tuple[int, int]]:
    return {(path.lstat().st_uid, path.lstat().st_gid) for path in (folder, *folder.rglob("*"))}


def test_files_are_given_back_while_the_engine_runs(
    client: sdk_library.DockerClient, settings: ContainerSettings, cache: Path
) -> None:
    container = downloading(client, settings.image, cache)
    assert own_cache(client, settings, PERSON) == 9
    assert owners(cache) == {(PERSON.uid, PERSON.gid)}
    said = container.exec_run(["stat", "-c", "%u", "/root"]).output
    assert said.strip() == b"0", "the link changed hands, and not what it leads to"
    assert [one.id for one in client.containers.list(all=True)] == [container.id], "no other one was needed"
    assert own_cache(client, settings, PERSON) == 0


def test_files_are_given_back_when_nothing_runs(
    client: sdk_library.DockerClient, settings: ContainerSettings, cache: Path
) -> None:
    downloading(client, settings.image, cache).remove(force=True)
    assert own_cache(client, settings, PERSON) == 9
    assert owners(cache) == {(PERSON.uid, PERSON.gid)}
    assert client.containers.list(all=True) == [], "the container made for it is gone"
    model = cache / "hub" / "models--org--tiny"
    assert (model / "snapshots" / "c0ffee" / "model.safetensors").read_text() == "weights\n"


def test_a_colleagues_files_stay_his(
    client: sdk_library.DockerClient, settings: ContainerSettings, cache: Path
) -> None:
    downloading(client, settings.image, cache)
    his = cache / "hub" / "notes"
    his.write_text("mine")
    os.chown(his, COLLEAGUE, COLLEAGUE)
    assert own_cache(client, settings, PERSON) == 9
    assert his.stat().st_uid == COLLEAGUE
    assert foreign_uids(cache, PERSON) == {COLLEAGUE: 1}


def test_what_is_no_cache_stays_as_it_is(
    client: sdk_library.DockerClient, settings: ContainerSettings, cache: Path, tmp_path: Path
) -> None:
    """Somebody may name a whole disk as the cache, or lay its hub elsewhere by a link."""
    downloading(client, settings.image, cache)
    backups, elsewhere = cache / "backups", tmp_path / "elsewhere"
    for folder in (backups, elsewhere):
        folder.mkdir()
        (folder / "of-root").touch()
    (cache / "xet").rmdir()
    (cache / "xet").symlink_to(elsewhere)
    os.chown(cache, 0, 0)
    assert own_cache(client, settings, PERSON) == 10, "the nine and the link itself"
    assert owners(cache / "hub") == {(PERSON.uid, PERSON.gid)}
    assert (cache / "xet").lstat().st_uid == PERSON.uid
    assert cache.stat().st_uid == 0 and owners(backups) == owners(elsewhere) == {(0, 0)}
    assert foreign_uids(cache, PERSON) == {}


def test_a_cache_whose_folder_docker_made(
    client: sdk_library.DockerClient, settings: ContainerSettings, cache: Path
) -> None:
    downloading(client, settings.image, cache)
    os.chown(cache, 0, 0)
    (cache / "token").touch()
    assert own_cache(client, settings, PERSON) == 10
    assert cache.stat().st_uid == PERSON.uid and (cache / "token").stat().st_uid == 0


def test_a_paused_engine_is_no_obstacle(
    client: sdk_library.DockerClient, settings: ContainerSettings, cache: Path
) -> None:
    container = downloading(client, settings.image, cache)
    container.pause()
    assert own_cache(client, settings, PERSON) == 9
    assert owners(cache) == {(PERSON.uid, PERSON.gid)}
    container.reload()
    assert container.status == "paused"


def test_a_container_with_another_cache_is_not_asked(
    client: sdk_library.DockerClient, settings: ContainerSettings, cache: Path, tmp_path: Path
) -> None:
    downloading(client, settings.image, cache).remove(force=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").touch()
    mount = {"Type": "bind", "Source": str(elsewhere), "Target": HF_CACHE_TARGET, "ReadOnly": False}
    client.containers.run(settings.image, detach=True, mounts=[mount])
    assert own_cache(client, settings, PERSON) == 9
    assert (elsewhere / "file").stat().st_uid == 0


def test_what_can_not_be_given_back_is_told(
    client: sdk_library.DockerClient, settings: ContainerSettings, cache: Path
) -> None:
    downloading(client, settings.image, cache).remove(force=True)
    stuck = cache / "hub" / "models--org--tiny" / "blobs" / "abc"
    if not _set_immutable(stuck, True):
        pytest.fail("the file system knows no immutable files")
    try:
        with pytest.raises(EngineError) as caught:
            own_cache(client, settings, PERSON)
    finally:
        _set_immutable(stuck, False)
    assert caught.value.problem.cause == "cache_not_yours"
    assert str(cache) in caught.value.problem.actions[0].target
    assert "abc" in caught.value.problem.evidence
    assert client.containers.list(all=True) == []


def _set_immutable(path: Path, on: bool) -> bool:
    return subprocess.run(["chattr", "+i" if on else "-i", str(path)], check=False).returncode == 0


async def test_the_runtime_asks_docker_only_when_it_must(
    settings: ContainerSettings, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_owner, "this_person", lambda: PERSON)
    async with aclosing(DockerRuntime("unix:///nonexistent.sock", environ={})) as nowhere:
        assert await nowhere.own_cache(settings) == 0
        (cache / "hub" / "of-root").touch()
        with pytest.raises(DockerUnreachable):
            await nowhere.own_cache(settings)


async def test_the_runtime_gives_back_and_tells_of_a_missing_image(
    daemon: PrivateEngine,
    client: sdk_library.DockerClient,
    settings: ContainerSettings,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cache_owner, "this_person", lambda: PERSON)
    container = await in_thread("test", lambda: downloading(client, settings.image, cache))
    await in_thread("test", lambda: container.remove(force=True))
    async with aclosing(DockerRuntime(daemon.host, environ={})) as runtime:
        with pytest.raises(NotFoundError):
            await runtime.own_cache(replace(settings, image="arcdesk/none:1"))
        assert await runtime.own_cache(settings) == 9
    assert owners(cache) == {(PERSON.uid, PERSON.gid)}
