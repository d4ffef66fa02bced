"""Results to look at: runs that the real load generator measured against a scripted server."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import cache

from PySide6.QtWidgets import QApplication, QWidget

from arcdesk.app.bench_job import BenchJob
from arcdesk.core.bench import BenchPlan, BenchRun, BenchStep, Surroundings
from arcdesk.core.bench_progress import BenchStepDone
from arcdesk.core.bench_shown import shown_of
from arcdesk.core.ports import Endpoint
from arcdesk.ui import theme
from arcdesk.ui.bench_results import BenchResults
from tests.rig.fast_sse import (
    DONE,
    END,
    HEAD,
    Answer,
    Asked,
    SseServer,
    Write,
    chunk,
    completion,
    plain,
    usage,
)

PATIENCE_S = 60.0
MADE_AT = 1_790_000_000.0


@dataclass
class Desk:
    """A server with one 'card': prefills wait for each other, and decoding shares its time."""

    prefill_s: float = 0.04
    token_s: float = 0.006
    each_more_s: float = 0.002  # that a token takes longer for each other answer under way
    fails_every: int = 0  # which request gets an error; 0: none
    stalls_at: int = 0  # the token before which it stops for a while; 0: none
    is_telling_usage: bool = True
    is_in_one_piece: bool = False
    under_way: int = 0
    _count: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _prefill: asyncio.Lock = field(default_factory=asyncio.Lock)

    def answer(self, asked: Asked) -> Answer:
        number = next(self._count)
        if not asked.path.startswith("/v1"):
            return (plain(404, {"detail": "Not Found"}),)
        if self.fails_every and number % self.fails_every == 0:
            return (plain(503, {"error": {"message": "The queue is full"}}),)
        tokens = asked.body["max_tokens"]
        return (HEAD, self._decode(1 if self.is_in_one_piece else tokens), self._end(tokens))

    def _decode(self, pieces: int) -> Callable[[Write], Awaitable[None]]:
        async def decode(write: Write) -> None:
            self.under_way += 1
            try:
                async with self._prefill:
                    await asyncio.sleep(self.prefill_s)
                for number in range(pieces):
                    if number:
                        await asyncio.sleep(self.token_s + self.each_more_s * self.under_way)
                    if self.stalls_at and number == self.stalls_at:
                        await asyncio.sleep(self.token_s * 12)
                    write(chunk(completion(" word")))
            finally:
                self.under_way -= 1

        return decode

    def _end(self, tokens: int) -> bytes:
        last = chunk(usage(64, tokens)) if self.is_telling_usage else b""
        return chunk(completion("", "length")) + last + chunk(DONE) + END


def measured(plan: BenchPlan, **desk: float) -> tuple[BenchStep, ...]:
    """What the load generator, in its own process, measures of such a server. Takes as long as it takes."""
    steps: list[BenchStep] = []

    async def measure() -> None:
        async with asyncio.timeout(PATIENCE_S), SseServer(Desk(**desk).answer) as server:  # type: ignore[arg-type]
            job = BenchJob(Endpoint(base_url=server.base_url, model="small"), plan)
            async with aclosing(job.events()) as events:
                steps.extend([event.step async for event in events if isinstance(event, BenchStepDone)])

    # a thread of its own: the caller may be on Qt's loop
    thread = threading.Thread(target=asyncio.run, args=(measure(),), name="measure")
    thread.start()
    thread.join()
    assert steps
    return tuple(steps)


SURROUNDINGS = Surroundings(
    model="TinyLlama-1.1B-Chat",
    engine="Scripted server of the tests",
    image="arcdesk/scripted:1",
    image_digest="sha256:0f2d",
    settings=(("max_model_len", "2048"), ("low_bit", "sym_int4")),
    kernel="6.14.0",
    driver="xe",
    host_load=0.42,
)


def run_of_steps(plan: BenchPlan, steps: tuple[BenchStep, ...], note: str = "") -> BenchRun:
    return BenchRun(id=7, at=MADE_AT, plan=plan, surroundings=SURROUNDINGS, steps=steps, note=note)


@cache
def sweep() -> BenchRun:
    """Four steps, some failures, a stall in each answer."""
    plan = BenchPlan(
        concurrencies=(1, 2, 4, 8),
        input_tokens=64,
        output_tokens=40,
        requests=24,
        warm_up_requests=1,
        ttft_limit_ms=150,
    )
    steps = measured(plan, fails_every=19, stalls_at=25)
    return run_of_steps(plan, steps, "No card: memory and energy are not known.")


@cache
def quick() -> BenchRun:
    """Two short steps with a failure."""
    plan = BenchPlan(concurrencies=(2, 4), input_tokens=16, output_tokens=12, requests=8, warm_up_requests=1)
    return run_of_steps(plan, measured(plan, prefill_s=0.01, token_s=0.004, fails_every=7, stalls_at=6))


@cache
def single(**desk: float) -> BenchRun:
    """One step of eight requests."""
    plan = BenchPlan(concurrencies=(4,), input_tokens=64, output_tokens=30, requests=8, warm_up_requests=1)
    return run_of_steps(plan, measured(plan, **desk))


def results_window(palette: theme.Palette, run: BenchRun | None = None, width: int = 1000) -> QWidget:
    """The results on a ground of their own, ready to be shown and grabbed."""
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    theme.apply(application, palette)
    window = BenchResults()
    window.set_palette_colors(palette)
    window.present(shown_of(run or sweep()))
    window.resize(width, 1180)
    window.setWindowTitle("Benchmark")
    return window
