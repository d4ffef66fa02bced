"""The global hotkey end to end: the program as it is started, real presses with another program in front."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

import pytest

from tests.desktop.driver import ArcDesk, arcdesk
from tests.desktop.hotkey_rig import (
    KEY,
    XKEY,
    hotkey_program,
    install_desktop_file,
    managed_display,
    mock_portal,
)
from tests.desktop.test_hotkey_x11 import OtherProgram, other_program
from tests.rig import desktop as rig
from tests.rig.desktop import Desktop, TrayHost
from tests.rig.desktop_fixtures import _or_skip as or_skip
from tests.rig.desktop_tools import wait_for

pytestmark = pytest.mark.desktop

BAR = "ArcDesk quick prompt$"
NOWHERE = "http://127.0.0.1:9"  # the key does not need an engine
PATIENCE_S = 30.0


@pytest.fixture
def app(x_display: Desktop) -> Iterator[ArcDesk]:
    """ArcDesk on the session's display, without a bus; not started."""
    with arcdesk(x_display) as made:
        yield made


def start(app: ArcDesk) -> None:
    """Into the tray, as at log-in."""
    app.start("--background", "--engine", NOWHERE)


def wait_for_key(app: ArcDesk, words: str = f"hotkey: {KEY} works, by x11", times: int = 1) -> None:
    """Until the log has said so about the key, so many times."""
    try:
        wait_for(lambda: app.log.count(words) >= times, f"'{words}' in the log", PATIENCE_S)
    except AssertionError as error:
        raise AssertionError(f"{error}; {app.log}") from None


def until_hidden(app: ArcDesk) -> None:
    """Until the bar is away."""
    wait_for(lambda: not app.windows(BAR), "the bar to go")


def has_keyboard(app: ArcDesk, window: int) -> None:
    """Until `window` gets the keys."""
    wait_for(lambda: app.active_window() == window, "the other program to have the keyboard")


def use_it(app: ArcDesk, other: OtherProgram, desktop: Desktop) -> None:
    """The whole way: press, type, Esc, and on with the work; the other program sees no part of it."""
    window = app.active_window()
    desktop.key("x")  # what focus stealing prevention looks at: somebody types over there
    before = len(other.keys)
    wait_for(lambda: app.active_window() == window, "the other program in front")
    desktop.key(XKEY)
    app.wait_for_window(BAR)
    desktop.type("thought")
    wait_for(lambda: app.drafts() == ["thought"], "what was typed, in the bar")
    desktop.key("Escape")
    until_hidden(app)
    has_keyboard(app, window)
    desktop.key("y")
    wait_for(lambda: "y" in other.keys[before:], "keys in the other program again")
    assert not {"space", "t", "Escape"} & set(other.keys[before:]), "nothing of it came through"


@contextlib.contextmanager
def tray_of(desktop: Desktop, kind: str) -> Iterator[TrayHost]:
    """A real panel of either kind."""
    with rig.sni_tray(desktop) if kind == "sni" else rig.xembed_tray(desktop) as panel:
        yield panel


@pytest.mark.parametrize(("manager", "kind"), [("openbox", "sni"), ("xfwm4", "sni"), ("xfwm4", "xembed")])
def test_the_key_opens_the_bar_over_another_program_and_escape_gives_the_keyboard_back(
    manager: str, kind: str
) -> None:
    with (
        or_skip(),
        managed_display(manager) as desktop,
        tray_of(desktop, kind) as panel,
        arcdesk(desktop) as app,
        other_program(desktop) as other,
    ):
        window = app.active_window()
        start(app)
        panel.wait_for_icon()
        wait_for_key(app)
        use_it(app, other, desktop)
        for _ in range(3):  # sooner after its going than Qt believes that it has gone
            desktop.key(XKEY)
            app.wait_for_window(BAR)
            desktop.key(XKEY)  # the same key puts it away
            until_hidden(app)
            has_keyboard(app, window)
        desktop.key(XKEY)
        app.wait_for_window(BAR)
        desktop.type("more")
        wait_for(lambda: app.drafts() == ["thoughtmore"], "keys in the bar, after what stood there")
        desktop.key("Escape")
        until_hidden(app)
        app.terminate()
        app.assert_ended_in_order()
        desktop.key(XKEY)
        wait_for(lambda: "space" in other.keys, "the key, given back with the end of the program")


def test_the_portal_opens_it_too_and_when_it_dies_the_display_is_asked() -> None:
    with (
        or_skip(),
        managed_display("openbox") as desktop,
        rig.sni_tray(desktop) as panel,
        arcdesk(desktop) as app,
        other_program(desktop) as other,
    ):
        install_desktop_file(app.env)
        window = app.active_window()
        with mock_portal(app.env) as portal:
            start(app)
            panel.wait_for_icon()
            wait_for_key(app, "hotkey: Press CTRL+ALT+space works, by portal")
            assert "registered org.arcdesk.ArcDesk" in portal.said
            portal.tell("press token-1")
            portal.tell("release")
            app.wait_for_window(BAR)
            desktop.key("Escape")
            until_hidden(app)
            has_keyboard(app, window)
        wait_for_key(app)
        use_it(app, other, desktop)
        app.terminate()
        app.assert_ended_in_order()


