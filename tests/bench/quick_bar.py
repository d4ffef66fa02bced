"""Key pressed → quick prompt painted and focused, against a bare frameless widget in the same process.

`python -m tests.bench.quick_bar`. Another program has the keyboard before each press; the keys are grabbed
on a connection of their own, as a global hotkey is; the two windows take turns.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.rig.desktop import Desktop, x_display
from tests.rig.desktop_tools import child, wait_for

ROOT = Path(__file__).resolve().parents[2]
TURNS = 20
KEYSYMS = {"bar": 0xFFC6, "bare": 0xFFC7}  # F9, F10
PATIENCE_S = 20.0
REST_S = 0.05


def run() -> dict[str, object]:
    """Medians and worst in ms over TURNS presses each; the ratio of the medians."""
    with x_display() as desktop:
        editor = [sys.executable, str(ROOT / "tests" / "desktop" / "editor_child.py")]
        with child(editor, desktop.env):
            wait_for(
                lambda: desktop.find_windows("--onlyvisible", "--name", "another editor"), "a window", 20
            )
            times = _measure(desktop)
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {
        "press_to_painted_and_focused_ms": medians,
        "worst_ms": {name: max(values) for name, values in times.items()},
        "n": TURNS,
        "ratio": medians["bar"] / medians["bare"],
    }


def _measure(desktop: Desktop) -> dict[str, list[float]]:
    with tempfile.TemporaryDirectory(prefix="arcdesk-quick-", dir="/tmp") as home:
        env = desktop.env | {
            "HOME": home,
            "DOCKER_HOST": "unix:///nonexistent.sock",
            "ARCDESK_ENGINE": "embedded",
        }
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.quick_bar", "child"],
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
        )
    if done.returncode:
        raise RuntimeError(done.stderr)
    measured: dict[str, list[float]] = json.loads(done.stdout)
    return measured


class _Keys:
    """Two grabbed keys, and a hand that presses them."""

    def __init__(self) -> None:
        import xcffib
        import xcffib.xtest
        from xcffib import xproto

        self._xproto = xproto
        self._connection: Any = xcffib.Connection()
        setup = self._connection.get_setup()
        self._root = setup.roots[0].root
        first = setup.min_keycode
        mapping = self._connection.core.GetKeyboardMapping(first, setup.max_keycode - first + 1).reply()
        width, symbols = mapping.keysyms_per_keycode, list(mapping.keysyms)
        self.codes = {name: first + symbols.index(symbol) // width for name, symbol in KEYSYMS.items()}
        for code in self.codes.values():
            mode = xproto.GrabMode.Async
            self._connection.core.GrabKeyChecked(True, self._root, 0, code, mode, mode).check()
        self._fake = self._connection(xcffib.xtest.key).FakeInput

    @property
    def descriptor(self) -> int:
        return int(self._connection.get_file_descriptor())

    def press(self, name: str) -> None:
        for kind in (2, 3):
            self._fake(kind, self.codes[name], 0, self._root, 0, 0, 0)
        self._connection.flush()

    def pressed(self) -> list[str]:
        """The names of the keys that went down."""
        names = []
        while (event := self._connection.poll_for_event()) is not None:
            if isinstance(event, self._xproto.KeyPressEvent):
                names += [name for name, code in self.codes.items() if code == event.detail]
        return names


async def _child(app: Any, watch: Any) -> dict[str, list[float]]:
    from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

    from arcdesk.app.quick_controller import QuickController
    from arcdesk.app.session import Session
    from arcdesk.ui.quick_prompt import FLAGS
    from arcdesk.ui.tray import Tray

    session = Session(app, Tray(), argparse.Namespace(engine=None, background=True, verbose=False))
    running = asyncio.ensure_future(session.run())
    controller = QuickController(session)
    bare = QWidget(None, FLAGS)
    QHBoxLayout(bare).addWidget(edit := QLineEdit())
    bare.setGeometry(320, 160, 640, 56)
    bare.winId()

    def show_bare() -> None:
        bare.show()
        bare.raise_()
        bare.activateWindow()
        edit.setFocus()

    keys = _Keys()
    shows = {"bar": controller.toggle, "bare": show_bare}
    hides = {"bar": controller.toggle, "bare": bare.hide}
    widgets = {"bar": controller.bar, "bare": bare}
    loop = asyncio.get_running_loop()
    loop.add_reader(keys.descriptor, lambda: [shows[name]() for name in keys.pressed()])
    times: dict[str, list[float]] = {name: [] for name in KEYSYMS}
    for turn in range(TURNS + 2):
        for name, widget in widgets.items():
            seen = watch.begin(widget)
            began = time.perf_counter()
            keys.press(name)
            async with asyncio.timeout(PATIENCE_S):
                await seen
            if turn > 1:  # the first turns warm caches
                times[name].append((watch.at - began) * 1000)
            hides[name]()
            async with asyncio.timeout(PATIENCE_S):
                while app.activeWindow() is not None or widget.isVisible():
                    await asyncio.sleep(0.005)
            await asyncio.sleep(REST_S)
    loop.remove_reader(keys.descriptor)
    await controller.aclose()
    session.quit()
    await running
    return times


def _main_child() -> None:
    import qasync
    from PySide6.QtCore import QEvent, QObject
    from PySide6.QtWidgets import QApplication, QWidget

    class Watch(QApplication):
        """Knows when a widget has been painted (with all in it) and its window has the keyboard."""

        def begin(self, widget: QWidget) -> asyncio.Future[None]:
            self.widget: QWidget | None = widget
            self.is_painting = self.is_painted = False
            self.seen: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.at = 0.0
            return self.seen

        depth = 0
        widget = None

        def notify(self, receiver: QObject, event: QEvent) -> bool:
            self.depth += 1
            try:
                done = super().notify(receiver, event)
            finally:
                self.depth -= 1
            if self.widget is not None:
                if receiver is self.widget and event.type() == QEvent.Type.Paint:
                    self.is_painting = True
                if self.depth == 0:
                    self.look()
            return done

        def look(self) -> None:
            assert self.widget is not None
            self.is_painted = self.is_painted or self.is_painting
            if self.is_painted and self.widget.isActiveWindow():
                self.at = time.perf_counter()
                self.widget = None
                self.seen.set_result(None)

    app = Watch(["arcdesk"])
    app.setQuitOnLastWindowClosed(False)
    with qasync.QEventLoop(app) as loop:
        print(json.dumps(loop.run_until_complete(_child(app, app))), flush=True)
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1:] == ["child"]:
        _main_child()
    else:
        print(json.dumps(run(), indent=2))
