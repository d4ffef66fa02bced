"""The desktop program really crashes, and its next start knows how and says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from arcdesk.desktop.instance_client import call
from arcdesk.storage.paths import state_dir

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60
NOWHERE = "http://127.0.0.1:9/v1"
NOTICE = "ArcDesk ended unexpectedly last time."


@contextmanager
def running() -> Iterator[subprocess.Popen[bytes]]:
    """The program, once it answers at its socket."""
    env = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "arcdesk", "--engine", NOWHERE, "--background"]
    with subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + PATIENCE_S
            while call({"command": "status"}, timeout_s=PATIENCE_S) is None:
                assert process.poll() is None and time.monotonic() < deadline, "it did not come up"
                time.sleep(0.05)
            yield process
        finally:
            process.kill()


def end_in_order(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    assert process.wait(PATIENCE_S) == 0


def log_text() -> str:
    return (state_dir() / "log" / "arcdesk.log").read_text()


@pytest.mark.parametrize(
    ("number", "title"),
    [
        (signal.SIGSEGV, "ArcDesk ended unexpectedly: a fault in a library"),
        (signal.SIGKILL, "ArcDesk ended unexpectedly: something ended it"),
    ],
)
def test_the_next_start_tells_how_the_last_run_ended_and_the_one_after_does_not(
    number: signal.Signals, title: str
) -> None:
    with running() as process:
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == -number
    with running() as process:
        end_in_order(process)
    assert log_text().count(NOTICE) == 1
    (report,) = (state_dir() / "crash").iterdir()  # the marker of the orderly run is gone
    assert report.stat().st_mode & 0o777 == 0o600
    text = report.read_text()
    assert text.startswith(title)
    assert ("Fatal Python error: Segmentation fault" in text) is (number is signal.SIGSEGV)
    with running() as process:
        end_in_order(process)
    assert log_text().count(NOTICE) == 1


def test_an_orderly_run_leaves_no_trace_of_a_crash() -> None:
    with running() as process:
        end_in_order(process)
    assert not (state_dir() / "crash").exists()
