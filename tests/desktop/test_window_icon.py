"""The icon that a window without one of its own gives to window managers and panels."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.desktop.driver import ArcDesk, arcdesk
from tests.rig.desktop import Desktop, TrayHost
from tests.rig.desktop_tools import run, wait_for

pytestmark = pytest.mark.desktop

BAR = "ArcDesk quick prompt$"
NEEDED = {16, 24, 32, 48}  # title bars, task lists, switchers


@pytest.fixture
def app(x_display: Desktop) -> Iterator[ArcDesk]:
    """ArcDesk with an empty home, not started."""
    with arcdesk(x_display) as program:
        yield program


def icon_sizes(app: ArcDesk, window: int) -> set[int]:
    """The pictures that the window's property holds, by their edges in px."""
    said = run(["xprop", "-id", str(window), "-notype", "-len", "1000000", "_NET_WM_ICON"], app.env)
    return {int(wide) for wide in re.findall(r"Icon \((\d+) x \d+\)", said)}


@pytest.mark.parametrize("is_installed", [False, True], ids=["from our files", "from the icon theme"])
def test_a_window_has_an_icon_in_all_common_sizes(
    app: ArcDesk, xembed_tray: TrayHost, is_installed: bool
) -> None:
    if is_installed:
        assert app.run("--install-desktop").returncode == 0
    app.start("--background")
    wait_for(app.status, "the app in the tray")
    assert app.run("quick").returncode == 0
    bar = app.wait_for_window(BAR)
    wait_for(lambda: icon_sizes(app, bar) >= NEEDED, "an icon in the sizes that others show")
