"""Talks to the running app over its socket. Standard library only: a forwarded command must be quick."""

from __future__ import annotations

import json
import os
import socket
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes longer than the whole question
    from collections.abc import Callable
    from typing import Any

    Json = dict[str, Any]
else:
    Json = dict

SOCKET_NAME = "instance.sock"
LOCK_NAME = "instance.lock"
MESSAGE_LIMIT_BYTES = 1 << 20


def runtime_dir() -> str:
    """The folder of socket and lock: XDG_RUNTIME_DIR/arcdesk, or a private one below the cache folder."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base and os.path.isabs(base):
        return os.path.join(base, "arcdesk")
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(cache, "arcdesk", "run")


def socket_path() -> str:
    """Where the running app listens."""
    return os.path.join(runtime_dir(), SOCKET_NAME)


def call(
    request: Json, *, timeout_s: float | None, on_progress: Callable[[Json], None] | None = None
) -> Json | None:
    """Send one request; returns the last line of the answer, None when no app of this user listens.

    Lines with "progress" go to `on_progress`. Raises TimeoutError, and ConnectionError when the app
    goes away in the middle.
    """
    connection = _connect(timeout_s)
    if connection is None:
        return None
    with connection, connection.makefile("rb") as lines:
        connection.sendall(json.dumps(request).encode() + b"\n")
        for line in lines:
            answer: Json = json.loads(line)
            if "progress" not in answer:
                return answer
            if on_progress is not None:
                on_progress(answer["progress"])
    raise ConnectionError("the running ArcDesk went away")


def _connect(timeout_s: float | None) -> socket.socket | None:
    if not hasattr(socket, "AF_UNIX"):
        return None  # Windows: untried
    path = socket_path()
    try:
        found = os.stat(path)
    except OSError:
        return None
    if found.st_uid != os.getuid() or not stat.S_ISSOCK(found.st_mode):
        return None  # somebody else's: never talk to it
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout_s)
    try:
        connection.connect(path)
    except OSError:  # a stale socket after a crash
        connection.close()
        return None
    return connection
