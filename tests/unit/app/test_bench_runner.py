"""Benchmarks from start to ledger, with the real load generator and a server on a real socket."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from arcdesk.app.bench_job import BenchJob
from arcdesk.core.bench import BenchPlan, BenchRun, Surroundings
from arcdesk.core.bench_ledger import BenchRepo
from arcdesk.core.bench_ports import BenchOutcome, CardUse
from arcdesk.core.bench_progress import BenchEvent, BenchPhase, BenchProgress, BenchStepDone
from arcdesk.core.errors import UsageError
from arcdesk.core.ports import Endpoint
from arcdesk.services.bench_run import AWAKE_WHY, BenchRunner
from arcdesk.storage.bench_ledger import BenchDb
from tests.rig.fast_sse import (
    DONE,
    HEAD,
    Answer,
    Asked,
    Cut,
    SseServer,
    Write,
    chunk,
    completion,
    plain,
    stream,
    usage,
)
from tests.unit.api.load_rig import PATIENCE_S, until

PLAN = BenchPlan(concurrencies=(1, 2), input_tokens=8, output_tokens=5, requests=4, warm_up_requests=1)


@dataclass
class Meter:
    """A CardMeter whose answers a test decides; keeps when it was asked."""

    uses: list[CardUse]
    calls: list[str] = field(default_factory=list)

    async def begin(self) -> None:
        self.calls.append("begin")

    async def end(self) -> CardUse:
        self.calls.append("end")
        return self.uses.pop(0)


@dataclass
class Surveyor:
    """Says where a run is made, when `gate` is set."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    engine: str = "container"

    async def survey(self, endpoint: Endpoint) -> Surroundings:
        await self.gate.wait()
        return Surroundings(model=endpoint.model, engine=self.engine, kernel="6.17")


@dataclass
class Rig:
    """A runner with what it stands on."""

    runner: BenchRunner
    endpoint: Endpoint
    server: SseServer
    ledger: BenchDb
    meter: Meter
    surveyor: Surveyor
    awake: list[str]
    events: list[BenchEvent] = field(default_factory=list)

    async def run(self, plan: BenchPlan = PLAN) -> object:
        async with asyncio.timeout(PATIENCE_S):
            return await self.runner.run(self.endpoint, plan, self.events.append)


def answer_of(asked: Asked) -> Answer:
    if asked.path != "/v1/completions":
        return (plain(404, {"detail": "Not Found"}),)
    tokens = asked.body["max_tokens"]
    words = (completion("w") for _ in range(tokens))
    return (stream(*words, completion("", "length"), usage(8, tokens), DONE),)


@asynccontextmanager
async def rig(
    path: Path, answer: Callable[[Asked], Answer] = answer_of, *uses: CardUse, ledger: bool = True
) -> AsyncIterator[Rig]:
    meter, surveyor, awake = Meter([*uses, *[CardUse()] * 4]), Surveyor(), list[str]()
    surveyor.gate.set()

    async def meter_of(endpoint: Endpoint) -> Meter:
        return meter

    async with SseServer(answer) as server, aclosing(BenchDb(path / "bench.db")) as db:
        kept: BenchRepo | None = db if ledger else None
        runner = BenchRunner(
            make_job=BenchJob, survey=surveyor, meter_of=meter_of, ledger=kept, keep_awake=awake.append
        )
        endpoint = Endpoint(base_url=server.base_url, model="small", engine="container")
        yield Rig(runner, endpoint, server, db, meter, surveyor, awake)


def outcome_of(value: object) -> tuple[BenchRun, str, bool]:
    assert isinstance(value, BenchOutcome) and value.run is not None
    return value.run, value.problem.cause if value.problem else "", value.is_cancelled


