"""What is told of a Docker that is not there, or not usable; a real one is asked in tests/docker."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from arcdesk.core.doctor import Finding, Status
from arcdesk.core.settings import Settings
from arcdesk.engine import docker_connect
from arcdesk.engine.docker_address import USUAL_PLACE, Address
from arcdesk.engine.doctor_docker import docker_findings


def look(engine: str = "auto", **environ: str) -> Finding:
    (found,) = docker_findings(replace(Settings(), engine=engine), environ)
    assert found.id == "docker.socket"
    return found


@pytest.fixture
def no_docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A computer on which Docker was never installed, whatever this one has."""
    monkeypatch.setenv("PATH", str(tmp_path))
    place = Address(host=f"unix://{tmp_path}/docker.sock", source=USUAL_PLACE)
    monkeypatch.setattr(docker_connect, "addresses", lambda host, environ: [place])
    return tmp_path


@pytest.mark.parametrize(
    ("engine", "status"), [("auto", Status.WARN), ("embedded", Status.WARN), ("container", Status.BAD)]
)
def test_docker_that_is_not_installed_is_bad_only_for_those_who_chose_it(
    no_docker: Path, engine: str, status: Status
) -> None:
    found = look(engine)
    assert (found.status, found.title) == (status, "Docker is not installed")
    assert found.fix and found.command


def test_docker_that_does_not_run_is_bad_if_it_is_wanted(no_docker: Path) -> None:
    (no_docker / "docker").write_text("#!/bin/sh\n")
    (no_docker / "docker").chmod(0o755)
    assert (look().status, look().title) == (Status.BAD, "Docker is not running")
    assert look("embedded").status is Status.WARN


def test_a_stated_address_that_leads_nowhere_is_bad(tmp_path: Path) -> None:
    found = look(DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert (found.status, "DOCKER_HOST" in found.detail) == (Status.BAD, True)


@pytest.mark.parametrize("host", ["nonsense", "tcp://", "unix://", "ssh://somebody@127.0.0.1", "tcp://[::1"])
def test_a_stated_address_that_makes_no_sense_is_bad(host: str) -> None:
    assert look(DOCKER_HOST=host).status is Status.BAD


@pytest.fixture
def mute_server(tmp_path: Path) -> Iterator[str]:
    """A socket that takes connections and is closed before it says a word."""
    path = tmp_path / "mute.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        yield f"unix://{path}"


def test_missing_certificates_are_told(mute_server: str, tmp_path: Path) -> None:
    found = look(DOCKER_HOST=mute_server, DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH=str(tmp_path / "none"))
    assert (found.status, found.title) == (Status.BAD, "Docker can't be asked")
    assert "certificates" in found.fix
