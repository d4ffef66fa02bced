"""Runs the command `arcdesk` as a process of its own, as a person's terminal would."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[3]
PATIENCE_S = 120.0  # of a loaded machine that starts a model
ARCDESK = (sys.executable, "-m", "arcdesk")
DISPLAY_VARIABLES = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")


@dataclass(frozen=True)
class Done:
    """What a command left."""

    code: int
    out: str
    err: str


def environment(**changes: str | None) -> dict[str, str]:
    """A home of its own (the test's), no Docker, no display."""
    env = {name: value for name, value in os.environ.items() if name not in DISPLAY_VARIABLES}
    env.pop("PYTHONUNBUFFERED", None)  # a person's output is buffered
    env["DOCKER_HOST"] = "unix:///nonexistent.sock"
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    env["HOME"] = env["XDG_RUNTIME_DIR"]
    env["XDG_CACHE_HOME"] = env["XDG_STATE_HOME"]
    for name, value in changes.items():
        if value is None:
            env.pop(name, None)
        else:
            env[name] = value
    return env


@asynccontextmanager
async def started(
    *arguments: str,
    env: dict[str, str] | None = None,
    stdin: int = DEVNULL,
    program: Sequence[str] = ARCDESK,
) -> AsyncIterator[Process]:
    """The running command; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *program,
        *arguments,
        cwd=ROOT,
        env=env or environment(),
        stdin=stdin,
        stdout=PIPE,
        stderr=PIPE,
        preexec_fn=_hear_ctrl_c,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _hear_ctrl_c() -> None:
    """As a terminal starts it: tests run in the background inherit that SIGINT is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


async def until_it_waits(process: Process, *calls: str) -> None:
    """Return when it stands in one of these system calls ('0' read, '7' poll …; x86-64's numbers).

    A signal that comes just before Python enters a wait is seen only after it: no time to press Ctrl+C.
    """
    async with asyncio.timeout(PATIENCE_S):
        while Path(f"/proc/{process.pid}/syscall").read_text().partition(" ")[0] not in calls:
            await asyncio.sleep(0.01)


async def finish(process: Process, text: bytes | None = None) -> Done:
    """Wait for its end; returns what it wrote from now on."""
    out, err = await asyncio.wait_for(process.communicate(text), PATIENCE_S)
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())


async def run(
    *arguments: str,
    env: dict[str, str] | None = None,
    text: bytes | None = None,
    program: Sequence[str] = ARCDESK,
) -> Done:
    """Run a command to its end."""
    stdin = DEVNULL if text is None else PIPE
    async with started(*arguments, env=env, stdin=stdin, program=program) as process:
        return await finish(process, text)


async def all_gone(pids: Sequence[int]) -> bool:
    """The processes are gone, or go within the patience."""
    async with asyncio.timeout(PATIENCE_S):
        while any(is_alive(pid) for pid in pids):
            await asyncio.sleep(0.01)
    return True


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