async def test_a_whole_run_is_kept_with_its_surroundings_and_told(tmp_path: Path) -> None:
    uses = (
        CardUse(vram_peak_bytes=5, energy_j=100.0, notes=("x held the card as well.",)),
        CardUse(vram_peak_bytes=7, energy_j=50.0, notes=("x held the card as well.",)),
    )
    told: list[tuple[BenchRun, bool]] = []
    async with rig(tmp_path, answer_of, *uses) as it:
        it.runner.finished.append(lambda run: told.append((run, it.runner.is_running)))
        run, cause, is_cancelled = outcome_of(await it.run())
        (row,) = await it.ledger.rows()
        assert await it.ledger.get(row.id) == replace(run, steps=(await it.ledger.get(row.id)).steps)
    assert (cause, is_cancelled, run.id) == ("", False, row.id) and told == [(run, False)]
    assert run.surroundings.kernel == "6.17" and run.at > 0
    assert (run.vram_peak_bytes, run.energy_j) == (7, 150.0)
    assert run.note.count("x held the card as well.") == 1 and "an estimate" in run.note
    assert [step.concurrency for step in run.steps] == [1, 2]
    assert all(len(step.records) == 4 for step in run.steps)
    assert not it.runner.is_running and it.awake == [AWAKE_WHY, ""]


async def test_cards_are_watched_while_it_is_measured_and_not_in_the_warm_up(tmp_path: Path) -> None:
    seen: list[tuple[object, ...]] = []
    async with rig(tmp_path) as it:

        def on_event(event: BenchEvent) -> None:
            calls = len(it.meter.calls)
            if isinstance(event, BenchProgress) and event.phase is not BenchPhase.PREPARING:
                seen.append((event.phase, event.step, calls))
            elif isinstance(event, BenchStepDone):
                seen.append(("done", event.step.concurrency, calls))

        await it.runner.run(it.endpoint, PLAN, on_event)
    assert list(dict.fromkeys(seen)) == [
        (BenchPhase.WARM_UP, 1, 0),
        (BenchPhase.MEASURING, 1, 1),
        ("done", 1, 2),
        (BenchPhase.WARM_UP, 2, 2),
        (BenchPhase.MEASURING, 2, 3),
        ("done", 2, 4),
    ]
    assert it.meter.calls == ["begin", "end", "begin", "end"]


async def test_joules_of_one_step_are_not_taken_for_those_of_all(tmp_path: Path) -> None:
    uses = (CardUse(vram_peak_bytes=5, energy_j=100.0), CardUse(notes=("It jumped.",)))
    async with rig(tmp_path, answer_of, *uses) as it:
        run, _, _ = outcome_of(await it.run())
    assert (run.vram_peak_bytes, run.energy_j) == (5, None) and run.note.endswith("It jumped.")


