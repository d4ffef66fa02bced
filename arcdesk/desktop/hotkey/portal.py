"""The hotkey through the desktop's GlobalShortcuts portal: Wayland's way, with the desktop's consent."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from arcdesk.core.hotkey import HotkeyHow
from arcdesk.core.shortcut import Shortcut
from arcdesk.desktop.dbus_values import BusError, BusUnavailable
from arcdesk.desktop.hotkey import portal_words
from arcdesk.desktop.hotkey.base import Bound, HotkeyEvents, HotkeyRefused
from arcdesk.desktop.hotkey.portal_link import (
    CALL_PATIENCE_S,
    PORTAL,
    PORTAL_PATH,
    PortalGone,
    PortalLink,
    Results,
    options,
    unpacked,
)

if TYPE_CHECKING:
    from dbus_fast import Message

log = logging.getLogger(__name__)

SHORTCUTS = "org.freedesktop.portal.GlobalShortcuts"
SESSION = "org.freedesktop.portal.Session"
SHORTCUT_ID = "quick"  # never change it: desktops keep the person's key under this name
DESCRIPTION = "Open the quick prompt"
CONFIGURE_SINCE_VERSION = 2
REPEAT_WITHIN_S = 0.7  # a held key repeats sooner, on desktops that report its repeats

_CANCELLED = 1


class PortalShortcut:
    """One portal session with one shortcut. The desktop owns the key: we only propose one."""

    how = HotkeyHow.PORTAL

    def __init__(
        self,
        link: PortalLink,
        is_installed: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._link = link
        self._is_installed = is_installed
        self._clock = clock
        self._session = ""
        self._version = 1
        self._events: HotkeyEvents | None = None
        self._rules: list[str] = []
        self._unlisten: Callable[[], None] = lambda: None
        self._is_down = False
        self._heard_s = 0.0

    async def start(self, shortcut: Shortcut, events: HotkeyEvents) -> Bound:
        """Register, open a session, ask for the key. May wait for the person's yes, for any time."""
        try:
            bound = await self._ask(shortcut)
        except BaseException as error:
            await self.stop()
            refusal = self._refusal(error)
            if refusal is None:
                raise
            raise refusal from error
        self._events = events
        return bound

    async def stop(self) -> None:
        """Close the session; the desktop remembers the key for the next one."""
        self._events = None
        self._unlisten()
        if self._session:
            self._link.close_session(self._session)
            self._session = ""
        rules, self._rules = self._rules, []
        for rule in rules:
            await self._link.bus.unwatch(rule)

    async def configure(self) -> None:
        """Have the desktop open its settings for our shortcut. Raises HotkeyRefused."""
        try:
            await self._link.call(SHORTCUTS, "ConfigureShortcuts", "osa{sv}", self._session, "", {})
        except (BusError, BusUnavailable, TimeoutError) as error:
            refusal = self._refusal(error)
            assert refusal is not None
            raise refusal from error

    async def _ask(self, shortcut: Shortcut) -> Bound:
        link = self._link
        await link.register()
        (version,) = await link.call("org.freedesktop.DBus.Properties", "Get", "ss", SHORTCUTS, "version")
        self._version = int(unpacked(version))
        await self._listen()
        code, results = await link.request(
            SHORTCUTS,
            "CreateSession",
            "a{sv}",
            lambda token: [options(handle_token=("s", token), session_handle_token=("s", token))],
            patience_s=CALL_PATIENCE_S,
        )
        _check(code)
        self._session = str(results["session_handle"])
        wish = options(description=("s", DESCRIPTION), preferred_trigger=("s", shortcut.portal))
        code, results = await link.request(
            SHORTCUTS,
            "BindShortcuts",
            "oa(sa{sv})sa{sv}",
            lambda token: [self._session, [[SHORTCUT_ID, wish]], "", options(handle_token=("s", token))],
            patience_s=None,
        )
        _check(code)
        return self._bound(results.get("shortcuts", []))

    async def _listen(self) -> None:
        """Have the signals sent that are about our own requests and sessions, and no others."""
        link = self._link
        sessions = f"{PORTAL_PATH}/session/{link.sender}"
        base = f"type='signal',sender='{PORTAL}'"
        self._rules = [
            f"{base},path_namespace='{PORTAL_PATH}/request/{link.sender}'",
            f"{base},path_namespace='{sessions}'",
            f"{base},interface='{SHORTCUTS}',path='{PORTAL_PATH}',arg0path='{sessions}/'",
        ]
        for rule in self._rules:
            await link.bus.watch(rule)
        self._unlisten = link.listen(self._on_signal)

    def _bound(self, shortcuts: list[Any]) -> Bound:
        told: dict[str, Results] = dict(shortcuts)
        trigger = str(told.get(SHORTCUT_ID, {}).get("trigger_description", ""))
        return Bound(
            trigger=trigger,
            problem=None if trigger else portal_words.without_trigger(),
            can_configure=self._version >= CONFIGURE_SINCE_VERSION,
        )

    def _refusal(self, error: BaseException) -> HotkeyRefused | None:
        match error:
            case HotkeyRefused():
                return error
            case BusError():
                is_installed, said = self._is_installed(), self._link.register_error
                words = portal_words.explain(error, is_installed=is_installed, register_error=said)
                return HotkeyRefused(words)
            case BusUnavailable():
                return HotkeyRefused(portal_words.no_bus(str(error)))
            case TimeoutError():
                return HotkeyRefused(portal_words.silent())
            case PortalGone():
                return HotkeyRefused(portal_words.gone())
        return None

    # signals

    def _on_signal(self, message: Message) -> None:
        events = self._events
        if events is None:
            return
        if message.interface == SESSION and message.member == "Closed" and message.path == self._session:
            self._session = ""
            events.lost(portal_words.session_closed())
            return
        if message.interface != SHORTCUTS or not message.body or message.body[0] != self._session:
            return
        match message.member:
            case "Activated" if message.body[1] == SHORTCUT_ID:
                self._on_activated(unpacked(message.body[3]))
            case "Deactivated" if message.body[1] == SHORTCUT_ID:
                self._is_down = False
            case "ShortcutsChanged":
                events.changed(self._bound(unpacked(message.body[1])))

    def _on_activated(self, values: Results) -> None:
        """A press, unless it repeats one that was not released: some desktops report each repeat."""
        now_s = self._clock()
        is_repeat = self._is_down and now_s - self._heard_s < REPEAT_WITHIN_S
        self._is_down, self._heard_s = True, now_s
        if not is_repeat and self._events is not None:
            self._events.pressed(str(values.get("activation_token", "")))


def _check(code: int) -> None:
    """Raises HotkeyRefused for all but a yes. A 'no' of the person is not worked around by other ways."""
    if code == _CANCELLED:
        raise HotkeyRefused(portal_words.cancelled(), is_final=True)
    if code:
        raise HotkeyRefused(portal_words.ended(code))
