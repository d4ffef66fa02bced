"""The quick prompt as a person has it: real keys, another program with the keyboard, real window managers."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.desktop.driver import ROOT, ArcDesk, arcdesk
from tests.rig import desktop as rig
from tests.rig.desktop import Desktop, TrayHost
from tests.rig.desktop_tools import Rect, child, need, wait_for

pytestmark = pytest.mark.desktop

BAR = "ArcDesk quick prompt$"
QUESTION = "What is the capital of France?"
LONG_QUESTION = "Write a long story about a ship, a storm and an island."


@dataclass(frozen=True)
class Editor:
    """Another program; `lines` grows with each change of its text."""

    desktop: Desktop
    window: int
    log: Path

    @property
    def text(self) -> str:
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return str(json.loads(lines[-1])) if lines else ""

    def take_keyboard(self) -> None:
        self.desktop.xdotool("windowactivate", "--sync", self.window)
        wait_for(self.has_keyboard, "the editor to have the keyboard")

    def has_keyboard(self) -> bool:
        return self.desktop.xdotool("getactivewindow").strip() == str(self.window)


@contextlib.contextmanager
def editor(desktop: Desktop, folder: Path) -> Iterator[Editor]:
    log = folder / "editor.txt"
    with log.open("w", encoding="utf-8") as output:
        command = [sys.executable, str(ROOT / "tests" / "desktop" / "editor_child.py")]
        with child(command, desktop.env, stdout=output.fileno()):
            find = lambda: desktop.find_windows("--onlyvisible", "--name", "another editor")  # noqa: E731
            made = Editor(desktop, wait_for(find, "the editor", 20)[-1], log)
            made.take_keyboard()
            yield made


@pytest.fixture
def app(x_display: Desktop) -> Iterator[ArcDesk]:
    with arcdesk(x_display) as program:
        yield program


def start(app: ArcDesk) -> None:
    app.start("--background")
    wait_for(app.status, "an answer from the app", 20)


def toggle(app: ArcDesk) -> None:
    """What a desktop's own shortcut runs."""
    assert app.run("quick", "--toggle").returncode == 0


def until_hidden(app: ArcDesk) -> None:
    wait_for(lambda: not app.windows(BAR), "the bar to go")


def test_toggle_opens_it_over_another_program_and_gives_the_keyboard_back(
    app: ArcDesk, xembed_tray: TrayHost, tmp_path: Path
) -> None:
    start(app)
    desktop = app.desktop
    with editor(desktop, tmp_path) as other:
        desktop.type("mine ")
        wait_for(lambda: other.text == "mine ", "the editor's text")
        toggle(app)
        bar = app.wait_for_window(BAR)
        place = desktop.geometry(bar)
        assert (place.x, place.y, place.width) == (320, 160, 640), "in the middle, a fifth below the top"
        desktop.type(QUESTION)
        desktop.key("Return")
        assert "Paris" in app.wait_for_answer().text
        wait_for(lambda: desktop.geometry(bar).height > place.height + 50, "the bar to grow")
        desktop.key("Escape")
        until_hidden(app)
        wait_for(other.has_keyboard, "the keyboard to go back")
        desktop.type("again")
        wait_for(lambda: other.text == "mine again", "keys in the editor")

        toggle(app)
        app.wait_for_window(BAR)
        toggle(app)
        until_hidden(app)
        wait_for(other.has_keyboard, "the keyboard to go back")
    app.terminate()
    app.assert_ended_in_order()


@pytest.mark.parametrize(
    "manager", [["xfwm4", "--replace", "--compositor=on"], ["metacity", "--replace", "--sm-disable"]]
)
def test_other_window_managers_give_it_the_keyboard_too(manager: list[str], tmp_path: Path) -> None:
    need(manager[0])
    with rig.x_display() as plain, rig.session_bus(plain) as desktop, rig.xembed_tray(desktop):
        before = desktop.xdotool("getactivewindow")
        with child(manager, desktop.env):
            wait_for(lambda: manager_name(desktop) == manager[0], f"{manager[0]} {before}", 20)
            with arcdesk(desktop) as app, editor(desktop, tmp_path) as other:
                start(app)
                other.take_keyboard()
                desktop.type("typed just now")  # what focus stealing prevention looks at
                toggle(app)
                place = desktop.geometry(app.wait_for_window(BAR))
                wait_for(lambda: is_light(desktop, place.x + 320, place.y + 4), "the ground of the card")
                desktop.type("a thought")
                wait_for(lambda: app.drafts() == ["a thought"], "the keys in the bar")
                desktop.key("Escape")
                until_hidden(app)
                wait_for(other.has_keyboard, "the keyboard to go back")
                assert other.text == "typed just now"
                app.terminate()
                app.assert_ended_in_order()


def is_light(desktop: Desktop, x: int, y: int) -> bool:
    """The pixel there has the colour of the card."""
    return min(desktop.picture(Rect(x=x, y=y, width=1, height=1)).pixel(0, 0)) > 240


def manager_name(desktop: Desktop) -> str:
    """The window manager's name, in lower case."""
    found = subprocess.run(
        ["xprop", "-root", "_NET_SUPPORTING_WM_CHECK"], env=desktop.env, capture_output=True, text=True
    ).stdout
    window = found.rpartition("#")[2].strip()
    named = subprocess.run(
        ["xprop", "-id", window, "_NET_WM_NAME"], env=desktop.env, capture_output=True, text=True
    ).stdout
    return named.partition('"')[2].rstrip('"\n').lower()


