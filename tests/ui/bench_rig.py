"""The running app with its benchmark window before a paced server; windows with a measured run."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

from PySide6.QtWidgets import QWidget

from arcdesk.app.bench_controller import BenchController
from arcdesk.app.bench_job import BenchJob
from arcdesk.core.bench import BenchPlan, BenchRun, BenchStep, Surroundings
from arcdesk.core.bench_check import check, form_of
from arcdesk.core.bench_presets import PresetId, preset_of
from arcdesk.core.bench_progress import BenchPhase, BenchProgress, BenchStepDone
from arcdesk.core.bench_shown import shown_of
from arcdesk.core.bench_size import estimate_s, paces_of, plan_size
from arcdesk.core.engine_state import EngineKind, EnginePhase, EngineSnapshot
from arcdesk.core.ports import Endpoint
from arcdesk.ui.bench_view import BenchState, BenchView, Pulse
from arcdesk.ui.bench_window import BenchWindow
from arcdesk.ui.bench_words import summary
from arcdesk.ui.theme import Palette
from tests.rig.paced_server import PacedServer
from tests.ui.app_rig import App, open_app, until

ROOT = Path(__file__).parents[2]
PLAN = BenchPlan(concurrencies=(1, 2), input_tokens=8, output_tokens=4, requests=4, warm_up_requests=1)
SHOWN_PLAN = BenchPlan(
    concurrencies=(1, 4, 8), input_tokens=256, output_tokens=96, requests=16, warm_up_requests=2
)


class Desk:
    """One session with its benchmark window, and a server that answers at a pace."""

    def __init__(self, app: App, server: PacedServer) -> None:
        self.app = app
        self.server = server

    @property
    def controller(self) -> BenchController:
        return self.app.session.bench.bench

    @property
    def window(self) -> BenchWindow:
        return self.controller.window

    @property
    def view(self) -> BenchView:
        return self.window.view

    async def open(self, plan: BenchPlan | None = PLAN) -> None:
        """Show the window with this plan in its form."""
        await self.app.session.load("bench_parts", "bench_controller")
        self.controller.open(plan=plan)
        await until(lambda: self.view.engine.phase is EnginePhase.READY or self.app.is_idle, "the engine")

    async def until_state(self, state: BenchState) -> None:
        await until(lambda: self.view.state is state, f"the state {state.value}")

    async def until_said(self, text: str) -> None:
        await until(lambda: self.view.said == text, f"'{text}'")

    async def measure(self) -> None:
        """Press Start, and wait for the end."""
        self.window.start.button.click()
        assert self.view.state.is_busy
        await self.until_state(BenchState.IDLE)


@asynccontextmanager
async def open_desk(server: PacedServer) -> AsyncIterator[Desk]:
    """ArcDesk on this server."""
    async with open_app(server.base_url) as app:
        yield Desk(app, server)


# --- for screenshots: what is shown was measured ------------------------------------------------------------


@cache
def measured(plan: BenchPlan = SHOWN_PLAN) -> tuple[BenchRun, tuple[BenchProgress, ...]]:
    """A run against the paced server in a process of its own, and what was told of it meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(_measured(plan))).result()


async def _measured(plan: BenchPlan) -> tuple[BenchRun, tuple[BenchProgress, ...]]:
    command = (sys.executable, "-m", "tests.rig.paced_server")
    server = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=PIPE, stdout=PIPE)
    assert server.stdin is not None and server.stdout is not None
    base_url = (await server.stdout.readline()).decode().strip()
    steps: list[BenchStep] = []
    told: list[BenchProgress] = []
    endpoint = Endpoint(base_url=base_url, model="small", engine="remote")
    async with aclosing(BenchJob(endpoint, plan).events()) as events:
        async for event in events:
            if isinstance(event, BenchStepDone):
                steps.append(event.step)
            elif isinstance(event, BenchProgress):
                told.append(event)
    server.stdin.close()
    await server.wait()
    about = Surroundings(model="small", engine="remote", base_url=base_url)
    return BenchRun(id=1, at=1_795_000_000.0, plan=plan, surroundings=about, steps=tuple(steps)), tuple(told)


def _view(plan: BenchPlan, **changes: object) -> BenchView:
    run, _ = measured()
    ready = EngineSnapshot(
        kind=EngineKind.REMOTE, phase=EnginePhase.READY, model="small", place=run.surroundings.base_url[7:-3]
    )
    view = BenchView(
        form=form_of(plan),
        preset=preset_of(plan),
        checked=check(form_of(plan)),
        summary=summary(plan_size(plan), estimate_s(plan, paces_of(run))),
        engine=ready,
    )
    return replace(view, **changes)  # type: ignore[arg-type]


def _window(palette: Palette, view: BenchView) -> BenchWindow:
    window = BenchWindow()
    window.set_palette_colors(palette)
    window.present(view)
    return window


def bench_window(palette: Palette) -> QWidget:
    """A benchmark that is done."""
    run, _ = measured()
    return _window(palette, _view(run.plan, shown=shown_of(run), run_id=run.id, preset=PresetId.OWN))


def bench_running_window(palette: Palette) -> QWidget:
    """In the middle of the last step: the first ones are drawn."""
    run, told = measured()
    last = [one for one in told if one.step == len(run.steps) and one.phase is BenchPhase.MEASURING]
    now = last[len(last) // 2]
    before = last[len(last) // 2 - 1]
    pieces = (now.pieces or 0) - (before.pieces or 0)
    seconds = (now.elapsed_s or 0.0) - (before.elapsed_s or 0.0)
    view = _view(
        run.plan,
        state=BenchState.RUNNING,
        progress=now,
        pulse=Pulse(pieces_per_s=pieces / seconds if seconds else None, ttft_ms=now.ttft_ms),
        shown=shown_of(replace(run, steps=run.steps[:-1])),
    )
    return _window(palette, view)


def bench_empty_window(palette: Palette) -> QWidget:
    """Before the first one, with a field that can't stand."""
    form = replace(form_of(BenchPlan(concurrencies=(1, 4))), output_tokens="many", concurrencies="1, 4, 4")
    view = _view(BenchPlan(), form=form, checked=check(form), summary="", preset=PresetId.OWN)
    return _window(palette, view)
