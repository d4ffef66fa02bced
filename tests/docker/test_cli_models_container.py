"""`arcdesk models` beside a container that has a model loaded."""

from __future__ import annotations

import asyncio
import json
import os
import pty
from pathlib import Path

import pytest

from tests.docker.engine_helpers import daemon, docker, own_daemon
from tests.rig.private_engine import PrivateEngine
from tests.unit.app.command import PATIENCE_S, environment, finish, run, started
from tests.unit.storage.model_rig import cache_model, plain_model, whole_files

__all__ = ["daemon", "own_daemon"]  # fixtures
pytestmark = pytest.mark.docker


@pytest.mark.parametrize("model_path", ["org/one", "/llm/models/one"])
async def test_what_the_engine_has_loaded_is_told_and_stays(
    daemon: PrivateEngine, tiny_image: str, tmp_path: Path, model_path: str
) -> None:
    cached = cache_model(tmp_path / "cache" / "hub", "org/one", whole_files())
    own = plain_model(tmp_path / "mine" / "one")
    env = environment(
        DOCKER_HOST=daemon.host,
        ARCDESK_CONTAINER_HF_CACHE_DIR=str(tmp_path / "cache"),
        ARCDESK_CONTAINER_MODELS_DIR=str(tmp_path / "mine"),
    )
    loaded, other = (cached, own) if model_path == "org/one" else (own, cached)
    label = "io.arcdesk.role=engine"
    container = await docker(
        daemon, "run", "-d", "--label", label, "-e", f"MODEL_PATH={model_path}", tiny_image
    )

    listed = json.loads((await run("models", "--json", env=env)).out)["models"]
    assert {one["path"] for one in listed if one["in_use"]} == {str(loaded)}
    refused = await run("models", "rm", str(loaded), "--yes", env=env)
    assert refused.code == 1 and "is in use" in refused.err and loaded.is_dir()
    assert (await run("models", "rm", str(other), "--yes", env=env)).code == 0
    assert not other.exists()

    await docker(daemon, "stop", container.strip())
    assert (await run("models", "rm", str(loaded), "--yes", env=env)).code == 0
    assert not loaded.exists()


async def test_an_engine_that_starts_with_it_while_the_person_thinks_keeps_its_model(
    daemon: PrivateEngine, tiny_image: str, tmp_path: Path
) -> None:
    folder = cache_model(tmp_path / "cache" / "hub", "org/one", whole_files())
    env = environment(DOCKER_HOST=daemon.host, ARCDESK_CONTAINER_HF_CACHE_DIR=str(tmp_path / "cache"))
    master, slave = pty.openpty()
    try:
        async with started("models", "rm", "one", env=env, stdin=slave) as process:
            assert process.stderr is not None
            await asyncio.wait_for(process.stderr.readuntil(b"[y/N]"), PATIENCE_S)
            label = "io.arcdesk.role=engine"
            await docker(daemon, "run", "-d", "--label", label, "-e", "MODEL_PATH=org/one", tiny_image)
            os.write(master, b"y\n")
            done = await finish(process)
    finally:
        os.close(master)
        os.close(slave)
    assert done.code == 1 and "is in use" in done.err and folder.is_dir()
