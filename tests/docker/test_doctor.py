"""The examination of a real Docker Engine: it answers, and nothing of it is changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arcdesk.core.doctor import Finding, Status
from arcdesk.core.settings import ContainerSettings, Settings
from arcdesk.engine.doctor_docker import docker_findings
from tests.docker.engine_helpers import daemon, own_daemon, settings
from tests.rig.private_engine import PrivateEngine

__all__ = ["daemon", "own_daemon", "settings"]  # fixtures
pytestmark = pytest.mark.docker


def look(daemon: PrivateEngine, container: ContainerSettings) -> dict[str, Finding]:
    chosen = replace(Settings(), engine="container", container=container)
    return {found.id: found for found in docker_findings(chosen, {"DOCKER_HOST": daemon.host})}


def test_an_engine_that_is_ready_for_the_first_start(
    daemon: PrivateEngine, settings: ContainerSettings
) -> None:
    found = look(daemon, settings)
    assert list(found) == [
        "docker.socket",
        "docker.version",
        "docker.image",
        "docker.container",
        "docker.disk",
    ]
    assert {one.status for one in found.values() if one.id != "docker.disk"} == {Status.OK}
    assert "API" in found["docker.version"].detail
    assert found["docker.container"].title == "No container yet"
    assert "GB free" in found["docker.disk"].detail
    assert daemon.engine.docker("ps", "-aq") == ""  # nothing was made


def test_an_image_that_is_not_there_comes_with_its_command(
    daemon: PrivateEngine, settings: ContainerSettings
) -> None:
    found = look(daemon, replace(settings, image="example/none:1"))["docker.image"]
    assert (found.status, found.command) == (Status.WARN, "docker pull example/none:1")


def test_a_running_and_a_failed_container_are_told(
    daemon: PrivateEngine, settings: ContainerSettings, tiny_image: str
) -> None:
    label = "io.arcdesk.role=engine"
    run = ("run", "-d", "--network", "none", "--label", label, "--name")
    daemon.engine.docker(*run, "one", "--entrypoint", "/bin/sh", tiny_image, "-c", "sleep 600")
    found = look(daemon, settings)["docker.container"]
    assert (found.status, found.title) == (Status.OK, "The container runs")
    daemon.engine.docker("rm", "--force", "one")
    daemon.engine.docker(*run, "two", "--entrypoint", "/bin/sh", tiny_image, "-c", "exit 3")
    daemon.engine.docker("wait", "two")
    found = look(daemon, settings)["docker.container"]
    assert (found.status, found.detail) == (Status.WARN, "two: It ended with exit code 3.")
    assert found.command == "docker logs --tail 50 two"


def test_an_engine_that_died_is_bad(daemon: PrivateEngine, settings: ContainerSettings) -> None:
    daemon.kill()
    (found,) = look(daemon, settings).values()
    assert (found.status, found.id) == (Status.BAD, "docker.socket")
    daemon.start()
    assert look(daemon, settings)["docker.socket"].status is Status.OK
