"""The terminal's commands as real processes, over a real Docker Engine and a real server."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest

from arcdesk.core.settings import ContainerSettings
from tests.docker.engine_helpers import FAULT, PATIENCE_S, daemon, own_daemon, settings
from tests.rig.private_engine import PrivateEngine

__all__ = ["daemon", "own_daemon", "settings"]  # fixtures
pytestmark = pytest.mark.docker

ROOT = Path(__file__).resolve().parents[2]
OK, FAILURE, USAGE, NOT_READY, NO_DOCKER, NOT_FOUND = 0, 1, 2, 3, 4, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.out)
        return answer


class Terminal:
    """A shell whose environment says where Docker is and how the container is made."""

    def __init__(self, daemon: PrivateEngine, settings: ContainerSettings) -> None:
        self.environment = {**os.environ, "DOCKER_HOST": daemon.host, "PYTHONDONTWRITEBYTECODE": "1"}
        self.running: list[subprocess.Popen[str]] = []
        self.set(**{field.name: getattr(settings, field.name) for field in fields(settings)})

    def set(self, **container: object) -> None:
        for name, value in container.items():
            self.environment[f"ARCDESK_CONTAINER_{name.upper()}"] = str(value)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "arcdesk", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.running.append(process)
        return process

    def run(self, *arguments: str) -> Done:
        process = self.begin(*arguments)
        out, err = process.communicate(timeout=PATIENCE_S)
        assert "Traceback" not in err, err
        return Done(code=process.returncode, out=out, err=err)

    def phase(self) -> str:
        return str(self.run("status", "--json", "--engine", "container").json["engine"]["phase"])

    def close(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture
def terminal(daemon: PrivateEngine, settings: ContainerSettings) -> Iterator[Terminal]:
    terminal = Terminal(daemon, settings)
    yield terminal
    terminal.close()


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.2)


def containers(daemon: PrivateEngine) -> list[str]:
    return daemon.engine.docker("ps", "-aq", "--filter", "label=io.arcdesk.role=engine").split()


def test_a_whole_day_at_the_terminal(
    terminal: Terminal, daemon: PrivateEngine, settings: ContainerSettings
) -> None:
    before = terminal.run("status", "--json", "--engine", "container")
    assert (before.code, before.json["engine"]["phase"]) == (OK, "absent")

    started = terminal.run("start", "--engine", "container", "--json")
    assert started.code == OK, started.err
    assert started.json["engine"]["phase"] == "ready"  # data, and nothing else, on standard output
    progress = started.err.splitlines()
    assert progress[0].startswith("Starting")
    assert any(line.startswith("Loading") for line in progress)
    assert len(set(progress)) == len(progress)

    status = terminal.run("status", "--json", "--engine", "container")
    engine = status.json["engine"]
    assert (status.code, engine["phase"], engine["error"]) == (OK, "ready", None)
    assert (engine["profile"], engine["model"], engine["device"]) == (settings.profile, "smol", "CPU")
    assert engine["base_url"] == f"http://127.0.0.1:{settings.host_port}/v1"
    assert "ready" in terminal.run("status", "--engine", "container").out.lower()

    asked = terminal.run(
        "ask", "What is the capital of France?", "--json", "--engine", "container",
        "--max-tokens", "24", "--temperature", "0",
    )  # fmt: skip
    assert asked.code == OK, asked.err
    answer = asked.json
    assert answer["text"]
    assert (answer["model"], answer["engine"], answer["device"]) == ("smol", "container", "CPU")
    assert answer["ttft_ms"] > 0
    assert answer["prompt_tokens"] > 5
    assert 1 < answer["completion_tokens"] <= 24
    assert answer["decode_tokens_per_s"] > 0
    assert answer["finish_reason"] in ("stop", "length")

    logs = terminal.run("logs", "--engine", "container")
    assert logs.code == OK
    assert any("vLLM API server version" in line for line in logs.out.splitlines())
    assert len(terminal.run("logs", "-n", "3", "--engine", "container").out.splitlines()) == 3

    (container,) = containers(daemon)
    again = terminal.run("start", "--engine", "container", "--json")
    assert (again.code, again.json["engine"]["phase"]) == (OK, "ready")
    assert containers(daemon) == [container]  # what runs is taken as it is

    stopped = terminal.run("stop", "--engine", "container", "--json")
    assert (stopped.code, stopped.json["engine"]["phase"]) == (OK, "stopped")
    assert containers(daemon) == []
    assert terminal.phase() in ("absent", "stopped")


def test_restart_makes_a_new_container(terminal: Terminal, daemon: PrivateEngine) -> None:
    assert terminal.run("start", "--engine", "container").code == OK
    (first,) = containers(daemon)
    restarted = terminal.run("restart", "--engine", "container", "--json")

    assert (restarted.code, restarted.json["engine"]["phase"]) == (OK, "ready"), restarted.err
    (second,) = containers(daemon)
    assert second != first


def test_asking_while_it_loads_says_not_ready(terminal: Terminal) -> None:
    terminal.set(model_path=FAULT + "silent")
    started = terminal.run("start", "--no-wait", "--json", "--engine", "container")
    assert (started.code, started.json["engine"]["phase"]) == (OK, "loading")
    asked = terminal.run("ask", "Anybody there?", "--json", "--engine", "container")

    assert asked.code == NOT_READY
    assert asked.json["error"]["cause"] == "not_ready"
    assert "loading" in asked.err
    assert terminal.phase() == "loading"


def test_asking_with_no_container_says_how_to_start(terminal: Terminal) -> None:
    asked = terminal.run("ask", "Anybody there?", "--engine", "container")
    assert (asked.code, asked.out) == (NOT_READY, "")
    assert "arcdesk start" in asked.err


def test_a_start_that_fails_tells_the_cause_of_the_log(terminal: Terminal) -> None:
    terminal.set(model_path=FAULT + "lag")
    started = terminal.run("start", "--engine", "container", "--json")

    assert started.code == NOT_READY
    assert started.json["engine"]["phase"] == "failed"
    assert started.json["engine"]["error"]["cause"] == "kv_context_too_long"
    assert started.json["engine"]["error"]["title"].rstrip(".") in started.err
    status = terminal.run("status", "--json", "--engine", "container").json["engine"]
    assert (status["phase"], status["error"]["cause"]) == ("failed", "kv_context_too_long")


def test_a_missing_image_is_not_found(terminal: Terminal, daemon: PrivateEngine) -> None:
    terminal.set(image="arcdesk-rig/none:1")
    started = terminal.run("start", "--engine", "container", "--json")

    assert started.code == NOT_FOUND
    assert started.json["engine"]["error"]["cause"] == "docker_image"
    assert "arcdesk-rig/none:1" in started.err
    assert containers(daemon) == []


def test_a_taken_port_names_its_owner(
    terminal: Terminal, daemon: PrivateEngine, settings: ContainerSettings
) -> None:
    with socket.create_server(("127.0.0.1", settings.host_port)):
        started = terminal.run("start", "--engine", "container", "--json")

    assert started.code == FAILURE
    assert started.json["engine"]["error"]["cause"] == "docker_port"
    assert f"process {os.getpid()}" in started.err
    assert str(settings.host_port) in started.err
    assert containers(daemon) == []


def test_a_bad_model_path_is_refused_before_anything_happens(
    terminal: Terminal, daemon: PrivateEngine
) -> None:
    terminal.set(model_path="/llm/models/my model")
    started = terminal.run("start", "--engine", "container")

    assert started.code == USAGE
    assert "a space" in started.err
    assert containers(daemon) == []


def test_without_docker_the_status_says_so(terminal: Terminal, tmp_path: Path) -> None:
    terminal.environment["DOCKER_HOST"] = f"unix://{tmp_path}/nothing.sock"
    status = terminal.run("status", "--json", "--engine", "container")

    assert status.code == NO_DOCKER
    assert status.json["engine"]["phase"] == "unavailable"
    assert status.json["engine"]["error"]["cause"] == "docker_daemon"
    assert "nothing.sock" in status.err
    assert terminal.run("start", "--engine", "container").code == NO_DOCKER


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT])
def test_a_start_whose_terminal_dies_is_found_again(
    terminal: Terminal, daemon: PrivateEngine, blow: signal.Signals
) -> None:
    terminal.set(model_path=FAULT + "slow")
    starting = terminal.begin("start", "--engine", "container")
    wait_until(lambda: bool(containers(daemon)), "the container")
    starting.send_signal(blow)
    starting.communicate(timeout=PATIENCE_S)

    assert starting.returncode == (-signal.SIGKILL if blow is signal.SIGKILL else 130)
    (container,) = containers(daemon)
    is_running = daemon.engine.docker("inspect", "--format", "{{.State.Running}}", container) == "true"
    assert terminal.phase() == ("loading" if is_running else "stopped")
    if blow is signal.SIGKILL:
        assert terminal.run("start", "--engine", "container").code == OK
        assert terminal.phase() == "ready"
