"""Examines the desktop: display, bus, tray, portal, hotkey, notices, keyring. Starts none of them."""

from __future__ import annotations

from collections.abc import Mapping

from arcdesk.core.doctor import Area, Finding, Status, ok, unknown
from arcdesk.desktop.doctor_bus import Asked, bus_address, connect, has_x_tray

TRAY, TRAY_PATH = "org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher"
PORTAL, PORTAL_PATH = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop"
SHORTCUTS = "org.freedesktop.portal.GlobalShortcuts"
NOTICES, NOTICES_PATH = "org.freedesktop.Notifications", "/org/freedesktop/Notifications"
KEYRINGS = ("org.freedesktop.secrets", "org.kde.kwalletd6", "org.kde.kwalletd5")
BIND_BY_HAND = "arcdesk quick --toggle"


async def desktop_findings(environ: Mapping[str, str], no_display: str | None) -> list[Finding]:
    """All about the desktop. `no_display`: why no window can be opened, as a clause; None if one can."""
    findings = [_session(environ, no_display)]
    address = bus_address(environ)
    if not address:
        bus = None
        findings.append(_no_bus("There is no session bus: DBUS_SESSION_BUS_ADDRESS is not set."))
    else:
        bus, reason = await connect(address)
        findings.append(
            ok("desktop.bus", Area.DESKTOP, "The session bus answers") if bus else _no_bus(reason)
        )
    try:
        asked = Asked(bus)
        await asked.learn_names()
        has_x = no_display is None and await has_x_tray(environ)
        findings.append(await _tray(asked, environ, has_x_tray=has_x, has_display=no_display is None))
        shortcuts = await asked.property(PORTAL, PORTAL_PATH, SHORTCUTS, "version")
        findings.append(await _portal(asked, shortcuts))
        findings.append(_hotkey(environ, no_display, asked, shortcuts))
        findings.append(await _notices(asked))
        findings.append(_keyring(asked))
    finally:
        if bus is not None:
            bus.disconnect()
    return findings


def is_wayland(environ: Mapping[str, str]) -> bool:
    """A Wayland session, whatever X11 programs may run in it."""
    return environ.get("XDG_SESSION_TYPE") == "wayland" or bool(environ.get("WAYLAND_DISPLAY"))


def _session(environ: Mapping[str, str], no_display: str | None) -> Finding:
    desktop = environ.get("XDG_CURRENT_DESKTOP") or "an unnamed desktop"
    if no_display is None:
        kind = "Wayland" if is_wayland(environ) else "X11" if environ.get("DISPLAY") else "another platform"
        return ok("desktop.session", Area.DESKTOP, "Windows can be opened", f"{kind}, {desktop}")
    return Finding(
        id="desktop.session",
        area=Area.DESKTOP,
        status=Status.WARN,
        title="No window can be opened here",
        detail=f"{no_display[:1].upper()}{no_display[1:]}.",
        fix="Start ArcDesk in a desktop session. `arcdesk ask`, `status` and `start` work without one.",
    )


def _no_bus(reason: str) -> Finding:
    return Finding(
        id="desktop.bus",
        area=Area.DESKTOP,
        status=Status.WARN,
        title="No session bus",
        detail=f"{reason} Notices, portals and the keyring need it.",
        fix="Log in through the desktop, or start ArcDesk by the command.",
        command="dbus-run-session arcdesk",
    )


async def _tray(asked: Asked, environ: Mapping[str, str], *, has_x_tray: bool, has_display: bool) -> Finding:
    if await asked.property(TRAY, TRAY_PATH, TRAY, "IsStatusNotifierHostRegistered"):
        return ok(
            "desktop.tray",
            Area.DESKTOP,
            "The panel shows tray icons",
            "StatusNotifierItem, over the session bus",
        )
    if has_x_tray:
        return ok("desktop.tray", Area.DESKTOP, "The panel shows tray icons", "XEmbed, over X11")
    if not has_display:
        return unknown("desktop.tray", Area.DESKTOP, "Tray", "Without a display there is no panel.")
    is_gnome = "gnome" in environ.get("XDG_CURRENT_DESKTOP", "").lower()
    detail = "No panel takes icons now. ArcDesk shows its window instead."
    return Finding(
        id="desktop.tray",
        area=Area.DESKTOP,
        status=Status.WARN,
        title="No panel shows tray icons",
        detail=f"GNOME shows none by itself. {detail}" if is_gnome else detail,
        fix="Install the extension 'AppIndicator'." if is_gnome else "Add a system tray to the panel.",
        command="sudo apt install gnome-shell-extension-appindicator" if is_gnome else "",
    )


