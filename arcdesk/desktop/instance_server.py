"""Makes this process the one ArcDesk of its user, and listens to the others."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

from arcdesk.desktop.instance_client import LOCK_NAME, MESSAGE_LIMIT_BYTES, Json, runtime_dir, socket_path

log = logging.getLogger(__name__)

Progress = Callable[[Json], None]
Handler = Callable[[Json, Progress], Awaitable[Json]]


class InstanceLock:
    """A lock that dies with the process, so nothing is stale after a crash."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls) -> InstanceLock | None:
        """The lock, or None when another process of this user has it. Raises OSError without a folder."""
        folder = runtime_dir()
        os.makedirs(folder, mode=0o700, exist_ok=True)
        os.chmod(folder, 0o700)
        descriptor = os.open(os.path.join(folder, LOCK_NAME), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(descriptor)
        except OSError:
            os.close(descriptor)
            return None
        return cls(descriptor)

    def release(self) -> None:
        """Let another instance begin."""
        os.close(self._descriptor)


def _lock(descriptor: int) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: untried
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class InstanceServer:
    """One JSON line in, progress lines and one answer line out. `handler` does the work."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server: asyncio.AbstractServer | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Listen; replaces the socket that a crash left (the lock says that it is nobody's)."""
        if not hasattr(asyncio, "start_unix_server"):
            return  # Windows: untried
        listener = _bind(socket_path())
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=MESSAGE_LIMIT_BYTES)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if _is_same_user(writer.get_extra_info("socket")):
                await self._converse(reader, writer)
        except (ConnectionError, ValueError, RecursionError) as error:
            log.info("a caller left or spoke nonsense: %s", error)
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = json.loads(await reader.readline() or b"{}")
        if not isinstance(request, dict):
            raise ValueError("not an object")

        def progress(step: Json) -> None:
            writer.write(json.dumps({"progress": step}).encode() + b"\n")

        try:
            answer = await self._handler(request, progress)
        except Exception as error:  # whatever it is: the caller is told, and the app lives on
            log.exception("the command %r failed", request.get("command"))
            title = f"arcdesk: ArcDesk made a mistake: {type(error).__name__}: {error}"
            answer = {"message": title, "exit_code": 1}
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()

    async def aclose(self) -> None:
        """Stop listening and end conversations."""
        if self._server is None:
            return
        self._server.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(socket_path())
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _bind(path: str) -> socket.socket:
    """A socket for this user alone. The mask is the whole process's: nothing may wait while it is set."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(path)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(mask)
    return listener


def _is_same_user(connection: socket.socket) -> bool:
    if not hasattr(socket, "SO_PEERCRED"):
        return True  # the socket's mode is the only guard
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _pid, uid, _gid = struct.unpack("3i", raw)
    return bool(uid == os.getuid())
