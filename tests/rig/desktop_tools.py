"""Tools of the desktop rig: children that end for sure, waiting for facts, pictures of the screen."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tests.rig.errors import RigUnavailable

T = TypeVar("T")
Colour = tuple[int, int, int]  # red, green, blue
POLL_S = 0.05
STOP_S = 5.0


def need(*programs: str) -> None:
    """Raise RigUnavailable unless all programs are installed."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        raise RigUnavailable(f"not installed: {', '.join(missing)} (see packaging/debian/rig-desktop.txt)")


def wait_for(look: Callable[[], T | None], what: str, timeout_s: float = 10.0) -> T:
    """Look until there is something; AssertionError naming `what` when there is nothing in time."""
    deadline = time.monotonic() + timeout_s
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not seen within {timeout_s:g} s: {what}")
        time.sleep(POLL_S)


@contextlib.contextmanager
def child(
    command: Sequence[str],
    env: Mapping[str, str],
    *,
    pass_fds: Sequence[int] = (),
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
    stderr: int | None = subprocess.DEVNULL,
) -> Iterator[subprocess.Popen[str]]:
    """A process in a group of its own, ended with all it started when the block is left."""
    process = subprocess.Popen(
        list(command),
        env=dict(env),
        pass_fds=tuple(pass_fds),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[str]) -> None:
    """End the process and its group: politely, then for sure."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def run(command: Sequence[str], env: Mapping[str, str], timeout_s: float = 10.0) -> str:
    """Output of a short command; empty when it fails."""
    done = subprocess.run(
        list(command),
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=timeout_s,
    )
    return done.stdout if done.returncode == 0 else ""


def first_line(descriptor: int, what: str, timeout_s: float = 10.0) -> str:
    """One line that a child writes to a pipe to say it is ready. RigUnavailable when it never does."""
    import select

    deadline = time.monotonic() + timeout_s
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        piece = os.read(descriptor, 1024) if ready else b""
        if not piece:
            raise RigUnavailable(f"{what} did not start")
        line += piece
    return line.decode().strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rect:
    """A rectangle on the screen, in px."""

    x: int
    y: int
    width: int
    height: int

    @property
    def center(self) -> tuple[int, int]:
        """Its middle."""
        return self.x + self.width // 2, self.y + self.height // 2


def _distance(one: Colour, other: Colour) -> int:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


class Picture:
    """A binary PPM of the screen as pixels."""

    def __init__(self, ppm: bytes) -> None:
        words = ppm[:64].split(maxsplit=4)
        if len(words) < 4 or words[0] != b"P6" or words[3] != b"255":
            raise ValueError("not an 8-bit binary PPM")
        self.width, self.height = int(words[1]), int(words[2])
        # from the end: the first pixels may look like the white space that ends the header
        self._pixels = ppm[len(ppm) - 3 * self.width * self.height :]

    def pixel(self, x: int, y: int) -> Colour:
        """Red, green, blue."""
        start = 3 * (y * self.width + x)
        red, green, blue = self._pixels[start : start + 3]
        return red, green, blue

    def drawn_on(self, area: Rect, tolerance: int = 40) -> Rect | None:
        """The box around all that stands out from the commonest colour of `area`; None when nothing does."""
        points = [
            (x, y)
            for y in range(area.y, min(area.y + area.height, self.height))
            for x in range(area.x, min(area.x + area.width, self.width))
        ]
        colours = {point: self.pixel(*point) for point in points}
        ground = Counter(colours.values()).most_common(1)[0][0]
        marks = [point for point, colour in colours.items() if _distance(colour, ground) > tolerance]
        if not marks:
            return None
        left, top = min(x for x, _ in marks), min(y for _, y in marks)
        right, bottom = max(x for x, _ in marks), max(y for _, y in marks)
        return Rect(x=left, y=top, width=right - left + 1, height=bottom - top + 1)

    def crop(self, area: Rect) -> tuple[Colour, ...]:
        """All pixels of `area` that are there, row by row: to tell two pictures apart."""
        rows = range(area.y, min(area.y + area.height, self.height))
        columns = range(area.x, min(area.x + area.width, self.width))
        return tuple(self.pixel(x, y) for y in rows for x in columns)
