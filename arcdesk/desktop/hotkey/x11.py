"""A true grab of the key on a real X display: other programs do not see the press."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import sys
import threading
from typing import Any

from arcdesk.core.errors import Problem
from arcdesk.core.hotkey import HotkeyHow
from arcdesk.core.shortcut import Shortcut
from arcdesk.desktop.hotkey import x11_words
from arcdesk.desktop.hotkey.base import Bound, HotkeyEvents, HotkeyRefused
from arcdesk.desktop.hotkey.repeats import Repeats
from arcdesk.desktop.hotkey.x11_keymap import read_keymap

Connection = Any  # xcffib's, whose own types are not whole

log = logging.getLogger(__name__)

_ANY_KEY, _ANY_MODIFIER, _ASYNC = 0, 0x8000, 1
_CORE_KEYBOARD = 0x100  # XkbUseCoreKbd
_DETECTABLE_REPEAT = 1
_KEYMAP_EVENTS, _KEYMAP_PARTS = 1 | 2, 1 | 2 | 4  # new keyboard, new map; key types, keysyms, modifiers


class X11Grab:
    """Grabs on a connection of its own, which the loop reads: no thread, and no wake-up while idle."""

    how = HotkeyHow.X11

    def __init__(self, display: str) -> None:
        self._display = display
        self._connection: Connection | None = None
        self._shortcut: Shortcut | None = None
        self._events: HotkeyEvents | None = None
        self._grabbed: frozenset[tuple[int, int]] = frozenset()  # key code, state of the modifiers
        self._repeats = Repeats()
        self._descriptor = -1

    async def start(self, shortcut: Shortcut, events: HotkeyEvents) -> Bound:
        """Grab the key; from then on keep the grab through changes of the keyboard."""
        self._shortcut = shortcut
        await _load_library()
        import xcffib

        connection = self._connect()
        try:
            _refuse_xwayland(connection)
            self._repeats = Repeats(is_detectable=_use_xkb(connection))
            problem = self._try_to_grab()
        except xcffib.ConnectionException as error:
            await self.stop()
            raise HotkeyRefused(x11_words.gone(self._display, error)) from error
        except BaseException:
            await self.stop()
            raise
        self._events = events
        self._descriptor = connection.get_file_descriptor()
        asyncio.get_running_loop().add_reader(self._descriptor, self._pump)
        self._pump()  # the replies above may have brought events along
        return Bound(trigger=str(shortcut), problem=problem)

    async def stop(self) -> None:
        """Give the key back: the display drops grabs with the connection."""
        self._events = None
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._descriptor >= 0:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            self._descriptor = -1
        connection.disconnect()

    def _connect(self) -> Connection:
        import xcffib

        try:
            self._connection = xcffib.Connection(display=self._display)  # type: ignore[no-untyped-call]
        except xcffib.ConnectionException as error:
            raise HotkeyRefused(x11_words.gone(self._display, error)) from error
        return self._connection

    # the grab

    def _try_to_grab(self) -> Problem | None:
        """Grab; a key that the layout lacks is waited for. Raises HotkeyRefused for other reasons."""
        try:
            self._grab()
        except HotkeyRefused as refused:
            if refused.problem.cause != x11_words.NO_KEY:
                raise
            return refused.problem
        return None

    def _grab(self) -> None:
        """Grab for every state of the lock keys, on every screen; all or nothing. Raises HotkeyRefused.

        What is grabbed already stays so: a press in between would be lost. Each change from one keyboard to
        another is told as a new layout, mostly the same.
        """
        from xcffib.xproto import AccessError

        connection, shortcut = self._connection, self._shortcut
        assert connection is not None
        assert shortcut is not None
        keymap = read_keymap(connection)
        codes = keymap.codes_of(shortcut.key.keysym)
        wanted = keymap.mask_of(shortcut)
        keys = frozenset((code, wanted | locks) for code in codes for locks in keymap.lock_masks(wanted))
        if keys and keys == self._grabbed:
            return
        self._ungrab()
        if not keys:
            raise HotkeyRefused(x11_words.no_such_key(shortcut))
        cookies = [
            connection.core.GrabKeyChecked(False, screen.root, mask, code, _ASYNC, _ASYNC)
            for screen in connection.get_setup().roots
            for code, mask in keys
        ]
        is_taken = False
        for cookie in cookies:
            try:
                cookie.check()
            except AccessError:
                is_taken = True
        if is_taken:
            self._ungrab()
            raise HotkeyRefused(x11_words.taken(shortcut))
        self._grabbed = keys

    def _ungrab(self) -> None:
        self._grabbed = frozenset()
        assert self._connection is not None
        for screen in self._connection.get_setup().roots:
            self._connection.core.UngrabKey(_ANY_KEY, screen.root, _ANY_MODIFIER)
        self._connection.flush()

    def _grab_again(self) -> None:
        """The keyboard's layout changed: the same key may have another code now, or none."""
        assert self._events is not None
        assert self._shortcut is not None
        try:
            self._grab()
        except HotkeyRefused as refused:
            self._events.changed(Bound(trigger=str(self._shortcut), problem=refused.problem))
        else:
            self._events.changed(Bound(trigger=str(self._shortcut)))

    # events

    def _pump(self) -> None:
        """Take all events that have arrived."""
        import xcffib

        try:
            while self._connection is not None and self._take_one():
                pass
        except xcffib.ConnectionException as error:
            self._lose(error)

    def _take_one(self) -> bool:
        import xcffib

        assert self._connection is not None
        try:
            event = self._connection.poll_for_event()
        except xcffib.Error as error:  # an answer to a request that nobody waits for
            log.info("X display: %r", error)
            return True
        if event is None:
            return False
        if _is_keymap_news(event):
            self._drain_keymap_news()
        else:
            self._on_event(event)
        return True

    def _on_event(self, event: Any) -> None:
        from xcffib import xproto

        match event:
            case xproto.KeyPressEvent():
                self._on_press(event.detail, event.time)
            case xproto.KeyReleaseEvent():
                self._repeats.release(event.detail, event.time)

    def _on_press(self, code: int, time_ms: int) -> None:
        is_ours = any(code == grabbed for grabbed, _ in self._grabbed)
        if is_ours and self._events is not None and self._repeats.is_press(code, time_ms):
            self._events.pressed("")

    def _drain_keymap_news(self) -> None:
        """A new layout is told key by key: one look at the end does for all."""
        assert self._connection is not None
        later: list[Any] = []
        while (event := self._connection.poll_for_event()) is not None:
            if not _is_keymap_news(event):
                later.append(event)
        for event in later:
            self._on_event(event)
        self._grab_again()

    def _lose(self, error: Exception) -> None:
        events, self._events = self._events, None
        if self._descriptor >= 0:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            self._descriptor = -1
        if self._connection is not None:
            self._connection.disconnect()
            self._connection = None
        if events is not None:
            events.lost(x11_words.gone(self._display, error))


