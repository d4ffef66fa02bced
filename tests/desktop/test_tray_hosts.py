"""The tray icon in real panels of both kinds, early, late and restarted."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.desktop.tray_program import TrayProgram, tray_program
from tests.rig import desktop as rig
from tests.rig.desktop import PANEL_HEIGHT, SCREEN, Desktop, TrayHost
from tests.rig.desktop_tools import Rect, run, wait_for

pytestmark = pytest.mark.desktop

PHASES = ("unavailable", "stopped", "loading", "ready", "stopping", "failed")
StartHost = Callable[[], AbstractContextManager[TrayHost]]


@pytest.fixture(params=["xembed", "sni"])
def host(request: pytest.FixtureRequest) -> TrayHost:
    """A panel of either kind, already running."""
    panel = request.getfixturevalue(f"{request.param}_tray")
    assert isinstance(panel, TrayHost)
    return panel


@pytest.fixture(params=["xembed", "sni"])
def start_host(request: pytest.FixtureRequest, session_bus: Desktop) -> StartHost:
    """Starts a panel of either kind when the test wants it. The session bus is there from the start."""
    start = rig.xembed_tray if request.param == "xembed" else rig.sni_tray
    return lambda: start(session_bus)


def click_icon(panel: TrayHost, button: int = 1) -> None:
    panel.desktop.click(*panel.wait_for_icon().center, button)


def open_menu(panel: TrayHost) -> None:
    """Right click, and wait until a menu is drawn below the panel, wherever it opens."""
    below = Rect(x=0, y=PANEL_HEIGHT, width=SCREEN.width, height=240)
    inside = Rect(x=0, y=0, width=below.width, height=below.height)
    assert panel.desktop.picture(below).drawn_on(inside) is None, "the desk was not empty"
    click_icon(panel, button=3)
    wait_for(lambda: panel.desktop.picture(below).drawn_on(inside), "the tray's menu")


def test_left_click_on_the_icon_opens_the_chat(host: TrayHost) -> None:
    with tray_program(host.desktop) as tray:
        click_icon(host)
        tray.wait_for("open_chat_requested")
        tray.wait_for("host_found")


def test_menu_action_fires(host: TrayHost) -> None:
    with tray_program(host.desktop) as tray:
        tray.render("stopped")
        open_menu(host)
        host.desktop.key("Down", "Return")
        tray.wait_for("start_requested")
        assert "stop_requested" not in tray.said


def test_menu_offers_what_the_phase_allows(host: TrayHost) -> None:
    with tray_program(host.desktop) as tray:
        tray.render("ready")
        open_menu(host)
        host.desktop.key("Down", "Return")
        tray.wait_for("stop_requested")
        assert "start_requested" not in tray.said


def test_icon_appears_in_a_panel_that_starts_later(session_bus: Desktop, start_host: StartHost) -> None:
    with tray_program(session_bus) as tray, start_host() as panel:
        click_icon(panel)
        tray.wait_for("open_chat_requested")


def test_icon_comes_back_after_the_panel_restarts(session_bus: Desktop, start_host: StartHost) -> None:
    with tray_program(session_bus) as tray:
        for times in (1, 2, 3):
            with start_host() as panel:
                click_icon(panel)
                tray.wait_for("open_chat_requested", times)


def test_missing_panel_is_reported_and_so_is_its_arrival(session_bus: Desktop, start_host: StartHost) -> None:
    with tray_program(session_bus, "--patience-ms=700") as tray:
        tray.wait_for("host_missing")
        assert "host_found" not in tray.said
        with start_host():
            tray.wait_for("host_found")


def test_icon_registers_with_a_bus_only_panel_that_starts_later(session_bus: Desktop) -> None:
    """xfce4-panel also takes XEmbed icons, which need no help from us; a panel like Plasma's does not."""
    with tray_program(session_bus) as tray:
        for times in (1, 2):
            with tray_program(session_bus, module="watcher_child") as watcher:
                watcher.tell("host")
                watcher.wait_for("host")
                address = wait_for(lambda: last_address(watcher), "the icon in the watcher's list")
                tray.wait_for("host_found")
                activate(session_bus, address)
                tray.wait_for("open_chat_requested", times)


def last_address(watcher: TrayProgram) -> str | None:
    """Where the item that registered last is on the bus."""
    found = [line.removeprefix("at ") for line in watcher.said if line.startswith("at ")]
    return found[-1] if found else None


def activate(desktop: Desktop, address: str) -> None:
    """What a panel does when its icon is clicked."""
    method = "org.kde.StatusNotifierItem.Activate"
    command = ["dbus-send", "--session", "--print-reply", f"--dest={address}", "/StatusNotifierItem", method]
    assert run([*command, "int32:0", "int32:0"], desktop.env), f"no icon at {address}"


def test_a_watcher_without_a_panel_counts_as_missing_until_the_panel_comes(session_bus: Desktop) -> None:
    with (
        tray_program(session_bus, module="watcher_child") as watcher,
        tray_program(session_bus, "--patience-ms=700") as tray,
    ):
        tray.wait_for("host_missing")
        assert "host_found" not in tray.said
        watcher.tell("host")
        tray.wait_for("host_found")
        assert watcher.said.count("item while host=False") == 1, "the panel finds one icon in the list"
        assert "item while host=True" not in watcher.said


def test_phases_look_different_in_the_panel(host: TrayHost) -> None:
    with tray_program(host.desktop, "--still") as tray:
        host.wait_for_icon()
        seen = {phase: still_look(host, tray, phase) for phase in PHASES}
    assert len(set(seen.values())) == len(PHASES)


def still_look(panel: TrayHost, tray: TrayProgram, phase: str) -> object:
    """The icon once two pictures in a row are the same: panels may take a moment to follow."""
    before = last = looks(panel)

    def settled() -> object:
        nonlocal last
        earlier, last = last, looks(panel)
        return last if last == earlier != before else None

    tray.render(phase)
    return wait_for(settled, f"a new icon for {phase} that keeps still")


def looks(panel: TrayHost) -> object:
    where = panel.icon()
    return where and panel.desktop.picture(panel.area).crop(
        Rect(x=where.x - panel.area.x, y=where.y - panel.area.y, width=where.width, height=where.height)
    )


def test_dot_travels_while_loading_and_rests_with_reduced_motion(xembed_tray: TrayHost) -> None:
    with tray_program(xembed_tray.desktop) as tray:
        tray.wait_for("host_found")
        tray.render("loading")
        first = looks(xembed_tray)
        wait_for(lambda: looks(xembed_tray) != first, "the dot to travel")
    with tray_program(xembed_tray.desktop, "--still") as tray:
        tray.wait_for("host_found")
        tray.render("loading")
        assert wake_ups_within(tray, seconds=2) <= 2


def test_idle_tray_sleeps(host: TrayHost) -> None:
    with tray_program(host.desktop) as tray:
        tray.wait_for("host_found")
        tray.render("loading")  # the travelling dot's timer must end with its phase
        tray.render("ready")
        host.wait_for_icon()
        assert wake_ups_within(tray, seconds=3) <= 2


def wake_ups_within(tray: TrayProgram, seconds: float) -> int:
    """Wake-ups in a stretch of time, after things have settled."""
    time.sleep(1.5)
    before = tray.wake_ups()
    time.sleep(seconds)
    return tray.wake_ups() - before
