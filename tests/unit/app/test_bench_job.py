"""The load generator in its own process: what it tells, how it ends, what it never shows."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from arcdesk.app import bench_lines
from arcdesk.app.bench_job import BenchJob
from arcdesk.core.bench import Api, BenchPlan, BenchStep, Dataset, RequestRecord
from arcdesk.core.bench_progress import (
    BenchEvent,
    BenchFailed,
    BenchPhase,
    BenchProgress,
    BenchPrompts,
    BenchStepDone,
)
from arcdesk.core.errors import AnswerError, Problem
from arcdesk.core.ports import Endpoint
from tests.rig.fast_sse import (
    DONE,
    HEAD,
    Answer,
    Asked,
    SseServer,
    Write,
    chat,
    chunk,
    completion,
    plain,
    stream,
    usage,
)
from tests.unit.api.load_rig import PATIENCE_S, Gate, until
from tests.unit.app.command import ROOT, all_gone

PLAN = BenchPlan(input_tokens=8, output_tokens=5, requests=6, warm_up_requests=1)


def answer_of(asked: Asked) -> Answer:
    if not asked.path.startswith("/v1"):
        return (plain(404, {"detail": "Not Found"}),)
    say = chat if "chat" in asked.path else completion
    tokens = asked.body["max_tokens"]
    return (stream(*(say("w") for _ in range(tokens)), say("", "length"), usage(8, tokens), DONE),)


def endpoint_of(server: SseServer, key: str | None = None) -> Endpoint:
    return Endpoint(base_url=server.base_url, model="small", api_key=key)


async def events_of(job: BenchJob) -> list[BenchEvent]:
    async with asyncio.timeout(PATIENCE_S), aclosing(job.events()) as events:
        return [event async for event in events]


def steps_in(events: list[BenchEvent]) -> list[BenchStep]:
    return [event.step for event in events if isinstance(event, BenchStepDone)]


async def test_each_concurrency_is_a_step_with_all_its_records() -> None:
    gate = Gate()
    async with SseServer(answer_of) as server:
        job = BenchJob(endpoint_of(server, "k3y"), replace(PLAN, concurrencies=(1, 3)), egress=gate)
        events = await events_of(job)
    steps = steps_in(events)
    assert [step.concurrency for step in steps] == [1, 3]
    records = [record for step in steps for record in step.records]
    assert len(records) == 12 and all(record.is_good and len(record.events_s) == 5 for record in records)
    assert all(step.records[0].sent_s == 0.0 and step.duration_s > 0 and step.cpu_s for step in steps)
    phases = [event.phase for event in events if isinstance(event, BenchProgress)]
    assert list(dict.fromkeys(phases)) == [BenchPhase.PREPARING, BenchPhase.WARM_UP, BenchPhase.MEASURING]
    last = [event for event in events if isinstance(event, BenchProgress)][-1]
    assert (last.step, last.steps, last.done, last.total, last.failed) == (2, 2, 6, 6, 0)
    assert sum(one.bytes_in for one in gate.contacts) > 0 and len(gate.contacts) == server.connections
    assert {asked.headers["authorization"] for asked in server.asked} == {"Bearer k3y"}


async def test_a_chat_with_an_image(tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(b"\x89PNG")
    plan = replace(PLAN, api=Api.CHAT, image_path=str(tmp_path / "cat.png"))
    async with SseServer(answer_of) as server:
        (step,) = steps_in(await events_of(BenchJob(endpoint_of(server), plan)))
    assert all(len(record.events_s) == 5 for record in step.records)
    content = server.asked[-1].body["messages"][0]["content"]
    assert content[1]["image_url"]["url"].startswith("data:image/png;base64,")


async def test_prompts_of_a_file_are_sent_in_turn(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("one\ntwo\nthree\n")
    plan = replace(PLAN, dataset=Dataset.FILE, dataset_path=str(tmp_path / "p.txt"), warm_up_requests=0)
    async with SseServer(answer_of) as server:
        events = await events_of(BenchJob(endpoint_of(server), plan))
    assert [asked.body["prompt"] for asked in server.asked] == ["one", "two", "three"] * 2
    assert BenchPrompts(count=3) in events


async def test_a_length_that_no_server_counted_is_called_an_estimate() -> None:
    async with SseServer(answer_of) as server:
        events = await events_of(BenchJob(endpoint_of(server), PLAN))
    (prompts,) = [event for event in events if isinstance(event, BenchPrompts)]
    assert prompts.tokens is None and "estimate" in prompts.note


async def test_cancelled_it_tells_what_is_done_and_ends() -> None:
    over, count = asyncio.Event(), itertools.count()

    async def hang(write: Write) -> None:
        await over.wait()

    def answer(asked: Asked) -> Answer:
        if not asked.path.startswith("/v1") or next(count) < 8:
            return answer_of(asked)
        return (HEAD + chunk(completion("a")), hang)

    plan = replace(PLAN, concurrencies=(2, 4), requests=100, warm_up_requests=0)
    async with SseServer(answer) as server:
        job = BenchJob(endpoint_of(server), plan)
        running = asyncio.ensure_future(events_of(job))
        await until(lambda: sum(asked.path == "/v1/completions" for asked in server.asked) == 10)
        job.cancel()
        events = await running
        over.set()
    (step,) = steps_in(events)
    assert (step.is_cancelled, len(step.records), step.concurrency) == (True, 8, 2)
    assert not any(isinstance(event, BenchFailed) for event in events)


@pytest.mark.parametrize("how", ["SIGTERM", "end of input"])
async def test_the_process_ends_with_what_is_done(how: str) -> None:
    over = asyncio.Event()

    async def hang(write: Write) -> None:
        await over.wait()

    def answer(asked: Asked) -> Answer:
        return answer_of(asked) if not asked.path.startswith("/v1") else (HEAD, hang)

    async with SseServer(answer) as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "arcdesk.app.bench_worker"), cwd=ROOT, stdin=PIPE, stdout=PIPE
        )
        assert process.stdin is not None
        process.stdin.write(bench_lines.job_line(endpoint_of(server), replace(PLAN, warm_up_requests=0)))
        await until(lambda: any(asked.path == "/v1/completions" for asked in server.asked))
        if how == "SIGTERM":
            process.send_signal(signal.SIGTERM)
        else:
            process.stdin.close()
        assert process.stdout is not None
        out = await asyncio.wait_for(process.stdout.read(), PATIENCE_S)
        process.stdin.close()
        over.set()
    assert await process.wait() == 0
    assert b'"step":{"concurrency":1,' in out and b'"is_cancelled":true' in out


async def test_breaking_off_leaves_no_process() -> None:
    over = asyncio.Event()

    async def hang(write: Write) -> None:
        await over.wait()

    def answer(asked: Asked) -> Answer:
        return answer_of(asked) if not asked.path.startswith("/v1") else (HEAD, hang)

    async with SseServer(answer) as server:
        job = BenchJob(endpoint_of(server), PLAN)
        async with asyncio.timeout(PATIENCE_S), aclosing(job.events()) as events:
            async for event in events:
                if isinstance(event, BenchProgress) and event.phase is BenchPhase.WARM_UP:
                    break
        over.set()
    assert not [child for child in psutil.Process().children() if "bench_worker" in " ".join(child.cmdline())]


async def test_the_process_ends_with_its_parent() -> None:
    script = (
        "import asyncio, sys\n"
        "from arcdesk.app.bench_job import BenchJob\n"
        "from arcdesk.core.bench import BenchPlan\n"
        "from arcdesk.core.ports import Endpoint\n"
        "async def main():\n"
        "    job = BenchJob(Endpoint(base_url=sys.argv[1], model='m'), BenchPlan(input_tokens=8))\n"
        "    async for event in job.events(): print(job._process.pid, flush=True)\n"
        "asyncio.run(main())\n"
    )
    over = asyncio.Event()

    async def hang(write: Write) -> None:
        await over.wait()

    async with SseServer(lambda asked: (HEAD, hang)) as server:
        parent = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", script, server.base_url), cwd=ROOT, stdin=DEVNULL, stdout=PIPE
        )
        assert parent.stdout is not None
        pid = int(await asyncio.wait_for(parent.stdout.readline(), PATIENCE_S))
        parent.kill()
        await parent.wait()
        assert await all_gone([pid])
        over.set()


async def test_the_key_is_in_no_argument() -> None:
    over, seen = asyncio.Event(), []

    async def look(write: Write) -> None:
        children = psutil.Process().children()
        seen.extend(" ".join(child.cmdline()) + str(child.environ()) for child in children)
        over.set()

    def answer(asked: Asked) -> Answer:
        return (look, *answer_of(asked))

    async with SseServer(answer) as server:
        await events_of(BenchJob(endpoint_of(server, "s3cr3t-k3y"), PLAN))
    assert any("bench_worker" in line for line in seen)
    assert not any("s3cr3t-k3y" in line for line in seen)


async def test_a_refusing_server_ends_it_with_its_words() -> None:
    async with SseServer(lambda asked: (plain(401, {"error": "Unauthorized"}),)) as server:
        events = await events_of(BenchJob(endpoint_of(server), replace(PLAN, concurrencies=(1, 2))))
    failure = events[-1]
    assert isinstance(failure, BenchFailed) and "HTTP 401: Unauthorized" in failure.problem.detail
    (step,) = steps_in(events)  # the second one would tell nothing new
    assert {record.error for record in step.records} == {"HTTP 401: Unauthorized"}


async def test_a_server_that_dies_half_way_leaves_the_good_records() -> None:
    count = itertools.count()

    def answer(asked: Asked) -> Answer:
        if asked.path.startswith("/v1") and next(count) >= 3:
            return (plain(500, b""),)
        return answer_of(asked)

    async with SseServer(answer) as server:
        (step,) = steps_in(await events_of(BenchJob(endpoint_of(server), replace(PLAN, warm_up_requests=0))))
    assert [record.is_good for record in step.records] == [True] * 3 + [False] * 3


async def test_a_host_that_nobody_named_starts_no_process() -> None:
    gate = Gate(hosts=())
    job = BenchJob(Endpoint(base_url="http://far.example/v1", model="m"), PLAN, egress=gate)
    with pytest.raises(AnswerError) as caught:
        await events_of(job)
    assert caught.value.problem.cause == "undeclared_host"
    assert [one.is_refused for one in gate.contacts] == [True]


async def test_a_bad_file_is_told_in_words(tmp_path: Path) -> None:
    plan = replace(PLAN, dataset=Dataset.SHAREGPT, dataset_path=str(tmp_path / "none.json"))
    async with SseServer(answer_of) as server:
        events = await events_of(BenchJob(endpoint_of(server), plan))
    assert isinstance(events[-1], BenchFailed) and events[-1].problem.cause == "bad_dataset"


async def test_a_process_that_dies_is_told_with_its_last_words() -> None:
    over = asyncio.Event()

    async def kill(write: Write) -> None:
        for child in psutil.Process().children():
            if "bench_worker" in " ".join(child.cmdline()):
                os.kill(child.pid, signal.SIGKILL)
        await over.wait()

    async with SseServer(lambda asked: (kill,)) as server:
        events = await events_of(BenchJob(endpoint_of(server), PLAN))
        over.set()
    assert isinstance(events[-1], BenchFailed)
    assert events[-1].problem.cause == "bench_ended" and "-9" in events[-1].problem.detail


async def test_what_is_no_job_is_refused() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "arcdesk.app.bench_worker"), cwd=ROOT, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    out, words = await asyncio.wait_for(process.communicate(b"{}\n"), PATIENCE_S)
    assert (process.returncode, out) == (2, b"") and b"no job" in words


def test_lines_bring_back_what_was_written() -> None:
    import json

    endpoint = Endpoint(base_url="http://a/v1", model="m", api_key="k", engine="remote", device="B580")
    plan = replace(PLAN, concurrencies=(1, 2), api=Api.CHAT, dataset=Dataset.SHAREGPT, rate_per_s=2.5)
    assert bench_lines.read_job(bench_lines.job_line(endpoint, plan)) == (endpoint, plan)
    record = RequestRecord(sent_s=0.1, events_s=(1 / 3, 2.0), ended_s=3.0, silent_s=(0.2,), error="\ud800 ü")
    step = BenchStep(concurrency=1, records=(record,), duration_s=3.0)
    told, closing = (json.loads(line) for line in bench_lines.step_lines(step))
    assert bench_lines.read_record(told["record"]) == replace(record, error="? ü")
    assert closing["step"]["duration_s"] == 3.0
    problem = Problem(cause="c", title="t", hint="h")
    told = json.loads(bench_lines.failure_line(problem))
    assert bench_lines.read_failure(told["failed"]) == BenchFailed(problem=problem)


async def test_one_killed_in_the_middle_of_a_line_keeps_the_steps_told_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = RequestRecord(sent_s=0.0, events_s=(0.1,), ended_s=0.2)
    step = BenchStep(concurrency=1, records=(record,), duration_s=0.2)
    whole = b"".join(bench_lines.step_lines(step))
    (tmp_path / "told").write_bytes(whole + whole[:40])
    killed = tmp_path / "killed"  # stands in for the interpreter: reality cuts a line where it likes
    killed.write_text(f'#!/bin/sh\nread job\ncat "{tmp_path / "told"}"\nkill -9 $$\n')
    killed.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(killed))
    events = await events_of(BenchJob(Endpoint(base_url="http://127.0.0.1:9/v1", model="m"), PLAN))
    assert steps_in(events) == [step]
    assert isinstance(events[-1], BenchFailed) and "-9" in events[-1].problem.detail


async def test_one_that_can_not_be_started_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    (event,) = await events_of(BenchJob(Endpoint(base_url="http://127.0.0.1:9/v1", model="m"), PLAN))
    assert isinstance(event, BenchFailed) and event.problem.cause == "bench_not_started"


async def test_one_that_hangs_does_not_hold_up_a_cancel() -> None:
    over = asyncio.Event()
    stopped: list[psutil.Process] = []

    async def hang(write: Write) -> None:
        for child in psutil.Process().children():
            if "bench_worker" in " ".join(child.cmdline()):
                child.suspend()
                stopped.append(child)
        job.cancel()
        await over.wait()

    async with SseServer(lambda asked: (HEAD, hang)) as server:
        job = BenchJob(endpoint_of(server), PLAN, patience_s=0.2)
        events = await events_of(job)
        over.set()
    assert stopped and await all_gone([child.pid for child in stopped])
    assert not any(isinstance(event, BenchFailed | BenchStepDone) for event in events)


async def test_a_server_that_repeats_the_key_does_not_bring_it_into_a_record() -> None:
    count = itertools.count()

    def answer(asked: Asked) -> Answer:
        if asked.path.startswith("/v1") and next(count) % 2:
            return (plain(401, {"error": {"message": "No entry with s3cr3t-k3y."}}),)
        return answer_of(asked)

    async with SseServer(answer) as server:
        (step,) = steps_in(await events_of(BenchJob(endpoint_of(server, "s3cr3t-k3y"), PLAN)))
    assert {record.error for record in step.records} == {"", "HTTP 401: No entry with …."}
