"""A second, isolated Docker daemon that a test may stop, kill and start again."""

import itertools
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.rig.docker_engine import DockerEngine
from tests.rig.dockerd import Dockerd, unmount_below
from tests.rig.errors import RigUnavailable
from tests.rig.ledger import locked
from tests.rig.paths import cache_dir


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateEngine:
    """A throw-away engine; its socket path stays the same over restarts."""

    daemon: Dockerd

    @property
    def host(self) -> str:
        return self.daemon.host

    @property
    def engine(self) -> DockerEngine:
        return DockerEngine(host=self.host, private=True)

    def stop(self) -> None:
        """Ends the daemon as `systemctl stop docker` does: containers are stopped first."""
        self.daemon.stop()

    def kill(self) -> None:
        """Ends the daemon as a crash does: containers go on running without it."""
        self.daemon.kill()

    def start(self) -> None:
        """Starts the daemon again, with the same data and the same socket."""
        self.daemon.start()

    def load_image(self, source: DockerEngine, tag: str) -> None:
        """Copies an image from another engine."""
        command = ["docker", "-H", source.host, "save", tag]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as saver:
            assert saver.stdout is not None
            self.engine.docker("load", stdin=saver.stdout.fileno())
        if saver.returncode != 0:
            raise RigUnavailable(f"docker save {tag} failed")


@contextmanager
def private_engine(folder: Path) -> Iterator[PrivateEngine]:
    """A running engine with its data in `folder`, gone with all its containers at the end.

    Ports published on 127.0.0.1 work; containers reach this machine but nothing beyond.
    """
    with isolated_network() as options:
        run_dir = Path(tempfile.mkdtemp(prefix="arcdesk-rig-", dir="/tmp"))
        daemon = Dockerd(data_root=folder / "docker", run_dir=run_dir, options=options)
        private = PrivateEngine(daemon=daemon)
        try:
            daemon.start()
            yield private
        finally:
            _throw_away(private)


def _throw_away(private: PrivateEngine) -> None:
    daemon = private.daemon
    try:
        if daemon.pid is None:
            daemon.start()  # only a daemon can end the containers that a killed one left running
        containers = private.engine.docker("ps", "--quiet", "--all").split()
        if containers:
            private.engine.docker("rm", "--force", *containers)
    finally:
        daemon.stop()
        unmount_below(daemon.data_root)
        shutil.rmtree(daemon.data_root)
        daemon.clean_up()


@contextmanager
def isolated_network() -> Iterator[tuple[str, ...]]:
    """The options for a second daemon that leaves the first one's network alone.

    It gets a bridge of its own (`--bridge=none` would delete the first one's docker0) and no firewall rules
    (they would replace the first one's). Published ports are served by docker's user-space proxy.
    """
    with _bridge() as bridge:
        yield f"--bridge={bridge}", "--iptables=false", "--ip6tables=false", "--ip-masq=false"


@contextmanager
def _bridge() -> Iterator[str]:
    """A bridge with a network that nothing else on this machine uses."""
    with locked(cache_dir() / "bridge.lock"):
        name, address = _free_bridge()
        _ip("link", "add", name, "type", "bridge")
    try:
        _ip("address", "add", address, "dev", name)
        _ip("link", "set", name, "up")
        yield name
    finally:
        _ip("link", "delete", name)


def _free_bridge() -> tuple[str, str]:
    taken = set(re.findall(r"\b(adrig\d+|172\.\d+)", _ip("address", "show") + _ip("route", "show")))
    for number in itertools.count():
        name, network = f"adrig{number}", f"172.{number + 20}"
        if network == "172.32":
            raise RigUnavailable("no free private network for a second Docker daemon")
        if name not in taken and network not in taken:
            return name, f"{network}.0.1/16"
    raise AssertionError("count() does not end")


def _ip(*arguments: str) -> str:
    program = shutil.which("ip") or "/usr/sbin/ip"
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise RigUnavailable("the ip command is missing (apt package iproute2)") from error
    if done.returncode != 0:
        raise RigUnavailable(f"ip {' '.join(arguments)} failed: {done.stderr.strip()}")
    return done.stdout
