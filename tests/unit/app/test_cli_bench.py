"""`arcdesk bench` as a person's terminal runs it, against a server on a real socket."""

from __future__ import annotations

import argparse
import asyncio
import csv
import itertools
import json
import re
import signal
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from arcdesk.app import cli_bench
from arcdesk.app.bench_progress_line import progress_text
from arcdesk.core.bench import Api, BenchPlan, Dataset
from arcdesk.core.bench_progress import BenchPhase, BenchProgress
from arcdesk.core.egress import Reason
from arcdesk.core.errors import UsageError
from arcdesk.storage.egress_db import EgressDb
from tests.rig.fast_sse import (
    DONE,
    HEAD,
    Answer,
    Asked,
    SseServer,
    Write,
    chunk,
    completion,
    plain,
    stream,
    usage,
)
from tests.unit.api.load_rig import until
from tests.unit.app.command import Done, finish, run, started

SHORT = ("--input", "8", "--output", "5", "--warm-up", "1")


def answer_of(asked: Asked) -> Answer:
    if asked.path not in ("/v1/completions", "/v1/chat/completions"):
        return (plain(404, {"detail": "Not Found"}),)
    tokens = asked.body["max_tokens"]
    words = (completion("w") for _ in range(tokens))
    return (stream(*words, completion("", "length"), usage(8, tokens), DONE),)


async def bench(server: SseServer, *arguments: str) -> Done:
    return await run("bench", "--engine", server.base_url, *SHORT, *arguments)


