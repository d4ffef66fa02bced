"""Starts a child program of these tests on a desktop, talks to it and reads what it says."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.rig.desktop import Desktop
from tests.rig.desktop_tools import child, wait_for

ROOT = Path(__file__).resolve().parents[2]


class TrayProgram:
    """A running program that prints lines: `tray_child`, or another of its manners."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._text = ""
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)

    @property
    def said(self) -> list[str]:
        """All whole lines so far."""
        assert self._process.stdout is not None
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self._process.stdout.fileno(), 4096):
                self._text += piece.decode()
        return self._text.split("\n")[:-1]

    def wait_for(self, line: str, times: int = 1, timeout_s: float = 15.0) -> None:
        """Until it has said `line` so many times."""
        wait_for(lambda: self.said.count(line) >= times, f"'{line}' from the program", timeout_s)

    def render(self, phase: str) -> None:
        """Let it show a phase."""
        before = self.said.count(f"rendered {phase}")
        self.tell(phase)
        self.wait_for(f"rendered {phase}", before + 1)

    def tell(self, line: str) -> None:
        """Write one line to it."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def wake_ups(self) -> int:
        """How often its main thread went to sleep again until now, as the kernel counts."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))


@contextlib.contextmanager
def tray_program(desktop: Desktop, *options: str, module: str = "tray_child") -> Iterator[TrayProgram]:
    """The tray, shown (though perhaps not seen: that is for the panel)."""
    command = [sys.executable, "-m", f"tests.desktop.{module}", *options]
    env = desktop.env | {"PYTHONPATH": str(ROOT)}
    with child(command, env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None) as process:
        program = TrayProgram(process)
        program.wait_for("shown")
        yield program
        assert not [line for line in program.said if line.startswith("error ")]
