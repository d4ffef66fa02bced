"""The hotkey through KDE's own shortcut service (KGlobalAccel), where its portal does not do."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.core.hotkey import HotkeyHow
from arcdesk.core.ident import APP_ID, APP_NAME
from arcdesk.core.shortcut import Shortcut, shortcut_of_qt
from arcdesk.desktop.dbus_bus import SessionBus
from arcdesk.desktop.dbus_values import BusError, BusUnavailable, owner_change, owner_rule
from arcdesk.desktop.hotkey.base import Bound, HotkeyEvents, HotkeyRefused

if TYPE_CHECKING:
    from dbus_fast import Message

log = logging.getLogger(__name__)

SERVICE, PATH, INTERFACE = "org.kde.kglobalaccel", "/kglobalaccel", "org.kde.KGlobalAccel"
COMPONENT = "org.kde.kglobalaccel.Component"
ACTION = "quick"
ACTION_ID = [APP_ID, ACTION, APP_NAME, "Open the quick prompt"]
_SET_PRESENT, _NO_AUTOLOADING = 2, 4
_MODIFIER_BITS = 0x1E000000  # of Qt's combined key
_CHOOSE = Action(kind=ActionKind.CHANGE_HOTKEY, label="Choose another key")


class KdeShortcut:
    """One global shortcut of KDE. `is_set_anew`: take the wished key, not the one that KDE remembers."""

    how = HotkeyHow.KDE

    def __init__(self, bus: SessionBus, *, is_set_anew: bool) -> None:
        self._bus = bus
        self._is_set_anew = is_set_anew
        self._events: HotkeyEvents | None = None
        self._rules: list[str] = []
        self._component_path = ""
        self._remove_handler: Callable[[], None] = lambda: None

    async def start(self, shortcut: Shortcut, events: HotkeyEvents) -> Bound:
        """Register the action and its key. Raises HotkeyRefused; a taken key is told with its holder."""
        try:
            await self._call("doRegister", "as", ACTION_ID)
            flags = _SET_PRESENT | (_NO_AUTOLOADING if self._is_set_anew else 0)
            (keys,) = await self._call("setShortcut", "asaiu", ACTION_ID, [shortcut.qt], flags)
            if not any(keys):
                problem = await self._taken(shortcut)
                if self._is_set_anew:  # leave no entry without a key in KDE's settings
                    await forget(self._bus)
                raise HotkeyRefused(problem)
            (self._component_path,) = await self._call("getComponent", "s", APP_ID)
            await self._listen()
        except (BusError, BusUnavailable, TimeoutError) as error:
            await self.stop()
            raise HotkeyRefused(_refused(error)) from error
        except BaseException:
            await self.stop()
            raise
        self._events = events
        return Bound(trigger=_spell(keys))

    async def stop(self) -> None:
        """KDE keeps the key for us, and does nothing with it meanwhile."""
        was_started, self._events = self._events is not None, None
        self._remove_handler()
        rules, self._rules = self._rules, []
        for rule in rules:
            await self._bus.unwatch(rule)
        if was_started and self._bus.is_connected:
            try:
                await self._call("setInactive", "as", ACTION_ID)
            except (BusError, BusUnavailable, TimeoutError) as error:
                log.info("KDE's shortcuts: %s", error)

    async def _call(self, member: str, signature: str, *body: Any) -> list[Any]:
        return await self._bus.call(
            SERVICE, PATH, INTERFACE, member, signature, *body, patience_s=5.0, may_start=False
        )

    async def _taken(self, shortcut: Shortcut) -> Problem:
        (holder,) = await self._call("action", "i", shortcut.qt)
        who = " – ".join(name for name in holder[2:4] if name) if len(holder) >= 4 else ""
        return Problem(
            cause="hotkey_taken",
            title=f"{who or 'Another program'} already holds {shortcut}",
            detail="KDE gives a global key to one program only.",
            hint="Choose another key here, or free it in KDE's settings for shortcuts.",
            actions=(_CHOOSE,),
        )

    async def _listen(self) -> None:
        self._rules = [
            f"type='signal',sender='{SERVICE}',path='{self._component_path}',interface='{COMPONENT}'",
            f"type='signal',sender='{SERVICE}',interface='{INTERFACE}',member='yourShortcutGotChanged'",
            owner_rule(SERVICE),
        ]
        for rule in self._rules:
            await self._bus.watch(rule)
        self._remove_handler = self._bus.add_handler(self._on_message)

    def _on_message(self, message: Message) -> bool:
        events = self._events
        if events is None:
            return False
        change = owner_change(message)
        if change is not None and change[0] == SERVICE:
            self._on_owner(change[2])
        elif message.interface == COMPONENT and message.path == self._component_path:
            if message.member == "globalShortcutPressed" and message.body[:2] == [APP_ID, ACTION]:
                events.pressed("")
        elif message.interface == INTERFACE and message.member == "yourShortcutGotChanged":
            action, keys = message.body
            if list(action[:2]) == ACTION_ID[:2]:
                spelled = _spell(keys)
                events.changed(Bound(trigger=spelled, problem=None if spelled else _without_key()))
        return False

    def _on_owner(self, owner: str) -> None:
        """Its service restarts after a crash: then our key must be made known again."""
        if self._events is None:
            return
        if owner:
            self._events.lost(_gone())
        else:
            self._events.changed(Bound(trigger="", problem=_gone()))


async def is_there(bus: SessionBus) -> bool:
    """KDE's service runs in this session."""
    try:
        (owned,) = await bus.call_daemon("NameHasOwner", "s", SERVICE)
    except (BusError, BusUnavailable, TimeoutError):
        return False
    return bool(owned)


async def is_known(bus: SessionBus) -> bool:
    """KDE already has our shortcut: the person once said yes, so it may be used again."""
    try:
        call = bus.call(
            SERVICE,
            PATH,
            INTERFACE,
            "allActionsForComponent",
            "as",
            ACTION_ID,
            may_start=False,
            patience_s=5.0,
        )
        (actions,) = await call
    except (BusError, BusUnavailable, TimeoutError):
        return False
    return any(action[1] == ACTION for action in actions)


async def forget(bus: SessionBus) -> None:
    """Take our shortcut out of KDE's settings."""
    try:
        await bus.call(SERVICE, PATH, INTERFACE, "unregister", "ss", APP_ID, ACTION, may_start=False)
    except (BusError, BusUnavailable, TimeoutError) as error:
        raise HotkeyRefused(_refused(error)) from error


def _spell(keys: list[int]) -> str:
    shortcuts = (shortcut_of_qt(key & ~_MODIFIER_BITS, key) for key in keys if key)
    return ", ".join(str(shortcut) for shortcut in shortcuts if shortcut is not None)


def _without_key() -> Problem:
    return Problem(
        cause="hotkey_no_trigger",
        title="KDE has no key for the quick prompt any more",
        detail="It was removed in KDE's settings for shortcuts.",
        hint="Choose a key here, or set one there.",
        actions=(_CHOOSE,),
    )


def _gone() -> Problem:
    return Problem(
        cause="hotkey_kde_gone",
        title="KDE's shortcut service has ended",
        detail="It held the key. ArcDesk binds it again when the service is back.",
    )


def _refused(error: Exception) -> Problem:
    return Problem(
        cause="hotkey_kde_refused",
        title="KDE did not bind the key",
        detail=f"Its shortcut service said: {error}.",
        hint="Bind the command by hand, as shown below.",
        evidence=str(error),
    )
