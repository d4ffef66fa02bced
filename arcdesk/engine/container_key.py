"""Hands secrets to a container as files, so that `docker inspect` does not show them."""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from arcdesk.core.errors import EngineError, Problem
from arcdesk.core.secrets import MASK

if TYPE_CHECKING:
    from docker import DockerClient

log = logging.getLogger(__name__)

KEY_VARIABLE = "VLLM_API_KEY"
HUB_VARIABLE = "HF_TOKEN_PATH"  # read by the hub's own library: it names a file, so the variable is no secret
FOLDER = "/run/arcdesk"
KEY_FILE = f"{FOLDER}/key"
HUB_FILE = f"{FOLDER}/hub-token"

# Runs as PID 1, and then *is* what the image starts: nothing of it is left between Docker and the image's own
# program. Without the file it ends instead of starting a server that is open to everybody. `read` and not
# `cat`: an image may hold a shell and little else.
ENTRYPOINT = (
    "sh",
    "-c",
    f'IFS= read -r {KEY_VARIABLE} < {KEY_FILE} && export {KEY_VARIABLE} && exec "$@"',
    "arcdesk",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageStart:
    """What an image starts by itself: its entry point with its arguments, and as which user."""

    command: tuple[str, ...]
    user: str = ""


def image_start(client: DockerClient, image: str) -> ImageStart:
    """Ask Docker. Raises EngineError for an image that starts nothing."""
    config = client.images.get(image).attrs.get("Config") or {}
    command = (*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ()))
    if not command:
        raise EngineError(_nothing_to_start(image))
    return ImageStart(command=command, user=config.get("User") or "")


def give_secrets(client: DockerClient, container_id: str, secrets: Mapping[str, str], user: str) -> None:
    """Put files with these contents into a container that has not started yet. Raises APIError."""
    client.api.put_archive(container_id, "/", secrets_archive(secrets, user))


def secrets_archive(secrets: Mapping[str, str], user: str) -> bytes:
    """A tar with each file and its folder, for the server's user only.

    A user that only the image knows by name can't be an owner here: then all inside may read, which is
    that server and nobody else.
    """
    name = user.partition(":")[0]
    owner = int(name) if name.isdigit() else 0
    is_private = not name or name == "root" or name.isdigit()
    import tarfile  # with its compressors; only a start needs them

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        folder = tarfile.TarInfo(FOLDER.strip("/"))
        folder.type, folder.mode, folder.uid = tarfile.DIRTYPE, 0o700 if is_private else 0o755, owner
        archive.addfile(folder)
        for path, secret in secrets.items():
            content = f"{secret}\n".encode()
            entry = tarfile.TarInfo(path.strip("/"))
            entry.size, entry.mode, entry.uid = len(content), 0o600 if is_private else 0o644, owner
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def read_key(client: DockerClient, inspected: Mapping[str, Any]) -> str | None:
    """The key of a container of ours; None if it has none, or is gone.

    Those of an ArcDesk before 0.3 have it in their environment.
    """
    from docker.errors import APIError

    pairs = (text.partition("=") for text in inspected["Config"].get("Env") or ())
    key = next((value for name, _, value in pairs if name == KEY_VARIABLE), None)
    if key is None:
        try:
            chunks, _ = client.api.get_archive(inspected["Id"], KEY_FILE)
            key = _only_file(b"".join(chunks))
        except APIError as error:
            # No such file, or a container that is going just now, for which Docker has many words. The
            # look at the container must not fail for that: the next one asks again.
            log.info("no key of container %s: %s", inspected["Id"][:12], error.explanation)
    if key:
        MASK.remember(key)
    return key


def _only_file(archive: bytes) -> str | None:
    import tarfile

    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        for entry in opened:
            if (file := opened.extractfile(entry)) is not None:
                return file.read().decode().strip()
    return None


def no_shell_problem(image: str, evidence: str) -> Problem:
    """The image holds no `sh`, which hands the server its key."""
    return Problem(
        cause="docker_no_shell",
        title="The image can't be started safely",
        detail=f"{image} holds no shell (sh), which hands the server its key where nobody else sees it.",
        hint="Choose an image with a shell: those of IPEX-LLM, llm-scaler and vLLM have one.",
        evidence=evidence,
    )


def _nothing_to_start(image: str) -> Problem:
    return Problem(
        cause="docker_no_command",
        title="The image starts nothing by itself",
        detail=f"{image} names neither an entry point nor a command.",
        hint="Choose an image that serves models, as those of IPEX-LLM, llm-scaler and vLLM do.",
    )