async def test_report_progress_files_and_list_of_contacts(tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    async with SseServer(answer_of) as server:
        done = await bench(server, "--concurrency", "1,3", "--requests", "4", "--out", str(out))
    assert done.code == 0, done.err
    assert "Concurrency 1" in done.out and "Concurrency 3" in done.out and "TTFT" in done.out
    assert "Step 2 of 2: 3 at once, measuring: 0 of 4" in done.err
    assert "an estimate" in done.err and "an estimate" in done.out
    texts = {file.name: file.read_text(encoding="utf-8") for file in out.iterdir()}
    assert set(texts) >= {"1.log", "3.log", "bench-text.txt", "bench-markdown.md"}
    assert len(list(csv.DictReader(texts["bench-csv.csv"].splitlines()))) == 2
    assert [step["good"] for step in json.loads(texts["bench-json.json"])["steps"]] == [4, 4]
    assert re.search(r"^Token throughput: [0-9.]+$", texts["bench-ipex.txt"], re.MULTILINE)
    asked = [one for one in server.asked if one.path == "/v1/completions"]
    assert len(asked) == 2 * (4 + 1) and all(one.body["ignore_eos"] is True for one in asked)
    async with aclosing(EgressDb()) as db:
        view = await db.view()
    (question,) = [one for one in view.tallies if one.reason is Reason.QUESTION]
    assert question.host == "127.0.0.1" and question.bytes_out > 100 and question.bytes_in > 100


async def test_ctrl_c_keeps_what_is_done() -> None:
    over, count = asyncio.Event(), itertools.count()

    async def hang(write: Write) -> None:
        await over.wait()

    def answer(asked: Asked) -> Answer:
        if asked.path != "/v1/completions" or next(count) < 4:
            return answer_of(asked)
        return (HEAD + chunk(completion("a")), hang)

    arguments = ("bench", *SHORT, "--requests", "50", "--json", "--engine")
    async with SseServer(answer) as server:
        async with started(*arguments, server.base_url) as process:
            await until(lambda: sum(one.path == "/v1/completions" for one in server.asked) == 5)
            process.send_signal(signal.SIGINT)
            done = await finish(process)
        over.set()
    assert done.code == 130, done.err
    (step,) = json.loads(done.out)["steps"]  # 4 answers, one of them of the warm-up
    assert (step["good"], step["failed"], step["is_cancelled"]) == (3, 0, True)


async def test_a_refusal_of_the_server_is_told_and_is_a_failure() -> None:
    def answer(asked: Asked) -> Answer:
        return (plain(400, {"error": {"message": "context too long", "code": 400}}),)

    async with SseServer(answer) as server:
        done = await bench(server, "--requests", "2")
    assert done.code == 1 and "context too long" in done.err and "Kept as" not in done.err
    assert "2 failed" in done.out


async def test_one_document_of_data_whatever_goes_wrong() -> None:
    """Answered for the first step, refused for the second: one report, and the reason beside it."""

    def answer(asked: Asked) -> Answer:
        if asked.path == "/v1/completions" and next(count) >= 3:
            return (plain(503, {"error": {"message": "too busy", "code": 503}}),)
        return answer_of(asked)

    count = itertools.count()
    async with SseServer(answer) as server:
        done = await bench(server, "--requests", "2", "--concurrency", "1,2", "--json")
    report = json.loads(done.out)
    assert done.code == 1 and "too busy" in done.err and report["id"] > 0
    assert [(step["good"], step["failed"]) for step in report["steps"]] == [(2, 0), (0, 2)]
    assert "Ended early" in report["note"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--concurrency 0", "at least 1"),
        ("--concurrency 1,,2", "'' is no number"),
        ("--concurrency 99999999", "is more than"),
        ("--concurrency 4,1,4", "4 stands there twice"),
        ("--input -5", "--input"),
        ("--output x", "'x' is no number"),
        ("--duration nan", "'nan' is no number"),
        ("--rate 0", "'0' is no number"),
        ("--rate inf", "'inf' is no number"),
        ("--rate 5", "A rate needs an end"),
        ("--dataset novel", "'novel' is none of text, file:PATH"),
        ("--dataset file:", "is none of"),
        ("--dataset file:/nonexistent/prompts.txt", "/nonexistent/prompts.txt can't be read"),
        ("--image /nonexistent/cat.png", "/nonexistent/cat.png can't be read"),
        ("--image cat.png --api completions", "only go along in a chat"),
        ("--format pdf", "invalid choice"),
    ],
)
def test_bad_options_are_refused_before_anything_is_asked(
    arguments: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = cli_bench.run(parse("--engine", "http://127.0.0.1:9/v1", *arguments.split()))
    except SystemExit as end:
        code = int(end.code or 0)
    assert code == 2
    told = capsys.readouterr().err
    assert words in told


def parse(*arguments: str) -> argparse.Namespace:
    shared = argparse.ArgumentParser(add_help=False)
    for name in ("--engine", "--set"):
        shared.add_argument(name)
    for name in ("--json", "--verbose"):
        shared.add_argument(name, action="store_true")
    parser = argparse.ArgumentParser()
    cli_bench.add_parser(parser.add_subparsers(dest="command"), shared)
    return parser.parse_args(["bench", *arguments])


def test_without_options_the_plan_is_the_documents() -> None:
    assert cli_bench.plan_of(parse()) == BenchPlan()


def test_every_option_reaches_the_plan(tmp_path: Path) -> None:
    talks = tmp_path / "talks.json"
    talks.write_text('[{"conversations": [{"from": "human", "value": "Hi"}]}]')
    (image := tmp_path / "cat.png").write_bytes(b"\x89PNG")
    options = (
        "--concurrency 1,2,4 --input 64 --output 32 --requests 10 --duration 60 --rate 2.5 "
        f"--warm-up 0 --seed 7 --dataset sharegpt:{talks} --image {image} --no-ignore-eos "
        "--ttft-limit 500 --tpot-limit 50 --e2e-limit 9000"
    )
    assert cli_bench.plan_of(parse(*options.split())) == BenchPlan(
        concurrencies=(1, 2, 4),
        input_tokens=64,
        output_tokens=32,
        requests=10,
        duration_s=60.0,
        rate_per_s=2.5,
        warm_up_requests=0,
        api=Api.CHAT,
        is_ignoring_eos=False,
        dataset=Dataset.SHAREGPT,
        dataset_path=str(talks),
        image_path=str(image),
        seed=7,
        ttft_limit_ms=500.0,
        tpot_limit_ms=50.0,
        e2e_limit_ms=9000.0,
    )


def test_a_rate_is_not_held_up_by_a_single_slot() -> None:
    plan = cli_bench.plan_of(parse("--rate", "5", "--requests", "9"))
    assert plan.concurrencies[0] > 100 and plan.warm_up_requests == 2
    with pytest.raises(UsageError):
        cli_bench.plan_of(parse("--rate", "5"))


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        ({"phase": BenchPhase.PREPARING}, "Preparing the prompts …"),
        ({"phase": BenchPhase.WARM_UP, "total": 8, "done": 2}, "4 at once, warm-up: 2 of 8"),
        (
            {"phase": BenchPhase.MEASURING, "total": 8, "done": 2, "failed": 1, "seconds_left": 75.0},
            "4 at once, measuring: 2 of 8, 1 failed, 75 s left",
        ),
        (
            {"phase": BenchPhase.MEASURING, "done": 2, "step": 2, "steps": 3},
            "Step 2 of 3: 4 at once, measuring: 2",
        ),
    ],
)
def test_progress_in_words(progress: dict[str, Any], text: str) -> None:
    assert progress_text(BenchProgress(concurrency=4, **progress)) == text