@pytest.mark.parametrize(
    ("options", "is_installed", "reason"),
    [
        (["--answer=refuse"], True, "switched off by the administrator"),
        ([], False, "no desktop file installed"),  # the rule of 1.21: who has no app id gets no session
        (["--without", "shortcuts"], True, "GlobalShortcuts"),
    ],
    ids=["refused", "no app id", "no shortcuts"],
)
def test_a_portal_that_refuses_is_noted_and_the_display_gives_the_key(
    session_bus: Desktop, options: list[str], is_installed: bool, reason: str
) -> None:
    with rig.xembed_tray(session_bus), arcdesk(session_bus) as app, other_program(session_bus) as other:
        if is_installed:
            install_desktop_file(app.env)
        with mock_portal(app.env, *options):
            start(app)
            wait_for_key(app)
            refusals = [line for line in app.log.splitlines() if "no hotkey by portal" in line]
            assert any(reason in line for line in refusals), app.log
            use_it(app, other, session_bus)
            app.terminate()
            app.assert_ended_in_order()
            assert "hotkey" not in app.stderr, "a key that works is no news"


def test_a_no_of_the_person_is_told_once_and_no_other_way_is_gone(session_bus: Desktop) -> None:
    with rig.xembed_tray(session_bus), arcdesk(session_bus) as app, other_program(session_bus) as other:
        install_desktop_file(app.env)
        with mock_portal(app.env, "--answer=cancel"):
            for start_number in (1, 2):
                start(app)
                wait_for(app.status, "an answer from the app", PATIENCE_S)
                wait_for_key(app, f"hotkey: {KEY}: The key was not allowed.", start_number)
                session_bus.key(XKEY)
                wait_for(lambda: other.keys.count("space") == start_number, "the key, left to others")  # noqa: B023
                assert not app.windows(BAR)
                app.terminate()
                app.assert_ended_in_order()
                told = "The key was not allowed" in app.stderr
                assert told == (start_number == 1), "told at the first start only"


def test_a_key_that_another_program_holds_is_told_once_and_taken_when_it_is_free(
    app: ArcDesk, xembed_tray: TrayHost
) -> None:
    desktop = app.desktop
    with other_program(desktop) as other:
        with hotkey_program(desktop.env) as holder:
            holder.wait_for_state(works=True)
            for start_number in (1, 2):
                start(app)
                wait_for(app.status, "an answer from the app", PATIENCE_S)
                wait_for_key(app, f"hotkey: {KEY}: Another program already holds {KEY}.", start_number)
                desktop.key(XKEY)
                holder.wait_for_presses(start_number)
                assert not app.windows(BAR)
                app.terminate()
                app.assert_ended_in_order()
                told = f"Another program already holds {KEY}" in app.stderr
                assert told == (start_number == 1), "told at the first start only"
        start(app)
        wait_for_key(app)
        use_it(app, other, desktop)
        app.terminate()
        app.assert_ended_in_order()


def test_another_keymap_moves_the_key(app: ArcDesk, xembed_tray: TrayHost) -> None:
    desktop = app.desktop
    folder = app.home / "config" / "arcdesk"
    folder.mkdir()
    (folder / "config.toml").write_text('[quick]\nhotkey = "Ctrl+Alt+A"\n', encoding="utf-8")
    try:
        with other_program(desktop) as other:
            start(app)
            wait_for_key(app, "hotkey: Ctrl+Alt+A works, by x11")
            subprocess.run(["setxkbmap", "fr"], env=desktop.env, check=True)
            press_until_seen(app, "ctrl+alt+a")
            desktop.key("Escape")
            until_hidden(app)
            desktop.key("ctrl+alt+q")  # where 'a' was
            wait_for(lambda: "q" in other.keys, "the old place, free again")
            assert "a" not in other.keys
            assert not app.windows(BAR)
    finally:
        subprocess.run(["setxkbmap", "us"], env=desktop.env, check=True)
    app.terminate()
    app.assert_ended_in_order()


def press_until_seen(app: ArcDesk, key: str) -> None:
    """The grab is made anew meanwhile: a press too early goes elsewhere. A second one would hide the bar."""

    def look() -> bool:
        app.desktop.key(key)
        with contextlib.suppress(AssertionError):
            return bool(wait_for(lambda: app.windows(BAR), "the bar", 5))
        return False

    wait_for(look, "the bar at a press", PATIENCE_S)


def test_a_hundred_presses_in_a_second_leave_a_bar_that_obeys(app: ArcDesk, xembed_tray: TrayHost) -> None:
    desktop = app.desktop
    with other_program(desktop) as other:
        window = app.active_window()
        start(app)
        wait_for_key(app)
        desktop.xdotool("key", "--delay", 0, "--repeat", 100, "--repeat-delay", 9, XKEY)
        assert app.run("quick").returncode == 0  # answered when all of them are through
        app.wait_for_window(BAR)
        desktop.key("Escape")
        until_hidden(app)
        has_keyboard(app, window)
        use_it(app, other, desktop)
        app.terminate()
        app.assert_ended_in_order()


def test_where_the_pointer_is_and_when_its_screen_is_unplugged() -> None:
    with or_skip(), managed_display("openbox") as desktop, rig.xembed_tray(desktop):
        for name, place in (("LEFT", "640/160x800/200+0+0"), ("RIGHT", "640/160x800/200+640+0")):
            owned = "screen" if name == "LEFT" else "none"
            subprocess.run(["xrandr", "--setmonitor", name, place, owned], env=desktop.env, check=True)
        with arcdesk(desktop) as app:
            start(app)
            wait_for_key(app)
            desktop.xdotool("mousemove", 900, 700)
            desktop.key(XKEY)
            place = desktop.geometry(app.wait_for_window(BAR))
            assert place.x >= 640, "on the screen of the pointer"
            desktop.key("Escape")
            until_hidden(app)
            subprocess.run(["xrandr", "--delmonitor", "RIGHT"], env=desktop.env, check=True)
            desktop.key(XKEY)
            place = desktop.geometry(app.wait_for_window(BAR))
            assert place.x + place.width <= 640, "on the screen that is left"
            app.terminate()
            app.assert_ended_in_order()
