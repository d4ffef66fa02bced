"""Reads a server's log line by line: how far the start is, what it runs on, and why it failed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from arcdesk.core.engine_state import LoadProgress, LoadStep
from arcdesk.core.errors import Problem
from arcdesk.core.settings import ContainerSettings
from arcdesk.engine.docker_errors import DOCKER_SIGNS
from arcdesk.engine.log_causes import Found, Sign, SignTable, Weight
from arcdesk.engine.log_causes_config import CONFIG_SIGNS
from arcdesk.engine.log_causes_gpu import GPU_SIGNS
from arcdesk.engine.log_causes_host import HOST_SIGNS
from arcdesk.engine.log_causes_hub import HUB_SIGNS
from arcdesk.engine.log_causes_memory import MEMORY_SIGNS
from arcdesk.engine.log_causes_model import MODEL_SIGNS
from arcdesk.engine.log_causes_runtime import HANG, HANG_NEEDLES, HANG_POINT, RUNTIME_SIGNS, engine_dead
from arcdesk.engine.log_phases import PhaseTracker
from arcdesk.engine.log_text import LogText, MutedTraceback, clean_segments, split_prefix

_ALL = (
    *DOCKER_SIGNS,
    *GPU_SIGNS,
    *MEMORY_SIGNS,
    *HOST_SIGNS,
    *CONFIG_SIGNS,
    *MODEL_SIGNS,
    *HUB_SIGNS,
    *RUNTIME_SIGNS,
)
SIGNS = SignTable(_ALL)
_QUIET_SIGNS = SignTable(sign for sign in _ALL if sign.at_any_level)
_RUNTIME_SIGNS = SignTable(sign for sign in _ALL if sign.at_runtime)

_UNKNOWN = Sign(needles=(), explain=engine_dead, weight=Weight.UNKNOWN, is_certain=False)
# Ray's RayTaskError only repeats what the traceback below it ends with.
_EXCEPTION = re.compile(
    r"^(?!ray\.exceptions\.RayTaskError)(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception)(?::|\(|$)"
)
_DEVICE = re.compile(
    r"Automatically detected platform (\w+)|device_config=(?:.*?type=')?(xpu|cpu|cuda|rocm|hpu|tpu)\b"
)
_NEW_RUN = "Starting service with model:"  # the first line of the image's start script
_BANNER = "vLLM API server version"
_IS_UP = ("Application startup complete", "Uvicorn running on", '"GET /health HTTP/1.1" 200')
_NOISE = ('  File "', "^^^^", "[dump_input.py")


@dataclass(frozen=True, slots=True)
class _Finding:
    sign: Sign
    match: re.Match[str] | None
    line: str

    @property
    def rank(self) -> tuple[int, bool]:
        return (self.sign.weight, not self.sign.is_certain)


class StartupLogReader:
    """Fills the port `LogReader`. Pure; keeps a few lines, however long the log is.

    `problem` is what is certain now. `conclude()` is for a log that has ended or does not move on:
    it also counts what was only suspected.
    """

    def __init__(self, settings: ContainerSettings | None = None) -> None:
        self._settings = settings
        self._earlier: Problem | None = None
        self._begin_run()

    def _begin_run(self) -> None:
        self._phases = PhaseTracker()
        self._muted = MutedTraceback()
        self._device: str | None = None
        self._is_complete = False
        self._has_banner = False
        self._forget_findings()

    def _forget_findings(self) -> None:
        self._best: _Finding | None = None
        self._is_failed = False
        self._first_error = ""
        self._hang_line = ""
        self._explained: tuple[_Finding, str, Problem] | None = None

    @property
    def progress(self) -> LoadProgress | None:
        """The furthest step so far, None before the first line."""
        return self._phases.progress

    @property
    def problem(self) -> Problem | None:
        """The root cause as known so far, None while nothing is certain."""
        return self._explain() if self._is_failed else None

    @property
    def device(self) -> str | None:
        """'XPU', 'CPU' … as the server says, None while it has not said."""
        return self._device

    @property
    def is_startup_complete(self) -> bool:
        """The server said that it is up, or answered a health check."""
        return self._is_complete

    def conclude(self) -> Problem | None:
        """The problem if no more lines come."""
        if self._best is not None:
            return self._explain()
        if self._is_complete:
            return None
        if self._hang_line and self._phases.step in (LoadStep.IMPORT, LoadStep.CONFIG):
            return HANG(Found(match=None, line=self._hang_line, settings=self._settings))
        return self._earlier

    def feed(self, line: str, at: float) -> None:
        """Take one line of any text; `at` is Unix seconds."""
        for segment in clean_segments(line):
            self._read(split_prefix(segment), at)

    def _read(self, line: LogText, at: float) -> None:
        self._notice_new_run(line)
        self._phases.feed(line.text, at)
        if self._muted.swallows(line) or (self._is_complete and line.is_quiet):
            return
        if self._device is None:
            self._notice_device(line.text)
        if any(text in line.text for text in _IS_UP):
            self._complete()
            return
        if any(noise in line.text for noise in _NOISE):
            return
        self._look_for_signs(line)

    def _notice_new_run(self, line: LogText) -> None:
        is_new = line.body.startswith(_NEW_RUN)
        if not is_new and _BANNER in line.text:
            is_new = self._has_banner and (self._is_failed or self._is_complete)
        if is_new and self._phases.step is not None:
            self._earlier = self.conclude()
            self._begin_run()
        self._has_banner = self._has_banner or _BANNER in line.text

    def _notice_device(self, text: str) -> None:
        if "platform " in text or "device_config=" in text:
            match = _DEVICE.search(text)
            if match is not None:
                self._device = (match.group(1) or match.group(2)).upper()

    def _complete(self) -> None:
        if not self._is_complete:
            self._is_complete = True
            self._forget_findings()  # whatever it was, the server came up

    def _look_for_signs(self, line: LogText) -> None:
        table = _QUIET_SIGNS if line.is_quiet else _RUNTIME_SIGNS if self._is_complete else SIGNS
        for sign, match in table.search(line.text):
            if not (sign.only_if_clean and self._is_hurt):
                self._take(_Finding(sign, match, line.text))
                return
        self._notice_unknown(line)

    @property
    def _is_hurt(self) -> bool:
        return bool(self._first_error) or (
            self._best is not None and self._best.sign.weight is not Weight.FAINT
        )

    def _take(self, finding: _Finding) -> None:
        if self._best is None or finding.rank < self._best.rank:
            self._best = finding
        self._is_failed = self._is_failed or finding.sign.is_certain

    def _notice_unknown(self, line: LogText) -> None:
        if not line.is_quiet and _EXCEPTION.match(line.body):
            if self._is_complete:
                if not self._is_failed:
                    self._first_error = line.body  # of a request, or the reason of a death to come
            elif not self._first_error:
                self._first_error = line.body
                self._take(_Finding(_UNKNOWN, None, line.text))
        elif any(needle in line.text for needle in HANG_NEEDLES) and HANG_POINT.search(line.text):
            self._hang_line = line.text  # of use only while the start is not complete

    def _explain(self) -> Problem | None:
        best = self._best
        if best is None:
            return None
        if (
            self._explained is None
            or self._explained[0] is not best
            or self._explained[1] != self._first_error
        ):
            found = Found(
                match=best.match, line=best.line, settings=self._settings, first_error=self._first_error
            )
            self._explained = (best, self._first_error, best.sign.explain(found))
        return self._explained[2]


def explain_log(lines: Iterable[str], settings: ContainerSettings | None = None) -> Problem | None:
    """Why a log ended the way it did; None for a healthy one. For a log that has ended or is stuck."""
    reader = StartupLogReader(settings)
    for line in lines:
        reader.feed(line, 0.0)
    return reader.conclude()
