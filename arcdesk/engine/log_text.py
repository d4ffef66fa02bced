"""Takes one raw line of a log apart: terminal codes, redrawn bars, prefixes, levels, harmless tracebacks."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_LINE_CHARS = 16_384
MAX_SEGMENTS = 64  # of a bar that redraws itself

_ANSI = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours and cursor moves
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles and links
    r"|\x1b[@-Z\\-_]?"
)
_PREFIX = re.compile(
    r"(?:[\w.-]+\s*\|\s)?"  # docker compose: 'name  | '
    r"(?:\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?(?:\s+-\s+[\w.]+\s+-)?\s+)?"
    r"(?P<process>\([^()]{0,60}\bpid=[^()]{0,60}\)\s?)?"
    r"(?:\d{4}-\d\d-\d\d[T ][\d:.,]+\s+(?:-\s+[\w.]+\s+-\s+|-\s+)?)?"
    r"(?:\[?(?P<level>DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL)\]?(?::|\s|$)\s?(?:-\s)?)?"
    r"(?:\d{4}-\d\d-\d\dT[\d:.]+Z?\s)?"
    r"(?:\d\d-\d\d \d\d:\d\d:\d\d\s?)?"
    r"(?:\[?[\w./-]+\.py:\d+\]\s?)?"
)
_QUIET_LEVELS = frozenset({"DEBUG", "INFO", "WARNING", "WARN"})
_WARNING = re.compile(r"\b(?:User|Future|Deprecation|Runtime|Resource)?Warning: ")

_GLOG = re.compile(r"\[[WI](?:\d| )")  # '[W903 14:21:09… OperatorEntry.cpp:154]' of torch


@dataclass(frozen=True, slots=True)
class LogText:
    """A clean line: `text` as a whole, `body` without time, level and place; `process` is its prefix."""

    text: str
    body: str
    process: str
    is_quiet: bool  # DEBUG, INFO, WARNING: no cause of death


def clean_segments(raw: str) -> list[str]:
    """The visible texts of one raw line: without terminal codes, one for each redraw of a bar."""
    line = raw[:MAX_LINE_CHARS]
    if "\x1b" in line:
        line = _ANSI.sub("", line)
    if "\r" in line or "\n" in line:
        parts = [part.rstrip() for part in re.split(r"[\r\n]", line)]
        return [part for part in parts if part][-MAX_SEGMENTS:]
    line = line.rstrip()
    return [line] if line else []


def split_prefix(line: str) -> LogText:
    """Part a clean line from what loggers, Ray, vLLM and compose put before it."""
    match = _PREFIX.match(line)
    if match is None:
        return LogText(line, line, "", False)
    body = line[match.end() :]
    is_quiet = (
        match["level"] in _QUIET_LEVELS
        or ("Warning: " in line and _WARNING.search(line) is not None)
        or _GLOG.match(body) is not None
    )
    return LogText(line, body, match["process"] or "", is_quiet)


class MutedTraceback:
    """Passes over the traceback of a side thread whose death harms nobody (vLLM's usage statistics)."""

    _STARTS = ("_report_usage_worker", "Exception ignored in")
    _GOES_ON = ("Traceback (most recent", "During handling of", "The above exception")
    _MOST_LINES = 200

    def __init__(self) -> None:
        self._process = ""
        self._lines_left = 0
        self._is_over = False

    def swallows(self, line: LogText) -> bool:
        """This line belongs to a harmless traceback."""
        if ("Exception in thread" in line.text or "Exception ignored" in line.text) and any(
            start in line.text for start in self._STARTS
        ):
            self._process, self._lines_left, self._is_over = line.process, self._MOST_LINES, False
            return True
        if self._lines_left <= 0 or line.process != self._process:
            return False
        self._lines_left -= 1
        return self._follow(line.body)

    def _follow(self, body: str) -> bool:
        goes_on = body.startswith(self._GOES_ON)
        if self._is_over and not goes_on:
            self._lines_left = 0
            return False
        # An exception's own line stands at the left edge; frames and source lines are indented.
        self._is_over = not goes_on and not body.startswith(" ")
        return True
