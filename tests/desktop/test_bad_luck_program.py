"""The program as it is started, in bad luck: bus or display gone, a home not to be written, another user."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from arcdesk.desktop.instance_client import SOCKET_NAME
from tests.desktop.driver import HOMES, ROOT, ArcDesk, arcdesk, click_tray_icon
from tests.desktop.hotkey_rig import XKEY, x_server
from tests.desktop.test_hotkey_program import BAR, PATIENCE_S, start, until_hidden, wait_for_key
from tests.rig import desktop as rig
from tests.rig.desktop import Desktop, TrayHost
from tests.rig.desktop_tools import child, run, wait_for

pytestmark = pytest.mark.desktop

NOBODY = 65534
OTHER_USER = [sys.executable, "-m", "tests.unit.desktop.instance_child", "call", str(NOBODY)]
# Not even root writes then, where the modes say so.
POWERLESS = ("setpriv", "--inh-caps=-all", "--bounding-set=-all", "--")


@pytest.fixture
def app(x_display: Desktop) -> Iterator[ArcDesk]:
    """ArcDesk on the session's display, without a bus; not started."""
    with arcdesk(x_display) as made:
        yield made


def wait_for_app(app: ArcDesk) -> None:
    """Until it answers other commands."""
    wait_for(app.status, "an answer from the app", PATIENCE_S)


def end_in_order(app: ArcDesk) -> None:
    app.terminate()
    app.assert_ended_in_order()


# the session bus


def test_a_bus_that_ends_takes_neither_key_nor_program_along(
    x_display: Desktop, xembed_tray: TrayHost
) -> None:
    with contextlib.ExitStack() as bus:
        desktop = bus.enter_context(rig.session_bus(x_display))
        with arcdesk(desktop) as app:
            start(app)
            wait_for_key(app)
            wait_for(lambda: desktop.has_name("org.arcdesk.ArcDesk"), "our name on the bus")
            bus.close()
            wait_for(lambda: "lost the session bus" in app.log, "the loss in the log")
            desktop.key(XKEY)
            app.wait_for_window(BAR)
            desktop.key("Escape")
            until_hidden(app)
            assert app.status()
            end_in_order(app)


def test_a_bus_that_takes_the_panel_along_leaves_a_program_that_can_be_seen(x_display: Desktop) -> None:
    with contextlib.ExitStack() as bus:
        desktop = bus.enter_context(rig.session_bus(x_display))
        panel = bus.enter_context(rig.sni_tray(desktop))
        with arcdesk(desktop) as app:
            start(app)
            panel.wait_for_icon()
            wait_for_key(app)
            bus.close()
            app.wait_for_window(timeout_s=PATIENCE_S)
            end_in_order(app)


def test_a_quit_while_it_still_meets_its_desktop_is_in_order(
    session_bus: Desktop, xembed_tray: TrayHost
) -> None:
    with arcdesk(session_bus) as app:
        socket = app.home / "run" / "arcdesk" / SOCKET_NAME
        for _ in range(4):
            start(app)
            wait_for(socket.exists, "its socket", PATIENCE_S)
            end_in_order(app)


# the display


def test_a_display_that_goes_ends_the_program_and_loses_nothing(x_display: Desktop) -> None:
    with x_server(x_display.env) as (name, server):
        first = Desktop(env=x_display.env | {"DISPLAY": name})
        with child(["openbox"], first.env), arcdesk(first) as app:
            wait_for(lambda: "window id" in run(["xprop", "-root", "_NET_CLIENT_LIST"], first.env), "openbox")
            app.start("--engine", "embedded")
            app.wait_for_window()
            app.wait_for_phase("ready")
            app.ask("Write a long story about a ship, a storm and an island.")
            half = app.wait_for_stream()
            app.type("And then")
            wait_for(lambda: app.drafts() == ["And then"], "the draft on disk")
            server.kill()
            assert app.exit_code() != 0
            wait_for(lambda: not app.processes(), "the engine to end with ArcDesk")
            assert "Traceback" not in app.stderr

            app.env["DISPLAY"] = x_display.env["DISPLAY"]
            app.desktop = x_display
            app.start("--engine", "embedded")
            app.wait_for_window()
            answer = app.wait_for_answer()
            assert answer.text.startswith(half.text)
            assert app.drafts() == ["And then"]
            end_in_order(app)


# the home


def test_a_home_that_can_not_be_written_is_told_and_the_program_lives_on(
    app: ArcDesk, xembed_tray: TrayHost
) -> None:
    folders = [app.home / name for name in HOMES if name != "run"]
    for folder in (*folders, app.home):
        folder.chmod(0o555)
    app.launcher = POWERLESS if os.geteuid() == 0 else ()
    try:
        app.start("--engine", "embedded")
        app.wait_for_window()
        app.wait_for_phase("ready")
        click_tray_icon(xembed_tray)
        assert app.run("quick", "--toggle").returncode == 0
        app.wait_for_window(BAR)
        app.desktop.key("Escape")
        until_hidden(app)
        done = app.run("ask", "What is the capital of France?")
        assert "Paris" in done.stdout
        end_in_order(app)
        assert f"ArcDesk can't write to {app.home}" in app.stderr
        assert [list(folder.iterdir()) for folder in folders] == [[], [], [], []]
    finally:
        for folder in (app.home, *folders):
            folder.chmod(0o700)


def test_without_any_of_the_xdg_folders_it_makes_its_own(app: ArcDesk, xembed_tray: TrayHost) -> None:
    for name in [name for name in app.env if name.startswith("XDG_") and name.endswith(("_HOME", "_DIR"))]:
        del app.env[name]
    app.env["HOME"] = str(app.home / "new")
    (app.home / "new").mkdir()
    start(app)
    wait_for_app(app)
    assert app.run("quick", "--toggle").returncode == 0
    app.wait_for_window(BAR)
    app.desktop.type("kept")
    file = Path(app.env["HOME"], ".local", "share", "arcdesk", "history.db")
    wait_for(file.exists, "the history in its usual place")
    end_in_order(app)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("theme = [[[", "config.toml"),
        ("config_version = 99\n[general]\ntheme = 'dark'\n", "The settings file is of a newer ArcDesk"),
    ],
    ids=["damaged", "of the future"],
)
def test_settings_that_can_not_be_used_are_told_and_kept(
    app: ArcDesk, xembed_tray: TrayHost, text: str, told: str
) -> None:
    file = app.home / "config" / "arcdesk" / "config.toml"
    file.parent.mkdir()
    file.write_text(text, encoding="utf-8")
    start(app)
    wait_for_key(app)
    end_in_order(app)
    assert told in app.stderr
    assert text in [found.read_text(encoding="utf-8") for found in file.parent.iterdir() if found.is_file()]


# others


def test_another_user_is_refused_and_a_crash_leaves_nothing_in_the_way(
    app: ArcDesk, xembed_tray: TrayHost
) -> None:
    start(app)
    wait_for_app(app)
    socket = app.home / "run" / "arcdesk" / SOCKET_NAME
    if os.geteuid() == 0:  # only root can be somebody else
        for place, mode in (
            (app.home, 0o755),
            (app.home / "run", 0o755),
            (socket.parent, 0o755),
            (socket, 0o666),
        ):
            place.chmod(mode)
        said = run([*OTHER_USER, str(socket)], {**app.env, "PYTHONPATH": str(ROOT)}, PATIENCE_S)
        assert said.strip() == "refused"
    app.kill()
    assert socket.exists(), "what a crash leaves"
    start(app)
    wait_for_app(app)
    assert app.run("--background").returncode == 0, "a second one finds it"
    end_in_order(app)
    assert not socket.exists()