async def _portal(asked: Asked, shortcuts: object) -> Finding:
    id_, title = "desktop.portal", "Desktop portal"
    if not asked.has_bus:
        return unknown(id_, Area.DESKTOP, title, "It is asked over the session bus, and there is none.")
    if PORTAL in asked.running:
        if shortcuts is None and not await asked.answers(PORTAL, PORTAL_PATH):
            return unknown(id_, Area.DESKTOP, title, "It runs, but does not answer.", "Log out and in again.")
        can = f"GlobalShortcuts version {shortcuts}" if shortcuts is not None else "without GlobalShortcuts"
        return ok(id_, Area.DESKTOP, "The desktop portal runs", can)
    if PORTAL in asked.startable:
        return ok(id_, Area.DESKTOP, "The desktop portal is installed", "It starts when it is needed.")
    return Finding(
        id=id_,
        area=Area.DESKTOP,
        status=Status.WARN,
        title="No desktop portal",
        detail="It gives hotkeys on Wayland, and the desktop's wish for dark or light.",
        fix="Install xdg-desktop-portal and the part for your desktop.",
        command="sudo apt install xdg-desktop-portal",
    )


def _hotkey(environ: Mapping[str, str], no_display: str | None, asked: Asked, shortcuts: object) -> Finding:
    id_, title = "desktop.hotkey", "Hotkey of the quick prompt"
    if no_display is not None:
        return unknown(id_, Area.DESKTOP, title, "Without a display there are no keys.")
    if shortcuts is not None:
        return ok(id_, Area.DESKTOP, "A hotkey is possible", "The desktop portal gives it.")
    if not is_wayland(environ):
        return ok(id_, Area.DESKTOP, "A hotkey is possible", "X11 gives it, if no other program has the key.")
    if PORTAL in asked.startable and PORTAL not in asked.running:
        return unknown(id_, Area.DESKTOP, title, "The portal does not run yet; it tells when it does.")
    return Finding(
        id=id_,
        area=Area.DESKTOP,
        status=Status.WARN,
        title="This desktop gives programs no hotkeys",
        detail="On Wayland only the portal can, and this one does not.",
        fix="Bind the command to a key in the desktop's keyboard settings.",
        command=BIND_BY_HAND,
    )


async def _notices(asked: Asked) -> Finding:
    id_ = "desktop.notices"
    if not asked.has_bus:
        return unknown(id_, Area.DESKTOP, "Notifications", "They go over the session bus, and there is none.")
    if NOTICES in asked.running:
        return ok(
            id_,
            Area.DESKTOP,
            "Notifications are shown",
            await asked.first(NOTICES, NOTICES_PATH, NOTICES, "GetServerInformation"),
        )
    if NOTICES in asked.startable:
        return ok(id_, Area.DESKTOP, "Notifications can be shown", "Their server starts with the first one.")
    return Finding(
        id=id_,
        area=Area.DESKTOP,
        status=Status.WARN,
        title="Nothing shows notifications",
        detail="ArcDesk tells its news in the window and at the icon only.",
        fix="Install a notification server, e.g. dunst.",
        command="sudo apt install dunst",
    )


def _keyring(asked: Asked) -> Finding:
    id_ = "desktop.keyring"
    if not asked.has_bus:
        return unknown(id_, Area.DESKTOP, "Keyring", "It is asked over the session bus, and there is none.")
    found = next((name for name in KEYRINGS if name in asked.running | asked.startable), None)
    if found is not None:
        return ok(id_, Area.DESKTOP, "There is a keyring", f"{found}; whether it is locked was not asked.")
    return Finding(
        id=id_,
        area=Area.DESKTOP,
        status=Status.WARN,
        title="No keyring",
        detail="Keys would be kept in a file that only you can read.",
        fix="Install a keyring, e.g. GNOME's.",
        command="sudo apt install gnome-keyring",
    )
