"""Runs as the load generator would leave them, with known figures."""

from __future__ import annotations

import random

from arcdesk.core.bench import BenchPlan, BenchRun, BenchStep, RequestRecord, Surroundings

ABOUT = Surroundings(
    model="TinyLlama",
    engine="container",
    base_url="http://127.0.0.1:8000/v1",
    image="ipex-llm:latest",
    image_digest="sha256:" + "ab" * 32,
    settings=(("load_in_low_bit", "sym_int4"), ("max_model_len", "2048")),
    driver="xe 1.6",
    kernel="6.16.3",
    cards=("Arc B580", "Arc A770"),
    host_load=0.2,
    arcdesk="0.1.0",
)


def record(
    sent_s: float = 0.0, *, ttft_s: float = 0.1, token_s: float = 0.01, tokens: int = 32, error: str = ""
) -> RequestRecord:
    """One request with even gaps; an error leaves it without an end."""
    events = tuple(sent_s + ttft_s + token_s * number for number in range(tokens))
    return RequestRecord(
        sent_s=sent_s,
        connected_s=sent_s + 0.001,
        events_s=events,
        ended_s=None if error else events[-1] if events else sent_s + ttft_s,
        prompt_tokens=128,
        completion_tokens=tokens,
        error=error,
    )


def step(
    *, concurrency: int = 1, requests: int = 40, rate: float = 100.0, spread: float = 0.0, seed: int = 0
) -> BenchStep:
    """Requests whose decode rate is about `rate` tokens/s; `spread` is the relative standard deviation."""
    rng = random.Random(seed)
    records = tuple(
        record(number * 0.5, ttft_s=0.1 / rng.gauss(1, spread), token_s=1 / (rate * rng.gauss(1, spread)))
        for number in range(requests)
    )
    return BenchStep(concurrency=concurrency, records=records, duration_s=requests * 0.5, cpu_s=0.25)


def run(
    *steps: BenchStep, at: float = 1_000.0, about: Surroundings = ABOUT, plan: BenchPlan | None = None
) -> BenchRun:
    """A whole run; without steps one small step."""
    return BenchRun(
        at=at, plan=plan or BenchPlan(), surroundings=about, steps=steps or (step(requests=3),), note=""
    )
