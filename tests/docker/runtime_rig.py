"""What the tests of DockerRuntime share: an engine of their own, settings, a small image registry.

An engine of their own, because a start replaces every container with our label that it finds.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import itertools
import json
import os
import socket
import tarfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import docker
import pytest
import pytest_asyncio

from arcdesk.core.ports import ContainerEvent
from arcdesk.core.settings import ContainerSettings
from arcdesk.engine.docker_runtime import DockerRuntime
from tests.rig.docker_engine import DockerEngine
from tests.rig.errors import RigUnavailable
from tests.rig.private_engine import PrivateEngine, private_engine

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def own_engine(
    docker_engine: DockerEngine, tiny_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrivateEngine]:
    """An engine that nobody else uses, with the tiny image."""
    try:
        with private_engine(tmp_path_factory.mktemp("engine")) as engine:
            engine.load_image(docker_engine, tiny_image)
            yield engine
    except RigUnavailable as error:
        if os.environ.get("CI") == "true":
            pytest.fail(error.reason)
        pytest.skip(error.reason)


@pytest_asyncio.fixture
async def runtime(own_engine: PrivateEngine) -> AsyncIterator[DockerRuntime]:
    """The adapter on that engine; afterwards no container is left."""
    runtime = DockerRuntime(own_engine.host, environ={})
    yield runtime
    await runtime.aclose()
    remove_all(own_engine.engine)


@pytest.fixture
def settings(tiny_image: str, tmp_path: Path) -> ContainerSettings:
    """A container of the tiny image, with a free port and a name of its own."""
    return ContainerSettings(
        image=tiny_image,
        name=f"arcdesk-test-{os.getpid()}-{next(_numbers)}",
        host_port=free_port(),
        hf_cache_dir=str(tmp_path / "hf-cache"),
        device="",
        shm_size="64m",
    )


@pytest.fixture
def sdk(own_engine: PrivateEngine) -> Iterator[docker.DockerClient]:
    """The SDK on the same engine, for what the adapter does not do."""
    client = docker.DockerClient(base_url=own_engine.host)
    yield client
    client.close()


def remove_all(engine: DockerEngine) -> None:
    containers = engine.docker("ps", "--all", "--quiet").split()
    if containers:
        engine.docker("rm", "--force", *containers)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def docker_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("docker")]


def left_over_threads(patience_s: float = 3.0) -> list[str]:
    """Threads of the adapter that don't end although it was closed."""
    for thread in docker_threads():
        thread.join(patience_s)
    return [thread.name for thread in docker_threads()]


@dataclass(slots=True, kw_only=True)
class Registry:
    """A registry on the loopback interface; its image's big layer stops half-way until it is let go."""

    image: str
    layer_bytes: int
    go_on: threading.Event = field(default_factory=threading.Event)
    half_sent: threading.Event = field(default_factory=threading.Event)


@contextmanager
def registry(*, layer_bytes: int = 4_000_000) -> Iterator[Registry]:
    """Serves the read half of the registry protocol with real bytes to the real engine."""
    blobs, manifest = _image(layer_bytes)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    shared = Registry(image=f"127.0.0.1:{server.server_port}/model:1", layer_bytes=layer_bytes)
    server.blobs, server.manifest, server.shared = blobs, manifest, shared  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, name="registry", daemon=True)
    thread.start()
    try:
        yield shared
    finally:
        shared.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        if self.request.recv(1, socket.MSG_PEEK) == b"\x16":  # a TLS greeting: this registry has no TLS
            self.request.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
            return
        super().handle()

    def do_HEAD(self) -> None:
        self._answer(send_body=False)

    def do_GET(self) -> None:
        self._answer(send_body=True)

    def _answer(self, *, send_body: bool) -> None:
        path, server = self.path, self.server
        if path == "/v2/":
            self._send(b"{}", "application/json", send_body)
        elif path.startswith("/v2/model/manifests/") and not path.endswith("/gone"):
            self._send(server.manifest, MANIFEST, send_body)  # type: ignore[attr-defined]
        elif path.rpartition("/")[2] in server.blobs:  # type: ignore[attr-defined]
            self._send(server.blobs[path.rpartition("/")[2]], "application/octet-stream", send_body)  # type: ignore[attr-defined]
        else:
            body = b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}'
            self._send(body, "application/json", send_body, status=404)

    def _send(self, body: bytes, kind: str, send_body: bool, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Docker-Content-Digest", _digest(body))
        self.end_headers()
        if send_body:
            self._write(body)

    def _write(self, body: bytes) -> None:
        shared: Registry = self.server.shared  # type: ignore[attr-defined]
        half = len(body) // 2 if len(body) > shared.layer_bytes else len(body)
        try:
            self.wfile.write(body[:half])
            self.wfile.flush()
            if half < len(body):
                shared.half_sent.set()
                shared.go_on.wait(60)
                self.wfile.write(body[half:])
        except OSError:
            self.close_connection = True  # the engine gave the download up

    def log_message(self, *_: object) -> None:
        """Keeps the test's output clean."""


MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def _image(layer_bytes: int) -> tuple[dict[str, bytes], bytes]:
    layers = [_layer(name, os.urandom(size)) for name, size in (("small", 2000), ("big", layer_bytes))]
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["/none"]},
            "rootfs": {"type": "layers", "diff_ids": [_digest(plain) for plain, _ in layers]},
        }
    ).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _part("application/vnd.docker.container.image.v1+json", config),
        "layers": [
            _part("application/vnd.docker.image.rootfs.diff.tar.gzip", packed) for _, packed in layers
        ],
    }
    blobs = {_digest(blob): blob for blob in (config, *(packed for _, packed in layers))}
    return blobs, json.dumps(manifest).encode()


def _layer(name: str, content: bytes) -> tuple[bytes, bytes]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue(), gzip.compress(buffer.getvalue(), compresslevel=1)


def _part(kind: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": kind, "size": len(blob), "digest": _digest(blob)}


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


async def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Waits until the condition holds; fails when it doesn't in time."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # what is awaited happens in threads and processes
            await asyncio.sleep(0.02)


async def collect(runtime: DockerRuntime, heard: list[ContainerEvent]) -> None:
    """Puts all events into a list that is read meanwhile."""
    async for event in runtime.events():
        heard.append(event)  # noqa: PERF401
