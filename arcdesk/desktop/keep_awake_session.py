"""The session's own ways to hold off sleep out of idleness: desktops that decide it without logind."""

from __future__ import annotations

from arcdesk.core.ident import APP_NAME
from arcdesk.desktop.dbus_bus import SessionBus
from arcdesk.desktop.dbus_values import variant
from arcdesk.desktop.sleep_watch import Release, Way

POWER = "org.freedesktop.PowerManagement"
POWER_INHIBIT, POWER_PATH = f"{POWER}.Inhibit", "/org/freedesktop/PowerManagement/Inhibit"
PORTAL, PORTAL_PATH = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop"
_IDLE = 8  # of the portal's flags; 4 would also refuse a person who sends the computer to sleep
PATIENCE_S = 5.0


def power_way(bus: SessionBus) -> Way:
    """KDE, Xfce, LXQt: holds off sleep, lets the screen go dark."""

    async def take(why: str) -> Release:
        (cookie,) = await bus.call(
            POWER_INHIBIT, POWER_PATH, POWER_INHIBIT, "Inhibit", "ss", APP_NAME, why,
            patience_s=PATIENCE_S, may_start=False,
        )  # fmt: skip

        async def release() -> None:
            await bus.call(
                POWER_INHIBIT, POWER_PATH, POWER_INHIBIT, "UnInhibit", "u", cookie, may_start=False
            )

        return release

    return take


def portal_way(bus: SessionBus) -> Way:
    """GNOME, which passes over logind's locks: 'not idle' also keeps the screen lit."""

    async def take(why: str) -> Release:
        options = {"reason": variant("s", why)}
        (request,) = await bus.call(
            PORTAL, PORTAL_PATH, "org.freedesktop.portal.Inhibit", "Inhibit", "sua{sv}", "", _IDLE, options,
            patience_s=PATIENCE_S, may_start=False,
        )  # fmt: skip

        async def release() -> None:
            await bus.call(PORTAL, request, "org.freedesktop.portal.Request", "Close", may_start=False)

        return release

    return take
