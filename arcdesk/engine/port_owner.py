"""Tells whether a port of this computer is free, and if not, who has it."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from arcdesk.core.errors import Action, ActionKind, Problem

LOOPBACK = "127.0.0.1"
PROC = Path("/proc")
LISTENING = "0A"
# Addresses in /proc/net/tcp and tcp6 (little-endian words) that keep us from 127.0.0.1.
IN_OUR_WAY = frozenset(
    {
        "00000000",
        "0100007F",
        "0" * 32,
        "0000000000000000FFFF00000100007F",
    }
)
TRIED_PORTS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PortProcess:
    """A process that listens on a port."""

    pid: int
    name: str


def is_free(port: int) -> bool:
    """A server could listen on 127.0.0.1 at this port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: without it, closed connections of the last run would count as an owner.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def next_free_port(port: int) -> int | None:
    """The first free port above this one; None if there is none near."""
    candidates = range(port + 1, min(port + 1 + TRIED_PORTS, 65536))
    return next((candidate for candidate in candidates if is_free(candidate)), None)


def listening_process(port: int, *, proc: Path = PROC) -> PortProcess | None:
    """The process that listens on a port of 127.0.0.1; None if /proc does not tell us (another user's)."""
    inodes = set(_listening_inodes(port, proc))
    if not inodes:
        return None
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for folder in proc.iterdir():
        if folder.name.isdigit() and _holds_one_of(folder, wanted):
            return PortProcess(pid=int(folder.name), name=_name(folder))
    return None


def describe_process(port: int, *, proc: Path = PROC) -> str:
    """The owner in a sentence's words: 'python3 (process 4711)' or 'another program'."""
    process = listening_process(port, proc=proc)
    return f"{process.name} (process {process.pid})" if process else "another program"


def port_problem(port: int, owner: str) -> Problem:
    """What to tell when the port is taken; `owner` is who has it, in a sentence's words."""
    free = next_free_port(port)
    actions: tuple[Action, ...] = ()
    if free is not None:
        label = f"Use port {free} and start"
        settings = (("host_port", str(free)),)
        actions = (Action(kind=ActionKind.APPLY_SETTINGS, label=label, settings=settings),)
    return Problem(
        cause="docker_port",
        title=f"Port {port} is taken",
        detail=f"It is used by {owner}.",
        hint=f"Use port {free}, or end {owner}." if free else f"End {owner}, or choose another port.",
        actions=actions,
    )


def _listening_inodes(port: int, proc: Path) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / table).read_text(encoding="ascii").splitlines()[1:]
        except FileNotFoundError:  # no /proc (not Linux) or a kernel without IPv6
            continue
        for line in lines:
            fields = line.split()
            address, _, hex_port = fields[1].partition(":")
            if fields[3] == LISTENING and int(hex_port, 16) == port and address in IN_OUR_WAY:
                yield fields[9]


def _holds_one_of(folder: Path, sockets: set[str]) -> bool:
    try:
        descriptors = list((folder / "fd").iterdir())
    except OSError:  # it ended, or it is another user's
        return False
    return any(_link(descriptor) in sockets for descriptor in descriptors)


def _link(descriptor: Path) -> str:
    try:
        return os.readlink(descriptor)
    except OSError:
        return ""


def _name(folder: Path) -> str:
    """The program's name. The kernel's own short name may be a thread's or cut off at 15 characters."""
    try:
        program = (folder / "cmdline").read_bytes().split(b"\0")[0].decode(errors="replace")
        return Path(program).name or (folder / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "a process that just ended"