async def _load_library() -> None:
    """Import xcffib in a thread of its own: it takes long enough to be seen in a moving picture."""
    if "xcffib.xkb" in sys.modules:
        return
    loop = asyncio.get_running_loop()
    loaded = asyncio.Event()

    def load() -> None:
        with contextlib.suppress(ImportError):  # the import that follows says so
            importlib.import_module("xcffib.xproto")
            importlib.import_module("xcffib.xkb")
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(loaded.set)

    threading.Thread(target=load, name="import-xcffib", daemon=True).start()
    await loaded.wait()


def _use_xkb(connection: Connection) -> bool:
    """Ask that a held key sends no releases, and for news of the keyboard; False without XKB."""
    import xcffib
    import xcffib.xkb

    try:
        xkb = connection(xcffib.xkb.key)
        if not xkb.UseExtension(1, 0).reply().supported:
            return False
        # Whoever uses XKB gets its news of the keyboard instead of the core's MappingNotify.
        xkb.SelectEvents(_CORE_KEYBOARD, _KEYMAP_EVENTS, 0, _KEYMAP_EVENTS, _KEYMAP_PARTS, _KEYMAP_PARTS, [])
        flag = _DETECTABLE_REPEAT
        answer = xkb.PerClientFlags(_CORE_KEYBOARD, flag, flag, 0, 0, 0).reply()
    except xcffib.XcffibException as error:
        log.info("no XKB: %r", error)
        return False
    return bool(answer.value & flag)


def _is_keymap_news(event: Any) -> bool:
    """The layout or the modifiers have changed. All events of XKB come as its first kind."""
    from xcffib import xkb, xproto

    if isinstance(event, xproto.MappingNotifyEvent):
        return bool(event.request != xproto.Mapping.Pointer)
    return isinstance(event, (xkb.NewKeyboardNotifyEvent, xkb.MapNotifyEvent))


def _refuse_xwayland(connection: Connection) -> None:
    """An X display inside Wayland takes the grab and then hears only its own windows."""
    name = b"XWAYLAND"
    if connection.core.QueryExtension(len(name), name.decode()).reply().present:
        raise HotkeyRefused(x11_words.on_xwayland())
