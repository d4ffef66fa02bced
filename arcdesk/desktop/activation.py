"""The right to come to the front: takes the desktop's token, and uses it when a window is shown."""

from __future__ import annotations

import logging
import os
import re
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from PySide6.QtWidgets import QWidget

log = logging.getLogger(__name__)

WAYLAND_VARIABLE, X11_VARIABLE = "XDG_ACTIVATION_TOKEN", "DESKTOP_STARTUP_ID"
_TIME = re.compile(r"_TIME(\d{1,10})$")
INSIST_AFTER_MS = 150
_FROM_APPLICATION = 1
_PIECE_BYTES = 20  # of a message between X clients


def take_token(environ: MutableMapping[str, str]) -> str:
    """The token in the environment, '' without one. It is taken out: programs we start are others."""
    tokens = [environ.pop(name, "") for name in (WAYLAND_VARIABLE, X11_VARIABLE)]
    return next((token for token in tokens if token), "")


def time_of(token: str) -> int | None:
    """The X server's time in ms at the click, which an X11 token ends with."""
    match = _TIME.search(token)
    return int(match.group(1)) & 0xFFFFFFFF if match else None


def bring_to_front(window: QWidget, token: str = "") -> None:
    """Show the window, before all others and with the keyboard, as far as the desktop lets us.

    Without a token the wish counts as the person's of this moment: for commands and keys, never for news.
    """
    from PySide6.QtCore import QTimer
    from PySide6.QtGui import QGuiApplication

    platform = QGuiApplication.platformName()
    if platform.startswith("wayland") and token:
        os.environ[WAYLAND_VARIABLE] = token  # Qt gives it to the compositor with the activation
    if window.isMinimized():
        window.showNormal()
    window.show()
    window.raise_()
    window.activateWindow()
    if platform.startswith("wayland"):
        os.environ.pop(WAYLAND_VARIABLE, None)  # used, or of no use: never a second time
    elif platform == "xcb":
        if token:
            _on_x11(lambda connection: _end_startup(connection, token))
        QTimer.singleShot(INSIST_AFTER_MS, window, lambda: _insist_on_x11(window, token))


def _insist_on_x11(window: QWidget, token: str) -> None:
    """Ask once more, with the time of the wish: Qt knows only that of our own last event, and focus stealing
    prevention takes that for old. A window that has the keyboard by now is left in peace."""
    if window.isVisible() and not window.isActiveWindow():
        _on_x11(lambda connection: _activate(connection, int(window.winId()), token))


def _on_x11(work: Callable[[Any], None]) -> None:
    """Do it over a connection of its own; without library or display, Qt's own request stands."""
    try:
        import xcffib
        import xcffib.xproto  # what a connection speaks

        connection: Any = xcffib.connect()  # type: ignore[no-untyped-call]
    except Exception as error:
        log.info("no X connection to come to the front with: %s", error)
        return
    try:
        work(connection)
        connection.core.GetInputFocus().reply()  # all was heard: a closed connection might drop the rest
    except xcffib.XcffibException as error:
        log.info("coming to the front: %s", error)
    finally:
        connection.disconnect()


def _activate(connection: Any, window: int, token: str) -> None:
    time_ms = time_of(token)
    _ask_to_activate(connection, window, _server_time(connection) if time_ms is None else time_ms)


def _server_time(connection: Any) -> int:
    """Now, as the X server counts: it stamps the news of a changed property."""
    import xcffib
    from xcffib import xproto

    core, root = connection.core, connection.get_setup().roots[0]
    window = connection.generate_id()
    core.CreateWindow(
        0, window, root.root, -1, -1, 1, 1, 0, xproto.WindowClass.InputOnly, 0,
        xproto.CW.EventMask, [xproto.EventMask.PropertyChange],
    )  # fmt: skip
    core.ChangeProperty(xproto.PropMode.Append, window, xproto.Atom.WM_NAME, xproto.Atom.STRING, 8, 0, b"")
    connection.flush()
    while True:
        event = connection.wait_for_event()
        if isinstance(event, xproto.PropertyNotifyEvent):
            return int(event.time)
        if event is None:
            raise xcffib.XcffibException("the display went away")


def _ask_to_activate(connection: Any, window: int, time_ms: int) -> None:
    from xcffib import xproto

    atom = _atom(connection, "_NET_ACTIVE_WINDOW")
    data = struct.pack("=5I", _FROM_APPLICATION, time_ms, 0, 0, 0)
    _send(connection, window, atom, 32, data, xproto.EventMask.SubstructureRedirect)


def _end_startup(connection: Any, token: str) -> None:
    """Tell the desktop that what it waits for is there: it shows a busy pointer until then."""
    from xcffib import xproto

    text = f"remove: ID={_quoted(token)}".encode() + b"\0"
    kind = _atom(connection, "_NET_STARTUP_INFO_BEGIN")
    more = _atom(connection, "_NET_STARTUP_INFO")
    sender = connection.generate_id()
    root = connection.get_setup().roots[0].root
    connection.core.CreateWindow(0, sender, root, -1, -1, 1, 1, 0, xproto.WindowClass.InputOnly, 0, 0, [])
    for start in range(0, len(text), _PIECE_BYTES):
        piece = text[start : start + _PIECE_BYTES].ljust(_PIECE_BYTES, b"\0")
        _send(connection, sender, kind if start == 0 else more, 8, piece, xproto.EventMask.PropertyChange)


def _quoted(token: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", token) + '"'


def _send(connection: Any, window: int, kind: int, width: int, data: bytes, mask: int) -> None:
    """A client message to the root window, as window managers and panels listen for it."""
    root = connection.get_setup().roots[0].root
    event = struct.pack("=BBHII", 33, width, 0, window, kind) + data
    connection.core.SendEvent(False, root, mask, event)


def _atom(connection: Any, name: str) -> int:
    return int(connection.core.InternAtom(False, len(name), name).reply().atom)
