"""Finds a Docker Engine, or starts a private one that all processes of this user share."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.rig.dockerd import answers
from tests.rig.errors import RigUnavailable
from tests.rig.paths import cache_dir
from tests.rig.shared_engine import SharedEngine

SYSTEM_SOCKET = Path("/var/run/docker.sock")


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerEngine:
    """A Docker Engine that answers. `private` means: the rig started it and will stop it."""

    host: str
    private: bool

    def docker(self, *arguments: str, stdin: int | None = None) -> str:
        """Runs the docker command against this engine; returns what it prints, stripped.

        Raises RigUnavailable with the command's own complaint.
        """
        command = ["docker", "-H", self.host, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, stdin=stdin, check=False)
        if done.returncode != 0:
            raise RigUnavailable(f"docker {arguments[0]} failed: {done.stderr.strip()[-500:]}")
        return done.stdout.strip()

    def has_image(self, tag: str) -> bool:
        command = ["docker", "-H", self.host, "image", "inspect", "--format", "{{.Id}}", tag]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def acquire() -> DockerEngine:
    """An engine to use until `release()`; raises RigUnavailable when none can be had."""
    return _of_this_machine() or DockerEngine(host=shared().join(), private=True)


def release(engine: DockerEngine) -> None:
    """Gives up what `acquire()` gave; the last user stops a private engine."""
    if engine.private:
        shared().leave()


@contextmanager
def engine() -> Iterator[DockerEngine]:
    """`acquire()` and `release()` around a block."""
    acquired = acquire()
    try:
        yield acquired
    finally:
        release(acquired)


def keep_up() -> DockerEngine:
    """As `acquire()`, but a private engine then stays up until `shared().unpin()`."""
    return _of_this_machine() or DockerEngine(host=shared().pin(), private=True)


def running() -> DockerEngine | None:
    """The engine that `acquire()` would give without starting one."""
    found = _of_this_machine()
    if found is None and (host := shared().running()) is not None:
        found = DockerEngine(host=host, private=True)
    return found


def shared() -> SharedEngine:
    return SharedEngine(folder=cache_dir())


def _of_this_machine() -> DockerEngine | None:
    if shutil.which("docker") is None:
        raise RigUnavailable("the docker command is missing (apt package docker.io)")
    hosts = [os.environ.get("DOCKER_HOST", ""), f"unix://{SYSTEM_SOCKET}" if SYSTEM_SOCKET.exists() else ""]
    for host in filter(None, hosts):
        if answers(host):
            return DockerEngine(host=host, private=False)
    return None
