"""Python loads this at each start when its folder is on PYTHONPATH: watches every contact of a program.

Hosts that ARCDESK_WATCH_DECLARED does not name (nor are this computer) are written to ARCDESK_WATCH_FILE, and
the contact is refused. An audit hook sees what Python's own sockets do below all
libraries; processes that the program starts are watched as well.
"""

from __future__ import annotations

import os
import sys

FILE = os.environ.get("ARCDESK_WATCH_FILE", "")
DECLARED = os.environ.get("ARCDESK_WATCH_DECLARED", "").split()
HERE = ("localhost", "127.", "::1", "::ffff:127.")
EVENTS = (
    "socket.connect",
    "socket.sendto",
    "socket.sendmsg",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.gethostbyaddr",
)


def _host(event: str, arguments: tuple[object, ...]) -> str:
    """Whom it is about; '' for what stays in this computer's kernel."""
    first = arguments[0] if event.startswith("socket.get") else arguments[1]
    if isinstance(first, tuple) and first:
        first = first[0]
    elif not event.startswith("socket.get"):  # a path of a socket file, or of another family
        return ""
    return first.decode() if isinstance(first, bytes) else str(first or "")


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event not in EVENTS:
        return
    host = _host(event, arguments)
    is_declared = not host or host.startswith(HERE) or host in DECLARED
    # Opened for each line: what is watched may fork, and must not inherit an open file.
    descriptor = os.open(FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, f"{'ok' if is_declared else 'UNDECLARED'} {event} {host}\n".encode())
    finally:
        os.close(descriptor)
    if not is_declared:
        raise PermissionError(f"undeclared host: {host}")


if FILE:
    sys.addaudithook(_watch)
