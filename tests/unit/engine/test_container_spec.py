"""Settings become what Docker is asked for, and Docker's answer becomes values."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from typing import Any

import pytest

from arcdesk.core.settings import ContainerSettings
from arcdesk.engine.container_spec import (
    container_spec,
    environment_of,
    observation,
    spec_hash,
    unix_seconds,
    was_made_from,
)

DEFAULTS = ContainerSettings()


def spec(settings: ContainerSettings = DEFAULTS, **environ: str) -> dict[str, Any]:
    return container_spec(settings, command=["bash", "/start.sh"], environ=environ)


def test_the_eight_variables_of_the_start_script_are_set() -> None:
    environment = spec()["environment"]
    assert {
        "MODEL_PATH": "TinyLlama/TinyLlama-1.1B-Chat-v1.0",
        "SERVED_MODEL_NAME": "tinyllama",
        "TENSOR_PARALLEL_SIZE": "1",
        "MAX_NUM_SEQS": "8",
        "MAX_NUM_BATCHED_TOKENS": "3000",
        "MAX_MODEL_LEN": "2048",
        "LOAD_IN_LOW_BIT": "sym_int4",
        "PORT": "8000",
    }.items() <= environment.items()


def test_the_server_is_private_and_silent() -> None:
    made = spec()
    assert "VLLM_API_KEY" not in made["environment"]
    assert "HF_TOKEN_PATH" not in made["environment"]
    assert made["environment"]["VLLM_NO_USAGE_STATS"] == made["environment"]["DO_NOT_TRACK"] == "1"
    assert made["ports"] == {"8000/tcp": ("127.0.0.1", 8001)}
    assert not {"privileged", "restart_policy", "mem_limit", "network_mode"} & made.keys()


@pytest.mark.parametrize(("set_to", "expected"), [("1", "1"), ("", None), (None, None)])
def test_offline_is_passed_on_only_if_set(set_to: str | None, expected: str | None) -> None:
    environ = {} if set_to is None else {"HF_HUB_OFFLINE": set_to}
    assert spec(**environ)["environment"].get("HF_HUB_OFFLINE") == expected


def test_folders_become_absolute_mounts() -> None:
    made = spec(replace(DEFAULTS, models_dir="/srv/models"))
    home = os.path.expanduser("~")
    assert made["mounts"] == [
        {
            "Type": "bind",
            "Source": f"{home}/.cache/huggingface",
            "Target": "/root/.cache/huggingface",
            "ReadOnly": False,
        },
        {"Type": "bind", "Source": "/srv/models", "Target": "/llm/models", "ReadOnly": True},
    ]
    assert spec(replace(DEFAULTS, hf_cache_dir=""))["mounts"] == []


def test_without_a_device_none_is_passed() -> None:
    assert spec()["devices"] == ["/dev/dri"]
    assert spec(replace(DEFAULTS, device=""))["devices"] == []


def test_what_the_image_starts_is_handed_on_behind_the_wrapper() -> None:
    made = spec()
    assert made["entrypoint"][:2] == ["sh", "-c"]
    assert made["entrypoint"][2].endswith('exec "$@"')
    assert made["command"] == ["bash", "/start.sh"]


def test_of_the_hubs_token_only_its_place_is_told() -> None:
    made = container_spec(DEFAULTS, command=["x"], has_hub_token=True)
    assert made["environment"]["HF_TOKEN_PATH"] == "/run/arcdesk/hub-token"
    assert made["labels"] == spec()["labels"]  # a keyring that is locked today makes no other container


def test_each_setting_changes_the_hash() -> None:
    for field in fields(ContainerSettings):
        if field.name == "profile":  # a label only
            continue
        old = getattr(DEFAULTS, field.name)
        changed = replace(DEFAULTS, **{field.name: old + 1 if isinstance(old, int) else f"{old}x"})
        assert spec_hash(changed) != spec_hash(DEFAULTS), field.name
    assert spec_hash(DEFAULTS, environ={"HF_HUB_OFFLINE": "1"}) != spec_hash(DEFAULTS)


def inspected(**state: Any) -> dict[str, Any]:
    """As Docker 20.10 tells it, cut down to what is read."""
    return {
        "Id": "0123456789abcdef",
        "Name": "/arcdesk-engine",
        "State": {
            "Status": "running",
            "ExitCode": 0,
            "OOMKilled": False,
            "Error": "",
            "StartedAt": "2026-03-01T10:00:00.123456789Z",
            "FinishedAt": "0001-01-01T00:00:00Z",
            **state,
        },
        "Config": {
            "Image": "some/image:1",
            "Env": ["MODEL_PATH=/llm/models/x=y", "SERVED_MODEL_NAME=x", "VLLM_API_KEY=k", "EMPTY="],
            "Labels": {"io.arcdesk.role": "engine", "io.arcdesk.spec": "abc"},
        },
        "HostConfig": {"PortBindings": {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8001"}]}},
    }


def test_a_running_container_has_no_exit_code() -> None:
    seen = observation(inspected())
    assert (seen.name, seen.status, seen.exit_code) == ("arcdesk-engine", "running", None)
    assert (seen.model_path, seen.served_model, seen.api_key) == ("/llm/models/x=y", "x", "k")
    assert seen.host_port == 8001
    assert seen.started_at == pytest.approx(1772359200.123456)
    assert seen.finished_at == 0.0
    assert "k" not in repr(seen).replace("arcdesk", "")


def test_an_ended_container_tells_how() -> None:
    seen = observation(inspected(Status="exited", ExitCode=137, OOMKilled=True, Error="no"))
    assert (seen.exit_code, seen.oom_killed, seen.error) == (137, True, "no")
    assert seen.has_ended


def test_what_was_not_asked_for_is_none() -> None:
    bare = inspected()
    bare["Config"] |= {"Env": None, "Labels": None}
    bare["HostConfig"] = {"PortBindings": None}
    seen = observation(bare)
    assert (seen.host_port, seen.model_path, seen.api_key) == (None, None, None)
    assert environment_of(bare) == {}
    assert not was_made_from(bare, "abc")
    assert was_made_from(inspected(), "abc")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0.0),
        ("0001-01-01T00:00:00Z", 0.0),
        ("1970-01-01T00:01:00Z", 60.0),
        ("1970-01-01T01:01:00.5+01:00", 60.5),
        ("1970-01-01T00:00:01.999999999Z", 1.999999),
    ],
)
def test_dockers_time_as_seconds(text: str, seconds: float) -> None:
    assert unix_seconds(text) == pytest.approx(seconds)
