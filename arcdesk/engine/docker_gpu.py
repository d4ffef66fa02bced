"""Asks running containers that were given a card for their DRM clients, by `docker exec … grep`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from arcdesk.core.errors import ArcDeskError
from arcdesk.core.gpu import ContainerFdinfo
from arcdesk.engine.docker_exec import ExecAnswer, run_in

if TYPE_CHECKING:
    from docker import DockerClient

log = logging.getLogger(__name__)

ASK = ("sh", "-c", 'grep -H "^drm-" /proc/[0-9]*/fdinfo/*')
EXEC_PATIENCE_S = 5.0
ROUND_PATIENCE_S = 8.0  # for all containers together
MOST_BYTES = 1 << 20
MOST_OTHER_USERS = 3
AFTER_FAILURE_S = 30.0  # Docker was not there: not asked every few seconds
CARD_FOLDER = "/dev/dri"
PRIVILEGED = "all devices (privileged)"

NO_SHELL = "The container has no shell or no grep, so its programs can't be asked."
NO_TIME = "The container gave no answer in time."
STILL_ASKED = "The container has not yet answered an earlier question."
NOT_ALLOWED = "The container's programs may not be read, not even by their own user."


class DockerCalls(Protocol):
    """What the source needs of DockerRuntime."""

    async def container_fdinfo(self) -> tuple[ContainerFdinfo, ...]:
        """One answer per running container with a card. Raises ArcDeskError."""
        ...


class DockerGpuSource:
    """Fills the port ContainerGpuSource. When Docker is not there, it is left alone for a while."""

    def __init__(self, runtime: DockerCalls, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._runtime = runtime
        self._clock = clock
        self._not_before = float("-inf")
        self._asking: asyncio.Task[tuple[ContainerFdinfo, ...]] | None = None

    async def container_fdinfo(self) -> tuple[ContainerFdinfo, ...]:
        """One answer per such container; empty when Docker can't be reached. Never raises.

        Who asks while a question is under way gets its answer: there is never a second one beside it.
        """
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self._ask())
        return await asyncio.shield(self._asking)

    async def aclose(self) -> None:
        """Wait for no answer any more; a question under way ends with the runtime's patience."""
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def _ask(self) -> tuple[ContainerFdinfo, ...]:
        if self._clock() < self._not_before:
            return ()
        try:
            return await self._runtime.container_fdinfo()
        except ArcDeskError as error:
            log.info("containers were not asked for their cards: %s", error)
        except RuntimeError as error:  # the pool has ended: so has the program
            log.debug("containers were not asked: %s", error)
        self._not_before = self._clock() + AFTER_FAILURE_S
        return ()


@dataclass(slots=True)
class _Known:
    """What is remembered of a container."""

    devices: tuple[str, ...]
    user: str | None = None  # 'UID:GID' whose programs answered, None the container's own user
    hung_exec: str = ""


@dataclass(slots=True)
class GpuAsker:
    """The blocking half; its calls come one at a time from a thread of the runtime's pool."""

    _known: dict[str, _Known] = field(default_factory=dict)

    def ask(self, client: DockerClient) -> tuple[ContainerFdinfo, ...]:
        """All running containers that were given a card. Raises what the SDK raises when Docker goes."""
        from docker.errors import APIError, NotFound

        deadline = time.monotonic() + ROUND_PATIENCE_S
        answers: list[ContainerFdinfo] = []
        running = [str(summary["Id"]) for summary in client.api.containers()]
        self._known = {key: value for key, value in self._known.items() if key in running}
        for container_id in running:
            known = self._known.get(container_id)
            if known is not None and not known.devices:
                continue  # its devices can't change while it lives
            try:
                inspected = client.api.inspect_container(container_id)
                if known is None:
                    known = self._known[container_id] = _Known(devices_of(inspected))
                if known.devices:
                    answers.append(_ask_one(client, inspected, known, deadline))
            except NotFound:  # gone between two questions
                continue
            except APIError as error:  # one that is in trouble must not silence the others
                log.info("container %s was not asked: %s", container_id[:12], error)
        return tuple(answers)


def devices_of(inspected: Mapping[str, Any]) -> tuple[str, ...]:
    """The cards that a container was given, in Docker's words; empty: none."""
    host = inspected.get("HostConfig") or {}
    given = [
        str(device.get("PathOnHost", ""))
        for device in host.get("Devices") or ()
        if is_card_path(str(device.get("PathOnHost", "")))
    ]
    for request in host.get("DeviceRequests") or ():
        named = request.get("DeviceIDs") or [request.get("Driver") or "gpu"]
        given += [str(name) for name in named]
    if host.get("Privileged"):
        given.append(PRIVILEGED)
    return tuple(given)