def test_quick_with_a_question_starts_the_app_and_asks(app: ArcDesk, xembed_tray: TrayHost) -> None:
    done = app.run("quick", QUESTION)
    try:
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        app.wait_for_window(BAR)
        assert "Paris" in app.wait_for_answer().text
        assert app.questions() == [QUESTION]
        assert not app.windows("ArcDesk$"), "the main window stays closed"
    finally:
        quit_app(app)
    wait_for(lambda: not app.status(), "its end")


def quit_app(app: ArcDesk) -> None:
    """It was started by itself: it is asked to end over its socket."""
    code = "from arcdesk.desktop.instance_client import call; call({'command': 'quit'}, timeout_s=20)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=app.env, check=True)


def test_a_crash_loses_neither_the_line_nor_half_an_answer(app: ArcDesk, xembed_tray: TrayHost) -> None:
    start(app)
    toggle(app)
    app.wait_for_window(BAR)
    app.desktop.type(LONG_QUESTION)
    app.desktop.key("Return")
    half = app.wait_for_stream()
    app.desktop.type("and then")
    wait_for(lambda: app.drafts() == ["and then"], "the draft")
    app.kill()

    start(app)
    toggle(app)
    app.wait_for_window(BAR)
    app.desktop.type("?")
    wait_for(lambda: app.drafts() == ["and then?"], "the draft to go on")
    answer = app.wait_for_answer()
    assert (answer.state, answer.problem["cause"]) == ("failed", "interrupted")
    assert answer.text.startswith(half.text)
    app.terminate()
    app.assert_ended_in_order()


def test_insert_puts_the_answer_into_the_window_before_and_restores_the_clipboard(
    app: ArcDesk, xembed_tray: TrayHost, tmp_path: Path
) -> None:
    start(app)
    desktop = app.desktop
    with editor(desktop, tmp_path) as other, clipboard_owner(desktop, b"what was copied before"):
        desktop.type("> ")
        toggle(app)
        app.wait_for_window(BAR)
        desktop.type(QUESTION)
        desktop.key("Return")
        answer = app.wait_for_answer().text
        press_until(desktop, "ctrl+shift+i", lambda: not app.windows(BAR))
        wait_for(lambda: other.text == f"> {answer}", "the answer in the editor")
        assert other.has_keyboard()
        wait_for(lambda: clipboard(desktop) == "what was copied before", "the clipboard as before")

        toggle(app)
        app.wait_for_window(BAR)
        desktop.xdotool("windowkill", other.window)  # then it can't be inserted, which is told in the bar
        wait_for(lambda: not desktop.find_windows("--name", "another editor"), "the editor to be gone")
        before = desktop.geometry(app.wait_for_window(BAR)).height
        desktop.key("ctrl+shift+i")
        wait_for(
            lambda: desktop.geometry(app.wait_for_window(BAR)).height > before + 60, "the reason in the bar"
        )
        assert clipboard(desktop) == "what was copied before"
    app.terminate()
    app.assert_ended_in_order()


def press_until(desktop: Desktop, key: str, is_done: object) -> None:
    """The button is there a moment after the answer is stored: press until it is taken."""

    def look() -> bool:
        desktop.key(key)
        return bool(is_done())  # type: ignore[operator]

    wait_for(look, f"{key} to be taken")


@contextlib.contextmanager
def clipboard_owner(desktop: Desktop, text: bytes) -> Iterator[None]:
    """Another program has copied this."""
    need("xclip")
    with child(["xclip", "-quiet", "-selection", "clipboard"], desktop.env, stdin=subprocess.PIPE) as owner:
        assert owner.stdin is not None
        owner.stdin.write(text.decode())
        owner.stdin.close()
        owner.stdin = None
        wait_for(lambda: clipboard(desktop) == text.decode(), "the copy")
        yield


def clipboard(desktop: Desktop) -> str:
    command = ["xclip", "-o", "-selection", "clipboard"]
    return subprocess.run(command, env=desktop.env, capture_output=True, text=True, timeout=10).stdout


def test_a_hundred_presses_leave_a_bar_that_obeys(
    app: ArcDesk, xembed_tray: TrayHost, tmp_path: Path
) -> None:
    start(app)
    with editor(app.desktop, tmp_path) as other:
        code = (
            "from arcdesk.desktop.instance_client import call\n"
            "for _ in range(100):\n"
            "    assert call({'command': 'quick', 'action': 'toggle'}, timeout_s=20) == {'exit_code': 0}"
        )
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=app.env, check=True)
        assert app.run("quick").returncode == 0
        app.wait_for_window(BAR)
        app.desktop.key("Escape")
        until_hidden(app)
        wait_for(other.has_keyboard, "the keyboard to go back")
    app.terminate()
    app.assert_ended_in_order()


def test_it_hides_when_another_program_takes_the_keyboard_where_that_was_chosen(
    app: ArcDesk, xembed_tray: TrayHost, tmp_path: Path
) -> None:
    folder = app.home / "config" / "arcdesk"
    folder.mkdir()
    (folder / "config.toml").write_text("[quick]\nquick_hides_on_blur = true\n", encoding="utf-8")
    start(app)
    with editor(app.desktop, tmp_path) as other:
        toggle(app)
        app.wait_for_window(BAR)
        # The window manager calls it active a moment before Qt, which then asks for the keyboard once more.
        app.desktop.type("later")
        wait_for(lambda: app.drafts() == ["later"], "what was typed as a draft")
        other.take_keyboard()
        until_hidden(app)
        wait_for(other.has_keyboard, "the keyboard to stay there")
    app.terminate()
    app.assert_ended_in_order()
