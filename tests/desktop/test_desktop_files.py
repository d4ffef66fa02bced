"""ArcDesk's files as desktops use them: checked by their own tools, started by what stands in them."""

from __future__ import annotations

import contextlib
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from arcdesk.desktop import instance_client
from arcdesk.desktop.entry import exec_words, read_entry
from tests.desktop.driver import ROOT, ArcDesk, arcdesk
from tests.rig import desktop as rig
from tests.rig.desktop import Desktop, TrayHost
from tests.rig.desktop_tools import child, need, run, wait_for

pytestmark = pytest.mark.desktop

APP_ID = "org.arcdesk.ArcDesk"
SHIPPED = ROOT / "resources" / "desktop"
# What old and new versions of the validator remark on although it is meant.
MEANT = ("cid-contains-uppercase-letter", "unknown-tag developer", "url-homepage-missing")


@pytest.fixture
def app(x_display: Desktop) -> Iterator[ArcDesk]:
    """ArcDesk with an empty home, not started; what it starts and installs is in this home."""
    with arcdesk(x_display) as program:
        yield program


def in_home(app: ArcDesk, code: str) -> str:
    """Run a line of Python as this person; its output."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=app.env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def install(app: ArcDesk) -> dict[str, Path]:
    """Put it into the person's menu; the written files by their names."""
    done = app.run("--install-desktop")
    assert done.returncode == 0, done.stderr
    return {Path(line).name: Path(line) for line in done.stdout.splitlines()}


def execs(entry: Path) -> dict[str, list[str]]:
    """Each action's words ('' for the entry's own), as a launcher reads them."""
    groups = read_entry(entry.read_text())
    return {
        group.removeprefix("Desktop Entry").removeprefix("Desktop Action "): exec_words(keys["Exec"])
        for group, keys in groups.items()
    }


