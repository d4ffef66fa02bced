"""The rig as pytest fixtures; where it can't be had, tests are skipped, but fail in CI."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

import pytest

from tests.rig import docker_engine as engines
from tests.rig import images
from tests.rig.docker_engine import DockerEngine
from tests.rig.errors import RigUnavailable
from tests.rig.render_node import render_node as make_render_node

T = TypeVar("T")


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[DockerEngine]:
    """A Docker Engine, shared with other test runs."""
    yield from _entered(engines.engine)


@pytest.fixture(scope="session")
def llama_image(docker_engine: DockerEngine) -> str:
    """The tag of the fast stand-in: llama.cpp behind the IPEX image's start contract."""
    return _had(lambda: images.llama_image(docker_engine))


@pytest.fixture(scope="session")
def vllm_image(docker_engine: DockerEngine) -> str:
    """The tag of the real vLLM on CPU behind the same contract."""
    return _had(lambda: images.vllm_image(docker_engine))


@pytest.fixture(scope="session")
def tiny_image(docker_engine: DockerEngine) -> str:
    """The tag of an image that only runs a process."""
    return _had(lambda: images.tiny_image(docker_engine))


@pytest.fixture(scope="session")
def render_node() -> Iterator[Path]:
    """A render node that can be passed into a container."""
    yield from _entered(make_render_node)


def _entered(make: Callable[[], AbstractContextManager[T]]) -> Iterator[T]:
    manager = make()
    thing = _had(manager.__enter__)
    try:
        yield thing
    finally:
        manager.__exit__(None, None, None)


def _had(get: Callable[[], T]) -> T:
    try:
        return get()
    except RigUnavailable as error:
        reason = error.reason
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
