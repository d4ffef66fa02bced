"""The ledger on disk: keeps each run whole, lists thousands without reading them, and survives bad luck."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arcdesk.core.bench import Api, BenchPlan, BenchRun, Dataset, RequestRecord
from arcdesk.core.bench_ledger import BenchLedger
from arcdesk.core.errors import ArcDeskError
from arcdesk.storage import bench_ledger, bench_ledger_queries
from arcdesk.storage.bench_ledger import BenchDb
from arcdesk.storage.bench_ledger_records import UnknownPacking, pack, unpack
from tests.unit.storage import bench_rig as rig

DAY_S = 86_400.0
MICROSECOND = 1e-6


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file will be, in a folder that is not there yet."""
    return tmp_path / "data" / "bench.db"


@pytest.fixture
async def ledger(path: Path) -> AsyncIterator[BenchLedger]:
    async with aclosing(BenchDb(path, now=lambda: 5_000.0)) as db:
        yield db


async def test_a_run_comes_back_whole_after_a_restart(path: Path) -> None:
    plan = BenchPlan(
        concurrencies=(1, 4), api=Api.CHAT, dataset=Dataset.SHAREGPT, rate_per_s=2.5, ttft_limit_ms=200.0
    )
    made = replace(
        rig.run(rig.step(requests=3), replace(rig.step(concurrency=4), is_cancelled=True), plan=plan),
        vram_peak_bytes=11 * 2**30,
        energy_j=812.5,
        note="after the new driver",
    )
    async with aclosing(BenchDb(path)) as db:
        kept = await db.add(made)
    async with aclosing(BenchDb(path)) as db:
        found = await db.get(kept.id)
    assert kept.id > 0
    assert _rounded(found) == _rounded(replace(made, id=kept.id))


def _rounded(run: BenchRun) -> BenchRun:
    """Arrivals are kept to the microsecond; the rest exactly."""
    steps = tuple(
        replace(
            step,
            records=tuple(
                replace(one, events_s=tuple(round(at, 5) for at in one.events_s)) for one in step.records
            ),
        )
        for step in run.steps
    )
    return replace(run, steps=steps)


TIMES = st.floats(0, 1e5, allow_nan=False)
RECORDS = st.builds(
    RequestRecord,
    sent_s=TIMES,
    connected_s=st.none() | TIMES,
    events_s=st.lists(TIMES, max_size=6).map(lambda times: tuple(sorted(times))),
    ended_s=st.none() | TIMES,
    prompt_tokens=st.none() | st.integers(0, 10**6),
    completion_tokens=st.none() | st.integers(-5, 10**6),
    error=st.text(max_size=8),
    silent_s=st.lists(TIMES, max_size=3).map(tuple),
)


@settings(max_examples=60, deadline=None)
@given(records=st.lists(RECORDS, max_size=5))
def test_packing_keeps_all_but_fractions_of_a_microsecond(records: list[RequestRecord]) -> None:
    found = unpack(pack(records))
    assert len(found) == len(records)
    for one, other in zip(found, records, strict=True):
        assert replace(one, events_s=(), silent_s=()) == replace(other, events_s=(), silent_s=())
        for seen, meant in ((one.events_s, other.events_s), (one.silent_s, other.silent_s)):
            assert seen == pytest.approx(meant, abs=MICROSECOND)


def test_a_silence_of_hours_is_kept() -> None:
    silent = replace(rig.record(), events_s=(0.1, 0.2, 20_000.0))
    assert unpack(pack([silent]))[0].events_s == pytest.approx(silent.events_s, abs=MICROSECOND)


def test_packed_arrivals_are_small() -> None:
    """Half a million arrivals a run, for ever: a few bytes each."""
    records = rig.step(requests=50, spread=0.1).records
    assert len(pack(records)) < 4 * sum(len(one.events_s) for one in records)


