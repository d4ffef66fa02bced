"""Runs that were kept, from the terminal: list, show, compare, export; two programs and one file."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest

from arcdesk.app import cli
from arcdesk.app.bench_runner import lock_of
from arcdesk.core.bench import BenchPlan, BenchRun, BenchStep, RequestRecord, Surroundings
from arcdesk.storage.bench_ledger import BenchDb
from arcdesk.storage.file_lock import held
from arcdesk.storage.paths import data_dir
from tests.rig.fast_sse import SseServer
from tests.unit.api.load_rig import until
from tests.unit.app.command import finish, run, started
from tests.unit.app.test_cli_bench import SHORT, answer_of, bench


def run_of(model: str, gap_s: float, *, note: str = "") -> BenchRun:
    records = tuple(
        RequestRecord(
            sent_s=number,
            events_s=tuple(number + gap_s * (count + 1) for count in range(9)),
            ended_s=number + gap_s * 9.5 + number * 0.001,
            prompt_tokens=8,
            completion_tokens=9,
        )
        for number in range(12)
    )
    step = BenchStep(concurrency=1, records=records, duration_s=12.0)
    about = Surroundings(model=model, engine="container", kernel="6.16" if gap_s < 0.015 else "6.17")
    return BenchRun(plan=BenchPlan(requests=12), surroundings=about, steps=(step,), note=note)


async def keep(*runs: BenchRun) -> list[int]:
    async with aclosing(BenchDb()) as db:
        return [(await db.add(one)).id for one in runs]


async def test_what_was_measured_is_listed_shown_and_exported(tmp_path: Path) -> None:
    async with SseServer(answer_of) as server:
        done = await bench(server, "--requests", "3", "--concurrency", "1,2")
    assert done.code == 0, done.err
    kept = re.search(r"Kept as run (\d+)", done.err)
    assert kept is not None
    listed = await run("bench", "--list")
    assert listed.code == 0 and listed.out.splitlines()[1].split()[0] == kept[1]
    assert " small " in listed.out and " 1,2 " in listed.out
    shown = await run("bench", "--show", kept[1])
    assert shown.code == 0
    for stored, told in zip(shown.out.split(), done.out.split(), strict=True):
        # The ledger keeps microseconds: a figure's last digit may be another one.
        assert stored == told or float(stored) == pytest.approx(float(told), rel=0.01, abs=0.002)
    files = await run("bench", "--show", kept[1], "--format", "ipex", "--out", str(tmp_path / "out"))
    assert "max_seq: 2" in files.out and (tmp_path / "out" / "2.log").exists()
    exported = await run("bench", "--export", kept[1])
    assert [len(step["records"]) for step in json.loads(exported.out)["steps"]] == [3, 3]


async def test_two_runs_side_by_side() -> None:
    first, second = await keep(run_of("llama", 0.01), run_of("llama", 0.02))
    done = await run("bench", "--compare", str(first), str(second))
    assert done.code == 0 and "kernel: 6.16 → 6.17." in done.out
    (line,) = [each for each in done.out.splitlines() if "inter-token latency" in each]
    assert "+100" in line and line.endswith("worse") and "12" not in line.split("worse")[1]
    told = json.loads((await run("bench", "--compare", str(first), str(second), "--json")).out)
    (gap,) = [each for each in told["lines"] if each["name"] == "inter-token latency"]
    assert gap["change"] == pytest.approx(1.0) and gap["trend"] == "worse"


async def test_a_list_has_all_runs_the_newest_first_and_foreign_words_are_harmless() -> None:
    ids = await keep(*(run_of(f"m{number}", 0.01) for number in range(120)), run_of("x\x1b[2J\nevil", 0.01))
    lines = (await run("bench", "--list")).out.splitlines()
    assert [int(line.split()[0]) for line in lines[1:]] == ids[::-1]
    assert "\x1b" not in "".join(lines)
    told = json.loads((await run("bench", "--list", "--json")).out)
    assert len(told["runs"]) == 121 and "plan" not in told["runs"][0]


def test_nothing_kept_yet_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["bench", "--list"]) == 0
    assert "No benchmark is kept yet" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--show 7", "--export 7", "--compare 7 8"])
def test_a_run_that_is_not_there_is_not_found(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["bench", *option.split()]) == 5
    told = capsys.readouterr()
    assert "There is no such run" in told.err and "--list" in told.err and told.out == ""


@pytest.mark.parametrize("option", ["--show x", "--compare 1", "--show 0", "--list --show 1"])
def test_bad_options_are_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.run(["bench", *option.split()])
    assert end.value.code == 2 and "usage:" in capsys.readouterr().err


async def test_no_ledger_leaves_no_trace() -> None:
    async with SseServer(answer_of) as server:
        done = await bench(server, "--requests", "2", "--no-ledger")
    assert done.code == 0 and "Kept as" not in done.err and "Concurrency 1" in done.out
    assert not (data_dir() / "bench.db").exists()


async def test_a_ledger_of_a_newer_version_is_left_alone_and_the_report_is_there() -> None:
    (path := data_dir()).mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(path / "bench.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    before = (path / "bench.db").read_bytes()
    async with SseServer(answer_of) as server:
        done = await bench(server, "--requests", "2")
    assert done.code == 1 and "Concurrency 1" in done.out and "newer" in done.err
    assert (path / "bench.db").read_bytes() == before


async def test_two_programs_write_at_once_and_lose_nothing() -> None:
    """Two commands and this process, all on one file; each run of all three is there in the end."""
    async with SseServer(answer_of) as server, SseServer(answer_of) as other:
        commands = [asyncio.create_task(bench(each, "--requests", "2")) for each in (server, other)]
        async with aclosing(BenchDb()) as db:
            mine = [(await db.add(run_of("mine", 0.01, note=str(number)))).id for number in range(60)]
        done = await asyncio.gather(*commands)
    assert [one.code for one in done] == [0, 0], [one.err for one in done]
    theirs = [int(re.search(r"Kept as run (\d+)", one.err)[1]) for one in done]  # type: ignore[index]
    async with aclosing(BenchDb()) as db:
        assert await db.count() == 62
        assert len({*mine, *theirs}) == 62
        assert [(await db.get(key)).surroundings.model for key in theirs] == ["small", "small"]


async def test_two_programs_do_not_measure_one_server_at_once() -> None:
    async with SseServer(answer_of) as server:
        with held(lock_of(server.base_url)) as is_ours:
            assert is_ours
            refused = await bench(server, "--requests", "2")
        assert refused.code == 2 and not refused.out
        assert "A benchmark is running already" in refused.err
        assert (await bench(server, "--requests", "2")).code == 0


async def test_it_waits_for_a_program_that_holds_the_file() -> None:
    await keep(run_of("first", 0.01))
    holder = sqlite3.connect(data_dir() / "bench.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    async with SseServer(answer_of) as server:
        arguments = ("bench", "--engine", server.base_url, *SHORT, "--requests", "2")
        async with started(*arguments) as process:
            await until(lambda: has_open(process.pid, "bench.db"))  # it wants to write, and has to wait
            holder.execute("COMMIT")
            done = await finish(process)
    holder.close()
    assert done.code == 0 and "Kept as run 2" in done.err


def has_open(pid: int, name: str) -> bool:
    return any(Path(file.path).name == name for file in psutil.Process(pid).open_files())


def test_help_has_an_example_of_the_documents(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.run(["bench", "--help"])
    told = capsys.readouterr().out
    assert end.value.code == 0 and "--format ipex" in told and "1.log" in told
