"""Asks the notification server whether the person wants to be left alone.

The servers obey by themselves: they hold notes back or only list them. This is for notes that are of no
use later. GNOME drops those by their `transient` hint, and shows its switch to no program outside.
"""

from __future__ import annotations

import logging

from arcdesk.desktop.dbus_bus import SessionBus
from arcdesk.desktop.dbus_values import BusError, BusUnavailable, plain

log = logging.getLogger(__name__)

_SERVER = "org.freedesktop.Notifications"
_PATH = "/org/freedesktop/Notifications"
# Where a server says it, as (interface, property): Plasma and those that follow it, dunst.
_PROPERTIES = ((_SERVER, "Inhibited"), ("org.dunstproject.cmd0", "paused"))


async def is_on(bus: SessionBus) -> bool:
    """Do-not-disturb is on. False as well where the desktop does not tell."""
    for interface, name in _PROPERTIES:
        try:
            if await bus.get_property(_SERVER, _PATH, interface, name):
                return True
        except (BusUnavailable, BusError, TimeoutError) as error:
            log.debug("%s.%s: %s", interface, name, error)
    return await _xfce(bus)


async def _xfce(bus: SessionBus) -> bool:
    """xfce4-notifyd keeps it among Xfce's settings."""
    name = "org.xfce.Xfconf"
    try:
        (answer,) = await bus.call(
            name,
            "/org/xfce/Xfconf",
            name,
            "GetProperty",
            "ss",
            "xfce4-notifyd",
            "/do-not-disturb",
            patience_s=2.0,
            may_start=False,
        )
    except (BusUnavailable, BusError, TimeoutError):
        return False
    return plain(answer) is True
