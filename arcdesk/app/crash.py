"""Writes a report when ArcDesk makes a mistake or is ended by one; nothing of it is ever sent.

While ArcDesk runs, one small file is there: faulthandler writes into it when the process dies, an orderly end
removes it. The next start makes a report of one that was left behind. The file is locked while its run lives,
so no process id has to be trusted.
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from arcdesk.app.crash_files import (
    FOLDER,
    abandoned,
    about,
    boot_id,
    last_log_lines,
    make_marker,
    sections,
    write_report,
)
from arcdesk.app.crash_words import END_WORDS, CrashKind, CrashReport, mistake_problem
from arcdesk.core.errors import ArcDeskError, Problem

if TYPE_CHECKING:
    import asyncio

log = logging.getLogger(__name__)

REPORTS_PER_RUN = 5  # a mistake in a timer must not fill the disk
EXCEPTION_MARK = "exception: "


def quick_state_dir() -> Path:
    """`storage.paths.state_dir` for Linux without platformdirs, whose import takes 10 ms of the start."""
    if not sys.platform.startswith("linux"):
        from arcdesk.storage.paths import state_dir

        return state_dir()
    base = os.environ.get("XDG_STATE_HOME", "").strip()
    return Path(base or os.path.expanduser("~/.local/state"), "arcdesk")


class CrashHandler:
    """One per process. `install` once there is an application, `clean_exit` at its orderly end.

    `on_mistake` is told, on the watched loop's thread, of a mistake that nobody else shows; `recent_lines`
    gives the last lines of the log. Both may be set later. Without a usable disk only reports are missing.
    """

    def __init__(self, state_dir: Path | None = None) -> None:
        self._folder = (state_dir or quick_state_dir()) / FOLDER
        self._marker: TextIO | None = None
        self._left: list[Path] = []
        self._seen: set[tuple[object, ...]] = set()
        self._lock = threading.Lock()
        self._newest_report: Path | None = None
        self._fatal = ""  # what the next start shall know, if this is the end
        self._loop: asyncio.AbstractEventLoop | None = None
        self._logged = _LoggedMistakes(self)
        self.on_mistake: Callable[[Problem], None] = lambda problem: None
        self.recent_lines: Callable[[], Iterable[str]] = tuple

    # life

    def install(self) -> None:
        """Begin: look what the last run left, mark this one, take the hooks. Takes less than 2 ms."""
        try:
            self._left = abandoned(self._folder)
            self._marker = make_marker(self._folder)
        except OSError as error:
            log.info("no reports of crashes: %s", error)
        else:
            faulthandler.enable(self._marker, all_threads=True)
            atexit.register(self._at_exit)
        sys.excepthook = self._on_exception
        threading.excepthook = self._on_thread_exception
        sys.unraisablehook = self._on_unraisable
        logging.getLogger().addHandler(self._logged)

    def watch_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take the mistakes of callbacks and forgotten tasks too."""
        self._loop = loop
        loop.set_exception_handler(self._on_loop_error)

    def clean_exit(self) -> None:
        """The end was in order: the marker goes. A second call does nothing."""
        sys.excepthook = sys.__excepthook__
        threading.excepthook = threading.__excepthook__
        sys.unraisablehook = sys.__unraisablehook__
        logging.getLogger().removeHandler(self._logged)
        marker, self._marker = self._marker, None
        if marker is None:
            return
        faulthandler.disable()
        atexit.unregister(self._at_exit)
        with contextlib.suppress(OSError):
            os.unlink(marker.name)
            os.rmdir(self._folder)  # only if it holds no report
        marker.close()

    def _at_exit(self) -> None:
        """Python ends, and nobody said that it is in order: by an exception, or by sys.exit."""
        if self._marker is None or not self._fatal:
            self.clean_exit()
            return
        faulthandler.disable()
        with contextlib.suppress(OSError), self._marker:
            self._marker.write(self._fatal)

    def previous(self) -> CrashReport | None:
        """How the last run ended, if not in order; the report is made now. The second time it is None."""
        found = [report for marker in self._left if (report := self._conclude(marker)) is not None]
        self._left = []
        return found[-1] if found else None

    def _conclude(self, marker: Path) -> CrashReport | None:
        try:
            text = marker.read_text(encoding="utf-8", errors="replace")
            at = marker.stat().st_mtime
            marker.unlink()
        except OSError:
            return None
        head, _, fault = text.partition("\n\n")
        if not fault.strip() and f"boot: {boot_id()}" not in head:
            return None  # computer or desktop session went down under it: no mistake of ours
        if fault.startswith(EXCEPTION_MARK):
            return _told_already(Path(fault.removeprefix(EXCEPTION_MARK).strip()))
        kind = CrashKind.FAULT if fault.strip() else CrashKind.KILLED
        title = f"ArcDesk ended unexpectedly: {END_WORDS[kind]}"
        from arcdesk.app.identity import redactor  # only after a crash

        head = head.partition("\nboot:")[0]
        body = redactor().redact(sections(title, head, fault, last_log_lines(self._folder)))
        return CrashReport(kind=kind, path=self._write(body, at), text=body)

    # mistakes

    def report(self, error: BaseException, where: str) -> Path | None:
        """Write a report of `error`; None if it was reported before, or can't be written. Any thread."""
        return self._write_about(error, where) if self._is_news(error) else None

    def _is_news(self, error: BaseException) -> bool:
        """It is a mistake, and neither this one nor too many were reported in this run."""
        if isinstance(error, (ArcDeskError, KeyboardInterrupt, SystemExit)):
            return False
        with self._lock:
            sign = _sign(error)
            if sign in self._seen or len(self._seen) >= REPORTS_PER_RUN:
                return False
            self._seen.add(sign)
        return True

    def _write_about(self, error: BaseException, where: str) -> Path | None:
        trace = "".join(traceback.format_exception(error))
        from arcdesk.app.identity import redactor

        body = sections(f"ArcDesk made a mistake: {where}", about(), trace, self.recent_lines())
        return self._write(redactor().redact(body), time.time())

    def _write(self, text: str, at: float) -> Path | None:
        try:
            path = write_report(self._folder, text, at)
        except OSError as error:
            log.info("a report could not be written: %s", error)
            return None
        self._newest_report = path
        return path

    def _tell(self, error: BaseException, where: str) -> None:
        """Log, report and show a mistake that came through a hook."""
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            return
        is_news = self._is_news(error)
        path = self._write_about(error, where) if is_news else None
        log.error("a mistake in %s", where, exc_info=error)  # `_logged` does not report it again
        if is_news and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self.on_mistake, mistake_problem(error, path))

    # hooks

    def _on_exception(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            sys.__excepthook__(kind, error, trace)
            return
        self._tell(error, "an event")
        self._fatal = EXCEPTION_MARK + str(self._newest_report or "")

    def _on_thread_exception(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            self._tell(args.exc_value, f"the thread {args.thread.name if args.thread else '?'}")

    def _on_unraisable(self, args: sys.UnraisableHookArgs) -> None:
        if args.exc_value is not None:
            self._tell(args.exc_value, args.err_msg or "a clean-up")

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException):
            self._tell(error, str(context.get("message", "the loop")))
        else:
            log.error("the loop: %s", context.get("message"))


class _LoggedMistakes(logging.Handler):
    """Reports what others caught and logged with its traceback: they have shown it already."""

    def __init__(self, handler: CrashHandler) -> None:
        super().__init__(logging.ERROR)
        self._handler = handler

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            self._handler.report(error, record.getMessage())


def _told_already(path: Path) -> CrashReport:
    """The report that was written when the exception came."""
    try:
        return CrashReport(kind=CrashKind.EXCEPTION, path=path, text=path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return CrashReport(kind=CrashKind.EXCEPTION, path=None, text="")


def _sign(error: BaseException) -> tuple[object, ...]:
    """Tells mistakes apart: the kind, and the line that made it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = (trace.tb_frame.f_code.co_filename, trace.tb_lineno) if trace is not None else ()
    return (type(error), *where)
