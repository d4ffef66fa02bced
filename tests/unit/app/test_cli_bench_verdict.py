"""What `arcdesk bench` says of a small suite against the earlier ones, on standard error."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import aclosing, closing
from dataclasses import replace
from pathlib import Path

import pytest

from arcdesk.app.bench_verdict import NO_MODEL, verdict
from arcdesk.core.bench import BenchPlan, BenchRun, Surroundings
from arcdesk.core.bench_suite import SUITE
from arcdesk.core.regression import MOST_RUNS, SUITE_REQUESTS
from arcdesk.storage.bench_ledger import BenchDb
from tests.rig.paced_server import PacedServer
from tests.unit.api.load_rig import until
from tests.unit.app.command import Done, finish, run, started
from tests.unit.storage import bench_rig as rig

NARROW = "\u202f"
DAY_S = 24 * 3600.0
NEW_KERNEL = replace(rig.ABOUT, kernel="6.17")
AGAIN = "Measure once more, then it can be told."
STOPPED = "The suite was stopped early, so it is not compared."


# --- the command in a process of its own, and a server that becomes slower ------------------------------


async def suite(server: PacedServer, *arguments: str) -> Done:
    done = await run("bench", "--engine", server.base_url, "--preset", "suite", *arguments)
    assert done.code == 0, done.err
    return done


async def test_a_slower_server_is_told_after_it_was_measured_again() -> None:
    async with PacedServer(first_s=0.001, token_s=0.0001) as server:
        done = await suite(server)
        assert "The first suite with small: later ones are compared with it.\n" + AGAIN in done.err
        again = await suite(server, "--format", "csv")
        assert "The first suite with small" in again.err and AGAIN not in again.err
        server.first_s = 0.03
        done = await suite(server, "--json")
        assert "It looks slower, but 1 run can't tell: " in done.err and done.err.endswith(f"{AGAIN}\n")
        assert re.search(
            r"Compared with 2 earlier runs since \d{4}-\d\d-\d\d: .*n = 40 now in 1 run", done.err
        )
        for _ in range(MOST_RUNS - 1):
            if "It looks slower" not in done.err:
                break
            done = await suite(server, "--json")
    assert "nothing known changed. Compared with 2 earlier runs since " in done.err
    assert "Mann-Whitney p < 0.0001." in done.err and "heat, a power limit" in done.err
    report = json.loads(done.out)  # the report alone
    assert report["id"] > 3 and len(report["steps"]) == 2


async def test_a_run_that_is_not_kept_and_another_plan_say_nothing() -> None:
    async with PacedServer(first_s=0.001, token_s=0.0001) as server:
        unkept = await suite(server, "--no-ledger")
        assert "suite" not in unkept.err and "Kept as" not in unkept.err
        other = await suite(server, "--requests", "3")
        assert "suite" not in other.err and other.err.rstrip().endswith("--show 1`")


async def test_a_suite_that_was_stopped_is_kept_and_not_compared() -> None:
    async with (
        PacedServer(first_s=0.05, token_s=0.001) as server,
        started("bench", "--engine", server.base_url, "--preset", "suite") as process,
    ):
        await until(lambda: sum(bool(one.body and one.body.get("stream")) for one in server.asked) > 6)
        process.send_signal(signal.SIGINT)
        done = await finish(process)
    assert done.code == 130 and "Kept as run 1" in done.err
    assert done.err.endswith(f"{STOPPED}\n")


# --- the words, from a real ledger -----------------------------------------------------------------------


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[BenchDb]:
    async with aclosing(BenchDb(tmp_path / "bench.db")) as db:
        yield db


def suite_of(rate: float, seed: int, about: Surroundings = rig.ABOUT, *, spread: float = 0.04) -> BenchRun:
    steps = (
        rig.step(concurrency=each, requests=SUITE_REQUESTS, rate=rate / each, spread=spread, seed=seed + each)
        for each in SUITE.concurrencies
    )
    return rig.run(*steps, about=about, plan=SUITE, at=seed * DAY_S)


async def told(ledger: BenchDb, *runs: BenchRun) -> str:
    """What is said of the last of them, each kept."""
    kept = [await ledger.add(each) for each in runs]
    return "\n".join(await verdict(kept[-1], ledger))


async def test_a_slower_kernel_is_told_with_figures_and_the_way_back(ledger: BenchDb) -> None:
    before = [suite_of(100, seed) for seed in (100, 105, 110)]
    said = await told(ledger, *before, *(suite_of(80, seed, NEW_KERNEL) for seed in (115, 120)))
    found, back = said.splitlines()
    assert re.match(
        rf"Decode −\d\d{NARROW}% since kernel 6\.17\. Compared with 3 earlier runs since 1970-04-", found
    )
    assert "n = 80 now in 2 runs, 120 before in 3 runs, Mann-Whitney p < 0.0001." in found
    assert back.startswith("To go back, boot kernel 6.16.3")


async def test_a_suite_that_looked_slower_counts_with_the_next_one_on_the_same(ledger: BenchDb) -> None:
    """Each is a command of its own: without the first suspicion the second would be a first one again."""
    for seed in (100, 105, 110):
        await told(ledger, suite_of(100, seed))
    assert "It looks slower, but 1 run can't tell: decode −" in await told(ledger, suite_of(80, 115))
    said = await told(ledger, suite_of(80, 120))
    assert said.startswith("Decode −") and "nothing known changed. Compared with 3 earlier runs" in said
    assert "n = 80 now in 2 runs" in said and AGAIN not in said


async def test_a_suspicion_that_is_gone_is_dropped(ledger: BenchDb) -> None:
    for seed in (100, 105, 110):
        await told(ledger, suite_of(100, seed))
    assert AGAIN in await told(ledger, suite_of(80, 115))
    said = [await told(ledger, suite_of(101, seed)) for seed in (120, 125)]
    assert AGAIN not in said[-1] and "Decode −" not in said[-1]


async def test_as_fast_as_before_and_too_uneven_to_tell(ledger: BenchDb) -> None:
    await told(ledger, suite_of(100, 100, spread=0.02))
    same = await told(ledger, suite_of(100, 105, NEW_KERNEL, spread=0.02))
    assert same == f"As fast as before, within 7.0{NARROW}%. Compared with 1 earlier run of 1970-04-11."
    rough = await told(ledger, suite_of(100, 10, replace(rig.ABOUT, kernel="6.18"), spread=0.25))
    assert rough.startswith("No difference that the figures carry; they are too uneven or too few")
    assert rough.endswith(". Compared with 1 earlier run of 1970-04-16.")


async def test_a_gain_is_told_with_its_figures(ledger: BenchDb) -> None:
    await told(ledger, suite_of(100, 100))
    said = await told(ledger, suite_of(130, 105, NEW_KERNEL))
    assert said.startswith("Decode +") and "since kernel 6.17. Compared with 1 earlier run of" in said
    assert said.endswith("Mann-Whitney p < 0.0001.")


async def test_settings_and_load_that_differ_are_named_without_a_button(ledger: BenchDb) -> None:
    about = replace(
        rig.ABOUT, settings=(("load_in_low_bit", "sym_int4"), ("max_model_len", "4096")), host_load=6.0
    )
    runs = [suite_of(100, 100), suite_of(100, 105), suite_of(80, 110, about), suite_of(80, 115, about)]
    said = await told(ledger, *runs)
    assert "since max_model_len 4096. Compared with 2 earlier runs" in said
    assert said.endswith("The computer was busier in the later run: load 6.0, else 0.2.")
    assert "Go back" not in said


async def test_why_there_is_no_verdict(ledger: BenchDb) -> None:
    whole = suite_of(100, 100)
    torn = replace(whole, steps=(whole.steps[0], replace(whole.steps[1], is_cancelled=True)))
    assert await told(ledger, torn) == STOPPED
    assert await told(ledger, replace(whole, steps=whole.steps[:1])) == STOPPED
    assert await told(ledger, replace(whole, surroundings=Surroundings())) == NO_MODEL
    assert await told(ledger, rig.run(plan=BenchPlan())) == ""
    assert await verdict(whole, ledger) == ()  # it has no id: it was not kept


async def test_an_earlier_run_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "bench.db"
    async with aclosing(BenchDb(path)) as db:
        torn, *_ = [await db.add(suite_of(100, seed)) for seed in (100, 105, 110)]
        with closing(sqlite3.connect(path)) as file, file:
            file.execute("UPDATE steps SET records = x'00' WHERE run_id = ?", (torn.id,))
        said = await told(db, suite_of(100, 115))
    assert "Compared with 2 earlier runs since" in said


async def test_a_ledger_that_cannot_be_asked_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bench.db"
    async with aclosing(BenchDb(path)) as db:
        kept = await db.add(suite_of(100, 100))
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("PRAGMA user_version = 99")
    async with aclosing(BenchDb(path)) as db:
        (said,) = await verdict(kept, db)
    assert said.startswith("This suite is not compared. A newer ArcDesk wrote the file of benchmarks")
