"""Starts the hotkey's program, mock portals and X displays with a chosen window manager."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from arcdesk.core.ident import APP_ID
from tests.desktop.tray_program import ROOT, TrayProgram
from tests.rig import desktop as rig
from tests.rig.desktop import Desktop
from tests.rig.desktop_tools import child, first_line, need, run, wait_for

KEY = "Ctrl+Alt+Space"
XKEY = "ctrl+alt+space"


class HotkeyProgram(TrayProgram):
    """`hotkey_child`, running."""

    @property
    def states(self) -> list[dict[str, Any]]:
        """All states so far."""
        return [json.loads(line.removeprefix("state ")) for line in self.said if line.startswith("state ")]

    @property
    def presses(self) -> list[str]:
        """The tokens of all presses so far."""
        lines = self.said
        return [line.removeprefix("press").strip() for line in lines if line.split(" ")[0] == "press"]

    def wait_for_state(self, timeout_s: float = 20.0, **wanted: Any) -> dict[str, Any]:
        """The newest state, once it has these values."""

        def look() -> dict[str, Any] | None:
            states = self.states
            last = states[-1] if states else {}
            return last if last and all(last[name] == value for name, value in wanted.items()) else None

        try:
            return wait_for(look, f"state {wanted}", timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; seen: {self.states}") from None

    def wait_for_presses(self, count: int, timeout_s: float = 20.0) -> list[str]:
        """Until there were `count` presses."""
        try:
            return wait_for(
                lambda: self.presses if len(self.presses) >= count else None, "presses", timeout_s
            )
        except AssertionError as error:
            raise AssertionError(f"{error}: {len(self.presses)} of {count}") from None

    def order(self, line: str) -> None:
        """Give an order and wait until it is done."""
        done = f"done {line.split()[0]}"
        before = self.said.count(done)
        self.tell(line)
        self.wait_for(done, before + 1)

    def refused(self, line: str) -> str:
        """Give an order that is refused; what was said."""
        self.tell(line)
        start = f"refused {line.split()[0]}: "
        (said,) = wait_for(lambda: [line for line in self.said if line.startswith(start)], start)
        return said.removeprefix(start)


@contextlib.contextmanager
def hotkey_program(env: Mapping[str, str], key: str = KEY, *options: str) -> Iterator[HotkeyProgram]:
    """The hotkey on a desktop; its end must be orderly."""
    command = [sys.executable, "-m", "tests.desktop.hotkey_child", key, *options]
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as stderr,
        child(
            command,
            {**env, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr.fileno(),
        ) as process,
    ):
        program = HotkeyProgram(process)
        try:
            program.wait_for("shown")
            yield program
            if "closed" not in program.said:
                program.tell("quit")
                program.wait_for("closed")
            assert process.wait(10) == 0
        finally:
            stderr.seek(0)
            said = stderr.read()
        assert "Traceback" not in said, said
        assert "Warning" not in said, said


@contextlib.contextmanager
def mock_portal(env: Mapping[str, str], *options: str) -> Iterator[TrayProgram]:
    """A portal on the bus of `env`."""
    command = [sys.executable, "-m", "tests.rig.mock_portal", *options]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": None}
    with child(command, {**env, "PYTHONPATH": str(ROOT)}, **pipes) as process:  # type: ignore[arg-type]
        portal = TrayProgram(process)
        portal.wait_for("ready")
        yield portal


def install_desktop_file(env: Mapping[str, str]) -> None:
    """As `arcdesk --install-desktop` leaves it, as far as portals look."""
    folder = Path(env["XDG_DATA_HOME"], "applications")
    folder.mkdir(parents=True, exist_ok=True)
    entry = "[Desktop Entry]\nType=Application\nName=ArcDesk\nExec=arcdesk\n"
    (folder / f"{APP_ID}.desktop").write_text(entry, encoding="utf-8")


@contextlib.contextmanager
def wayland_session(**changes: str) -> Iterator[dict[str, str]]:
    """An environment as in a Wayland session, with a bus of its own and no desktop."""
    foreign = ("DISPLAY", "XAUTHORITY", "XDG_CURRENT_DESKTOP", "XDG_SESSION_DESKTOP", "DESKTOP_SESSION")
    env = {name: value for name, value in os.environ.items() if name not in foreign}
    with tempfile.TemporaryDirectory(prefix="arcdesk-way-") as folder:
        for name in ("CONFIG_HOME", "CACHE_HOME", "DATA_HOME", "RUNTIME_DIR"):
            path = Path(folder, name.lower())
            path.mkdir(mode=0o700)
            env[f"XDG_{name}"] = str(path)
        env |= {"XDG_SESSION_TYPE": "wayland", "WAYLAND_DISPLAY": "wayland-9", "QT_QPA_PLATFORM": "offscreen"}
        env |= changes
        with rig.session_bus(Desktop(env=env)) as session:
            yield session.env


@contextlib.contextmanager
def managed_display(manager: str) -> Iterator[Desktop]:
    """An X display of its own with a session bus (xfwm4 needs one) under the given window manager."""
    need("Xvfb", manager, "xdotool", "setxkbmap")
    with tempfile.TemporaryDirectory(prefix="arcdesk-wm-") as folder:
        env = {
            name: value for name, value in os.environ.items() if name not in ("WAYLAND_DISPLAY", "XAUTHORITY")
        }
        for name in ("CONFIG_HOME", "CACHE_HOME", "DATA_HOME", "RUNTIME_DIR"):
            path = Path(folder, name.lower())
            path.mkdir(mode=0o700)
            env[f"XDG_{name}"] = str(path)
        env |= {"XDG_SESSION_TYPE": "x11", "XDG_CURRENT_DESKTOP": "XFCE", "QT_QPA_PLATFORM": "xcb"}
        env |= {"NO_AT_BRIDGE": "1"}
        with (
            x_server(env) as (display, _),
            rig.session_bus(Desktop(env=env | {"DISPLAY": display})) as desktop,
            child([manager], desktop.env),
        ):
            wait_for(lambda: _has_manager(desktop, manager), f"{manager} to manage", 20)
            yield desktop


@contextlib.contextmanager
def x_server(env: Mapping[str, str]) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """An X display: its name, and its process, which may be killed."""
    reader, writer = os.pipe()
    command = [
        "Xvfb",
        "-displayfd",
        str(writer),
        "-screen",
        "0",
        "1280x800x24",
        "-nolisten",
        "tcp",
        "-noreset",
    ]
    with child(command, env, pass_fds=(writer,)) as process:
        os.close(writer)
        try:
            yield f":{first_line(reader, 'Xvfb')}", process
        finally:
            os.close(reader)


def _has_manager(desktop: Desktop, manager: str) -> bool:
    """It is through with its start: windows that come earlier stay without its care."""
    last = ("_NET_ACTIVE_WINDOW",) if manager == "xfwm4" else ("_NET_WORKAREA", "_NET_CLIENT_LIST")
    names = ("_NET_SUPPORTING_WM_CHECK", *last)
    lines = run(["xprop", "-root", *names], desktop.env).splitlines()
    return len(lines) == len(names) and not any("not found" in line or "no such" in line for line in lines)
