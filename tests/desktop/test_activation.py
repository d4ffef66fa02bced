"""Coming to the front on X11 while somebody else's window has the keyboard."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from typing import Any

import pytest
import xcffib
from xcffib import xproto

from tests.desktop.hotkey_rig import managed_display
from tests.desktop.tray_program import TrayProgram, tray_program
from tests.rig.desktop import Desktop
from tests.rig.desktop_fixtures import _or_skip as or_skip
from tests.rig.desktop_tools import child, need, wait_for

pytestmark = pytest.mark.desktop


@contextlib.contextmanager
def other_window(desktop: Desktop) -> Iterator[int]:
    """Somebody else's window, in which a person has just pressed a key."""
    need("xev")
    with child(["xev", "-event", "keyboard"], desktop.env):
        (window,) = wait_for(
            lambda: desktop.find_windows("--onlyvisible", "--name", "Event Tester"), "the other window"
        )
        desktop.xdotool("windowactivate", "--sync", window)
        wait_for(lambda: is_active(desktop, window), "the other window to have the keyboard")
        desktop.key("x")
        yield window


def is_active(desktop: Desktop, window: int) -> bool:
    return desktop.xdotool("getactivewindow").strip() == str(window)


def takes_keys(desktop: Desktop, program: TrayProgram, key: str) -> None:
    """The window has the keyboard: what is pressed arrives."""

    def arrived() -> bool:
        desktop.key(key)
        return any(line.startswith("text ") and key in line for line in program.said)

    wait_for(arrived, f"'{key}' in our window")


@pytest.mark.parametrize("manager", ["openbox", "xfwm4", "metacity"])
def test_it_comes_to_the_front_from_behind_hidden_and_minimized(manager: str) -> None:
    with (
        or_skip(),
        managed_display(manager) as desktop,
        tray_program(desktop, module="front_child") as program,
    ):
        (window,) = wait_for(lambda: desktop.find_windows("--onlyvisible", "--name", "^Front$"), "our window")
        wait_for(lambda: is_active(desktop, window), "it to have the keyboard, as new windows get it")
        for key, before in (("a", ""), ("b", "hide"), ("c", "minimize")):
            with other_window(desktop) as other:
                if before:
                    program.tell(before)
                    wait_for(
                        lambda: window not in desktop.find_windows("--onlyvisible", "--name", "^Front$"),
                        "our window to go",
                    )
                wait_for(lambda: is_active(desktop, other), "the other window to have the keyboard")
                program.tell("front")
                wait_for(lambda: is_active(desktop, window), f"our window in front ({before or 'behind'})")
                takes_keys(desktop, program, key)


@pytest.fixture
def listener(x_display: Desktop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An X client that hears what programs tell panels, as panels do."""
    connection: Any = xcffib.connect(display=x_display.env["DISPLAY"])
    root = connection.get_setup().roots[0].root
    connection.core.ChangeWindowAttributes(root, xproto.CW.EventMask, [xproto.EventMask.PropertyChange])
    connection.flush()
    yield connection
    connection.disconnect()


def startup_messages(connection: Any) -> list[str]:
    """The whole messages of the startup notification protocol that have come in."""
    texts: dict[int, bytes] = {}
    while (event := connection.poll_for_event()) is not None:
        if isinstance(event, xproto.ClientMessageEvent) and event.format == 8:
            texts[event.window] = texts.get(event.window, b"") + struct.pack("20B", *event.data.data8)
    return [text.split(b"\0")[0].decode() for text in texts.values()]


def test_the_desktop_no_longer_waits_for_a_program_that_has_come(x_display: Desktop, listener: Any) -> None:
    token = 'launcher/a long "name"/4711-0-host_TIME1'
    with tray_program(x_display, module="front_child") as program:
        wait_for(lambda: x_display.find_windows("--onlyvisible", "--name", "^Front$"), "our window")
        startup_messages(listener)  # Qt's own, at the start
        program.tell(f"front {token.replace(' ', '_')}")
        program.wait_for("asked")
        seen = wait_for(lambda: startup_messages(listener), "the message")
        assert seen == ['remove: ID="launcher/a_long_\\"name\\"/4711-0-host_TIME1"']
