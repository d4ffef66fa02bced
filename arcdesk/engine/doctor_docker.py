"""Examines Docker: the way to it, its version, the image, the container, the port and the disk it fills."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arcdesk.core.doctor import Area, Finding, Status, from_problem, ok, unknown
from arcdesk.core.errors import ArcDeskError, DockerUnreachable
from arcdesk.core.settings import Settings
from arcdesk.engine import port_owner
from arcdesk.engine.container_spec import ROLE_FILTER
from arcdesk.engine.docker_address import Address
from arcdesk.engine.docker_connect import connect, first_reachable, translated

if TYPE_CHECKING:
    from docker import DockerClient

IMAGE_GB = 30
LITTLE_GB, TOO_LITTLE_GB = 5.0, 1.0
OLDEST_API = (1, 41)  # Docker 20.10
GIB = 1 << 30
OUR_STOPS = (0, 137, 143)  # exit codes of a container that was stopped


def docker_findings(settings: Settings, environ: Mapping[str, str]) -> list[Finding]:
    """All about Docker; starts and changes nothing. Blocks for seconds, never raises for Docker's sake."""
    try:
        address = first_reachable(None, environ)
        client = connect(address, environ)
    except DockerUnreachable as error:
        return [_unreachable(error, settings)]
    except (ArcDeskError, ValueError) as error:  # a certificate that is missing, an address that is none
        return [_unusable(error, environ)]
    try:
        return [
            ok("docker.socket", Area.DOCKER, "Docker answers", address.host),
            *_inside(client, address, settings),
        ]
    finally:
        client.close()


def _inside(client: DockerClient, address: Address, settings: Settings) -> Iterator[Finding]:
    looks = (_version, _image, _container, _disk)
    for look in looks:
        try:
            with translated(address, settings.container):
                yield look(client, settings)
        except ArcDeskError as error:
            name = look.__name__.removeprefix("_")
            yield from_problem(f"docker.{name}", Area.DOCKER, Status.UNKNOWN, error.problem)


def _needs_docker(settings: Settings) -> bool:
    return settings.engine in ("auto", "container")


def _unreachable(error: DockerUnreachable, settings: Settings) -> Finding:
    """Docker that is not installed is a choice; one that is broken is not, if it is wanted."""
    problem = error.problem
    is_bad = settings.engine == "container" or (
        settings.engine == "auto" and problem.cause != "docker_missing"
    )
    return from_problem("docker.socket", Area.DOCKER, Status.BAD if is_bad else Status.WARN, problem)


def _unusable(error: Exception, environ: Mapping[str, str]) -> Finding:
    said = error.problem.detail if isinstance(error, ArcDeskError) else str(error)
    where = "DOCKER_HOST and its certificates" if environ.get("DOCKER_HOST") else "Docker's configuration"
    return Finding(
        id="docker.socket",
        area=Area.DOCKER,
        status=Status.BAD,
        title="Docker can't be asked",
        detail=" ".join(said.split())[:300] or type(error).__name__,
        fix=f"Check {where}.",
    )


def _version(client: DockerClient, _: Settings) -> Finding:
    said: Mapping[str, Any] = client.version()
    api = str(said.get("ApiVersion", ""))
    detail = f"{said.get('Version', '?')}, API {api}, {said.get('Os', '?')}/{said.get('Arch', '?')}"
    if _numbers(api) >= OLDEST_API:
        return ok("docker.version", Area.DOCKER, "Docker is new enough", detail)
    return Finding(
        id="docker.version",
        area=Area.DOCKER,
        status=Status.WARN,
        title="Docker is old",
        detail=f"{detail}. ArcDesk is tried with 20.10 (API 1.41) and newer.",
        fix="Update Docker.",
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


def _has_image(client: DockerClient, name: str) -> int | None:
    """The image's size in bytes, None if it is not there."""
    from docker.errors import ImageNotFound

    try:
        return int(client.images.get(name).attrs.get("Size") or 0)
    except ImageNotFound:
        return None


def _image(client: DockerClient, settings: Settings) -> Finding:
    name = settings.container.image
    size_bytes = _has_image(client, name)
    if size_bytes is not None:
        return ok(
            "docker.image", Area.DOCKER, "The image is here", f"{name}, {size_bytes / GIB:.1f}\u202fGiB"
        )
    return Finding(
        id="docker.image",
        area=Area.DOCKER,
        status=Status.WARN if _needs_docker(settings) else Status.OK,
        title="The image is not on this computer",
        detail=f"{name} has not been downloaded yet (about {IMAGE_GB}\u202fGB).",
        fix="Download it before the first start." if _needs_docker(settings) else "",
        command=f"docker pull {name}" if _needs_docker(settings) else "",
    )


def _container(client: DockerClient, settings: Settings) -> Finding:
    listed: list[dict[str, Any]] = client.api.containers(all=True, filters={"label": [ROLE_FILTER]})
    running = [one for one in listed if one.get("State") == "running"]
    if running:
        detail = f"{_name_of(running[0])}: {running[0].get('Status', 'running')}"
        return ok("docker.container", Area.DOCKER, "The container runs", detail)
    port = settings.container.host_port
    if not port_owner.is_free(port):
        problem = port_owner.port_problem(port, port_owner.describe_process(port))
        return from_problem("docker.container", Area.DOCKER, Status.WARN, problem)
    if not listed:
        return ok(
            "docker.container", Area.DOCKER, "No container yet", f"It is made by Start. Port {port} is free."
        )
    return _stopped(client, listed[0])


def _stopped(client: DockerClient, listed: Mapping[str, Any]) -> Finding:
    state: Mapping[str, Any] = client.api.inspect_container(str(listed["Id"]))["State"]
    code, name = int(state.get("ExitCode") or 0), _name_of(listed)
    if state.get("OOMKilled"):
        reason = "The system ended it: the memory was full."
    elif code not in OUR_STOPS:
        reason = f"It ended with exit code {code}."
    else:
        return ok("docker.container", Area.DOCKER, "The container is stopped", name)
    return Finding(
        id="docker.container",
        area=Area.DOCKER,
        status=Status.WARN,
        title="The container failed last time",
        detail=f"{name}: {reason}",
        fix="Read its log; ArcDesk's window names the cause.",
        command=f"docker logs --tail 50 {name}",
    )


def _name_of(listed: Mapping[str, Any]) -> str:
    names = listed.get("Names") or [str(listed.get("Id", ""))[:12]]
    return str(names[0]).lstrip("/")


def _disk(client: DockerClient, settings: Settings) -> Finding:
    root = str(client.info().get("DockerRootDir") or "")
    try:
        room = os.statvfs(root)
    except OSError:
        reason = f"Docker keeps its images in {root or 'an unknown place'}, which can't be seen from here."
        return unknown("docker.disk", Area.DOCKER, "Space for images", reason)
    free_gb = room.f_bavail * room.f_frsize / 1e9
    needed_gb = LITTLE_GB
    if _needs_docker(settings) and _has_image(client, settings.container.image) is None:
        needed_gb += IMAGE_GB
    detail = f"{free_gb:.0f}\u202fGB free at {Path(root)}"
    if free_gb >= needed_gb:
        return ok("docker.disk", Area.DOCKER, "There is space for images", detail)
    return Finding(
        id="docker.disk",
        area=Area.DOCKER,
        status=Status.BAD if free_gb < TOO_LITTLE_GB else Status.WARN,
        title="There is little space for images",
        detail=f"{detail}; about {needed_gb:.0f}\u202fGB are wanted.",
        fix="Free some space. The command shows what Docker keeps.",
        command="docker system df",
    )
