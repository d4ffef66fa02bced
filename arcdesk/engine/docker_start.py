"""Makes and starts the container, and explains why it could not be started."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arcdesk.core.engine_state import ContainerObservation
from arcdesk.core.errors import Action, ActionKind, ArcDeskError, EngineError, NotFoundError, Problem
from arcdesk.core.secrets import MASK
from arcdesk.core.settings import ContainerSettings
from arcdesk.engine.cache_owner import make_cache_folders
from arcdesk.engine.container_key import HUB_FILE, KEY_FILE, give_secrets, image_start, no_shell_problem
from arcdesk.engine.container_spec import (
    ROLE_FILTER,
    container_spec,
    hf_cache_folder,
    models_folder,
    observation,
    unix_seconds,
)
from arcdesk.engine.docker_address import Address
from arcdesk.engine.docker_connect import USE_EMBEDDED, translated
from arcdesk.engine.port_owner import describe_process, is_free, port_problem

if TYPE_CHECKING:
    from docker import DockerClient

KEY_BYTES = 32
REMOVAL_PATIENCE_S = 30
RUNNING = ("running", "paused", "restarting")

# PID 1 of the image is a bash that neither execs the server nor passes signals on: the kernel drops a TERM
# to it, and `docker stop` ends in a SIGKILL after its whole patience. So the server itself is told. The
# brackets keep this script from finding its own command line; `read` needs no further process. Exits with
# 0 if there was somebody to tell.
TERM_SERVER = r"""
told=1
for file in /proc/[0-9]*/cmdline; do
  while IFS= read -r -d '' word; do
    case $word in
      *openai.[a]pi_server*) pid=${file#/proc/}; kill -TERM "${pid%/cmdline}" && told=0; break ;;
    esac
  done < "$file"
done 2> /dev/null
exit $told
"""


def inspect_ours(client: DockerClient) -> list[Mapping[str, Any]]:
    """All containers with our label: running ones first, then the newest."""
    from docker.errors import NotFound

    found: list[Mapping[str, Any]] = []
    for summary in client.api.containers(all=True, filters={"label": ROLE_FILTER}):
        try:
            found.append(client.api.inspect_container(summary["Id"]))
        except NotFound:  # removed between the two questions
            continue
    found.sort(key=lambda one: (is_running(one), unix_seconds(one["Created"])), reverse=True)
    return found


def is_running(inspected: Mapping[str, Any]) -> bool:
    """The container has a process."""
    return inspected["State"]["Status"] in RUNNING


def check_start(client: DockerClient, settings: ContainerSettings, ours: list[Mapping[str, Any]]) -> None:
    """Find what would refuse the start, before a left-over that works is taken away. Raises EngineError."""
    from docker.errors import ImageNotFound

    try:
        client.images.get(settings.image)
    except ImageNotFound as error:
        raise NotFoundError(_image_problem(settings)) from error
    freed = {observation(one).host_port for one in ours if is_running(one)}
    if settings.host_port not in freed and not is_free(settings.host_port):
        raise EngineError(port_problem(settings.host_port, _port_owner(client, settings.host_port)))


def prepare_folders(settings: ContainerSettings) -> None:
    """Make the cache's folders, so that neither Docker nor the server does (as root). Raises EngineError."""
    cache, models = hf_cache_folder(settings), models_folder(settings)
    if cache:
        try:
            make_cache_folders(Path(cache))
        except OSError as error:
            raise EngineError(_folder_problem("cache folder", cache, error.strerror or str(error))) from error
    if models and not Path(models).is_dir():
        raise EngineError(_folder_problem("models folder", models, "It is not there"))


def create_and_start(
    client: DockerClient,
    address: Address,
    settings: ContainerSettings,
    environ: Mapping[str, str],
    hub_token: str | None = None,
) -> ContainerObservation:
    """A new container, running. One that Docker made but would not start is removed again."""
    from docker.errors import APIError

    image = image_start(client, settings.image)
    spec = container_spec(
        settings, command=image.command, environ=environ, has_hub_token=hub_token is not None
    )
    api_key = secrets.token_urlsafe(KEY_BYTES)
    MASK.remember(api_key)
    files = {KEY_FILE: api_key} | ({HUB_FILE: hub_token} if hub_token is not None else {})
    try:
        container_id: str = client.containers.create(**spec).id or ""
    except APIError as error:
        if error.status_code == 409:
            _raise_name_problem(client, settings, error)
        raise
    try:
        give_secrets(client, container_id, files, image.user)
        client.api.start(container_id)
        return observation(client.api.inspect_container(container_id), api_key)
    except APIError as error:
        problem = _start_problem(client, address, settings, error)
        remove(client, container_id)
        raise EngineError(problem) from error


def term_server(client: DockerClient, container_id: str) -> bool:
    """Ask the server inside to end; whether there was one to ask."""
    from docker.errors import APIError

    try:
        if client.api.inspect_container(container_id)["State"]["Paused"]:
            client.api.unpause(container_id)  # a frozen server can't end
        run = client.api.exec_create(container_id, ["bash", "-c", TERM_SERVER])["Id"]
        client.api.exec_start(run)
        return bool(client.api.exec_inspect(run)["ExitCode"] == 0)
    except APIError as error:
        # Gone (404), not running (409), or an image without bash: then `docker stop` does what is left.
        if error.status_code in (400, 404, 409) or "executable file not found" in str(error.explanation):
            return False
        raise


def remove(client: DockerClient, container_id: str) -> None:
    """Remove it, running or not. If Docker is removing it already (`--rm`), wait for that instead."""
    from docker.errors import APIError

    try:
        client.api.remove_container(container_id, force=True)
    except APIError as error:
        if error.status_code != 409 or "already in progress" not in str(error.explanation):
            raise
        client.api.wait(container_id, timeout=REMOVAL_PATIENCE_S, condition="removed")


def _start_problem(
    client: DockerClient, address: Address, settings: ContainerSettings, error: Exception
) -> Problem:
    if re.search(r'exec: "sh"', str(error)):
        return no_shell_problem(settings.image, str(error))
    try:
        with translated(address, settings):
            raise error
    except ArcDeskError as explained:
        if explained.problem.cause == "docker_port":
            return port_problem(settings.host_port, _port_owner(client, settings.host_port))
        return explained.problem


def _port_owner(client: DockerClient, port: int) -> str:
    """Docker is asked first: /proc only knows its proxy process."""
    for summary in client.api.containers():
        if any(published.get("PublicPort") == port for published in summary.get("Ports") or ()):
            return f"the container '{_name(summary)}' ({summary['Image']})"
    return describe_process(port)


def _raise_name_problem(client: DockerClient, settings: ContainerSettings, error: Exception) -> None:
    everything = client.api.containers(all=True)
    holder = next((one for one in everything if f"/{settings.name}" in one["Names"]), None)
    if holder is None:  # another conflict, or gone by now
        return
    free = _free_name(settings.name, {name for one in everything for name in one["Names"]})
    raise EngineError(
        Problem(
            cause="docker_name",
            title=f"The name '{settings.name}' is taken",
            detail=f"A container that ArcDesk did not make has it: {holder['Image']}, {_state(holder)}.",
            hint=f"Use the name '{free}', or remove that container.",
            evidence=str(error),
            actions=(
                Action(
                    kind=ActionKind.APPLY_SETTINGS,
                    label=f"Use the name '{free}' and start",
                    settings=(("name", free),),
                ),
                Action(
                    kind=ActionKind.REMOVE_CONTAINER,
                    label=f"Remove '{settings.name}' ({holder['Image']})",
                    target=holder["Id"],
                ),
            ),
        )
    ) from error


def _free_name(name: str, taken: set[str]) -> str:
    base = re.sub(r"-\d+$", "", name)
    return next(f"{base}-{number}" for number in range(2, len(taken) + 3) if f"/{base}-{number}" not in taken)


def _name(summary: Mapping[str, Any]) -> str:
    return str(summary["Names"][0]).removeprefix("/") if summary.get("Names") else summary["Id"][:12]


def _state(summary: Mapping[str, Any]) -> str:
    return str(summary.get("Status") or summary.get("State") or "state unknown").lower()


def _image_problem(settings: ContainerSettings) -> Problem:
    return Problem(
        cause="docker_image",
        title="The image is not on this computer",
        detail=f"Docker does not have {settings.image} yet.",
        hint="Download it once, or use the embedded engine.",
        actions=(
            Action(kind=ActionKind.PULL_IMAGE, label="Download the image", target=settings.image),
            USE_EMBEDDED,
        ),
    )


def _folder_problem(label: str, folder: str, why: str) -> Problem:
    return Problem(
        cause="bad_setting",
        title=f"The {label} can't be used",
        detail=f"{folder}: {why}.",
        hint="Make the folder, or choose another one in the settings.",
        actions=(Action(kind=ActionKind.START, label="Try again"),),
    )
