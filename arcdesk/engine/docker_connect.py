"""Finds the Docker Engine, and says in a person's words why none can be reached."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from arcdesk.core.errors import Action, ActionKind, DockerUnreachable, EngineError, NotFoundError, Problem
from arcdesk.core.settings import ContainerSettings
from arcdesk.engine.docker_address import USUAL_PLACE, Address, Failure, addresses, reach
from arcdesk.engine.docker_errors import explain_docker_error

if TYPE_CHECKING:
    from docker import DockerClient

CONNECT_TIMEOUT_S = 10.0  # the first answer; an engine that hangs is noticed after this
CALL_TIMEOUT_S = 60.0  # per call; the SDK adds the patience of a `stop` itself

USE_EMBEDDED = Action(kind=ActionKind.USE_EMBEDDED, label="Use the embedded engine")
TRY_AGAIN = Action(kind=ActionKind.START, label="Try again")


def first_reachable(host: str | None, environ: Mapping[str, str]) -> Address:
    """The address to use. Raises DockerUnreachable with the most telling reason. Blocks."""
    failures = []
    for address in addresses(host, environ):
        error = reach(address.host)
        if error is None:
            return address
        failures.append(Failure(address=address, error=error))
    raise DockerUnreachable(unreachable_problem(failures))


def connect(address: Address, environ: Mapping[str, str]) -> DockerClient:
    """A client of the engine there, speaking the engine's own API version. Blocks; raises as `translated`."""
    import docker
    from docker.utils import kwargs_from_env

    with translated(address):
        options: dict[str, Any] = {}
        if address.source == "DOCKER_HOST":
            options.update(kwargs_from_env(environment=dict(environ)))  # DOCKER_TLS_VERIFY, certificates
        options["base_url"] = address.host
        client = docker.DockerClient(timeout=int(CONNECT_TIMEOUT_S), version="auto", **options)
        client.api.timeout = int(CALL_TIMEOUT_S)
        return client


@contextmanager
def translated(address: Address, settings: ContainerSettings | None = None) -> Iterator[None]:
    """Turn the SDK's errors into ours: DockerUnreachable, NotFoundError, EngineError."""
    import docker.errors
    import requests

    try:
        yield
    except docker.errors.APIError as error:
        is_missing = error.status_code == 404
        raise refusal(str(error.explanation or error), settings, is_missing=is_missing) from error
    except docker.errors.DockerException as error:
        cause = error.__cause__
        if isinstance(cause, (requests.exceptions.RequestException, OSError)):
            raise DockerUnreachable(lost_problem(address, cause)) from error
        raise refusal(str(error), settings) from error
    except (requests.exceptions.RequestException, OSError) as error:
        raise DockerUnreachable(lost_problem(address, error)) from error


def refusal(text: str, settings: ContainerSettings | None, *, is_missing: bool = False) -> EngineError:
    """The error for what Docker said; a missing image may also hide behind a status of 500."""
    problem = explain_docker_error(text, settings)
    is_missing = is_missing or problem.cause == "docker_image"
    return NotFoundError(problem) if is_missing else EngineError(problem)


def lost_problem(address: Address, error: Exception) -> Problem:
    """Why an engine that accepted a connection did not answer."""
    reason = reach(address.host)
    if reason is not None:
        return unreachable_problem([Failure(address=address, error=reason)])
    if "timed out" in str(error):
        return Problem(
            cause="docker_daemon",
            title="Docker does not answer",
            detail=f"{address.host} took the question, but gave no answer in time.",
            hint="Wait a moment and try again, or restart Docker.",
            evidence=str(error),
            actions=(TRY_AGAIN, _copy("sudo systemctl restart docker"), USE_EMBEDDED),
        )
    return Problem(
        cause="docker_daemon",
        title="The connection to Docker broke",
        detail=f"{address.host} closed it: Docker was probably restarted.",
        hint="Try again.",
        evidence=str(error),
        actions=(TRY_AGAIN, USE_EMBEDDED),
    )


def unreachable_problem(failures: Sequence[Failure]) -> Problem:
    """One problem for all that was tried: a closed door tells more than a silent one, and that than none."""
    ranks = {errno.EACCES: 0, errno.EPERM: 0, errno.ECONNREFUSED: 1, errno.ENOENT: 3}
    failure = min(failures, key=lambda failure: ranks.get(failure.error.errno or 0, 2))
    match ranks.get(failure.error.errno or 0, 2):
        case 0:
            return _no_permission(failure)
        case 1:
            return _not_running(failure, "Its socket is there, but nothing listens (connection refused).")
        case 3 if failure.address.source != USUAL_PLACE:
            return _wrong_address(failure)
        case 3 if shutil.which("docker"):
            return _not_running(failure, "It is installed, but its socket is not there.")
        case 3:
            return _not_installed(failure)
        case _:
            return _wrong_address(failure)


def _no_permission(failure: Failure) -> Problem:
    return Problem(
        cause="docker_permission",
        title="You are not allowed to use Docker",
        detail=f"Your user may not open {failure.address.host}: it is not in the group 'docker'.",
        hint="Run the command, log out and in again. Or use the embedded engine now.",
        actions=(_copy("sudo usermod -aG docker $USER"), USE_EMBEDDED),
    )


def _not_running(failure: Failure, why: str) -> Problem:
    return Problem(
        cause="docker_daemon",
        title="Docker is not running",
        detail=f"{why} Looked at {failure.address.host}.",
        hint="Start Docker with the command, or use the embedded engine.",
        actions=(_copy("sudo systemctl start docker"), USE_EMBEDDED),
    )


def _not_installed(failure: Failure) -> Problem:
    command = (
        "sudo apt install docker.io" if shutil.which("apt") else "https://docs.docker.com/engine/install/"
    )
    return Problem(
        cause="docker_missing",
        title="Docker is not installed",
        detail="There is neither a docker command nor a Docker socket.",
        hint="Install Docker to use the graphics card, or use the embedded engine.",
        actions=(_copy(command), USE_EMBEDDED),
    )


def _wrong_address(failure: Failure) -> Problem:
    address = failure.address
    reason = failure.error.strerror or str(failure.error) or type(failure.error).__name__
    actions: tuple[Action, ...] = (TRY_AGAIN, USE_EMBEDDED)
    if address.source.startswith("The Docker context"):
        actions = (_copy("docker context use default"), *actions)
    return Problem(
        cause="docker_daemon",
        title=f"No Docker Engine at {address.host}",
        detail=f"{address.source} names this address. {reason[:1].upper()}{reason[1:]}.",
        hint="Start that engine, or correct the address.",
        actions=actions,
    )


def _copy(command: str) -> Action:
    is_link = command.startswith("https:")
    return Action(kind=ActionKind.COPY, label="Copy link" if is_link else "Copy command", target=command)
