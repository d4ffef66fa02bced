"""Signs of an engine that is gone: dead workers, wrappers that say "see above", starts that stop moving."""

from __future__ import annotations

import re

from arcdesk.core.errors import Problem
from arcdesk.engine.log_causes import (
    START_AGAIN,
    USE_CPU,
    Found,
    Sign,
    Weight,
    problem_of,
    say,
)


def engine_dead(found: Found) -> Problem:
    """The engine is gone; its first unknown error, if there is one, stands for the reason."""
    error = found.first_error
    shown = error if len(error) <= 200 else error[:200] + "…"
    evident = Found(match=None, line=error or found.line, settings=found.settings)
    return problem_of(
        evident,
        "engine_dead",
        "The engine stopped with an error",
        f"It said: '{shown}'." if error else "Its log does not name the reason.",
        "Start again. If it comes back, look at the log.",
        START_AGAIN,
        USE_CPU,
    )


_WORKER = say(
    "worker_died",
    "A worker process of the server died",
    "It ended without saying why; often memory ran out or the driver crashed.",
    "Start again. If it comes back, use a smaller model or fewer cards.",
    START_AGAIN,
)
HANG = say(
    "startup_hang",
    "The start does not move on",
    "The server gave no error and stopped writing; known places are Ray and the link between cards.",
    "Start again. If it comes back, use one card or another image version.",
    START_AGAIN,
    USE_CPU,
)
HANG_POINT = re.compile(
    r"Started a local Ray instance|Connected to Ray cluster|No current placement group found"
    r"|\|CCL_WARN\||world size: \d"
    r"|distributed_init_method=|Waiting for \d+ local,"
)
HANG_NEEDLES = ("Ray", "placement group", "CCL_WARN", "world size:", "distributed_init_method", "Waiting for")

_ENDED_WORKER = re.compile(
    r"Worker proc\w* \S+ died|Worker \S+ (?:pid \d+ )?died, exit code|[Ww]orker died or was killed"
    r"|actor died unexpectedly|WorkerCrashedError|worker process .{0,40}died"
)
_DEAD = re.compile(
    r"Engine process failed to start|Engine core initialization failed|(?:Async)?(?:MQ)?EngineDeadError"
    r"|is already dead, terminating|Engine loop is not running|Engine loop has died"
    r"|Background loop (?:has errored|is stopped)|EngineCore encountered an issue"
    r"|Engine background task failed"
    r"|Got fatal signal from worker|RPCServer process died|No heartbeat received from MQLLMEngine"
    r"|WorkerProc initialization failed"
)

RUNTIME_SIGNS: tuple[Sign, ...] = (
    Sign(
        needles=("Worker", "worker", "WorkerCrashedError", "actor died"),
        pattern=_ENDED_WORKER,
        explain=_WORKER,
        weight=Weight.SYMPTOM,
        at_runtime=True,
    ),
    Sign(
        needles=(
            "Engine process failed",
            "Engine core initialization failed",
            "EngineDeadError",
            "AsyncEngineDeadError",
            "MQEngineDeadError",
            "is already dead",
            "Engine loop",
            "Engine background task failed",
            "EngineCore encountered an issue",
            "Background loop",
            "Got fatal signal",
            "RPCServer process",
            "No heartbeat received",
            "WorkerProc initialization failed",
        ),
        pattern=_DEAD,
        explain=engine_dead,
        weight=Weight.WRAPPER,
        at_runtime=True,
    ),
    Sign(
        # headings of a traceback: the reason follows at once, so they need not speak first
        needles=(
            "EngineCore failed to start",
            "EngineCore encountered a fatal error",
            "EngineCore hit an exception",
            "WorkerProc hit an exception",
            "WorkerProc failed to start",
        ),
        explain=engine_dead,
        weight=Weight.WRAPPER,
        is_certain=False,
        at_runtime=True,
    ),
    Sign(
        needles=(
            "Timed out waiting for engine",
            "Did not receive response from front-end",
            "waiting for clients",
        ),
        explain=HANG,
        weight=Weight.HINT,
    ),
    Sign(
        needles=("No available shared memory broadcast block",),
        explain=HANG,
        weight=Weight.FAINT,
        is_certain=False,  # slow healthy starts say it too
        at_any_level=True,
    ),
    Sign(
        needles=("KeyboardInterrupt",),
        pattern=re.compile(r"KeyboardInterrupt(?:: terminated|\(\))?\s*$"),
        explain=HANG,
        weight=Weight.FAINT,
        is_certain=False,
    ),
)
