"""A real desktop for tests: X display, window manager, session bus, panels, and hands to use them with."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.rig.desktop_tools import Picture, Rect, child, first_line, need, run, wait_for
from tests.rig.errors import RigUnavailable

SCREEN = Rect(x=0, y=0, width=1280, height=800)
PANEL_HEIGHT = 28
ICON_PATIENCE_S = 40.0  # a cold start, or a balloon that lies over the icon for 10 s
SNI_WATCHER = "org.kde.StatusNotifierWatcher"
_NO_BUS = "disabled:"  # an address that fails; without any, libdbus would start a bus of its own

_PANEL_XML = """<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=640;y=14"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="length" type="uint" value="100"/>
      <property name="size" type="uint" value="{height}"/>
      <property name="background-style" type="uint" value="1"/>
      <property name="background-rgba" type="array">
        <value type="double" value="0.12"/>
        <value type="double" value="0.12"/>
        <value type="double" value="0.13"/>
        <value type="double" value="1"/>
      </property>
      <property name="plugin-ids" type="array">
        <value type="int" value="1"/>
      </property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="systray"/>
  </property>
</channel>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desktop:
    """One display, perhaps with a session bus. `env` is for the programs that shall live on it."""

    env: dict[str, str]

    def picture(self, area: Rect = SCREEN) -> Picture:
        """What is on the screen now."""
        crop = f"{area.width}x{area.height}+{area.x}+{area.y}"
        command = ["import", "-silent", "-window", "root", "-crop", crop, "+repage", "-depth", "8", "ppm:-"]
        return Picture(subprocess.run(command, env=self.env, stdout=subprocess.PIPE, check=True).stdout)

    def screenshot(self, path: Path) -> None:
        """Keep the screen as a file; the name's end chooses the format."""
        subprocess.run(["import", "-silent", "-window", "root", str(path)], env=self.env, check=True)

    def xdotool(self, *words: str | int) -> str:
        """Run xdotool; its output, empty when it fails or finds nothing."""
        return run(["xdotool", *map(str, words)], self.env)

    def find_windows(self, *search: str) -> list[int]:
        """Ids of windows, e.g. find_windows('--onlyvisible', '--name', 'ArcDesk')."""
        return [int(word) for word in self.xdotool("search", *search).split()]

    def geometry(self, window: int) -> Rect:
        """Where a window is on the screen."""
        lines = self.xdotool("getwindowgeometry", "--shell", window).splitlines()
        said = dict(line.split("=", 1) for line in lines)
        return Rect(x=int(said["X"]), y=int(said["Y"]), width=int(said["WIDTH"]), height=int(said["HEIGHT"]))

    def click(self, x: int, y: int, button: int = 1) -> None:
        """Click where the pointer is sent to."""
        self.xdotool("mousemove", x, y, "click", button)

    def park_pointer(self) -> None:
        """Send the pointer to where it highlights nothing."""
        self.xdotool("mousemove", *SCREEN.center)

    def key(self, *keys: str) -> None:
        """Press and release keys by their X names, e.g. 'Down', 'ctrl+n'."""
        self.xdotool("key", "--clearmodifiers", *keys)

    def type(self, text: str) -> None:
        """Type a text into whatever has the focus."""
        self.xdotool("type", "--clearmodifiers", text)

    def has_name(self, name: str) -> bool:
        """Somebody owns `name` on the session bus."""
        return "boolean true" in self._ask_bus("NameHasOwner", f"string:{name}")

    def _ask_bus(self, method: str, *arguments: str) -> str:
        bus = "org.freedesktop.DBus"
        command = ["dbus-send", "--session", "--print-reply", f"--dest={bus}", "/org/freedesktop/DBus"]
        return run([*command, f"{bus}.{method}", *arguments], self.env)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrayHost:
    """A running panel: where icons appear in it."""

    desktop: Desktop
    area: Rect

    def icon(self) -> Rect | None:
        """Where the one icon is now, found by looking; None while the panel is empty."""
        seen = self.desktop.picture(self.area).drawn_on(
            Rect(x=0, y=0, width=self.area.width, height=self.area.height)
        )
        largest = PANEL_HEIGHT - 2  # what fills the whole height is the panel's own: the pointer's highlight
        if seen is None or not (8 <= seen.width <= largest and 8 <= seen.height <= largest):
            return None
        return replace(seen, x=seen.x + self.area.x, y=seen.y + self.area.y)

    def wait_for_icon(self, timeout_s: float = ICON_PATIENCE_S) -> Rect:
        """Where the icon is, as soon as it has appeared and stays where it is."""
        last: Rect | None = None

        def at_rest() -> Rect | None:
            nonlocal last
            earlier, last = last, self.icon()
            return last if last == earlier else None

        return wait_for(at_rest, "the icon in the panel", timeout_s)


