"""Gives ArcDesk a place on a Docker Engine for one test: settings, a free port, and nothing left behind."""

from __future__ import annotations

import json
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from arcdesk.engine.container_key import KEY_FILE
from tests.rig.containers import MODEL_PATH
from tests.rig.docker_engine import DockerEngine
from tests.rig.errors import RigUnavailable
from tests.rig.ledger import locked
from tests.rig.paths import cache_dir

NAME = "arcdesk-spine"
LABEL = "io.arcdesk.role=engine"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSeat:
    """Where ArcDesk's container will be. `settings` are environment variables for ArcDesk."""

    engine: DockerEngine
    settings: dict[str, str]

    def containers(self) -> list[str]:
        """Ids of all containers with ArcDesk's label, ended ones included."""
        return self.engine.docker(
            "ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={LABEL}"
        ).split()

    def inspect(self) -> dict[str, Any]:
        """What Docker says of the one container."""
        (container,) = self.containers()
        (found,) = json.loads(self.engine.docker("inspect", container))
        return dict(found)

    def run(self) -> tuple[str, str]:
        """Names the container's run: its id and the time of its start."""
        found = self.inspect()
        return found["Id"], found["State"]["StartedAt"]

    def api_key(self) -> str:
        """The key that the server was started with; `docker inspect` does not show it."""
        return self.engine.docker("exec", NAME, "cat", KEY_FILE).strip()

    def url(self) -> str:
        """The server's address on this machine."""
        return f"http://127.0.0.1:{self.settings['ARCDESK_CONTAINER_HOST_PORT']}"

    def said_at(self, words: str) -> float | None:
        """When (Unix seconds) the server first wrote `words` to its standard output; None: not yet."""
        for line in self.engine.docker("logs", "--timestamps", NAME).splitlines():
            at, _, text = line.partition(" ")
            if words in text:
                return datetime.fromisoformat(at).timestamp()
        return None


@contextmanager
def container_seat(
    engine: DockerEngine, image: str, *, model_path: str = MODEL_PATH, max_model_len: int = 2048
) -> Iterator[ContainerSeat]:
    """One seat at a time on this machine, because ArcDesk takes any container with its label for its own.

    Raises RigUnavailable where somebody's ArcDesk has its container: a start would replace it.
    """
    with locked(cache_dir() / "seat.lock"), tempfile.TemporaryDirectory(prefix="arcdesk-hf-") as cache:
        seat = ContainerSeat(
            engine=engine,
            settings={
                "ARCDESK_ENGINE": "container",
                "DOCKER_HOST": engine.host,
                "ARCDESK_CONTAINER_IMAGE": image,
                "ARCDESK_CONTAINER_NAME": NAME,
                "ARCDESK_CONTAINER_HOST_PORT": str(_free_port()),
                "ARCDESK_CONTAINER_MODEL_PATH": model_path,
                "ARCDESK_CONTAINER_MAX_MODEL_LEN": str(max_model_len),
                "ARCDESK_CONTAINER_SERVED_MODEL_NAME": Path(MODEL_PATH).name.lower(),
                "ARCDESK_CONTAINER_HF_CACHE_DIR": cache,
                "ARCDESK_CONTAINER_SHM_SIZE": "1g",
            },
        )
        _remove_ours(engine)  # of a test that was killed
        if seat.containers():
            raise RigUnavailable("a container of an ArcDesk in use is on this Docker Engine: remove it first")
        try:
            yield seat
        finally:
            _remove_ours(engine)


def _remove_ours(engine: DockerEngine) -> None:
    ours = engine.docker("ps", "--all", "--quiet", "--filter", f"name=^/{NAME}$").split()
    if ours:
        engine.docker("rm", "--force", "--volumes", *ours)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
