"""A benchmark started in the window, with the window open: `python -m tests.truth.window URL STREAMS …`.

Prints its figures as JSON. ArcDesk is the whole program on Qt's offscreen platform, in a home of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

from tests.truth.clients import Load
from tests.truth.figures import Figures, of_arcdesk

ROOT = Path(__file__).parents[2]
PATIENCE_S = 300
HOME_FOLDERS = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR")


def in_window(load: Load) -> Figures:
    """The same load as `clients.arcdesk`, but for its prompts, begun by the window's button."""
    with tempfile.TemporaryDirectory(dir="/tmp") as home:
        folders = {name: os.path.join(home, name) for name in HOME_FOLDERS}
        for folder in folders.values():
            os.mkdir(folder, 0o700)
        environment = {
            **os.environ,
            **folders,
            "QT_QPA_PLATFORM": "offscreen",
            "DOCKER_HOST": "unix:///nonexistent/docker.sock",
            "ARCDESK_HOTKEY": "",
        }
        figures = map(str, (load.concurrency, load.requests, load.output_tokens, load.warm_up))
        done = subprocess.run(
            [sys.executable, "-m", "tests.truth.window", load.base_url, *figures],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise SystemExit(f"the window measured nothing: {done.stderr.strip()[-2000:]}")
    return Figures(**json.loads(done.stdout.splitlines()[-1]))


async def _measure(app: object, url: str, streams: int, requests: int, tokens: int, warm_up: int) -> Figures:
    from PySide6.QtWidgets import QApplication

    from arcdesk.app.session import Session
    from arcdesk.core.bench import BenchPlan
    from arcdesk.ui.bench_view import BenchState
    from arcdesk.ui.tray import Tray

    assert isinstance(app, QApplication)
    session = Session(app, Tray(), Namespace(engine=url, background=True, verbose=False))
    running = asyncio.ensure_future(session.run())
    plan = BenchPlan(
        concurrencies=(streams,),
        input_tokens=32,
        output_tokens=tokens,
        requests=requests,
        warm_up_requests=warm_up,
    )
    try:
        await session.load("bench_parts", "bench_controller")
        controller = session.bench.bench
        controller.open(plan=plan)
        window = controller.window
        await session.engine.settle()
        await session.engine.start()
        await asyncio.sleep(1)  # what comes with the engine is over
        window.start.button.click()
        async with asyncio.timeout(PATIENCE_S):
            while window.view.state is not BenchState.IDLE:
                await asyncio.sleep(0.05)
        shown = window.view.shown
        if shown is None or len(shown.run.steps) != 1:
            raise SystemExit(f"nothing was measured: {window.view.problem}")
        return of_arcdesk(shown.run.steps[0])
    finally:
        session.quit()
        await running


def main() -> None:
    """Measure and print."""
    import qasync
    from PySide6.QtWidgets import QApplication

    app = QApplication([])
    app.setQuitOnLastWindowClosed(False)
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    url, *figures = sys.argv[1:]
    with loop:
        told = loop.run_until_complete(_measure(app, url, *map(int, figures)))
    print(json.dumps(asdict(told)))


if __name__ == "__main__":
    main()
