"""Looks at and ends processes by their id, whoever started them."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

POLL_S = 0.05


def start_ticks(pid: int) -> int | None:
    """The kernel's start time of a living process, which tells a reused id apart; None when it is gone.

    A zombie counts as gone: it may wait for a parent that has other things to do.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in brackets may hold anything, so the fields are counted from the last bracket on.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else int(fields[19])


def command_name(pid: int) -> str:
    """The name of a process' program; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_alive(pid: int) -> bool:
    """Whether the process lives; reaps it when it is an ended child of this process."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return start_ticks(pid) is not None


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Polls until the condition holds; False when the time is over."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def end(pid: int, *, patience_s: float) -> None:
    """Ends one process: TERM, wait, KILL as the last resort."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        if wait_until(lambda: not is_alive(pid), patience_s):
            return


def kill(pid: int, *, patience_s: float = 5.0) -> None:
    """Ends one process without asking it."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    wait_until(lambda: not is_alive(pid), patience_s)


def pid_in(file: Path) -> int | None:
    """The process id that a pid file holds; None without the file."""
    try:
        return int(file.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return None
