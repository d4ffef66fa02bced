"""A process of tests around the instance's lock and socket. Its argument says what it does.

hold: take the lock, print "held" or "taken", wait until it is killed.
crash: take the lock, listen, print "listening", wait until it is killed (the socket then stays).
call UID: become that user, connect to the socket at argument 3, print "answered" or "refused".
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from typing import Any

from arcdesk.desktop.instance_server import InstanceLock, InstanceServer


async def answer(_request: dict[str, Any], _progress: object) -> dict[str, Any]:
    return {"from": os.getpid()}


async def listen() -> None:
    assert InstanceLock.take() is not None
    await InstanceServer(answer).start()
    print("listening", flush=True)
    await asyncio.Event().wait()


def hold() -> None:
    lock = InstanceLock.take()
    print("held" if lock else "taken", flush=True)
    if lock:
        sys.stdin.read()


def call_as(uid: int, path: str) -> None:
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(path)
        connection.sendall(b'{"command": "status"}\n')
        print("answered" if connection.recv(4096) else "refused")
    except ConnectionError:  # hung up while we were still talking
        print("refused")


if __name__ == "__main__":
    match sys.argv[1]:
        case "hold":
            hold()
        case "crash":
            asyncio.run(listen())
        case "call":
            call_as(int(sys.argv[2]), sys.argv[3])
