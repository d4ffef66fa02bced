"""Tells a benchmark's progress on standard error."""

from __future__ import annotations

import sys
import time

from arcdesk.app.cli_pull import duration_text
from arcdesk.core.bench_progress import BenchPhase, BenchProgress

LINE_EVERY_S = 10.0


class ProgressLine:
    """One line that is redrawn on a terminal; elsewhere a line for each phase, and one each ten seconds."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._told_at_s = -LINE_EVERY_S
        self._last = ""
        self._phase: tuple[object, int] | None = None

    def show(self, progress: BenchProgress) -> None:
        """Say how far it is, if it is time."""
        text, now_s = progress_text(progress), time.monotonic()
        phase = (progress.phase, progress.step)
        is_due = self._is_terminal or phase != self._phase or now_s - self._told_at_s >= LINE_EVERY_S
        if text == self._last or not is_due:
            return
        self._told_at_s, self._last, self._phase = now_s, text, phase
        sys.stderr.write(f"\r\033[K{text}" if self._is_terminal else f"{text}\n")
        sys.stderr.flush()

    def say(self, text: str) -> None:
        """A line that stays."""
        sys.stderr.write(f"\r\033[K{text}\n" if self._is_terminal else f"{text}\n")

    def end(self) -> None:
        """Leave the line, so that messages begin below it."""
        if self._is_terminal and self._last:
            sys.stderr.write("\n")
            sys.stderr.flush()
            self._last = ""


def progress_text(progress: BenchProgress) -> str:
    """How far it is, in a line."""
    if progress.phase is BenchPhase.PREPARING:
        return "Preparing the prompts …"
    name = "warm-up" if progress.phase is BenchPhase.WARM_UP else "measuring"
    of = "" if progress.total is None else f" of {progress.total}"
    parts = [f"{progress.concurrency} at once, {name}: {progress.done}{of}"]
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    if progress.seconds_left is not None:
        parts.append(f"{duration_text(progress.seconds_left)} left{_of_what(progress)}")
    step = f"Step {progress.step} of {progress.steps}: " if progress.steps > 1 else ""
    return step + ", ".join(parts)


def _of_what(progress: BenchProgress) -> str:
    """The time left is that of the phase: said where more follows."""
    if progress.phase is BenchPhase.WARM_UP:
        return " of the warm-up"
    return " of this step" if progress.step < progress.steps else ""
