"""Explains why the embedded engine ended, from its exit code and its last words. Pure."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence

from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.engine.embedded_child import EXIT_NO_LIBRARY

_START = Action(kind=ActionKind.START, label="Start again")
_CHOOSE = Action(kind=ActionKind.CHOOSE_MODEL, label="Choose a GGUF file…")
_SHOW_LOG = Action(kind=ActionKind.SHOW_LOG, label="Show log")

# A line of the log -> (cause, title, detail, hint). The first rule that finds a line wins.
_RULES: tuple[tuple[re.Pattern[str], tuple[str, str, str, str]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in (
        (
            r"not within the file bounds|failed to read (key-value|tensor)|failed to read .*(header|magic)"
            r"|corrupted or incomplete|unexpectedly reached end of file",
            (
                "weights_corrupt",
                "The model file is damaged or incomplete",
                "It ends too early, or its contents are broken: a download that stopped looks like this.",
                "Download the file again, or choose another one.",
            ),
        ),
        (
            r"unknown model architecture|unknown (pre-)?tokenizer|missing tensor|key not found in model",
            (
                "arch_unsupported",
                "This llama.cpp does not know the model",
                "The file is a GGUF file of a kind that this version can't load.",
                "Update the package xllamacpp, or choose another model.",
            ),
        ),
        (
            r"bad_alloc|failed to allocate|unable to allocate|cannot allocate memory|out of memory",
            (
                "host_oom",
                "The computer has too little free memory for the model",
                "llama.cpp asked for memory and got none.",
                "Close other programs, or choose a smaller model.",
            ),
        ),
    )
)

# By the signal's number, which Windows does not name.
_SIGNALS: dict[int, tuple[str, str, str, str]] = {
    9: (
        "killed",
        "The embedded engine was killed from outside",
        "Signal 9, and ArcDesk did not send it. Linux does this to the largest program when memory runs out.",
        "Start it again. If it happens again, choose a smaller model.",
    ),
    15: (
        "killed",
        "The embedded engine was ended from outside",
        "Signal 15, and ArcDesk did not send it.",
        "Start it again.",
    ),
    4: (
        "cpu_unsupported",
        "This processor lacks instructions that the embedded engine needs",
        "Signal 4 (illegal instruction).",
        "Use the container, or another server.",
    ),
}


def explain_end(exit_code: int, lines: Sequence[str], *, was_ready: bool) -> Problem:
    """Why the child ended that nobody stopped. A negative `exit_code` is a signal's number."""
    if exit_code == EXIT_NO_LIBRARY:
        return _no_library(lines)
    for pattern, words in _RULES:
        evidence = next((line for line in lines if pattern.search(line)), None)
        if evidence is not None:
            return _problem(words, evidence)
    if -exit_code in _SIGNALS:
        return _problem(_SIGNALS[-exit_code], lines[-1] if lines else "")
    return _other(exit_code, lines, was_ready=was_ready)


def no_patience_problem(waited_s: float, lines: Sequence[str]) -> Problem:
    """It did not answer in time, and was ended."""
    return Problem(
        cause="startup_hang",
        title="The embedded engine did not get ready",
        detail=f"It was ended after {waited_s:.0f} s.",
        hint="Choose a smaller model, or read the log.",
        evidence=lines[-1] if lines else "",
        actions=(_START, _CHOOSE, _SHOW_LOG),
    )


def cant_start_problem(error: OSError) -> Problem:
    """The system did not make the process."""
    return Problem(
        cause="engine_dead",
        title="The embedded engine could not be started",
        detail=f"The system says: {error.strerror or error}.",
        hint="Close other programs, then start it again.",
        evidence=str(error),
        actions=(_START,),
    )


def _problem(words: tuple[str, str, str, str], evidence: str) -> Problem:
    cause, title, detail, hint = words
    actions = (_START, _SHOW_LOG) if cause == "killed" else (_CHOOSE, _SHOW_LOG)
    return Problem(cause=cause, title=title, detail=detail, hint=hint, evidence=evidence, actions=actions)


def _no_library(lines: Sequence[str]) -> Problem:
    return Problem(
        cause="lib_missing",
        title="The embedded engine is not installed",
        detail="The package xllamacpp can't be loaded.",
        hint="Install it, or use the container.",
        evidence=lines[-1] if lines else "",
        actions=(_SHOW_LOG,),
    )


def _other(exit_code: int, lines: Sequence[str], *, was_ready: bool) -> Problem:
    errors = [line for line in lines if re.match(r"^[\d.]+ E ", line) or "Error" in line]
    last_words = (errors or list(lines) or [""])[-1]
    how = _signal_words(-exit_code) if exit_code < 0 else f"exit code {exit_code}"
    return Problem(
        cause="engine_dead",
        title="The embedded engine stopped" if was_ready else "The embedded engine could not load the model",
        detail=f"It ended by itself ({how}).",
        hint="Start it again, or read the log.",
        evidence=last_words,
        actions=(_START, _SHOW_LOG),
    )


def _signal_words(number: int) -> str:
    try:
        return f"signal {number}, {signal.Signals(number).name}"
    except ValueError:
        return f"signal {number}"
