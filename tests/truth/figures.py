"""The figures that load generators are compared by, each from its own source, and the truth by numpy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from arcdesk.core.bench import BenchStep
from arcdesk.core.bench_stats import step_stats

LATENCIES = ("ttft", "tpot", "itl")
KINDS = ("mean", "median", "p99")
RATES = ("tokens_per_s", "requests_per_s")
CPU = "cpu_s_per_1000"
NAMES = tuple(f"{latency}_{kind}" for latency in LATENCIES for kind in KINDS) + RATES
LABELS = {
    **{f"{latency}_{kind}": f"{latency.upper()} {kind}, ms" for latency in LATENCIES for kind in KINDS},
    "tokens_per_s": "output tokens/s",
    "requests_per_s": "requests/s",
    CPU: "CPU of the client, s per 1,000 tokens",
}


@dataclass(frozen=True)
class Figures:
    """What one client told of one run. `values` by NAMES, and CPU where it is known."""

    n: int  # requests that were answered
    tokens: int
    values: dict[str, float]
    prompt_tokens: int = 0


def of_arcdesk(step: BenchStep) -> Figures:
    """What ArcDesk itself shows for a step. Its failed requests end the comparison."""
    stats = step_stats(step)
    if stats.failed or stats.unfinished or stats.output_tokens.value is None:
        raise SystemExit(f"ArcDesk: {stats.failed} of {stats.requests} requests failed: {stats.errors}")
    values: dict[str, float] = {}
    for latency, spread in zip(LATENCIES, (stats.ttft_ms, stats.tpot_ms, stats.itl_ms), strict=True):
        for kind, value in zip(KINDS, (spread.mean, spread.p50, spread.p99), strict=True):
            assert value is not None, (latency, spread.reason)
            values[f"{latency}_{kind}"] = value
    rates = (stats.output_tokens_per_s.value, stats.requests_per_s.value)
    for name, rate in zip(RATES, rates, strict=True):
        assert rate is not None
        values[name] = rate
    assert step.cpu_s is not None
    tokens = int(stats.output_tokens.value)
    values[CPU] = step.cpu_s / tokens * 1000
    return Figures(stats.good, tokens, values, int(stats.prompt_tokens.value or 0))


def of_vllm(result: Path, cpu: Path) -> Figures:
    """What `vllm bench serve --save-result` wrote."""
    told: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    if told.get("failed"):
        raise SystemExit(f"vllm bench serve: {told['failed']} requests failed")
    values = {
        f"{latency}_{kind}": float(told[f"{kind}_{latency}_ms"]) for latency in LATENCIES for kind in KINDS
    }
    values["tokens_per_s"] = float(told["output_throughput"])
    values["requests_per_s"] = float(told["request_throughput"])
    tokens = int(told["total_output_tokens"])
    values[CPU] = json.loads(cpu.read_text(encoding="utf-8"))["cpu_s"] / tokens * 1000
    return Figures(int(told["completed"]), tokens, values, int(told["total_input_tokens"]))


def of_guidellm(report: Path, last: int) -> Figures:
    """From the last requests of guidellm's report, by its own times of each. It keeps no gap of its own.

    What it names inter-token latency is the mean of an answer: TPOT elsewhere. Its processor time is not
    known apart from that of its start.
    """
    told: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    requests = told["benchmarks"][0]["requests"]
    if requests["errored"] or requests["incomplete"]:
        raise SystemExit(f"guidellm: {len(requests['errored'])} requests failed")
    asked = sorted(requests["successful"], key=lambda request: float(request["request_start_time"]))[-last:]
    values: dict[str, float] = {}
    for latency, key in (("ttft", "time_to_first_token_ms"), ("tpot", "inter_token_latency_ms")):
        ms = np.array([request[key] for request in asked])
        of_kind = {"mean": np.mean(ms), "median": np.median(ms), "p99": np.percentile(ms, 99)}
        values |= {f"{latency}_{kind}": float(value) for kind, value in of_kind.items()}
    duration_s = max(one["request_end_time"] for one in asked) - asked[0]["request_start_time"]
    tokens = sum(request["output_tokens"] for request in asked)
    values |= {"tokens_per_s": tokens / duration_s, "requests_per_s": len(asked) / duration_s}
    return Figures(len(asked), tokens, values)


def of_notes(notes: Sequence[dict[str, Any]]) -> Figures:
    """The truth: what the server noted, computed plainly."""
    sent = [np.array(note["sent_s"]) for note in notes]
    read = np.array([note["read_s"] for note in notes])
    ended = np.array([note["ended_s"] for note in notes])
    several = [times for times in sent if len(times) > 1]
    arrays = {
        "ttft": np.array([times[0] for times in sent]) - read,
        "tpot": np.array([(times[-1] - times[0]) / (len(times) - 1) for times in several]),
        "itl": np.concatenate([np.diff(times) for times in several]),
    }
    values: dict[str, float] = {}
    for latency, seconds in arrays.items():
        ms = seconds * 1000
        of_kind = {"mean": np.mean(ms), "median": np.median(ms), "p99": np.percentile(ms, 99)}
        values |= {f"{latency}_{kind}": float(value) for kind, value in of_kind.items()}
    tokens, duration_s = sum(map(len, sent)), float(ended.max() - read.min())
    values |= {"tokens_per_s": tokens / duration_s, "requests_per_s": len(notes) / duration_s}
    return Figures(len(notes), tokens, values)


def middle(runs: Sequence[Figures]) -> Figures:
    """The median of each figure over the runs; n and tokens of all together."""
    names = runs[0].values
    values = {name: median(run.values[name] for run in runs) for name in names}
    n, tokens, prompt_tokens = (
        sum(getattr(run, name) for run in runs) for name in ("n", "tokens", "prompt_tokens")
    )
    return Figures(n, tokens, values, prompt_tokens)


def off(ours: float, theirs: float) -> float:
    """The difference as a part of theirs."""
    return (ours - theirs) / theirs
