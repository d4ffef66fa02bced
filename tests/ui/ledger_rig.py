"""The ledger's window in the running app, and windows with measured runs to look at."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from PySide6.QtCore import QItemSelectionModel
from PySide6.QtWidgets import QWidget

from arcdesk.app.ledger_controller import LedgerController
from arcdesk.core.bench import BenchPlan, BenchRun, Surroundings
from arcdesk.core.bench_compare import compare
from arcdesk.core.bench_ledger import HistoryPoint, RunRow
from arcdesk.core.bench_shown import shown_of
from arcdesk.storage.bench_ledger import BenchDb
from arcdesk.ui.ledger_view import LedgerView, Pair
from arcdesk.ui.ledger_window import COMPARE, HISTORY, LedgerWindow
from arcdesk.ui.theme import Palette
from tests.ui.app_rig import App, open_app, until
from tests.ui.results_rig import measured

DAY_S = 86_400.0
FIRST_AT = 1_795_000_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One session with its ledger's window."""

    app: App

    @property
    def ledger(self) -> BenchDb:
        return self.app.session.bench.ledger

    @property
    def controller(self) -> LedgerController:
        return self.app.session.bench.ledger_window

    @property
    def window(self) -> LedgerWindow:
        return self.controller.window

    @property
    def view(self) -> LedgerView:
        return self.window.view

    @property
    def listed(self) -> list[int]:
        """The runs in the list, from the top."""
        return [row.id for row in self.window.list.rows.rows]

    async def open(self, rest: str = "") -> None:
        """Show the window and wait until it has read what it shows."""
        await self.app.session.load("bench_parts", "ledger_controller")
        self.controller.open(rest)
        await self.until_read()

    async def until_read(self) -> None:
        await until(lambda: self.app.is_idle and self.view.count is not None, "the ledger to be read")

    async def select(self, *ids: int) -> None:
        """Click the first, and the others with Ctrl held."""
        selection, rows = self.window.list.table.selectionModel(), self.window.list.rows
        flags = QItemSelectionModel.SelectionFlag
        for number, each in enumerate(ids):
            place = rows.place_of(each)
            assert place is not None
            how = flags.ClearAndSelect if number == 0 else flags.Select
            selection.select(rows.index(place, 0), how | flags.Rows)
        await self.until_read()


@asynccontextmanager
async def open_desk() -> AsyncIterator[Desk]:
    """ArcDesk with an engine elsewhere that is not there: the ledger needs none."""
    async with open_app("http://127.0.0.1:9/v1") as app:
        await app.session.load("bench_parts")
        yield Desk(app=app)


# --- for screenshots: what is shown was measured ------------------------------------------------------------

PLAN = BenchPlan(concurrencies=(1, 4), input_tokens=64, output_tokens=24, requests=12, warm_up_requests=1)
ABOUT = Surroundings(
    model="TinyLlama-1.1B-Chat",
    engine="Scripted server of the tests",
    image="arcdesk/scripted:1",
    image_digest="sha256:0f2d5b1c7a9e",
    settings=(("load_in_low_bit", "sym_int4"), ("max_model_len", "2048")),
    driver="xe",
    kernel="6.16.3",
    cards=("Scripted card (0000:03:00.0)",),
    host_load=0.3,
)
NEWER = replace(ABOUT, kernel="6.17.0")
OTHER = replace(NEWER, model="Qwen3-8B", settings=(("load_in_low_bit", "fp8"), ("max_model_len", "4096")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a ledger told of measured runs."""

    rows: tuple[RunRow, ...]
    runs: tuple[BenchRun, ...]  # the newest first
    history: tuple[HistoryPoint, ...]


@cache
def kept() -> Kept:
    """Seven runs against servers of different pace, put into a ledger and read again."""
    made = [
        (ABOUT, measured(PLAN, token_s=0.004)),
        (ABOUT, measured(PLAN, token_s=0.004)),
        (ABOUT, measured(PLAN, token_s=0.0041, fails_every=9)),
        (OTHER, measured(PLAN, token_s=0.009)),
        (NEWER, measured(PLAN, token_s=0.0048)),
        (NEWER, measured(PLAN, token_s=0.0048)),
        (replace(NEWER, settings=OTHER.settings), measured(PLAN, token_s=0.0043)),
    ]
    runs = [
        BenchRun(at=FIRST_AT + number * DAY_S * 1.3, plan=PLAN, surroundings=about, steps=steps)
        for number, (about, steps) in enumerate(made)
    ]
    runs[4] = replace(runs[4], note="after the update")
    with ThreadPoolExecutor(1) as pool:  # the caller may be on Qt's loop
        return pool.submit(lambda: asyncio.run(_keep(runs))).result()


async def _keep(runs: list[BenchRun]) -> Kept:
    with tempfile.TemporaryDirectory() as folder:
        async with aclosing(BenchDb(Path(folder) / "bench.db")) as ledger:
            for run in runs:
                await ledger.add(run)
            rows = tuple(await ledger.rows())
            whole = [await ledger.get(row.id) for row in rows]
            history = tuple(await ledger.history(PLAN, ABOUT.model))
    return Kept(rows=rows, runs=tuple(whole), history=history)


def _window(palette: Palette, view: LedgerView, rows: tuple[RunRow, ...], *ids: int) -> LedgerWindow:
    window = LedgerWindow()
    window.set_palette_colors(palette)
    window.list.rows.begin(rows, is_whole=True)
    window.present(view)
    window.list.choose(ids)
    return window


def _view(run: BenchRun) -> LedgerView:
    data = kept()
    models = tuple(sorted({row.model for row in data.rows}))
    return LedgerView(
        count=len(data.rows), models=models, run_id=run.id, shown=shown_of(run), history=data.history
    )


def ledger_window(palette: Palette) -> QWidget:
    """A run with its results."""
    run = kept().runs[2]
    return _window(palette, _view(run), kept().rows, run.id)


def ledger_history_window(palette: Palette) -> QWidget:
    """The history of its plan and model."""
    run = kept().runs[2]
    window = _window(palette, _view(run), kept().rows, run.id)
    window.tabs.setCurrentIndex(HISTORY)
    return window


def ledger_compare_window(palette: Palette) -> QWidget:
    """Two runs side by side."""
    after, before = kept().runs[2], kept().runs[5]
    pair = Pair(before=before, after=after, comparison=compare(before, after))
    window = _window(palette, replace(_view(after), pair=pair), kept().rows, before.id, after.id)
    window.tabs.setCurrentIndex(COMPARE)
    return window


def ledger_empty_window(palette: Palette) -> QWidget:
    """Before the first run."""
    return _window(palette, LedgerView(count=0), ())
