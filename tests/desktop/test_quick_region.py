"""A screen region for the quick prompt in the running program: the bar steps aside, returns, and asks."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtGui import QImage

from tests.desktop.driver import arcdesk
from tests.desktop.hotkey_rig import mock_portal
from tests.desktop.test_quick_prompt import BAR, editor, start, toggle, until_hidden
from tests.rig import desktop as rig
from tests.rig.desktop_tools import wait_for

pytestmark = pytest.mark.desktop


def test_the_bar_is_away_while_a_region_is_chosen_and_the_starter_model_says_no(tmp_path: Path) -> None:
    with (
        rig.x_display() as plain,
        rig.session_bus(plain) as desktop,
        rig.xembed_tray(desktop),
        arcdesk(desktop) as app,
        editor(desktop, tmp_path) as other,
    ):
        picture = app.home / "run" / "shot.png"
        size_bytes = draw(picture)
        with mock_portal(app.env, "--answer=wait", "--picture", picture.as_uri()) as portal:
            start(app)
            other.take_keyboard()
            toggle(app)
            height = desktop.geometry(app.wait_for_window(BAR)).height
            desktop.type("What is this?")
            desktop.key("ctrl+shift+r")
            portal.wait_for("dialog")
            assert "screenshot parent='' interactive=True" in portal.said
            assert not app.windows(BAR)
            wait_for(other.has_keyboard, "the keyboard to go back")
            portal.tell("allow")
            bar = app.wait_for_window(BAR)
            wait_for(lambda: desktop.geometry(bar).height > height + 20, "the chip")
            assert not picture.exists(), "it lay in a folder for passing things"
            wait_for(lambda: desktop.xdotool("getactivewindow").strip() == str(bar), "the keyboard")
            desktop.key("Return")
            answer = app.wait_for_answer()
            assert (answer.state, answer.problem["title"]) == ("failed", "This model takes no images")
            assert app.questions() == ["What is this?"]
            stored = app._query("SELECT mime, length(data) FROM message_images")
            assert stored == [("image/png", size_bytes)]
            desktop.key("Escape")
            until_hidden(app)
            app.terminate()
            app.assert_ended_in_order()


def draw(path: Path) -> int:
    """What the person frames; the bytes of its file."""
    image = QImage(640, 400, QImage.Format.Format_RGB32)
    image.fill(0x2B57E0)
    assert image.save(str(path))
    return path.stat().st_size
