"""A session bus for one test, callers in other processes, and a bus that can be ended and started again."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.rig.desktop_tools import child, first_line, wait_for

NAME = "org.arcdesk.ArcDesk"
PATH = "/org/arcdesk/ArcDesk"
PATIENCE_S = 30.0  # of a loaded machine

# No service directory: nothing is started by being called.
BARE_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait until it is true; an AssertionError with `what` if it never is."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"waited for {what}") from None


@contextlib.contextmanager
def nothing_left() -> Iterator[None]:
    """Within the block no task is begun that outlives it, and no error is lost on the way."""
    loop = asyncio.get_running_loop()
    before, lost = asyncio.all_tasks(), list[str]()
    loop.set_exception_handler(lambda _, context: lost.append(f"{context['message']}: {context}"))
    try:
        yield
    finally:
        gc.collect()  # it is the collector that finds lost errors
        loop.set_exception_handler(None)
    left = [str(task.get_coro()) for task in asyncio.all_tasks() - before]
    assert not left
    assert not lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a program wrote, and how it ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Other programs on the bus: the tools that people and desktops call services with."""

    env: Mapping[str, str]

    async def run(self, *command: str) -> Said:
        """Run a tool to its end."""
        process = await asyncio.create_subprocess_exec(
            *command, env=dict(self.env), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        async with asyncio.timeout(PATIENCE_S):
            out, err = await process.communicate()
        return Said(code=process.returncode or 0, out=out.decode().strip(), err=err.decode().strip())

    async def gdbus(self, method: str, *arguments: str, path: str = PATH) -> Said:
        """Call one of our methods, as a script does; answers are GVariant text."""
        goal = ["--session", "--dest", NAME, "--object-path", path, "--method", method]
        return await self.run("gdbus", "call", "--timeout", "30", *goal, *arguments)

    @contextlib.asynccontextmanager
    async def started(self, *command: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """A tool that runs on, and is killed at the end."""
        process = await asyncio.create_subprocess_exec(
            *command, env=dict(self.env), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.communicate()


@contextlib.contextmanager
def bare_bus(folder: Path) -> Iterator[str]:
    """A session bus at the same address each time, with no services; gives the address."""
    socket = folder / "bus"
    config = folder / "bus.conf"
    config.write_text(BARE_CONFIG.format(socket=socket), encoding="utf-8")
    reader, writer = os.pipe()
    command = ["dbus-daemon", f"--config-file={config}", "--nofork", f"--print-address={writer}"]
    with child([*command, "--nopidfile"], os.environ, pass_fds=(writer,)):
        os.close(writer)
        try:
            first_line(reader, "dbus-daemon")
        finally:
            os.close(reader)
        wait_for(socket.exists, "the bus' socket")
        yield f"unix:path={socket}"
    socket.unlink(missing_ok=True)