@contextlib.contextmanager
def x_display() -> Iterator[Desktop]:
    """An X server of its own with a window manager, and no session bus."""
    need("Xvfb", "openbox", "xdotool", "import", "xprop")
    with tempfile.TemporaryDirectory(prefix="arcdesk-desk-") as folder:
        reader, writer = os.pipe()
        size = f"{SCREEN.width}x{SCREEN.height}x24"
        command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", size, "-nolisten", "tcp", "-noreset"]
        with child(command, os.environ, pass_fds=(writer,)):
            os.close(writer)
            try:
                number = first_line(reader, "Xvfb")
            finally:
                os.close(reader)
            desktop = Desktop(env=_environment(Path(folder)) | {"DISPLAY": f":{number}"})
            with child(["openbox"], desktop.env):
                wait_for(lambda: _is_managed(desktop), "a window manager")
                yield desktop


def _is_managed(desktop: Desktop) -> bool:
    """The window manager is through with its start: what comes earlier stays without its care."""
    names = ("_NET_SUPPORTING_WM_CHECK", "_NET_WORKAREA", "_NET_CLIENT_LIST")
    lines = run(["xprop", "-root", *names], desktop.env).splitlines()
    return len(lines) == len(names) and not any("not found" in line or "no such" in line for line in lines)


def _environment(folder: Path) -> dict[str, str]:
    """The caller's environment with folders of its own: started services inherit it."""
    foreign = ("WAYLAND_DISPLAY", "XAUTHORITY", "QT_QPA_PLATFORM")
    env = {name: value for name, value in os.environ.items() if name not in foreign}
    homes = {name: folder / name.lower() for name in ("CONFIG", "CACHE", "DATA", "STATE")}
    for home in (*homes.values(), folder / "run"):
        home.mkdir(mode=0o700)
    env |= {f"XDG_{name}_HOME": str(home) for name, home in homes.items()}
    env |= {"XDG_RUNTIME_DIR": str(folder / "run"), "XDG_SESSION_TYPE": "x11", "XDG_CURRENT_DESKTOP": "XFCE"}
    return env | {"DBUS_SESSION_BUS_ADDRESS": _NO_BUS, "NO_AT_BRIDGE": "1", "QT_QPA_PLATFORM": "xcb"}


@contextlib.contextmanager
def session_bus(desktop: Desktop) -> Iterator[Desktop]:
    """The same display with a session bus of its own."""
    need("dbus-daemon", "dbus-send")
    reader, writer = os.pipe()
    command = ["dbus-daemon", "--session", "--nofork", "--nopidfile", f"--print-address={writer}"]
    with child(command, desktop.env, pass_fds=(writer,)):
        os.close(writer)
        try:
            address = first_line(reader, "dbus-daemon")
        finally:
            os.close(reader)
        yield Desktop(env=desktop.env | {"DBUS_SESSION_BUS_ADDRESS": address})


@contextlib.contextmanager
def xembed_tray(desktop: Desktop) -> Iterator[TrayHost]:
    """`trayer`: a tray that takes icons as X windows."""
    need("trayer")
    desktop.park_pointer()
    place = ["--edge", "top", "--align", "right", "--widthtype", "pixel", "--width", "200"]
    look = ["--heighttype", "pixel", "--height", str(PANEL_HEIGHT)]
    with child(["trayer", *place, *look], desktop.env):
        wait_for(lambda: desktop.find_windows("--onlyvisible", "--class", "trayer"), "trayer's window")
        yield TrayHost(desktop=desktop, area=Rect(x=1080, y=0, width=200, height=PANEL_HEIGHT))


@contextlib.contextmanager
def sni_tray(desktop: Desktop) -> Iterator[TrayHost]:
    """`xfce4-panel` along the top: takes icons over the session bus (StatusNotifierItem)."""
    need("xfce4-panel")
    if desktop.env["DBUS_SESSION_BUS_ADDRESS"] == _NO_BUS:
        raise RigUnavailable("xfce4-panel needs a session bus")
    desktop.park_pointer()
    folder = Path(desktop.env["XDG_CONFIG_HOME"], "xfce4/xfconf/xfce-perchannel-xml")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "xfce4-panel.xml").write_text(_PANEL_XML.format(height=PANEL_HEIGHT), encoding="utf-8")
    with child(["xfce4-panel", "--disable-wm-check"], desktop.env):
        wait_for(lambda: desktop.has_name(SNI_WATCHER), "the panel on the bus", 20)
        yield TrayHost(desktop=desktop, area=Rect(x=0, y=0, width=SCREEN.width, height=PANEL_HEIGHT))
