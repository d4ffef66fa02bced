"""For tests of services: no Docker to be found, a history file, a fake server, and no process left."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from tests.fakes.openai_server import OpenAIServer
from tests.unit.api import llama_server


@pytest.fixture(autouse=True)
def no_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")


@pytest.fixture(autouse=True)
def no_process_left() -> Iterator[None]:
    """Neither running nor a zombie."""
    before = psutil.Process().children()
    yield
    assert [child for child in psutil.Process().children() if child not in before] == []
    gc.collect()  # a transport left open would warn, and a warning fails the test


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "history.db"


@pytest_asyncio.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest.fixture(scope="module")
def llama_address() -> Iterator[str]:
    """llama.cpp's own server with the starter model, in a process that knows nothing of ArcDesk."""
    with llama_server.running(end_patience_s=30) as address:
        yield address
