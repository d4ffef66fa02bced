"""The files of the crash handler: the marker of a living run, and reports."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from arcdesk.storage.file_lock import try_lock
from arcdesk.storage.paths import make_state

FOLDER = "crash"
MARKER_PREFIX, REPORT_PREFIX = "running-", "report-"
REPORTS_KEPT = 10
LOG_LINES = 40
LOG_BYTES = 64_000
BOOT_ID = "/proc/sys/kernel/random/boot_id"


def reports(folder: Path) -> list[Path]:
    """All reports that are kept, oldest first."""
    try:
        return sorted(folder.glob(f"{REPORT_PREFIX}*.txt"))
    except OSError:
        return []


def abandoned(folder: Path) -> list[Path]:
    """Markers of runs that live no more, oldest first. Raises OSError."""
    try:
        names = sorted(name for name in os.listdir(folder) if name.startswith(MARKER_PREFIX))
    except FileNotFoundError:
        return []
    return [folder / name for name in names if not _is_locked(folder / name)]


def _is_locked(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return not try_lock(file.fileno(), shared=True)
    except OSError:
        return True  # not ours to judge


def make_marker(folder: Path) -> TextIO:
    """The locked file of this run. Raises OSError."""
    make_state(folder)
    path = folder / f"{MARKER_PREFIX}{time.time_ns()}-{os.getpid()}.txt"
    marker = open(path, "x", encoding="utf-8", errors="replace", opener=_private)  # noqa: SIM115
    try:
        try_lock(marker.fileno())
        marker.write(f"{about()}\nboot: {boot_id()}\n\n")
        marker.flush()
    except OSError:
        marker.close()
        os.unlink(path)
        raise
    return marker


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def about() -> str:
    """The versions that are known without loading anything."""
    from arcdesk import __version__

    qt = getattr(sys.modules.get("PySide6"), "__version__", "not loaded")
    system = " ".join(os.uname()[index] for index in (0, 2, 4)) if hasattr(os, "uname") else sys.platform
    now = time.strftime("%Y-%m-%d %H:%M:%S")
    return f"ArcDesk {__version__}, Python {sys.version.split()[0]}, PySide6 {qt}, {system}\ntime: {now}"


def boot_id() -> str:
    """Changes with each start of the computer, and with each log-in: a display that goes takes us along."""
    login = os.environ.get("XDG_SESSION_ID", "-")
    try:
        return f"{Path(BOOT_ID).read_text(encoding='ascii').strip()}, login: {login}"
    except (OSError, ValueError):
        return f"unknown, login: {login}"


def sections(title: str, head: str, trace: str, log_lines: Iterable[str]) -> str:
    """The title, what is known, the trace, the log's end, as one text."""
    lines = "\n".join(log_lines)
    parts = (
        title,
        head.strip(),
        trace.strip() or "No traceback.",
        f"Last lines of the log:\n{lines or 'none'}",
    )
    return "\n\n".join(parts) + "\n"


def last_log_lines(crash_folder: Path) -> list[str]:
    """The log's end, as an earlier run left it."""
    from arcdesk.storage.log_file import FILE_NAME, tail

    try:
        return tail(crash_folder.parent / "log" / FILE_NAME, LOG_BYTES).splitlines()[-LOG_LINES:]
    except OSError:
        return []


def write_report(folder: Path, text: str, at: float) -> Path:
    """Keep a report, and only the newest of them. `at` is Unix seconds. Raises OSError."""
    make_state(folder)
    stamp = time.strftime("%Y-%m-%d-%H%M%S", time.localtime(at))
    for number in range(1, 100):
        path = folder / f"{REPORT_PREFIX}{stamp}-{number:02}.txt"
        with contextlib.suppress(FileExistsError):
            with open(path, "x", encoding="utf-8", errors="replace", opener=_private) as file:
                file.write(text)
            for old in reports(folder)[:-REPORTS_KEPT]:
                old.unlink()
            return path
    raise FileExistsError(f"a hundred reports of {stamp}")
