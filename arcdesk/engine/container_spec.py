"""Turns settings into what Docker is asked for, and what Docker tells back into values."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from arcdesk.core.engine_state import ContainerObservation
from arcdesk.core.settings import ContainerSettings
from arcdesk.engine.container_key import ENTRYPOINT, HUB_FILE, HUB_VARIABLE, KEY_VARIABLE

ROLE_LABEL = "io.arcdesk.role"
ROLE = "engine"
ROLE_FILTER = f"{ROLE_LABEL}={ROLE}"
PROFILE_LABEL = "io.arcdesk.profile"
SPEC_LABEL = "io.arcdesk.spec"

HF_CACHE_TARGET = "/root/.cache/huggingface"
MODELS_TARGET = "/llm/models"
PUBLISHED_ON = "127.0.0.1"  # the server inside listens on all addresses; the network must not see it

NOTHING: Mapping[str, str] = {}


def container_spec(
    settings: ContainerSettings,
    *,
    command: Sequence[str],
    environ: Mapping[str, str] = NOTHING,
    has_hub_token: bool = False,
) -> dict[str, Any]:
    """The keyword arguments for docker's `containers.create`. `environ` is ArcDesk's own environment.

    `command` is what the image would start by itself. The key and the hub's token are not in here, since
    `docker inspect` shows all of this: they go into the container as files, before it starts.

    Left out on purpose: privileges (the start works without), a restart policy (a wrong setting would
    become an endless crash loop), a memory limit (a model is loaded whole into RAM before it is moved).
    """
    spec = _base_spec(settings, environ)
    spec["command"] = list(command)
    if has_hub_token:
        spec["environment"][HUB_VARIABLE] = HUB_FILE
    spec["labels"] = {
        ROLE_LABEL: ROLE,
        PROFILE_LABEL: settings.profile,
        SPEC_LABEL: spec_hash(settings, environ=environ),
    }
    return spec


def spec_hash(settings: ContainerSettings, *, environ: Mapping[str, str] = NOTHING) -> str:
    """Tells whether a container was made from these settings.

    No secret is part of it: each container has a key of its own, and a keyring that is locked just now
    must not make a running container look outdated.
    """
    text = json.dumps(_base_spec(settings, environ), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def hf_cache_folder(settings: ContainerSettings) -> str:
    """The host's folder for Hugging Face downloads as an absolute path; '' is none."""
    return _absolute(settings.hf_cache_dir)


def models_folder(settings: ContainerSettings) -> str:
    """The host's folder with models as an absolute path; '' is none."""
    return _absolute(settings.models_dir)


def observation(inspected: Mapping[str, Any], api_key: str | None = None) -> ContainerObservation:
    """One `docker inspect` as a value. The key is not in there, unless an older ArcDesk made it."""
    state = inspected["State"]
    environment = environment_of(inspected)
    has_ended = state["Status"] in ("exited", "dead")
    return ContainerObservation(
        container_id=inspected["Id"],
        name=inspected["Name"].removeprefix("/"),
        image=inspected["Config"]["Image"],
        status=state["Status"],
        exit_code=state["ExitCode"] if has_ended else None,  # 0 for one that runs: that is no exit
        oom_killed=bool(state.get("OOMKilled")),
        error=state.get("Error", ""),
        started_at=unix_seconds(state.get("StartedAt", "")),
        finished_at=unix_seconds(state.get("FinishedAt", "")),
        host_port=_host_port(inspected),
        model_path=environment.get("MODEL_PATH"),
        served_model=environment.get("SERVED_MODEL_NAME"),
        api_key=api_key or environment.get(KEY_VARIABLE),
    )


def environment_of(inspected: Mapping[str, Any]) -> dict[str, str]:
    """The variables that a container runs with, those of its image included."""
    pairs = (text.partition("=") for text in inspected["Config"].get("Env") or ())
    return {name: value for name, _, value in pairs}


def was_made_from(inspected: Mapping[str, Any], spec: str) -> bool:
    """The container carries this spec hash."""
    return bool((inspected["Config"].get("Labels") or {}).get(SPEC_LABEL) == spec)


def unix_seconds(docker_time: str) -> float:
    """Docker's time as Unix seconds; 0.0 for Docker's own 'never' (the year 1) and for no time at all."""
    if not docker_time or docker_time.startswith("0001-"):
        return 0.0
    return datetime.fromisoformat(docker_time).timestamp()


def _base_spec(settings: ContainerSettings, environ: Mapping[str, str]) -> dict[str, Any]:
    return {
        "image": settings.image,
        "name": settings.name,
        "entrypoint": list(ENTRYPOINT),
        "devices": [settings.device] if settings.device else [],
        "shm_size": settings.shm_size,
        "ports": {f"{settings.port}/tcp": (PUBLISHED_ON, settings.host_port)},
        "mounts": _mounts(settings),
        "environment": _environment(settings, environ),
    }


def _environment(settings: ContainerSettings, environ: Mapping[str, str]) -> dict[str, str]:
    """The eight variables that the image's start script knows, then those that its Python reads itself."""
    values = {
        "MODEL_PATH": settings.model_path,
        "SERVED_MODEL_NAME": settings.served_model_name,
        "TENSOR_PARALLEL_SIZE": str(settings.tensor_parallel_size),
        "MAX_NUM_SEQS": str(settings.max_num_seqs),
        "MAX_NUM_BATCHED_TOKENS": str(settings.max_num_batched_tokens),
        "MAX_MODEL_LEN": str(settings.max_model_len),
        "LOAD_IN_LOW_BIT": settings.load_in_low_bit,
        "PORT": str(settings.port),
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "TZ": "Etc/UTC",  # the image says Asia/Shanghai: its log would be eight hours off
    }
    offline = environ.get("HF_HUB_OFFLINE", "")
    return {**values, "HF_HUB_OFFLINE": offline} if offline else values


def _mounts(settings: ContainerSettings) -> list[dict[str, Any]]:
    """Mounts rather than volumes: Docker refuses a folder that isn't there instead of making it root's."""
    folders = (
        (hf_cache_folder(settings), HF_CACHE_TARGET, False),
        (models_folder(settings), MODELS_TARGET, True),
    )
    return [
        {"Type": "bind", "Source": source, "Target": target, "ReadOnly": read_only}
        for source, target, read_only in folders
        if source
    ]


def _absolute(folder: str) -> str:
    return os.path.abspath(os.path.expanduser(folder)) if folder else ""


def _host_port(inspected: Mapping[str, Any]) -> int | None:
    """From the wish, not from what is open now: it is there for a stopped container, too."""
    bindings = inspected.get("HostConfig", {}).get("PortBindings") or {}
    ports = [entry.get("HostPort") for entries in bindings.values() for entry in entries or ()]
    return next((int(port) for port in ports if port), None)
