"""Runs one short command inside a container, within a bound of time and of output."""

from __future__ import annotations

import contextlib
import select
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docker import DockerClient

HEADER = struct.Struct(">BxxxL")  # Docker's frame: which output, how many bytes
STDERR = 2
CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecAnswer:
    """What came back. `refusal` is Docker's own sentence when it did not even start the command."""

    exec_id: str = ""
    stdout: str = ""
    stderr: str = ""
    exit_code: int | None = None
    is_late: bool = False  # it was given up and may still run in there
    refusal: str = ""


def run_in(
    client: DockerClient,
    container_id: str,
    command: Sequence[str],
    *,
    user: str | None,
    patience_s: float,
    most_bytes: int,
) -> ExecAnswer:
    """Run it as `user` ('UID:GID', None: the container's own). Raises NotFound for a container that is gone.

    What has come by then is kept when time or room is up; lines that were cut are left out.
    """
    from docker.errors import APIError, NotFound

    deadline = time.monotonic() + patience_s
    try:
        exec_id = str(client.api.exec_create(container_id, list(command), user=user or "")["Id"])
        link: Any = client.api.exec_start(exec_id, socket=True)
    except NotFound:
        raise
    except APIError as error:  # paused, ended, or a runtime that finds no such program
        return ExecAnswer(refusal=str(error.explanation or error))
    try:
        data, is_whole = _read(link, deadline, most_bytes)
    finally:
        _close(link)
    stdout, stderr = demultiplexed(data)
    if not is_whole and len(data) < most_bytes:
        return ExecAnswer(exec_id=exec_id, stdout=_whole_lines(stdout), stderr=stderr, is_late=True)
    if not is_whole:
        return ExecAnswer(exec_id=exec_id, stdout=_whole_lines(stdout), stderr=stderr)
    code = client.api.exec_inspect(exec_id)["ExitCode"]
    refusal = _refusal(stdout + stderr) if code in (126, 127) else ""
    return ExecAnswer(exec_id=exec_id, stdout=stdout, stderr=stderr, exit_code=code, refusal=refusal)


def demultiplexed(data: bytes) -> tuple[str, str]:
    """(stdout, stderr) of Docker's framed stream; a frame that was cut gives what there is of it."""
    outputs: dict[int, bytearray] = {}
    position = 0
    while position + HEADER.size <= len(data):
        kind, size = HEADER.unpack_from(data, position)
        position += HEADER.size
        outputs.setdefault(kind, bytearray()).extend(data[position : position + size])
        position += size
    stderr = outputs.pop(STDERR, bytearray())
    stdout = b"".join(outputs.values())
    return stdout.decode("utf-8", "replace"), stderr.decode("utf-8", "replace")


def _read(link: Any, deadline: float, most_bytes: int) -> tuple[bytes, bool]:
    """All that comes until the end, the deadline or the bound; and whether it is all."""
    from docker.utils.socket import read

    poll = select.poll()
    poll.register(link, select.POLLIN)
    data = bytearray()
    while len(data) < most_bytes:
        left_s = deadline - time.monotonic()
        has_buffered = hasattr(link, "pending") and link.pending()  # TLS keeps what it has decoded
        if not has_buffered and (left_s <= 0 or not poll.poll(left_s * 1000)):
            return bytes(data), False
        chunk = read(link, min(CHUNK_BYTES, most_bytes - len(data)))
        if chunk is None:
            continue
        if not chunk:
            return bytes(data), True
        data += chunk
    return bytes(data), False


def _whole_lines(text: str) -> str:
    return text[: text.rfind("\n") + 1]


def _refusal(text: str) -> str:
    """Docker's runtime writes its own failure into the command's output."""
    return text.strip() if "exec failed" in text or "OCI runtime" in text else ""


def _close(link: Any) -> None:
    """End the connection. The answer goes first: it writes out what the socket below it must still take."""
    response = getattr(link, "_response", None)  # the SDK hangs it there to keep it alive
    with contextlib.suppress(OSError, AttributeError):
        if response is not None:
            response.close()
    with contextlib.suppress(OSError):
        link.close()
