"""Reads numbers from the kernel's files, and takes differences of counters."""

from __future__ import annotations

from dataclasses import dataclass

from arcdesk.telemetry.gpu_host import GpuHost

BUSY_PAUSE_S = 0.02  # two reads in one jiffy fail with EAGAIN; one retry is enough


def read_text(host: GpuHost, path: str) -> str:
    """A file's text, asked for again when it is busy. Raises OSError."""
    try:
        return host.text(path)
    except BlockingIOError:
        host.pause(BUSY_PAUSE_S)
        return host.text(path)


def read_int(host: GpuHost, path: str) -> int:
    """A whole number. Raises OSError; ValueError when there is none in the file."""
    return int(read_text(host, path))


def maybe_int(host: GpuHost, path: str) -> int | None:
    """A whole number, or None when it can't be read."""
    try:
        return read_int(host, path)
    except (OSError, ValueError):
        return None


@dataclass(slots=True)
class Counter:
    """A counter that only differences make meaningful."""

    value: int | None = None
    at: float = 0.0  # monotonic seconds

    def step(self, value: int, at: float) -> tuple[int, float] | None:
        """What it counted since, and in how many seconds; None at first and after it went back."""
        before, since = self.value, at - self.at
        self.value, self.at = value, at
        if before is None or value < before or since <= 0:
            return None
        return value - before, since

    def forget(self) -> None:
        """The next step is the first again."""
        self.value = None
