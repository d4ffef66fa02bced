"""Where Docker is looked for."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from arcdesk.engine.docker_address import addresses


def hosts(host: str | None, environ: dict[str, str]) -> list[str]:
    return [address.host for address in addresses(host, environ)]


def context(home: Path, name: str, host: str) -> None:
    folder = home / ".docker" / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host}}}))
    (home / ".docker" / "config.json").write_text(json.dumps({"currentContext": name}))


def test_a_stated_choice_stands_alone(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "DOCKER_HOST": "tcp://127.0.0.1:2375"}
    context(tmp_path, "desktop", "unix:///desktop.sock")
    assert hosts("unix:///mine.sock", environ) == ["unix:///mine.sock"]
    assert hosts(None, environ) == ["tcp://127.0.0.1:2375"]


def test_the_current_context_is_read_from_dockers_files(tmp_path: Path) -> None:
    context(tmp_path, "desktop", "unix:///desktop.sock")
    (address,) = addresses(None, {"HOME": str(tmp_path)})
    assert address.host == "unix:///desktop.sock"
    assert "desktop" in address.source
    assert hosts(None, {"HOME": "/nowhere", "DOCKER_CONFIG": str(tmp_path / ".docker")}) == [address.host]


def test_a_context_of_the_environment_goes_before(tmp_path: Path) -> None:
    context(tmp_path, "other", "unix:///other.sock")
    context(tmp_path, "desktop", "unix:///desktop.sock")
    assert hosts(None, {"HOME": str(tmp_path), "DOCKER_CONTEXT": "other"}) == ["unix:///other.sock"]


@pytest.mark.parametrize(
    "content", ["{}", '{"currentContext": "default"}', "not json", "[1]", '{"currentContext": 3}']
)
def test_else_the_usual_sockets_come_in_their_order(tmp_path: Path, content: str) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text(content)
    assert hosts(None, {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": "/run/user/1"}) == [
        "unix:///var/run/docker.sock",
        "unix:///run/user/1/docker.sock",
        "unix:///run/user/1/podman/podman.sock",
        "unix:///run/podman/podman.sock",
    ]
