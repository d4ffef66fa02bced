"""Asks the X server, over a connection of our own, which window is active, and hands the keyboard over."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from typing import Any

_BY_PAGER = 2  # _NET_ACTIVE_WINDOW's source: a person's choice, so focus stealing prevention lets it pass
_MODIFIER_MASK = 0x01 | 0x04 | 0x08 | 0x40 | 0x80  # Shift, Control, Alt, Super, level 3; not the locks
_KEYSYM_V = 0x76
_KEYCODE_V_US = 55  # where no layout has a Latin v, programs take the key at its place for Ctrl+V
_KEY_PRESS, _KEY_RELEASE = 2, 3


def why_not_x11(platform: str, environ: Mapping[str, str]) -> str:
    """Why windows of other programs can't be reached, as a short clause; '' where they can.

    `platform` is Qt's name of it. Below Wayland an X server shows X programs only: half the truth.
    """
    if environ.get("WAYLAND_DISPLAY") or environ.get("XDG_SESSION_TYPE") == "wayland":
        return "Wayland lets no program type into another"
    if platform != "xcb":
        return "only X11 desktops allow it"
    return ""


class X11Windows:
    """Short questions to the X server: each takes a fraction of a millisecond, none waits for a program.

    Connects at the first call, then keeps the connection and listens to nothing: idle costs nothing.
    Every method may raise `X11Windows.Gone` when the server went away.
    """

    class Gone(Exception):
        """No X server answers."""

    def __init__(self) -> None:
        self._connection: Any = None  # xcffib's types are incomplete
        self._atoms: dict[str, int] = {}
        self._root = 0

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.disconnect()
            self._connection = None

    # questions

    def active(self) -> int:
        """The active window's id; 0 if there is none."""
        return self._number(self._root_window(), "_NET_ACTIVE_WINDOW")

    def is_ours(self, window: int) -> bool:
        """It belongs to this process."""
        return self._number(window, "_NET_WM_PID") == os.getpid()

    def exists(self, window: int) -> bool:
        """The window manager still has it."""
        return window in self._numbers(self._root_window(), "_NET_CLIENT_LIST")

    def class_of(self, window: int) -> str:
        """The program's class in lower case, e.g. 'xterm'; '' if it has none."""
        raw = self._raw(window, "WM_CLASS").rstrip(b"\0")
        return raw.split(b"\0")[-1].decode("latin-1").lower()

    def has_compositor(self) -> bool:
        """Somebody blends windows: then corners can be round."""
        from xcffib import xproto

        core = self._core()
        owner = self._ask(lambda: core.GetSelectionOwner(self._atom("_NET_WM_CM_S0")).reply().owner)
        return bool(owner != xproto.Atom._None)

    def holds_modifiers(self) -> bool:
        """A modifier key is down."""
        core, root = self._core(), self._root_window()
        return bool(self._ask(lambda: core.QueryPointer(root).reply().mask) & _MODIFIER_MASK)

    # doings

    def activate(self, window: int) -> None:
        """Ask the window manager to raise it and to give it the keyboard."""
        from xcffib import xproto

        core, root = self._core(), self._root_window()
        body = (_BY_PAGER, 0, 0, 0, 0)
        event = struct.pack("=BBHII5I", 33, 32, 0, window, self._atom("_NET_ACTIVE_WINDOW"), *body)
        mask = xproto.EventMask.SubstructureNotify | xproto.EventMask.SubstructureRedirect
        self._ask(lambda: core.SendEvent(False, root, mask, event))
        self._flush()

    def press_paste(self) -> None:
        """Press and release Ctrl+V, as a keyboard would."""
        import xcffib.xtest
        from xcffib import xproto

        connection, root = self._connected(), self._root_window()
        control, key = self._keycode(0xFFE3) or 37, self._keycode(_KEYSYM_V) or _KEYCODE_V_US
        fake = connection(xcffib.xtest.key).FakeInput
        for kind, code in (
            (_KEY_PRESS, control),
            (_KEY_PRESS, key),
            (_KEY_RELEASE, key),
            (_KEY_RELEASE, control),
        ):
            self._ask(lambda kind=kind, code=code: fake(kind, code, xproto.Time.CurrentTime, root, 0, 0, 0))
        self._flush()

    # the protocol

    def _connected(self) -> Any:
        if self._connection is None:
            import xcffib

            try:
                self._connection = _connect()
            except xcffib.ConnectionException as error:
                raise self.Gone(str(error)) from error
            self._root = self._connection.get_setup().roots[self._connection.pref_screen].root
        return self._connection

    def _core(self) -> Any:
        return self._connected().core

    def _root_window(self) -> int:
        self._connected()
        return self._root

    def _ask(self, question: Any) -> Any:
        """Do it; a window that is gone answers with 0, a server that is gone raises Gone."""
        import xcffib

        try:
            return question()
        except xcffib.XcffibException as error:
            if isinstance(error, xcffib.ConnectionException):
                self._connection = None
                raise self.Gone(str(error)) from error
            return 0

    def _flush(self) -> None:
        connection = self._connected()
        self._ask(connection.flush)

    def _atom(self, name: str) -> int:
        if name not in self._atoms:
            core = self._core()
            self._atoms[name] = self._ask(lambda: core.InternAtom(False, len(name), name).reply().atom)
        return self._atoms[name]

    def _raw(self, window: int, name: str) -> bytes:
        core, any_type = self._core(), 0
        atom = self._atom(name)
        value = self._ask(
            lambda: core.GetProperty(False, window, atom, any_type, 0, 1 << 16).reply().value.buf()
        )
        return bytes(value) if value else b""

    def _numbers(self, window: int, name: str) -> tuple[int, ...]:
        raw = self._raw(window, name)
        return struct.unpack(f"={len(raw) // 4}I", raw[: len(raw) // 4 * 4])

    def _number(self, window: int, name: str) -> int:
        return next(iter(self._numbers(window, name)), 0)

    def _keycode(self, keysym: int) -> int:
        """A key that makes `keysym` without Shift in the layout of now; 0 if none does."""
        setup, core = self._connected().get_setup(), self._core()
        first, last = setup.min_keycode, setup.max_keycode
        reply = self._ask(lambda: core.GetKeyboardMapping(first, last - first + 1).reply())
        if not reply:
            return 0
        per_code, keysyms = reply.keysyms_per_keycode, list(reply.keysyms)
        columns = range(0, per_code, 2)  # each group's unshifted one
        for column in columns:
            for code in range(first, last + 1):
                if keysyms[(code - first) * per_code + column] == keysym:
                    return int(code)
        return 0


def _connect() -> Any:
    import xcffib

    make: Any = xcffib.Connection
    return make()
