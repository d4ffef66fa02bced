"""Which prompts a benchmark sends: each under a number of its own, or the same each time."""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing
from dataclasses import replace

import pytest

from arcdesk.api.load_body import bench_body, numbered
from arcdesk.app.bench_job import BenchJob
from arcdesk.core.bench import Api, BenchPlan
from arcdesk.core.bench_prompts import CHARS_PER_TOKEN, text_of_tokens
from arcdesk.core.ports import Endpoint
from tests.rig.fast_sse import DONE, Answer, Asked, SseServer, chat, completion, plain, stream, usage
from tests.unit.api.load_rig import PATIENCE_S

PLAN = BenchPlan(concurrencies=(1, 2), input_tokens=40, output_tokens=1, requests=4, warm_up_requests=2)
ASKED = 2 * (4 + 2)


def answer_of(asked: Asked) -> Answer:
    """Counts no tokens, so that the text's length is an estimate."""
    if not asked.path.startswith("/v1"):
        return (plain(404, {"detail": "Not Found"}),)
    say = chat if "chat" in asked.path else completion
    return (stream(say("w", "length"), usage(8, 1), DONE),)


def by_the_letter(asked: Asked) -> Answer:
    """Counts each letter as a token."""
    if asked.path == "/tokenize":
        return (plain(200, {"tokens": list(map(ord, asked.body["prompt"]))}),)
    if asked.path == "/detokenize":
        return (plain(200, {"prompt": "".join(map(chr, asked.body["tokens"]))}),)
    return answer_of(asked)


async def prompts_of(plan: BenchPlan, answer: object = answer_of) -> list[str]:
    async with SseServer(answer) as server:  # type: ignore[arg-type]
        job = BenchJob(Endpoint(base_url=server.base_url, model="small"), plan)
        async with asyncio.timeout(PATIENCE_S), aclosing(job.events()) as events:
            async for _ in events:
                pass
        bodies = [asked.body for asked in server.asked if "completions" in asked.path]
    return [body["prompt"] if "prompt" in body else body["messages"][0]["content"] for body in bodies]


@pytest.mark.parametrize("api", list(Api))
async def test_no_two_requests_begin_alike_in_any_step_or_run(api: Api) -> None:
    plan = replace(PLAN, api=api)
    prompts = await prompts_of(plan) + await prompts_of(plan)
    numbers = [re.match(r"Copy (\d{9})\.\n\nThe keeper", prompt) for prompt in prompts]
    assert len(prompts) == 2 * ASKED and all(numbers)
    assert len({prompt[:14] for prompt in prompts}) == 2 * ASKED
    assert len({prompt[14:] for prompt in prompts}) == 1


async def test_the_same_prompt_each_time_where_it_is_wanted() -> None:
    (prompt,) = set(prompts := await prompts_of(replace(PLAN, is_same_prompt=True)))
    assert len(prompts) == ASKED and prompt.startswith("The keeper")


async def test_a_number_does_not_make_the_prompt_longer() -> None:
    prompts = await prompts_of(PLAN, by_the_letter)
    assert {len(prompt) for prompt in prompts} == {PLAN.input_tokens}
    assert len(set(prompts)) == ASKED
    by_rule = text_of_tokens(200, is_numbered=True)
    assert len(by_rule) == pytest.approx(200 * CHARS_PER_TOKEN, rel=0.1)


async def test_a_text_too_short_for_a_number_has_none() -> None:
    assert set(await prompts_of(replace(PLAN, input_tokens=4))) == {text_of_tokens(4)}
    assert set(await prompts_of(replace(PLAN, input_tokens=4), by_the_letter)) == {"Copy"}


def test_only_the_number_is_counted_and_it_keeps_its_width() -> None:
    body = bench_body("m", PLAN, "Copy 000000000.\n\nHe wrote 000000000.")
    bodies = numbered(body, 10**9 - 1)
    first, second = next(bodies), next(bodies)
    assert first == body.replace(b"000000000", b"999999999", 1)
    assert second == body
    assert next(numbered(b"no number", 3)) == b"no number"
