"""Keeps ArcDesk's own log in a rotating file: written by one thread, never a burden when the disk refuses."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

from arcdesk.core.redact import mask_secrets
from arcdesk.core.secrets import mask as mask_known
from arcdesk.storage.paths import PRIVATE_FILE_MODE, make_state, state_dir

FILE_NAME = "arcdesk.log"
FILE_BYTES = 1_000_000
FILES = 3  # arcdesk.log, arcdesk.log.1, arcdesk.log.2
LINE_CHARACTERS = 8_000  # a record is cut there: one must not fill the file
RECENT_LINES = 100
QUEUE_LINES = 10_000  # more than these wait only when the disk hangs: then news is dropped
CLOSE_PATIENCE_S = 2.0
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def log_dir() -> Path:
    """The folder of the log. Not made by this call."""
    return state_dir() / "log"


def clean(text: str) -> str:
    """`text` without the secrets of this run, and without what looks like one."""
    return mask_secrets(mask_known(text))


class LogFile(logging.Handler):
    """A handler for the root logger. Thread and file are made with the first record; an idle log sleeps.

    `mask` cleans each line before it is kept anywhere. Errors of the disk are kept in `problem`, never
    raised and never printed; the next line tries again.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        mask: Callable[[str], str] = clean,
        file_bytes: int = FILE_BYTES,
        files: int = FILES,
    ) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter(FORMAT))
        self._folder = folder
        self._mask = mask
        self._file_bytes = file_bytes
        self._files = files
        self._queue: SimpleQueue[logging.LogRecord | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._recent: deque[str] = deque(maxlen=RECENT_LINES)
        self._is_closed = False
        self.problem: OSError | None = None

    @property
    def path(self) -> Path:
        """The newest file."""
        if self._folder is None:
            self._folder = log_dir()
        return self._folder / FILE_NAME

    def recent_lines(self) -> list[str]:
        """The last lines, masked, whether the disk took them or not. From any thread."""
        return list(self._recent)

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a record to the thread. Called with the handler's lock held."""
        if self._is_closed or self._queue.qsize() >= QUEUE_LINES:
            return
        record.message = _message(record)  # now: what the arguments are may change
        self._queue.put(record)
        if self._thread is None:
            self._thread = threading.Thread(target=self._write_all, name="arcdesk-log", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Write what waits, then end. Later records are dropped."""
        with self.lock or threading.RLock():
            was_closed, self._is_closed = self._is_closed, True
            thread = self._thread
        if thread is not None and not was_closed:
            self._queue.put(None)
            thread.join(CLOSE_PATIENCE_S)  # a disk that hangs must not hold up the exit
        super().close()

    def flush(self) -> None:
        """Nothing waits longer than the thread needs; the exit of Python calls this."""

    def _write_all(self) -> None:
        file = _RotatingFile(self.path, self._file_bytes, self._files)
        try:
            while (record := self._queue.get()) is not None:
                line = self._line(record)
                self._recent.append(line)
                try:
                    file.write(line.encode("utf-8", "replace") + b"\n")
                    self.problem = None
                except OSError as error:
                    self.problem = error
                    file.close()
        finally:
            file.close()

    def _line(self, record: logging.LogRecord) -> str:
        assert self.formatter is not None
        record.msg, record.args = record.message, None
        text = self.formatter.format(record)
        if len(text) > LINE_CHARACTERS:
            text = f"{text[:LINE_CHARACTERS]} … ({len(text)} characters)"
        return self._mask(text)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # a mistake in a log call is no reason to fail
        return f"{record.msg!r} can't be formatted: {error}"


class _RotatingFile:
    """A file of limited size with numbered older ones beside it. Methods raise OSError."""

    def __init__(self, path: Path, limit_bytes: int, files: int) -> None:
        self._path = path
        self._limit_bytes = limit_bytes
        self._files = files
        self._descriptor: int | None = None
        self._size_bytes = 0

    def write(self, line: bytes) -> None:
        """Append a line, in a new file if this one is full or gone."""
        if self._descriptor is not None and os.fstat(self._descriptor).st_nlink == 0:
            self.close()  # somebody deleted it
        if self._descriptor is None:
            self._open()
        if self._size_bytes and self._size_bytes + len(line) > self._limit_bytes:
            self._rotate()
        assert self._descriptor is not None
        self._size_bytes += os.write(self._descriptor, line)

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> None:
        make_state(self._path.parent)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        self._descriptor = os.open(self._path, flags, PRIVATE_FILE_MODE)
        found = os.fstat(self._descriptor)
        self._size_bytes = found.st_size
        if found.st_mode & 0o077:
            os.chmod(self._path, PRIVATE_FILE_MODE)

    def _rotate(self) -> None:
        self.close()
        for number in range(self._files - 1, 0, -1):
            older = self._numbered(number)
            newer = self._numbered(number - 1)
            if newer.exists():
                os.replace(newer, older)
        self._open()

    def _numbered(self, number: int) -> Path:
        return self._path if number == 0 else self._path.with_name(f"{self._path.name}.{number}")


def tail(path: Path, limit_bytes: int) -> str:
    """The end of a log, whole lines, the older files included as far as they fit. Raises OSError."""
    parts: list[str] = []
    left = limit_bytes
    for number in range(FILES):
        file = path if number == 0 else path.with_name(f"{path.name}.{number}")
        if left <= 0 or (number > 0 and not file.exists()):
            break
        text = _end_of(file, left)
        left -= len(text.encode())
        parts.insert(0, text)
    return "".join(parts)


def _end_of(file: Path, limit_bytes: int) -> str:
    with file.open("rb") as opened:
        size = opened.seek(0, os.SEEK_END)
        opened.seek(max(0, size - limit_bytes))
        data = opened.read(limit_bytes)
    if size > limit_bytes:
        data = data.partition(b"\n")[2]
    return data.decode("utf-8", "replace")


class _MaskedFormatter(logging.Formatter):
    """For standard error: the same masks as in the file."""

    def __init__(self, mask: Callable[[str], str]) -> None:
        super().__init__(FORMAT)
        self._mask_text = mask

    def format(self, record: logging.LogRecord) -> str:
        return self._mask_text(super().format(record))


def start_logging(
    *, verbose: bool, folder: Path | None = None, mask: Callable[[str], str] = clean
) -> LogFile:
    """Log into the file from INFO on, to standard error from WARNING on (`verbose`: INFO). No I/O yet."""
    to_terminal = logging.StreamHandler()
    to_terminal.setLevel(logging.INFO if verbose else logging.WARNING)
    to_terminal.setFormatter(_MaskedFormatter(mask))
    to_file = LogFile(folder, mask=mask)
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    for handler in (to_terminal, to_file):
        root.addHandler(handler)
    for name in ("httpx", "httpcore", "asyncio", "qasync"):  # they would tell of each request and each timer
        logging.getLogger(name).setLevel(logging.WARNING)
    return to_file


def stop_logging(log_file: LogFile) -> None:
    """Take the handlers of `start_logging` away again and write what waits."""
    root = logging.getLogger()
    for handler in tuple(root.handlers):
        if handler is log_file or isinstance(handler.formatter, _MaskedFormatter):
            root.removeHandler(handler)
    log_file.close()


def stamp() -> str:
    """The local time for names of files."""
    return time.strftime("%Y-%m-%d-%H%M%S")
