"""The load generator on a real vLLM: prompts of the exact length, none of them known to its prefix cache."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace

import httpx
import pytest

from arcdesk.app.bench_job import BenchJob
from arcdesk.core.bench import Api, BenchPlan, BenchStep
from arcdesk.core.bench_progress import BenchFailed, BenchStepDone
from arcdesk.core.bench_stats import step_stats
from arcdesk.core.ports import Endpoint
from tests.rig.containers import MODEL_PATH, docker_client, started, wait_until_ready
from tests.rig.docker_engine import DockerEngine

pytestmark = pytest.mark.vllm

READY_TIMEOUT_S = 240
PATIENCE_S = 300
ENV = {"MODEL_PATH": MODEL_PATH, "SERVED_MODEL_NAME": "smol", "MAX_MODEL_LEN": "2048", "MAX_NUM_SEQS": "8"}
INPUT = 160  # on a processor vLLM keeps whole blocks of 128 tokens
PLAN = BenchPlan(concurrencies=(2,), input_tokens=INPUT, output_tokens=8, requests=2, warm_up_requests=1)


@pytest.fixture(scope="module")
def url(docker_engine: DockerEngine, vllm_image: str) -> Iterator[str]:
    """One server for all of them."""
    with docker_client(docker_engine) as client, started(client, vllm_image, ENV, shm_size="1g") as container:
        yield wait_until_ready(container, timeout_s=READY_TIMEOUT_S)


def run(url: str, plan: BenchPlan) -> BenchStep:
    async def step() -> BenchStep:
        async with (
            asyncio.timeout(PATIENCE_S),
            aclosing(BenchJob(Endpoint(base_url=f"{url}/v1", model="smol"), plan).events()) as events,
        ):
            async for event in events:
                assert not isinstance(event, BenchFailed), event.problem
                if isinstance(event, BenchStepDone):
                    return event.step
        raise AssertionError("no step was told")

    return asyncio.run(step())


def cache_hits(url: str) -> float:
    """Tokens that vLLM found in its prefix cache so far."""
    text = httpx.get(f"{url}/metrics", timeout=60).text
    return sum(map(float, re.findall(r"^vllm:prefix_cache_hits_total\{[^}]*\} (\S+)$", text, re.MULTILINE)))


def test_each_prompt_has_the_exact_length_and_is_new_to_the_server(url: str) -> None:
    before = cache_hits(url)
    step = run(url, PLAN)
    assert [record.error for record in step.records] == [""] * 2
    assert {record.prompt_tokens for record in step.records} == {INPUT}
    assert {record.completion_tokens for record in step.records} == {8}
    for record in step.records:
        assert len(record.events_s) + len(record.silent_s) <= 8 + 1
        assert record.sent_s < record.events_s[0] <= record.events_s[-1] <= (record.ended_s or 0.0)
    run(url, PLAN)  # another run sends other numbers
    assert cache_hits(url) == before
    stats = step_stats(step)
    assert stats.output_tokens.value == 16 and stats.tpot_ms.n == 2


def test_the_same_prompt_is_answered_from_the_cache_which_is_why_it_is_not_the_default(url: str) -> None:
    before = cache_hits(url)
    run(url, replace(PLAN, is_same_prompt=True))
    assert cache_hits(url) > before


def test_a_chat_is_measured_too(url: str) -> None:
    step = run(url, replace(PLAN, api=Api.CHAT))
    assert {(record.error, record.completion_tokens) for record in step.records} == {("", 8)}
    assert all(record.events_s for record in step.records)
