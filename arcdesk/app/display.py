"""Finds out whether a display server answers: Qt would end the process when none does."""

from __future__ import annotations

import os
import re
import socket
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

X11_SOCKETS = "/tmp/.X11-unix/X"  # noqa: S108  # the X Window System fixes this place
X11_PORT = 6000
PATIENCE_S = 2.0  # of a display on another machine; sockets of this one answer at once
X11_NAME = re.compile(r"(?:(?P<protocol>[^/]*)/)?(?P<host>.*):(?P<number>\d{1,4})(?:\.\d+)?")


def no_display_reason(environ: Mapping[str, str]) -> str | None:
    """Why no window can be opened, as a clause; None when nothing seen here stands in its way."""
    if not sys.platform.startswith("linux"):
        return None
    platforms = _platforms(environ)
    if any(not name.startswith(("xcb", "wayland")) for name in platforms):
        return None  # Qt was told to draw elsewhere, say "offscreen"
    silent: dict[str, None] = {}  # an ordered set
    for platform in platforms:
        is_x11 = platform.startswith("xcb")
        name = environ.get("DISPLAY", "") if is_x11 else _wayland_name(environ)
        if not name:
            continue
        if x11_answers(name) if is_x11 else wayland_answers(name, environ):
            return None
        silent[name] = None
    match list(silent):
        case []:
            return "there is no display here"
        case [name]:
            return f"the display {name} does not answer"
        case names:
            return f"the displays {' and '.join(names)} do not answer"


def x11_answers(display: str) -> bool:
    """An X server takes connections at this value of DISPLAY."""
    path = display.removeprefix("unix:")
    if path.startswith("/"):  # the socket itself, perhaps with the number of a screen
        return _any_unix_answers((path, path.rpartition(".")[0]))
    parts = X11_NAME.fullmatch(display)
    if parts is None:
        return False
    protocol, host, number = parts["protocol"], parts["host"], int(parts["number"])
    if protocol != "unix" and host not in ("", "unix"):
        return _tcp_answers(host.strip("[]"), X11_PORT + number)
    path = f"{X11_SOCKETS}{number}"
    if _any_unix_answers(("\0" + path, path)):
        return True
    if protocol or host:
        return False
    return _tcp_answers("localhost", X11_PORT + number)  # the last that X clients try


def wayland_answers(display: str, environ: Mapping[str, str]) -> bool:
    """A Wayland compositor takes connections at this value of WAYLAND_DISPLAY."""
    if environ.get("WAYLAND_SOCKET"):  # whoever started us has connected already
        return True
    folder = environ.get("XDG_RUNTIME_DIR", "")
    if not folder and not os.path.isabs(display):
        return False
    return _any_unix_answers((os.path.join(folder, display),))


def _platforms(environ: Mapping[str, str]) -> list[str]:
    """The platform plugins that Qt would try."""
    told = [name for name in environ.get("QT_QPA_PLATFORM", "").split(";") if name]
    if told:
        return told
    has_wayland = environ.get("WAYLAND_DISPLAY") or environ.get("WAYLAND_SOCKET")
    return [*(["wayland"] if has_wayland else []), "xcb"]


def _wayland_name(environ: Mapping[str, str]) -> str:
    return environ.get("WAYLAND_DISPLAY") or "wayland-0"


def _any_unix_answers(paths: Iterable[str]) -> bool:
    return any(_accepts(socket.AF_UNIX, path) for path in paths if path)


def _tcp_answers(host: str, port: int) -> bool:
    return any(_accepts(family, address) for family, address in _addresses(host, port))


def _addresses(host: str, port: int) -> Iterator[tuple[int, object]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return
    yield from ((family, address) for family, _type, _protocol, _name, address in found)


def _accepts(family: int, address: object) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(PATIENCE_S)
        try:
            probe.connect(address)  # type: ignore[arg-type]  # its shape depends on the family
        except (OSError, ValueError):  # ValueError: no socket can have such a name
            return False
        return True
