"""Tells what the engine's container was made from: its image to the digest, and its settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from arcdesk.core.bench_ports import ContainerFacts
from arcdesk.engine.container_spec import environment_of
from arcdesk.engine.docker_start import inspect_ours, is_running

if TYPE_CHECKING:
    from docker import DockerClient

# The image's variables by the names of our settings. Named one by one: nothing else may get out.
_VARIABLES = {
    "model_path": "MODEL_PATH",
    "served_model_name": "SERVED_MODEL_NAME",
    "tensor_parallel_size": "TENSOR_PARALLEL_SIZE",
    "max_num_seqs": "MAX_NUM_SEQS",
    "max_num_batched_tokens": "MAX_NUM_BATCHED_TOKENS",
    "max_model_len": "MAX_MODEL_LEN",
    "load_in_low_bit": "LOAD_IN_LOW_BIT",
}


def facts_of_ours(client: DockerClient) -> ContainerFacts | None:
    """Of the running container with our label; None if none runs."""
    ours = [one for one in inspect_ours(client) if is_running(one)]
    return _facts(client, ours[0]) if ours else None


def _facts(client: DockerClient, inspected: Mapping[str, Any]) -> ContainerFacts:
    image: str = inspected["Config"]["Image"]
    return ContainerFacts(
        image=image,
        image_digest=digest_of(client, image, inspected["Image"]),
        settings=settings_of(inspected),
    )


def settings_of(inspected: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What it runs with: neither keys nor folders of the person's."""
    environment = environment_of(inspected)
    found = [
        (name, environment[variable]) for name, variable in _VARIABLES.items() if variable in environment
    ]
    host = inspected.get("HostConfig") or {}
    devices = [one.get("PathOnHost", "") for one in host.get("Devices") or ()]
    return (*found, ("device", devices[0])) if devices and devices[0] else tuple(found)


def digest_of(client: DockerClient, image: str, image_id: str) -> str:
    """By the id that the container was made from: its name may mean another image by now."""
    from docker.errors import ImageNotFound

    try:
        details = client.images.get(image_id).attrs
    except ImageNotFound:  # removed while its container runs
        return image_id
    digests = [text.rpartition("@") for text in details.get("RepoDigests") or ()]
    repository = _repository(image)
    ours = [digest for name, _, digest in digests if name == repository]
    return next(iter(ours or [digest for _, _, digest in digests]), image_id)


def _repository(image: str) -> str:
    """'host:5000/name:tag' → 'host:5000/name'."""
    name = image.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    return head if colon and "/" not in tag else name
