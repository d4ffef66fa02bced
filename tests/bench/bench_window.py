"""Measures how long a benchmark of 64 streams keeps the window's loop from its work."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from argparse import Namespace
from asyncio.subprocess import PIPE
from contextlib import suppress
from pathlib import Path
from typing import Any

import qasync
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication

from arcdesk.desktop.instance_server import InstanceLock

ROOT = Path(__file__).parents[2]
STREAMS, TOKENS, RATE_PER_S = 64, 400, 8000
ROUNDS = 3
HEARTBEAT_MS = 5
PATIENCE_S = 180


class _Heart:
    """Beats each 5 ms and keeps the gaps between beats, in ms, and the loop's own work in them."""

    def __init__(self) -> None:
        self.gaps_ms: list[float] = []
        self.work_ms: list[float] = []  # processor time of the loop's thread: no other program counts in it
        self._last, self._last_work = time.perf_counter(), time.thread_time()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start(HEARTBEAT_MS)

    def _beat(self) -> None:
        now, work = time.perf_counter(), time.thread_time()
        self.gaps_ms.append((now - self._last) * 1000)
        self.work_ms.append((work - self._last_work) * 1000)
        self._last, self._last_work = now, work

    def stop(self) -> list[float]:
        """Beat no more; the gaps in order of length."""
        self._timer.stop()
        return sorted(self.gaps_ms)


async def _measure(app: QApplication) -> dict[str, Any]:
    from arcdesk.app.session import Session
    from arcdesk.core.bench import BenchPlan
    from arcdesk.ui.bench_view import BenchState
    from arcdesk.ui.tray import Tray

    figures = ("--rate", str(RATE_PER_S), "--streams", str(STREAMS), "--tokens", str(TOKENS))
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.rig.fast_sse"), *figures, cwd=ROOT, stdin=PIPE, stdout=PIPE
    )
    assert server.stdin is not None and server.stdout is not None
    address = (await server.stdout.readline()).decode().strip()
    session = Session(app, Tray(), Namespace(engine=address, background=True, verbose=False))
    running = asyncio.ensure_future(session.run())
    plan = BenchPlan(
        concurrencies=(STREAMS // 2, STREAMS),
        input_tokens=16,
        output_tokens=TOKENS,
        requests=2 * STREAMS,
        warm_up_requests=0,
    )
    try:
        await session.load("bench_parts", "bench_controller")
        controller = session.bench.bench
        controller.open(plan=plan)
        window = controller.window
        window.resize(1280, 1000)
        await session.engine.settle()
        await session.engine.start()
        await asyncio.sleep(1)  # the window is drawn, and what comes with the engine is over
        quiet = _Heart()
        await asyncio.sleep(2)
        quiet_ms = quiet.stop()
        heart = _Heart()
        window.start.button.click()
        async with asyncio.timeout(PATIENCE_S):
            while window.view.state is not BenchState.IDLE:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)  # the last plots are painted
        gaps_ms = heart.stop()
        shown = window.view.shown
        if shown is None or len(shown.run.steps) != 2:
            raise RuntimeError(f"nothing was measured: {window.view.problem}")
        arrived = sum(len(record.events_s) for step in shown.run.steps for record in step.records)
    finally:
        session.quit()
        await running
        server.stdin.close()
        with suppress(ProcessLookupError):
            await server.wait()
    return {
        "events": arrived,
        "longest_gap_ms": round(gaps_ms[-1], 1),
        "p99_gap_ms": round(gaps_ms[int(len(gaps_ms) * 0.99)], 1),
        "longest_work_ms": round(max(heart.work_ms), 1),
        "quiet_longest_gap_ms": round(quiet_ms[-1], 1),
    }


def run() -> dict[str, Any]:
    """`longest_gap_ms` over a whole run of 64 streams with its plots. A stall of ours comes in every round,
    one of a busy machine does not: of the rounds, the best counts."""
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    app.setQuitOnLastWindowClosed(False)
    rounds = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(dir="/tmp") as home:
            rounds.append(_round(app, home))
    best = min(rounds, key=lambda one: one["longest_gap_ms"])
    return {"streams": STREAMS, "rounds": rounds, **best}


def _round(app: QApplication, home: str) -> dict[str, Any]:
    names = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR")
    kept = {name: os.environ.get(name) for name in (*names, "DOCKER_HOST", "ARCDESK_HOTKEY")}
    for name in names:
        os.environ[name] = os.path.join(home, name[-9:])
        os.mkdir(os.environ[name], 0o700)
    os.environ |= {"DOCKER_HOST": "unix:///nonexistent/docker.sock", "ARCDESK_HOTKEY": ""}
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    lock = InstanceLock.take()
    assert lock is not None
    try:
        with loop:
            found: dict[str, Any] = loop.run_until_complete(_measure(app))
            return found
    finally:
        lock.release()
        for name, value in kept.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


if __name__ == "__main__":
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    print(json.dumps(run(), indent=2))
