"""Knows where a Docker Engine may be, without loading the SDK."""

from __future__ import annotations

import errno
import hashlib
import json
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

REACH_TIMEOUT_S = 3.0
USUAL_PLACE = "Docker's usual place"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where an engine may be, and who says so."""

    host: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An address that could not be reached, and why."""

    address: Address
    error: OSError


def addresses(host: str | None, environ: Mapping[str, str]) -> list[Address]:
    """Where to look, in order. A stated choice stands alone: another engine than that is never taken."""
    if host:
        return [Address(host=host, source="The settings")]
    if environ.get("DOCKER_HOST"):
        return [Address(host=environ["DOCKER_HOST"], source="DOCKER_HOST")]
    name = _context_name(environ)
    if name not in ("", "default"):
        return [Address(host=_context_host(name, environ), source=f"The Docker context '{name}'")]
    return _usual_addresses(environ)


def reach(host: str) -> OSError | None:
    """Why nothing can be reached there; None if something accepts a connection. Blocks for seconds."""
    parts = urlsplit(host)
    try:
        if parts.scheme in ("unix", "http+unix"):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.settimeout(REACH_TIMEOUT_S)
                probe.connect(parts.path)
        elif parts.scheme in ("tcp", "http", "https"):
            peer = (parts.hostname or "127.0.0.1", parts.port or 2375)
            socket.create_connection(peer, timeout=REACH_TIMEOUT_S).close()
        elif parts.scheme != "npipe":
            return OSError(errno.EPROTONOSUPPORT, "ArcDesk needs an engine on this computer")
    except OSError as error:
        return error
    return None


def _usual_addresses(environ: Mapping[str, str]) -> list[Address]:
    if sys.platform == "win32":
        return [Address(host="npipe:////./pipe/docker_engine", source=USUAL_PLACE)]
    paths = ["/var/run/docker.sock"]
    runtime_dir = environ.get("XDG_RUNTIME_DIR", "")
    if runtime_dir:
        paths += [f"{runtime_dir}/docker.sock", f"{runtime_dir}/podman/podman.sock"]
    paths.append("/run/podman/podman.sock")
    return [Address(host=f"unix://{path}", source=USUAL_PLACE) for path in paths]


def _docker_folder(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME") or Path.home()) / ".docker")


def _context_name(environ: Mapping[str, str]) -> str:
    """Read here and not by the SDK: loading that takes 100 ms, and a first look must be cheap."""
    stated = environ.get("DOCKER_CONTEXT")
    return stated or _text(_json(_docker_folder(environ) / "config.json"), "currentContext")


def _context_host(name: str, environ: Mapping[str, str]) -> str:
    folder = hashlib.sha256(name.encode()).hexdigest()
    meta = _json(_docker_folder(environ) / "contexts" / "meta" / folder / "meta.json")
    endpoint = meta.get("Endpoints", {}).get("docker", {})
    return _text(endpoint, "Host") or f"unknown://{name}"


def _json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    return value if isinstance(value, str) else ""
