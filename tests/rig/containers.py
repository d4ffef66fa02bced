"""Runs stand-in containers for tests and talks to them."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import docker
import httpx
from docker.models.containers import Container

from tests.rig.docker_engine import DockerEngine

MODEL_PATH = "/llm/models/SmolLM2-135M-Instruct"
POLL_S = 0.1


@contextmanager
def docker_client(engine: DockerEngine) -> Iterator[docker.DockerClient]:
    client = docker.DockerClient(base_url=engine.host)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def started(
    client: docker.DockerClient, image: str, env: Mapping[str, str], *, port: int = 8000, **options: Any
) -> Iterator[Container]:
    """A container whose inner `port` is published on some port of 127.0.0.1; removed at the end."""
    container = client.containers.run(
        image, environment=dict(env), ports={f"{port}/tcp": ("127.0.0.1", 0)}, detach=True, **options
    )
    try:
        yield container
    finally:
        container.remove(force=True)


def base_url(container: Container, port: int = 8000) -> str:
    container.reload()
    (binding,) = container.ports[f"{port}/tcp"] or []
    assert binding["HostIp"] == "127.0.0.1"
    return f"http://127.0.0.1:{binding['HostPort']}"


def wait_until_ready(container: Container, *, port: int = 8000, timeout_s: float = 30) -> str:
    """Waits for /health and returns the base address; fails with the log when that doesn't come."""
    url = base_url(container, port)
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and is_running(container):
        if is_healthy(url):
            return url
        time.sleep(POLL_S)
    raise AssertionError(f"not ready: {log(container)[-3000:]}")


def is_healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=2).status_code == 200
    except httpx.TransportError:
        return False  # docker's proxy accepts and drops connections until the server listens


def is_running(container: Container) -> bool:
    container.reload()
    return bool(container.status == "running")


def log(container: Container, *, stdout: bool = True, stderr: bool = True) -> str:
    return bytes(container.logs(stdout=stdout, stderr=stderr)).decode()


def wait_for_line(container: Container, text: str, *, timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while text not in log(container):
        assert time.monotonic() < deadline, f"no '{text}' in: {log(container)[-3000:]}"
        time.sleep(POLL_S)


def exit_code(container: Container, *, timeout_s: float = 30) -> int:
    """Waits for the container's end."""
    return int(container.wait(timeout=timeout_s)["StatusCode"])


def streamed_answer(url: str, model: str, question: str, *, key: str = "") -> str:
    """The text of a streamed answer at temperature 0."""
    # With its built-in system message this small model prefers to sing the Marseillaise.
    messages = [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": question},
    ]
    body = {"model": model, "messages": messages, "temperature": 0, "max_tokens": 32, "stream": True}
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    pieces: list[str] = []
    with httpx.stream(
        "POST", f"{url}/v1/chat/completions", json=body, headers=headers, timeout=60
    ) as response:
        assert response.status_code == 200, response.read()
        for line in response.iter_lines():
            if line.startswith("data: ") and line != "data: [DONE]":
                pieces += [choice["delta"].get("content") or "" for choice in json.loads(line[6:])["choices"]]
    assert len(pieces) > 2, "an answer in one piece is not streamed"
    return "".join(pieces)


def command_lines(container: Container) -> list[str]:
    """The command lines of the container's PID 1 and of its children."""
    rows = container.top(ps_args="-eo pid,ppid,args")["Processes"]
    ids = {row[0] for row in rows}
    (first,) = (row for row in rows if row[1] not in ids)
    return [str(first[2]), *(str(row[2]) for row in rows if row[1] == first[0])]