@contextlib.contextmanager
def started(app: ArcDesk, words: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A program as a launcher starts it: in the person's home, and not where the code is."""
    with child(["/usr/bin/env", "-C", str(app.home), *words], app.env) as process:
        yield process


def property_of(app: ArcDesk, window: int, name: str) -> str:
    """A property of a window as xprop prints it."""
    return run(["xprop", "-id", str(window), name], app.env)


# their own tools


def test_the_shipped_entry_is_valid(app: ArcDesk) -> None:
    need("desktop-file-validate")
    assert complaints_of_validate(SHIPPED / f"{APP_ID}.desktop") == ""


def complaints_of_validate(entry: Path) -> str:
    done = subprocess.run(["desktop-file-validate", str(entry)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_installed_entry_and_autostart_are_valid(app: ArcDesk) -> None:
    need("desktop-file-validate")
    in_home(app, "from arcdesk.desktop import autostart; autostart.turn_on()")
    assert complaints_of_validate(install(app)[f"{APP_ID}.desktop"]) == ""
    assert complaints_of_validate(app.home / "config/autostart" / f"{APP_ID}.desktop") == ""


def test_the_validator_would_find_a_mistake(tmp_path: Path) -> None:
    need("desktop-file-validate")
    broken = tmp_path / f"{APP_ID}.desktop"
    broken.write_text((SHIPPED / broken.name).read_text().replace("Type=Application\n", ""))
    assert "Type" in complaints_of_validate(broken)


def test_the_metainfo_is_valid(app: ArcDesk) -> None:
    need("appstreamcli")
    path = install(app)[f"{APP_ID}.metainfo.xml"]
    command = ["appstreamcli", "validate", "--pedantic", "--no-net", "--no-color", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    remarks = re.findall(r"^[EWIP]: .*", done.stdout, re.MULTILINE)
    assert [remark for remark in remarks if not any(meant in remark for meant in MEANT)] == []


def test_every_icon_is_a_picture_of_its_folders_size(app: ArcDesk) -> None:
    need("identify")
    install(app)
    pictures = sorted((app.home / "data").rglob("*.png"))
    assert len(pictures) == 6
    for path in pictures:
        size = path.parent.parent.name
        assert run(["identify", "-format", "%wx%h %k", str(path)], app.env).split()[0] == size
        colours = int(run(["identify", "-format", "%k", str(path)], app.env))
        assert colours > 3, "an empty picture"


# a launcher


def test_the_menu_entry_opens_the_window_which_is_known_as_its_own(
    app: ArcDesk, xembed_tray: TrayHost
) -> None:
    entry = install(app)[f"{APP_ID}.desktop"]
    with started(app, execs(entry)[""]):
        window = app.wait_for_window()
        classes = re.findall(r'"([^"]*)"', property_of(app, window, "WM_CLASS"))
        assert read_entry(entry.read_text())["Desktop Entry"]["StartupWMClass"] in classes
        name = property_of(app, window, "_KDE_NET_WM_DESKTOP_FILE")
        assert APP_ID in name


def test_each_action_reaches_the_app_that_runs(app: ArcDesk, xembed_tray: TrayHost) -> None:
    words = execs(install(app)[f"{APP_ID}.desktop"])
    with started(app, [*words[""], "--background", "--engine", "embedded"]):
        wait_for(app.status, "the app in the tray")
        assert app.windows() == []
        with started(app, words["start"]) as action:
            assert action.wait(60) == 0
        app.wait_for_phase("ready")
        with started(app, words["stop"]) as action:
            assert action.wait(60) == 0
        app.wait_for_phase("stopped")
        with started(app, words["chat"]) as action:
            assert action.wait(60) == 0
            app.wait_for_window()
        with started(app, words["quick"]) as action:
            assert action.wait(60) == 0
            wait_for(lambda: quick_prompts(app), "the quick prompt beside the chat")


def quick_prompts(app: ArcDesk) -> list[int]:
    """The visible bar."""
    return app.windows("^ArcDesk quick prompt$")


def test_what_opens_at_log_in_comes_in_the_tray_without_a_window(app: ArcDesk, xembed_tray: TrayHost) -> None:
    in_home(app, "from arcdesk.desktop import autostart; autostart.turn_on()")
    words = execs(app.home / "config/autostart" / f"{APP_ID}.desktop")[""]
    with started(app, words) as process:
        xembed_tray.wait_for_icon()
        wait_for(app.status, "the app in the tray")
        assert app.windows() == []
        process.terminate()
        assert process.wait(20) == 0
    left = in_home(app, "from arcdesk.desktop import autostart; print(autostart.state().kind.name)")
    assert left == "ON\n", "running changed nothing of it"


def test_running_never_turns_it_on(app: ArcDesk, xembed_tray: TrayHost) -> None:
    app.start("--background")
    wait_for(app.status, "the app in the tray")
    app.terminate()
    app.assert_ended_in_order()
    assert not (app.home / "config" / "autostart").exists()


# the bus


@pytest.fixture
def on_bus(app: ArcDesk) -> Iterator[ArcDesk]:
    """The same with a session bus that runs already when ArcDesk is installed."""
    need("gdbus")
    with rig.session_bus(Desktop(env=app.env)) as bus:
        app.env |= {"DBUS_SESSION_BUS_ADDRESS": bus.env["DBUS_SESSION_BUS_ADDRESS"]}
        yield app


def activate(app: ArcDesk, method: str, *arguments: str) -> str:
    """What a launcher does with an entry that says DBusActivatable."""
    path = "/" + APP_ID.replace(".", "/")
    command = ["gdbus", "call", "--session", "--timeout=30", "--dest", APP_ID, "--object-path", path]
    return run([*command, "--method", f"org.freedesktop.Application.{method}", *arguments], app.env, 40)


def quit_by_socket(app: ArcDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was started by the bus, so it ends by its own command."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", app.env["XDG_RUNTIME_DIR"])
    assert instance_client.call({"command": "quit"}, timeout_s=10) == {"exit_code": 0}
    wait_for(lambda: not app.status(), "its end")


def test_the_bus_starts_it_from_files_that_were_installed_while_the_bus_ran(
    on_bus: ArcDesk, xembed_tray: TrayHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = on_bus
    assert activate(app, "Activate", "{}") == "", "nobody is there yet"
    service = install(app)[f"{APP_ID}.service"]
    assert shlex.split(read_entry(service.read_text())["D-BUS Service"]["Exec"])[-1] == "--background"
    assert activate(app, "Activate", "{}") == "()\n"
    app.wait_for_window()
    quit_by_socket(app, monkeypatch)


def test_an_action_starts_it_too_and_opens_only_what_it_names(
    on_bus: ArcDesk, xembed_tray: TrayHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = on_bus
    install(app)
    assert activate(app, "ActivateAction", "quick", "[]", "{}") == "()\n"
    wait_for(lambda: quick_prompts(app), "the quick prompt")
    assert app.windows() == [], "no chat window was asked for"
    quit_by_socket(app, monkeypatch)