@pytest.mark.parametrize("blob", [b"", b"\x01", b"\x01no zlib", pack([rig.record()])[:-9]])
def test_damaged_bytes_are_told(blob: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any words: nobody reads them but a log
        unpack(blob)


def test_a_later_packing_is_told_apart() -> None:
    with pytest.raises(UnknownPacking):
        unpack(b"\x02whatever")


async def test_the_list_has_the_newest_first_and_its_figures(ledger: BenchLedger) -> None:
    failed = replace(rig.step(requests=4, rate=50), records=(*rig.step(requests=4, rate=50).records,))
    failed = replace(failed, records=(*failed.records, rig.record(9.0, error="500")))
    await ledger.add(rig.run(failed, rig.step(concurrency=8, requests=16), at=1_000))
    await ledger.add(rig.run(at=2_000))
    newest, oldest = await ledger.rows()
    assert (newest.at, oldest.at) == (2_000, 1_000)
    assert (oldest.requests, oldest.failed, oldest.concurrencies) == (21, 1, (1, 8))
    assert oldest.decode_tokens_per_s == pytest.approx(50)
    assert oldest.ttft_ms == pytest.approx(100)
    assert oldest.output_tokens_per_s == pytest.approx(32 * 16 / 8)
    assert oldest.cards == ("Arc B580", "Arc A770")
    assert oldest.plan == BenchPlan()


async def test_unknown_figures_stay_unknown(ledger: BenchLedger) -> None:
    uncounted = replace(rig.step(), records=(replace(rig.record(), completion_tokens=None),))
    await ledger.add(rig.run(uncounted))
    (row,) = await ledger.rows()
    assert (row.decode_tokens_per_s, row.output_tokens_per_s) == (None, None)
    assert row.ttft_ms == pytest.approx(100)


async def test_pages_follow_each_other_without_gap_or_double(ledger: BenchLedger) -> None:
    for number in range(7):
        await ledger.add(rig.run(at=1_000.0 + number // 3))  # several at the same moment
    seen, last = [], None
    while page := await ledger.rows(limit=2, after=last):
        seen += [row.id for row in page]
        last = page[-1]
    assert seen == [7, 6, 5, 4, 3, 2, 1]
    assert await ledger.count() == 7


async def test_ten_thousand_runs_are_listed_without_reading_a_request(path: Path) -> None:
    async with aclosing(BenchDb(path)) as db:
        await db.add(rig.run())
    _multiply(path, 10_000)
    async with aclosing(BenchDb(path)) as db:
        rows = await db.rows(limit=20_000)
        assert len(rows) == 10_000
        assert rows[0].at > rows[-1].at
        assert len(await db.rows(limit=100, after=rows[4_999])) == 100
    query, values = bench_ledger_queries.list_query("", "")
    plan = " ".join(_query_plan(path, query, (*values, *bench_ledger._END, 100)))
    assert "runs_by_time" in plan
    assert "TEMP B-TREE" not in plan  # nothing is sorted: the index has the order
    assert "steps" not in plan


async def test_the_list_is_searched_in_all_that_it_shows(ledger: BenchLedger) -> None:
    other = replace(rig.ABOUT, model="Qwen3-8B", kernel="6.17.1")
    await ledger.add(rig.run(at=1.0))
    await ledger.add(replace(rig.run(at=2.0, about=other), note="Nach dem Update: ÄRGER, 100% _"))
    await ledger.add(rig.run(at=3.0, about=other))

    async def ids(text: str = "", model: str = "") -> list[int]:
        rows = await ledger.rows(text=text, model=model)
        assert await ledger.count(text=text, model=model) == len(rows)
        return [row.id for row in rows]

    assert await ids(model="Qwen3-8B") == [3, 2]
    assert await ids(text="QWEN 6.17") == [3, 2]
    assert await ids(text="ärger") == [2]
    assert await ids(text="100% _") == [2]  # no wildcards
    assert await ids(text="b580", model="TinyLlama") == [1]
    assert await ids(text="qwen tinyllama") == []
    assert list(await ledger.models()) == ["Qwen3-8B", "TinyLlama"]


async def test_the_history_is_of_one_plan_and_model_with_what_changed(ledger: BenchLedger) -> None:
    newer = replace(rig.ABOUT, kernel="6.17.1")
    for at, about in ((1.0, rig.ABOUT), (2.0, newer), (3.0, replace(rig.ABOUT, model="other"))):
        await ledger.add(rig.run(at=at, about=about))
    await ledger.add(rig.run(at=4.0, plan=BenchPlan(input_tokens=7)))
    gone = await ledger.add(rig.run(at=5.0))
    await ledger.delete(gone.id)
    points = await ledger.history(BenchPlan(), "TinyLlama")
    assert [(point.row.id, point.surroundings.kernel) for point in points] == [(1, "6.16.3"), (2, "6.17.1")]
    assert [point.row.id for point in await ledger.history(BenchPlan(), "TinyLlama", 1)] == [2]


async def test_a_run_that_ended_before_its_last_step_counts_as_stopped(ledger: BenchLedger) -> None:
    """It was stopped in the warm-up of the second: the first is whole."""
    plan = BenchPlan(concurrencies=(1, 4))
    await ledger.add(rig.run(rig.step(), plan=plan))
    (row,) = await ledger.rows()
    assert row.is_cancelled
    assert await ledger.like(plan, "TinyLlama", 5) == []


async def test_whoever_is_late_is_told_that_it_is_closed(path: Path) -> None:
    db = BenchDb(path)
    await db.add(rig.run())
    await db.aclose()
    with pytest.raises(ArcDeskError) as told:
        await db.rows()
    assert told.value.problem.cause == "bench_ledger_closed"


def _multiply(path: Path, count: int) -> None:
    """Copy the one run; a loop over `add` would test the disk."""
    with sqlite3.connect(path) as db:
        names = [row[1] for row in db.execute("PRAGMA table_info(runs)") if row[1] not in ("id", "at")]
        db.execute(
            f"""WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {count - 1})
            INSERT INTO runs (at, {", ".join(names)}) SELECT at + i, {", ".join(names)} FROM runs, n"""
        )
    db.close()


def _query_plan(path: Path, statement: str, values: tuple[object, ...]) -> list[str]:
    with sqlite3.connect(path) as db:
        found = [row[-1] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
    db.close()
    return found


async def test_only_runs_of_the_same_plan_and_model_that_ended_are_alike(ledger: BenchLedger) -> None:
    suite = BenchPlan(output_tokens=64)
    wanted = await ledger.add(rig.run(plan=suite, at=1))
    newer = await ledger.add(rig.run(plan=suite, at=2))
    await ledger.add(rig.run(plan=suite, about=replace(rig.ABOUT, model="other")))
    await ledger.add(rig.run(plan=BenchPlan()))
    await ledger.add(rig.run(replace(rig.step(requests=2), is_cancelled=True), plan=suite))
    gone = await ledger.add(rig.run(plan=suite))
    await ledger.delete(gone.id)
    found = await ledger.like(suite, rig.ABOUT.model, 10)
    assert [one.id for one in found] == [newer.id, wanted.id]
    assert [one.id for one in await ledger.like(suite, rig.ABOUT.model, 1)] == [newer.id]


async def test_a_deleted_run_leaves_the_list_and_comes_back(ledger: BenchLedger) -> None:
    kept = await ledger.add(rig.run())
    await ledger.delete(kept.id)
    assert (await ledger.rows(), await ledger.count()) == ([], 0)
    await ledger.restore(kept.id)
    assert [row.id for row in await ledger.rows()] == [kept.id]


async def test_what_was_deleted_long_ago_really_goes(path: Path) -> None:
    async with aclosing(BenchDb(path, now=lambda: DAY_S)) as db:
        old, young = await db.add(rig.run()), await db.add(rig.run())
        await db.delete(old.id)
    async with aclosing(BenchDb(path, now=lambda: 20 * DAY_S)) as db:
        await db.delete(young.id)
    async with aclosing(BenchDb(path, now=lambda: 32 * DAY_S)) as db:
        await db.restore(young.id)
        with pytest.raises(ArcDeskError) as caught:
            await db.restore(old.id)
    assert caught.value.problem.cause == "bench_run_gone"
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT DISTINCT run_id FROM steps").fetchall() == [(young.id,)]
    connection.close()


async def test_a_note_is_kept_and_shown(ledger: BenchLedger) -> None:
    kept = await ledger.add(rig.run())
    await ledger.note(kept.id, "fan cleaned – 2 °C less")
    assert (await ledger.rows())[0].note == (await ledger.get(kept.id)).note == "fan cleaned – 2 °C less"


async def test_an_unknown_run_is_told(ledger: BenchLedger) -> None:
    for call in (ledger.get(7), ledger.note(7, "x"), ledger.delete(7), ledger.export(7)):
        with pytest.raises(ArcDeskError) as caught:
            await call
        assert caught.value.problem.cause == "bench_run_gone"


async def test_an_export_has_everything_in_plain_json(ledger: BenchLedger) -> None:
    kept = await ledger.add(rig.run(at=0.0))
    data = json.loads(await ledger.export(kept.id))
    assert (data["format"], data["id"], data["at"]) == ("arcdesk-benchmark", kept.id, 5_000.0)
    assert data["surroundings"]["settings"]["max_model_len"] == "2048"
    assert data["plan"]["api"] == "completions"
    first = data["steps"][0]["records"][0]
    assert first["events_s"][:2] == [0.1, 0.11]
    assert first["completion_tokens"] == 32


async def test_two_runs_are_compared_in_the_ledgers_own_thread(ledger: BenchLedger) -> None:
    one = await ledger.add(rig.run(rig.step(rate=100)))
    other = await ledger.add(rig.run(rig.step(rate=50), about=replace(rig.ABOUT, kernel="6.17")))
    found = await ledger.compare(one.id, other.id)
    assert [each.sentence() for each in found.differences] == ["kernel: 6.16.3 → 6.17"]
    (decode,) = (line for line in found.lines if line.name == "decode")
    assert decode.change == pytest.approx(-0.5)


async def test_no_key_reaches_the_file(path: Path) -> None:
    about = replace(
        rig.ABOUT,
        settings=(("api_key", "hunter2hunter2"), ("extra", "--hf-token hf_abcdefghij")),
        base_url="https://me:swordfish99@example.org/v1",
    )
    async with aclosing(BenchDb(path)) as db:
        await db.add(rig.run(about=about))
        await db.note_asked(about)
    held = path.read_bytes()
    for secret in (b"hunter2hunter2", b"hf_abcdefghij", b"swordfish99"):
        assert secret not in held


async def test_what_was_asked_is_remembered_once(path: Path) -> None:
    other = replace(rig.ABOUT, kernel="6.17")
    async with aclosing(BenchDb(path)) as db:
        for about in (rig.ABOUT, rig.ABOUT, other):
            await db.note_asked(about)
    async with aclosing(BenchDb(path)) as db:
        assert set(await db.asked()) == {rig.ABOUT, other}


async def test_the_file_is_the_persons_alone(path: Path) -> None:
    async with aclosing(BenchDb(path)) as db:
        await db.add(rig.run())
        assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700


async def test_two_processes_lose_nothing(path: Path) -> None:
    async with aclosing(BenchDb(path)) as one, aclosing(BenchDb(path)) as other:
        await asyncio.gather(*(db.add(rig.run()) for _ in range(6) for db in (one, other)))
        assert await one.count() == await other.count() == 12


@pytest.mark.parametrize("end", ["killed", "full"])
async def test_what_was_added_survives_a_kill_and_a_full_disk(path: Path, end: str) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.unit.storage.bench_writer",
        str(path),
        end,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        told, _ = await child.communicate()
    kept, *refusal = told.decode().split()
    assert child.returncode == (-signal.SIGKILL if end == "killed" else 0)
    assert refusal == ([] if end == "killed" else ["refused"])
    async with aclosing(BenchDb(path)) as db:
        assert [row.id for row in await db.rows()] == [int(kept)]
        assert len((await db.get(int(kept))).steps[0].records) == 3
        assert not db.problems


async def test_a_damaged_file_is_set_aside_and_the_loss_is_told(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database at all, and long enough to be looked at" * 100)
    async with aclosing(BenchDb(path)) as db:
        kept = await db.add(rig.run())
        assert (await db.get(kept.id)).surroundings == rig.ABOUT
        assert [problem.cause for problem in db.problems] == ["bench_ledger_damaged"]
    assert len(list(path.parent.glob("bench.db.broken-*"))) == 1


async def test_two_programs_set_a_damaged_file_aside_once(path: Path) -> None:
    async with aclosing(BenchDb(path)) as one, aclosing(BenchDb(path)) as other:
        await one.add(rig.run())
        await other.rows()
        path.write_bytes(b"no database at all, and long enough to be looked at" * 100)
        first, second = await one.add(rig.run()), await other.add(rig.run())
        assert {row.id for row in await one.rows()} == {first.id, second.id}
    assert len(list(path.parent.glob("bench.db.broken-*"))) == 1


async def test_a_file_that_a_person_moved_away_is_begun_anew(path: Path) -> None:
    async with aclosing(BenchDb(path)) as db:
        await db.add(rig.run())
        path.rename(path.with_name("old.db"))
        kept = await db.add(rig.run())
        assert [row.id for row in await db.rows()] == [kept.id]
    async with aclosing(BenchDb(path.with_name("old.db"))) as old:
        assert len(await old.rows()) == 1


async def test_a_path_that_is_no_text_is_kept(path: Path) -> None:
    odd = replace(rig.run(), plan=BenchPlan(dataset=Dataset.FILE, dataset_path="/tmp/pr\udcff.txt"))
    async with aclosing(BenchDb(path)) as db:
        kept = await db.add(odd)
        assert (await db.get(kept.id)).plan.dataset is Dataset.FILE


async def test_the_file_of_a_newer_arcdesk_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()
    async with aclosing(BenchDb(path)) as db:
        for call in (db.add(rig.run()), db.rows()):
            with pytest.raises(ArcDeskError) as caught:
                await call
            assert caught.value.problem.cause == "bench_ledger_newer"
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("column", "value"), [("records", b"\x09later"), ("records", b"\x01torn"), ("records", b"")]
)
async def test_one_unreadable_run_does_not_hide_the_others(path: Path, column: str, value: bytes) -> None:
    async with aclosing(BenchDb(path)) as db:
        bad, good = await db.add(rig.run()), await db.add(rig.run())
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE steps SET {column} = ? WHERE run_id = ?", (value, bad.id))
    connection.close()
    async with aclosing(BenchDb(path)) as db:
        with pytest.raises(ArcDeskError) as caught:
            await db.get(bad.id)
        assert caught.value.problem.cause == "bench_run_unreadable"
        assert len(await db.rows()) == 2
        assert (await db.get(good.id)).id == good.id
        assert [one.id for one in await db.like(good.plan, good.surroundings.model, 8)] == [good.id]


@pytest.mark.parametrize(
    ("column", "value"), [("cards", "[torn"), ("cards", "7"), ("concurrencies", "1 x 4"), ("plan", "{")]
)
async def test_a_torn_word_of_the_list_hides_nothing(path: Path, column: str, value: str) -> None:
    async with aclosing(BenchDb(path)) as db:
        bad, good = await db.add(rig.run()), await db.add(rig.run())
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE runs SET {column} = ? WHERE id = ?", (value, bad.id))
    connection.close()
    async with aclosing(BenchDb(path)) as db:
        assert {row.id for row in await db.rows()} == {bad.id, good.id}


async def test_fields_of_a_later_version_do_not_harm(path: Path) -> None:
    async with aclosing(BenchDb(path)) as db:
        kept = await db.add(rig.run())
    with sqlite3.connect(path) as connection:
        connection.execute("""UPDATE runs SET plan = '{"moon_phase":3,"output_tokens":64}'""")
        connection.execute("""UPDATE surroundings SET data = '{"moon":true,"kernel":"6.17"}'""")
    connection.close()
    async with aclosing(BenchDb(path)) as db:
        found = await db.get(kept.id)
    assert (found.plan, found.surroundings.kernel) == (BenchPlan(output_tokens=64), "6.17")


async def test_a_folder_that_cannot_be_written_is_told(path: Path) -> None:
    path.parent.mkdir()
    path.mkdir()
    async with aclosing(BenchDb(path)) as db:
        with pytest.raises(ArcDeskError) as caught:
            await db.add(rig.run())
    assert caught.value.problem.cause == "storage_unwritable"
