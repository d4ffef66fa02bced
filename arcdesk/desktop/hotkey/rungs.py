"""The ways to the hotkey that this session has, best first, and the desktop's own settings below them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping

from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.core.shortcut import Shortcut, shortcut_of_gtk
from arcdesk.desktop.dbus_bus import SessionBus
from arcdesk.desktop.dbus_values import BusError, BusUnavailable
from arcdesk.desktop.hotkey import kde, ladder_words, portal_words
from arcdesk.desktop.hotkey.base import HotkeyBackend
from arcdesk.desktop.hotkey.gnome import GnomeShortcuts
from arcdesk.desktop.hotkey.portal import PortalShortcut
from arcdesk.desktop.hotkey.portal_link import PortalLink
from arcdesk.desktop.hotkey.session_kind import session_kind
from arcdesk.desktop.hotkey.steps import toggle_words
from arcdesk.desktop.hotkey.x11 import X11Grab
from arcdesk.desktop.hotkey.x11_words import on_xwayland

_NO_WAY = ("hotkey_wayland", "hotkey_no_display")  # a fact of the session, not a failure


class Rungs:
    """Makes backends on demand. `on_portal`: the portal has come or gone by itself."""

    def __init__(self, environ: Mapping[str, str], on_portal: Callable[[], None]) -> None:
        self.session = session_kind(environ)
        self._bus = SessionBus(environ.get("DBUS_SESSION_BUS_ADDRESS", ""))
        self._on_portal = on_portal
        self._link = PortalLink(self._bus, self._on_owner)
        self._gnome = GnomeShortcuts(environ)
        self._may_start_portal = True
        self._has_kde_word = False  # the person said yes to KDE's service in this run

    @property
    def portal_owner(self) -> str:
        """The portal's unique name; empty while there is none."""
        return self._link.owner

    def forget_failures(self) -> None:
        """A portal that went may be started again."""
        self._may_start_portal = True

    async def backends(self, tried: list[Problem], *, is_set_anew: bool) -> AsyncIterator[HotkeyBackend]:
        """The ways to try, in order. Why a way does not even exist here is added to `tried`."""
        problem = await self._portal_problem()
        if problem is None:
            yield PortalShortcut(self._link, _is_installed)
        else:
            tried.append(problem)
        if self.session.is_real_x11:
            yield X11Grab(self.session.display)
        else:
            tried.append(on_xwayland() if self.session.is_wayland else ladder_words.no_display())
        if self._bus.is_connected and await kde.is_there(self._bus):
            is_wanted = self._has_kde_word or await kde.is_known(self._bus)
            if is_wanted:
                yield kde.KdeShortcut(self._bus, is_set_anew=is_set_anew or self._has_kde_word)
                self._has_kde_word = False

    def main_problem(self, tried: list[Problem]) -> Problem:
        """The one of several reasons to show: the last way's, unless that way can't be had at all."""
        reasons = [problem for problem in tried if problem.cause not in _NO_WAY] or tried
        return reasons[-1] if reasons else ladder_words.nothing_to_try()

    async def _portal_problem(self) -> Problem | None:
        """Why the portal can't be asked; None when it can."""
        try:
            await self._link.open()
            if not self._link.owner and self._may_start_portal:
                await self._link.start_portal()
        except BusUnavailable as error:
            return portal_words.no_bus(str(error))
        except TimeoutError:
            return portal_words.silent()
        except BusError as error:
            is_installed = _is_installed()
            return portal_words.explain(error, is_installed=is_installed, register_error="")
        if self._link.owner:
            return None
        return portal_words.absent() if self._may_start_portal else portal_words.gone()

    def _on_owner(self) -> None:
        self._may_start_portal = bool(self._link.owner)
        self._on_portal()

    # the desktop's own settings

    async def one_click(self) -> str:
        """The desktop in whose settings we can write the key; empty for none."""
        if self.session.desktop == "GNOME" and self._gnome.is_there():
            return "GNOME"
        return "KDE" if self._bus.is_connected and await kde.is_there(self._bus) else ""

    async def desktop_entry(self, change_to: Shortcut | None) -> str:
        """The key with which the desktop already runs our command; '' for none. Raises HotkeyRefused."""
        if self.session.desktop != "GNOME" or not self._gnome.is_there():
            return ""
        entry = await self._gnome.ours()
        if entry is None:
            return ""
        if change_to is not None:
            await self._gnome.bind(change_to, toggle_words())
            return str(change_to)
        return str(shortcut_of_gtk(entry.binding) or entry.binding)

    async def bind_in_desktop(self, shortcut: Shortcut) -> None:
        """Write our entry; KDE's is made by the next look. Raises HotkeyRefused."""
        if await self.one_click() == "GNOME":
            await self._gnome.bind(shortcut, toggle_words())
        else:
            self._has_kde_word = True

    async def unbind_in_desktop(self) -> None:
        """Take our entry out. Raises HotkeyRefused."""
        if await self.one_click() == "GNOME":
            await self._gnome.unbind()
        elif self._bus.is_connected and await kde.is_there(self._bus):
            await kde.forget(self._bus)

    async def aclose(self) -> None:
        """Leave the bus."""
        await self._bus.aclose()


def _is_installed() -> bool:
    from arcdesk.desktop.install import is_installed

    try:
        return is_installed()
    except ArcDeskError:  # a person without a home has no desktop file in it either
        return False