async def test_a_second_one_is_refused_while_one_runs(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.surveyor.gate.clear()
        first = asyncio.create_task(it.run())
        await until(lambda: it.runner.is_running)
        with pytest.raises(UsageError, match="running already"):
            await it.run()
        it.surveyor.gate.set()
        run, cause, _ = outcome_of(await first)
    assert cause == "" and len(run.steps) == 2


async def test_cancelled_before_it_begins_nothing_is_asked_or_kept(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.surveyor.gate.clear()
        running = asyncio.create_task(it.runner.run(it.endpoint, PLAN, it.events.append))
        await until(lambda: it.runner.is_running)
        it.runner.cancel()
        it.surveyor.gate.set()
        outcome = await running
        assert (outcome.run, outcome.problem, outcome.is_cancelled) == (None, None, True)
        assert await it.ledger.count() == 0
    assert it.server.asked == [] and it.events == [] and it.awake[-1] == ""


async def test_a_cancel_waits_for_no_survey_of_a_server_that_hangs(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.surveyor.gate.clear()
        running = asyncio.ensure_future(it.run())
        await until(lambda: it.runner.is_running)
        it.runner.cancel()
        outcome = await running
        assert isinstance(outcome, BenchOutcome) and outcome.run is None and outcome.is_cancelled
        it.surveyor.gate.set()
        run, _, is_cancelled = outcome_of(await it.run())  # and the next one is made
        assert run is not None and not is_cancelled


async def test_cancelled_half_way_what_is_done_is_kept_and_marked(tmp_path: Path) -> None:
    over, count = asyncio.Event(), itertools.count()

    async def hang(write: Write) -> None:
        await over.wait()

    def answer(asked: Asked) -> Answer:
        if asked.path != "/v1/completions" or next(count) < 3:
            return answer_of(asked)
        return (HEAD + chunk(completion("a")), hang)

    async with rig(tmp_path, answer) as it:
        running = asyncio.create_task(it.run())
        await until(lambda: sum(one.path == "/v1/completions" for one in it.server.asked) == 4)
        it.runner.cancel()
        run, cause, is_cancelled = outcome_of(await running)
        over.set()
        (row,) = await it.ledger.rows()
    assert (cause, is_cancelled, run.id) == ("", True, row.id)
    (step,) = run.steps
    assert step.is_cancelled and len([one for one in step.records if one.is_good]) == 2
    assert row.is_cancelled and "Stopped early." in row.note
    assert it.meter.calls == ["begin", "end"]


async def test_a_server_that_dies_between_steps_leaves_the_steps_before(tmp_path: Path) -> None:
    count = itertools.count()

    def answer(asked: Asked) -> Answer:
        if asked.path != "/v1/completions" or next(count) < 5:
            return answer_of(asked)
        return (Cut.CLOSE,)

    async with rig(tmp_path, answer) as it:
        run, cause, _ = outcome_of(await it.run())
        (row,) = await it.ledger.rows()
    assert cause and "Ended early:" in run.note and row.id == run.id
    assert all(record.is_good for record in run.steps[0].records)


async def test_a_server_that_answers_nothing_leaves_no_run_behind(tmp_path: Path) -> None:
    async with rig(tmp_path, lambda asked: (plain(500, {"detail": "no"}),)) as it:
        told: list[BenchRun] = []
        it.runner.finished.append(told.append)
        run, cause, _ = outcome_of(await it.run())
        assert await it.ledger.count() == 0
    assert run.id == 0 and cause and told == []
    assert all(record.error for record in run.steps[0].records)


async def test_a_ledger_that_refuses_loses_no_figures(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "bench.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    async with rig(tmp_path) as it:
        run, cause, _ = outcome_of(await it.run())
    assert cause and run.id == 0 and len(run.steps) == 2


async def test_without_a_ledger_nothing_is_written(tmp_path: Path) -> None:
    async with rig(tmp_path, ledger=False) as it:
        run, cause, _ = outcome_of(await it.run())
    assert (run.id, cause) == (0, "") and list(tmp_path.iterdir()) == []


async def test_of_a_server_without_our_card_no_excuse_is_written(tmp_path: Path) -> None:
    uses = (CardUse(notes=("No graphics card was found.",)),) * 2
    async with rig(tmp_path, answer_of, *uses) as it:
        it.surveyor.engine = "remote"
        run, _, _ = outcome_of(await it.run())
    assert "graphics" not in run.note


async def test_after_an_outside_break_off_the_next_one_runs(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        running = asyncio.create_task(it.run(replace(PLAN, requests=100_000)))
        await until(lambda: "begin" in it.meter.calls)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert not it.runner.is_running and it.meter.calls == ["begin", "end"]
        run, cause, _ = outcome_of(await it.run())
    assert cause == "" and len(run.steps) == 2


async def test_closing_waits_until_what_is_done_is_kept(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        running = asyncio.create_task(it.run(replace(PLAN, requests=100_000)))
        await until(lambda: any(isinstance(one, BenchProgress) and one.done > 2 for one in it.events))
        await it.runner.aclose()
        assert not it.runner.is_running
        (row,) = await it.ledger.rows()
        assert row.is_cancelled
        outcome_of(await running)
        await it.runner.aclose()  # nothing is under way: nothing to wait for


async def test_the_end_is_told_of_every_run_and_another_may_begin(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        told: list[tuple[str, bool]] = []
        it.runner.began.append(lambda: told.append(("began", it.runner.is_running)))
        it.runner.ended.append(lambda: told.append(("ended", it.runner.is_running)))
        it.runner.finished.append(lambda run: told.append(("finished", it.runner.is_running)))
        await it.run()
        assert told == [("began", True), ("ended", False), ("finished", False)]
        told.clear()
        it.surveyor.gate.clear()
        running = asyncio.ensure_future(it.run())
        await asyncio.sleep(0)
        with pytest.raises(UsageError):
            await it.run()  # nothing began, so nothing ended
        assert told == [("began", True)]
        it.runner.cancel()
        await running
        assert told == [("began", True), ("ended", False)]