def is_card_path(path: str) -> bool:
    """The path is the folder of the cards' nodes, or below it."""
    return path == CARD_FOLDER or path.startswith(f"{CARD_FOLDER}/") or path == "/dev"


def _ask_one(
    client: DockerClient, inspected: Mapping[str, Any], known: _Known, deadline: float
) -> ContainerFdinfo:
    text, error = _answer(client, inspected, known, deadline)
    return ContainerFdinfo(
        name=str(inspected.get("Name", "")).removeprefix("/"),
        container_id=str(inspected["Id"]),
        pid=int((inspected.get("State") or {}).get("Pid") or 0),
        text=text,
        error=error,
        devices=known.devices,
        at=time.monotonic(),
    )


def _answer(
    client: DockerClient, inspected: Mapping[str, Any], known: _Known, deadline: float
) -> tuple[str, str]:
    """(text, why there is none)."""
    if known.hung_exec and _still_runs(client, known.hung_exec):
        return "", STILL_ASKED  # a second one would only hang beside it
    known.hung_exec = ""
    first = _run(client, inspected, known, known.user, deadline)
    if first.text or first.error:
        return first.text, first.error
    tried = {known.user or own_user(inspected)}
    known.user = None
    for user in [user for user in _users_inside(client, inspected) if user not in tried][:MOST_OTHER_USERS]:
        other = _run(client, inspected, known, user, deadline)
        if other.text:
            known.user = user
            return other.text, ""
        if known.hung_exec:
            return "", other.error
    return "", NOT_ALLOWED if first.is_refused else ""  # '': it has a card and does not use it


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drm:
    text: str = ""
    error: str = ""
    is_refused: bool = False


def _run(
    client: DockerClient, inspected: Mapping[str, Any], known: _Known, user: str | None, deadline: float
) -> _Drm:
    patience_s = min(EXEC_PATIENCE_S, deadline - time.monotonic())
    if patience_s <= 0:
        return _Drm(error=NO_TIME)
    answer = run_in(
        client, str(inspected["Id"]), ASK, user=user, patience_s=patience_s, most_bytes=MOST_BYTES
    )
    if answer.is_late:
        known.hung_exec = answer.exec_id
    return read_answer(answer)


def read_answer(answer: ExecAnswer) -> _Drm:
    """What an exec's answer means. grep ends with 1 (nothing found) and 2 (some unreadable) in health."""
    lines = [line for line in answer.stdout.splitlines() if line.startswith("/proc/") and ":drm-" in line]
    if lines:
        return _Drm(text="\n".join(lines) + "\n")
    if answer.is_late:
        return _Drm(error=NO_TIME)
    if answer.refusal:
        is_shell_missing = "executable file not found" in answer.refusal or "no such file" in answer.refusal
        return _Drm(error=NO_SHELL if is_shell_missing else answer.refusal)
    if answer.exit_code in (126, 127):
        return _Drm(error=NO_SHELL)
    return _Drm(is_refused="ermission denied" in answer.stderr)


def own_user(inspected: Mapping[str, Any]) -> str:
    """The container's own user as 'UID:GID' where it is told in numbers; root when none is told."""
    user = str((inspected.get("Config") or {}).get("User") or "0")
    uid, _, gid = user.partition(":")
    uid = "0" if uid == "root" else uid
    return f"{uid}:{gid or uid}"


def _users_inside(client: DockerClient, inspected: Mapping[str, Any]) -> list[str]:
    """The users of the container's processes as 'UID:GID', as the host's ps tells."""
    from docker.errors import APIError

    try:
        listing = client.api.top(inspected["Id"], ps_args="-eo pid,uid,gid")
    except APIError as error:  # a host without ps, or a container that has just ended
        log.debug("no list of processes: %s", error)
        return []
    return users_of(listing.get("Processes") or ())


def users_of(rows: Sequence[Sequence[str]]) -> list[str]:
    """'UID:GID' of each row of (pid, uid, gid), each once."""
    found = [f"{row[1]}:{row[2]}" for row in rows if len(row) >= 3 and row[1].isdigit() and row[2].isdigit()]
    return list(dict.fromkeys(found))


def _still_runs(client: DockerClient, exec_id: str) -> bool:
    from docker.errors import APIError

    try:
        return bool(client.api.exec_inspect(exec_id)["Running"])
    except APIError:  # Docker forgets an exec some time after its end
        return False
