"""What a container was made from, as a real Docker Engine tells it."""

from __future__ import annotations

import docker
import pytest

from arcdesk.core.settings import ContainerSettings
from arcdesk.engine.docker_image import digest_of
from arcdesk.engine.docker_runtime import DockerRuntime
from tests.docker.runtime_rig import own_engine, registry, runtime, sdk, settings
from tests.rig.private_engine import PrivateEngine

__all__ = ["own_engine", "runtime", "sdk", "settings"]  # fixtures
pytestmark = pytest.mark.docker
OURS = {"io.arcdesk.role": "engine"}


async def test_a_pulled_image_has_the_digest_that_others_can_pull(
    runtime: DockerRuntime, sdk: docker.DockerClient
) -> None:
    with registry(layer_bytes=20_000) as shared:
        shared.go_on.set()
        async for _ in runtime.pull(shared.image):
            pass
        image = sdk.images.get(shared.image)
        (repo_digest,) = image.attrs["RepoDigests"]
        digest = digest_of(sdk, shared.image, image.id or "")
        assert digest == repo_digest.partition("@")[2] and digest.startswith("sha256:")
        again = shared.image.replace(":1", ":2")
        image.tag(again)
        assert digest_of(sdk, again, image.id or "") == digest
        for tag in (shared.image, again):
            sdk.images.remove(tag)


def test_an_image_that_was_never_pulled_or_is_gone_has_its_own_id(
    sdk: docker.DockerClient, tiny_image: str, own_engine: PrivateEngine
) -> None:
    image_id = sdk.images.get(tiny_image).id or ""
    assert digest_of(sdk, tiny_image, image_id) == image_id
    gone = "sha256:" + "0" * 64
    assert digest_of(sdk, "was/here:1", gone) == gone


async def test_only_settings_are_told_and_only_of_a_running_container(
    runtime: DockerRuntime, sdk: docker.DockerClient, tiny_image: str, settings: ContainerSettings
) -> None:
    assert await runtime.container_facts() is None
    environment = {
        "MODEL_PATH": "/llm/models/x",
        "MAX_NUM_SEQS": "8",
        "LOAD_IN_LOW_BIT": "fp8",
        "VLLM_API_KEY": "very-secret",
        "HF_TOKEN": "hf_secret",
    }
    made = sdk.containers.create(
        tiny_image, command=["sleep", "600"], labels=OURS, environment=environment, name=settings.name
    )
    assert await runtime.container_facts() is None
    made.start()
    facts = await runtime.container_facts()
    assert facts is not None
    assert facts.settings == (
        ("model_path", "/llm/models/x"),
        ("max_num_seqs", "8"),
        ("load_in_low_bit", "fp8"),
    )
    assert facts.image == tiny_image and facts.image_digest == sdk.images.get(tiny_image).id
    assert "secret" not in repr(facts)
