"""The steps of a benchmark: in simulated time for what depends on time, on a real socket for the rest."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace

import pytest

from arcdesk.api.load_body import bench_body, numbered
from arcdesk.api.load_client import LoadClient
from arcdesk.api.load_part import Part
from arcdesk.api.load_run import LoadRun
from arcdesk.api.load_tally import AnswerTally
from arcdesk.core.bench import Api, BenchPlan, BenchStep, RequestRecord
from arcdesk.core.bench_progress import BenchPhase, BenchProgress
from arcdesk.core.bench_prompts import NUMBERED_HEAD
from arcdesk.core.errors import AnswerError
from arcdesk.core.ports import Endpoint
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
    stream,
    usage,
)
from tests.unit.api.load_rig import PATIENCE_S, Gate, until

PLAN = BenchPlan(input_tokens=4, output_tokens=8, warm_up_requests=0)


class SimulatedTime:
    """Seconds that pass only while everybody sleeps."""

    def __init__(self) -> None:
        self.now_s = 50.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now_s + seconds, next(self._numbers), future))
        await future

    async def run(self, work: asyncio.Task[BenchStep]) -> BenchStep:
        """Let `work` come to its end."""
        async with asyncio.timeout(PATIENCE_S):
            while not work.done():
                for _ in range(12):  # whatever can go on without time goes on
                    await asyncio.sleep(0)
                if self._sleepers and not work.done():
                    self.now_s, _, future = heapq.heappop(self._sleepers)
                    if not future.done():
                        future.set_result(None)
        return work.result()


class SimulatedServer:
    """Answers as an Asker does, in simulated time: each request takes `answer_s`, or the next of `times`."""

    def __init__(self, time: SimulatedTime, answer_s: float = 1.0, errors: Sequence[str] = ()) -> None:
        self._time = time
        self._answer_s = answer_s
        self._errors = list(errors)
        self.answering: set[AnswerTally] = set()
        self.bodies: list[bytes] = []
        self.most_at_once = 0

    async def ask(self, api: Api, body: bytes, answer_tokens: int | None = None) -> RequestRecord:
        tally = AnswerTally(api, answer_tokens)
        self.answering.add(tally)
        self.bodies.append(body)
        self.most_at_once = max(self.most_at_once, len(self.answering))
        sent_s = self._time()
        await self._time.sleep(self._answer_s)
        self.answering.discard(tally)
        error = self._errors.pop(0) if self._errors else ""
        events = () if error else (self._time(),)
        return RequestRecord(
            sent_s=sent_s, connected_s=sent_s, events_s=events, ended_s=self._time(), error=error
        )


async def simulate(
    plan: BenchPlan,
    concurrency: int = 1,
    answer_s: float = 1.0,
    errors: Sequence[str] = (),
    bodies: Sequence[bytes] = (b"",),
) -> tuple[BenchStep, SimulatedServer]:
    time = SimulatedTime()
    server = SimulatedServer(time, answer_s, errors)
    run = LoadRun(server, plan, bodies, clock=time, sleep=time.sleep)
    return await time.run(asyncio.ensure_future(run.step(concurrency))), server


async def test_a_closed_loop_sends_the_next_request_when_one_ends() -> None:
    step, server = await simulate(replace(PLAN, requests=10), concurrency=4)
    assert [record.sent_s for record in step.records] == [0.0] * 4 + [1.0] * 4 + [2.0] * 2
    assert [record.events_s for record in step.records] == [(record.sent_s + 1.0,) for record in step.records]
    assert (step.duration_s, step.concurrency, server.most_at_once) == (3.0, 4, 4)


async def test_without_figures_the_script_s_are_taken() -> None:
    step, server = await simulate(BenchPlan(output_tokens=8), concurrency=3)
    assert (len(step.records), len(server.bodies)) == (12, 12 + 6)


async def test_the_warm_up_is_in_no_figure() -> None:
    step, server = await simulate(replace(PLAN, requests=2, warm_up_requests=5), errors=["cold"] * 5)
    assert (len(server.bodies), len(step.records), step.duration_s) == (7, 2, 2.0)
    assert all(record.is_good for record in step.records)


async def test_a_duration_begins_no_request_after_it_and_ends_those_begun() -> None:
    step, _ = await simulate(replace(PLAN, duration_s=2.5), concurrency=2)
    assert [record.sent_s for record in step.records] == [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]
    assert step.duration_s == 3.0


async def test_of_duration_and_number_the_first_one_ends_the_step() -> None:
    step, _ = await simulate(replace(PLAN, duration_s=60.0, requests=3))
    assert len(step.records) == 3
    step, _ = await simulate(replace(PLAN, duration_s=1.5, requests=99))
    assert len(step.records) == 2


async def test_a_dead_server_is_not_hammered_for_the_whole_duration() -> None:
    step, _ = await simulate(replace(PLAN, duration_s=10.0), answer_s=0.0, errors=["dead"] * 10_000)
    assert 50 <= len(step.records) <= 110


async def test_prompts_are_sent_in_turn() -> None:
    _, server = await simulate(replace(PLAN, requests=5), bodies=(b"1", b"2", b"3"))
    assert server.bodies == [b"1", b"2", b"3", b"1", b"2"]


async def test_a_rate_is_a_poisson_process_that_its_seed_repeats() -> None:
    plan = replace(PLAN, requests=800, rate_per_s=20.0, seed=3)
    step, server = await simulate(plan, concurrency=1000)
    again, _ = await simulate(plan, concurrency=1000)
    other, _ = await simulate(replace(plan, seed=4), concurrency=1000)
    sent = [record.sent_s for record in step.records]
    gaps = [later - earlier for earlier, later in itertools.pairwise(sent)]
    mean = sum(gaps) / len(gaps)
    spread = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert mean == pytest.approx(1 / 20, rel=0.1)  # seeded: the same figure each time
    assert spread == pytest.approx(mean, rel=0.1)  # of an exponential distribution
    assert server.most_at_once > 10
    assert sent == [record.sent_s for record in again.records] != [record.sent_s for record in other.records]


async def test_a_request_that_waits_for_its_turn_counts_from_when_it_was_due() -> None:
    plan = replace(PLAN, requests=50, rate_per_s=1000.0)
    step, server = await simulate(plan, concurrency=1)
    assert server.most_at_once == 1
    assert step.records[-1].sent_s < 1.0
    latest = max(record.ended_s or 0.0 for record in step.records)
    assert latest == pytest.approx(50.0) and step.duration_s == pytest.approx(50.0)


async def test_after_the_last_request_of_a_rate_nothing_is_waited_for() -> None:
    plan = replace(PLAN, requests=2, rate_per_s=0.01)
    time = SimulatedTime()
    run = LoadRun(SimulatedServer(time), plan, (b"",), clock=time, sleep=time.sleep)
    began_s = time()
    step = await time.run(asyncio.ensure_future(run.step(4)))
    assert time() - began_s == pytest.approx(step.duration_s)  # not one more pause of some 100 s


async def test_what_has_fallen_due_is_counted_in_the_time_left() -> None:
    """One slot, far too many requests: those that wait are sent after the duration too."""
    plan = replace(PLAN, duration_s=2.0, rate_per_s=10.0)
    time, told = SimulatedTime(), list[BenchProgress]()
    run = LoadRun(SimulatedServer(time), plan, (b"",), tell=told.append, clock=time, sleep=time.sleep)
    step = await time.run(asyncio.ensure_future(run.step(1)))
    assert step.duration_s > len(step.records) - 1 > 5
    part = Part(phase=BenchPhase.MEASURING, concurrency=1, number=1, total=None, duration_s=2.0)
    part.begun, part.started_s = 20, time() - 4.0  # as it is after four of twenty answers
    part.records = list(step.records[:4])
    assert run._progress(part).seconds_left == pytest.approx(16.0)
    assert told[-1].seconds_left == 0.0


# --- on a real socket -------------------------------------------------------------------------------------


def answer_of(asked: Asked) -> Answer:
    tokens = asked.body["max_tokens"]
    words = (completion(f"{number} ") for number in range(tokens))
    return (stream(*words, completion("", "length"), usage(4, tokens), DONE),)


def bodies_of(plan: BenchPlan) -> list[bytes]:
    return [bench_body("small", plan, "one two three four")]


async def test_256_streams_lose_no_event() -> None:
    plan = replace(PLAN, requests=512, output_tokens=24)
    async with SseServer(answer_of) as server:
        endpoint = Endpoint(base_url=server.base_url, model="small")
        async with aclosing(LoadClient(endpoint, egress=(gate := Gate()))) as client:
            step = await asyncio.wait_for(LoadRun(client, plan, bodies_of(plan)).step(256), PATIENCE_S)
    assert [len(record.events_s) for record in step.records] == [24] * 512
    assert {record.completion_tokens for record in step.records} == {24}
    assert all(record.is_good for record in step.records)
    assert len(gate.contacts) == server.connections <= 256
    assert step.cpu_s is not None and step.cpu_s > 0


async def test_cancelled_it_keeps_what_is_done() -> None:
    over, told = asyncio.Event(), []

    async def hang(write: Write) -> None:
        await over.wait()

    count = itertools.count()
    plan = replace(PLAN, requests=100)

    def answer(asked: Asked) -> Answer:
        return answer_of(asked) if next(count) < 10 else (HEAD + chunk(completion("a")), hang)

    async with SseServer(answer) as server:
        endpoint = Endpoint(base_url=server.base_url, model="small")
        async with aclosing(LoadClient(endpoint)) as client:
            run = LoadRun(client, plan, bodies_of(plan), tell=told.append)
            step = asyncio.ensure_future(run.step(4))
            await until(
                lambda: len(server.asked) == 14 and all(len(one.events_s) == 1 for one in client.answering)
            )
            run.cancel()
            done = await asyncio.wait_for(step, PATIENCE_S)
            after = await asyncio.wait_for(run.step(8), PATIENCE_S)
        over.set()
    assert done.is_cancelled and len(done.records) == 10 and all(record.is_good for record in done.records)
    assert after.is_cancelled and after.records == ()
    last: BenchProgress = [progress for progress in told if progress.concurrency == 4][-1]
    assert (last.phase, last.done, last.total, last.failed) == (BenchPhase.MEASURING, 10, 100, 0)


async def test_cancelled_in_the_warm_up_it_has_nothing() -> None:
    over = asyncio.Event()

    async def hang(write: Write) -> None:
        await over.wait()

    plan = replace(PLAN, requests=3, warm_up_requests=2)
    async with SseServer(lambda asked: (HEAD + END[:0], hang)) as server:
        endpoint = Endpoint(base_url=server.base_url, model="small")
        async with aclosing(LoadClient(endpoint)) as client:
            run = LoadRun(client, plan, bodies_of(plan))
            step = asyncio.ensure_future(run.step(1))
            await until(lambda: len(client.answering) == 1)
            run.cancel()
            done = await asyncio.wait_for(step, PATIENCE_S)
        over.set()
    assert done.is_cancelled and (done.records, done.duration_s) == ((), 0.0)


async def test_failures_are_records_of_their_own() -> None:
    count = itertools.count()

    def answer(asked: Asked) -> Answer:
        return answer_of(asked) if next(count) % 2 else (plain(503, {"error": {"message": "busy"}}),)

    plan = replace(PLAN, requests=10)
    async with (
        SseServer(answer) as server,
        aclosing(LoadClient(Endpoint(base_url=server.base_url, model="small"))) as client,
    ):
        step = await asyncio.wait_for(LoadRun(client, plan, bodies_of(plan)).step(2), PATIENCE_S)
    bad = [record for record in step.records if not record.is_good]
    assert {record.error for record in bad} == {"HTTP 503: busy"}
    assert len(bad) == 5 and not any(record.events_s for record in bad)


async def test_a_refused_host_ends_the_step() -> None:
    plan = replace(PLAN, requests=10)
    client = LoadClient(Endpoint(base_url="http://far.example/v1", model="small"), egress=Gate())
    async with aclosing(client):
        with pytest.raises(AnswerError) as caught:
            await asyncio.wait_for(LoadRun(client, plan, bodies_of(plan)).step(4), PATIENCE_S)
    assert caught.value.problem.cause == "undeclared_host"


async def test_the_time_left_counts_answers_under_way() -> None:
    time = SimulatedTime()
    server = SimulatedServer(time)
    told: list[BenchProgress] = []
    run = LoadRun(server, replace(PLAN, requests=4), (b"",), tell=told.append, clock=time, sleep=time.sleep)
    step = asyncio.ensure_future(run.step(1))
    await until(lambda: bool(server.answering))
    (tally,) = server.answering
    for _ in range(4):  # half of the first answer's tokens, after half a second
        tally.events_s.append(0.0)
    time.now_s += 0.5
    await until(lambda: told[-1].seconds_left is not None)
    assert told[-1].seconds_left == pytest.approx(3.5)
    await time.run(step)
    assert (told[-1].done, told[-1].seconds_left) == (4, 0.0)


def test_the_body_says_what_the_plan_says() -> None:
    import json

    body = json.loads(bench_body("m", PLAN, "Hi"))
    assert (body["prompt"], body["max_tokens"], body["ignore_eos"], body["temperature"]) == (
        "Hi",
        8,
        True,
        0.0,
    )
    assert body["stream"] is True and body["stream_options"] == {"include_usage": True}
    chat = json.loads(bench_body("m", replace(PLAN, api=Api.CHAT, is_ignoring_eos=False), "Hi", "data:x"))
    assert "ignore_eos" not in chat and "prompt" not in chat
    assert [part["type"] for part in chat["messages"][0]["content"]] == ["text", "image_url"]


def test_the_number_in_a_models_name_is_left_alone() -> None:
    import json

    body = bench_body("step000000000-hf", PLAN, f"{NUMBERED_HEAD}Text")
    first, second = itertools.islice(numbered(body, 7), 2)
    assert [json.loads(each)["model"] for each in (first, second)] == ["step000000000-hf"] * 2
    prompts = [json.loads(each)["prompt"] for each in (first, second)]
    assert prompts == ["Copy 000000007.\n\nText", "Copy 000000008.\n\nText"]
