"""The examination of real desktops: with and without bus, panel and portal; nothing is started by it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.desktop.bus_rig import BARE_CONFIG
from tests.desktop.hotkey_rig import mock_portal
from tests.rig.desktop import Desktop, TrayHost
from tests.rig.desktop_tools import child, wait_for

pytestmark = pytest.mark.desktop
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60


def examine(env: dict[str, str], **changes: str) -> dict[str, dict[str, Any]]:
    """What `arcdesk doctor` finds about the desktop."""
    command = [sys.executable, "-m", "arcdesk", "doctor", "--json"]
    whole = {**env, "DOCKER_HOST": "unix:///nonexistent.sock", **changes}
    done = subprocess.run(command, cwd=ROOT, env=whole, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.stderr == ""
    return {found["id"]: found for found in json.loads(done.stdout)["findings"] if found["area"] == "desktop"}


def names(env: dict[str, str]) -> set[str]:
    """Who is on the bus."""
    command = [
        "dbus-send",
        "--session",
        "--print-reply",
        "--dest=org.freedesktop.DBus",
        "/org/freedesktop/DBus",
    ]
    done = subprocess.run(
        [*command, "org.freedesktop.DBus.ListNames"], env=env, capture_output=True, text=True, check=True
    )
    return {word for word in done.stdout.split('"')[1::2] if not word.startswith(":")}


@pytest.fixture
def bare_bus(x_display: Desktop, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A session bus on which nothing can be started by being called."""
    socket = tmp_path / "bus"
    config = tmp_path / "bus.conf"
    config.write_text(BARE_CONFIG.format(socket=socket))
    command = ["dbus-daemon", "--nofork", "--nopidfile", f"--config-file={config}"]
    with child(command, x_display.env):
        wait_for(socket.exists, "the bus")
        yield x_display.env | {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={socket}"}


def test_a_display_without_a_bus(x_display: Desktop) -> None:
    found = examine(x_display.env)
    assert (found["desktop.session"]["status"], found["desktop.bus"]["status"]) == ("ok", "warn")
    assert found["desktop.tray"]["status"] == "warn"
    assert found["desktop.hotkey"]["status"] == "ok"  # X11 gives it
    assert found["desktop.keyring"]["status"] == "unknown"


def test_an_xembed_panel_is_seen_without_a_bus(xembed_tray: TrayHost) -> None:
    found = examine(xembed_tray.desktop.env)["desktop.tray"]
    assert (found["status"], found["detail"]) == ("ok", "XEmbed, over X11")


def test_a_panel_on_the_bus_is_seen(sni_tray: TrayHost) -> None:
    found = examine(sni_tray.desktop.env)["desktop.tray"]
    assert (found["status"], found["detail"]) == ("ok", "StatusNotifierItem, over the session bus")


def test_a_bus_with_nothing_on_it(bare_bus: dict[str, str]) -> None:
    found = examine(bare_bus)
    assert found["desktop.bus"]["status"] == "ok"
    for name in ("tray", "portal", "notices", "keyring"):
        assert (found[f"desktop.{name}"]["status"], bool(found[f"desktop.{name}"]["fix"])) == ("warn", True)


def test_what_could_be_started_is_told_and_not_started(session_bus: Desktop) -> None:
    before = names(session_bus.env)
    found = examine(session_bus.env)
    assert names(session_bus.env) == before
    assert found["desktop.notices"]["status"] == "ok"  # dunst or xfce4-notifyd would be started by a notice
    assert found["desktop.keyring"]["status"] == "ok"


def test_a_portal_with_shortcuts_gives_the_hotkey_on_wayland(bare_bus: dict[str, str]) -> None:
    without = examine(bare_bus, XDG_SESSION_TYPE="wayland")["desktop.hotkey"]
    assert (without["status"], without["command"]) == ("warn", "arcdesk quick --toggle")
    with mock_portal(bare_bus):
        found = examine(bare_bus, XDG_SESSION_TYPE="wayland")
    assert (found["desktop.hotkey"]["status"], found["desktop.portal"]["status"]) == ("ok", "ok")
    assert found["desktop.portal"]["detail"].startswith("GlobalShortcuts version")


def test_a_portal_without_shortcuts_is_told(bare_bus: dict[str, str]) -> None:
    with mock_portal(bare_bus, "--without", "shortcuts"):
        found = examine(bare_bus, XDG_SESSION_TYPE="wayland")
    assert found["desktop.portal"]["detail"] == "without GlobalShortcuts"
    assert found["desktop.hotkey"]["status"] == "warn"


def test_gnome_is_told_of_its_extension(bare_bus: dict[str, str]) -> None:
    found = examine(bare_bus, XDG_CURRENT_DESKTOP="ubuntu:GNOME")["desktop.tray"]
    assert "AppIndicator" in found["fix"]


def test_a_display_that_is_gone(session_bus: Desktop) -> None:
    found = examine(session_bus.env, DISPLAY=":4711")
    assert (found["desktop.session"]["status"], ":4711" in found["desktop.session"]["detail"]) == (
        "warn",
        True,
    )
    assert found["desktop.hotkey"]["status"] == "unknown"
