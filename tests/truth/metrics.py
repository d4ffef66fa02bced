"""What vLLM itself has of a run: the growth of its histograms, as means.

Single runs on a machine of two cores differ by a quarter, whoever asks. What the server recorded of the very
run that a client measured does not: both clients are held against that.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.request import urlopen

from tests.truth.figures import Figures

HISTOGRAMS = {
    "ttft_mean": "vllm:time_to_first_token_seconds",
    "tpot_mean": "vllm:request_time_per_output_token_seconds",
    "itl_mean": "vllm:inter_token_latency_seconds",
}
NAMES = (*HISTOGRAMS, "tokens_per_s", "requests_per_s")
WHOLE = "vllm:e2e_request_latency_seconds"
GENERATED = "vllm:generation_tokens_total"


def read(base_url: str) -> dict[str, float]:
    """Every sample of /metrics without its labels; there is one engine."""
    with urlopen(f"{base_url.removesuffix('/v1')}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    samples: dict[str, float] = {}
    for line in lines:
        if line and not line.startswith("#") and "_bucket" not in line:
            name, _, value = line.rpartition(" ")
            samples[name.partition("{")[0]] = float(value)
    return samples


def between(before: Mapping[str, float], after: Mapping[str, float], at_once: int) -> Figures:
    """The run between two readings. Rates are those of a client that keeps the server busy without a gap.

    By Little's law: `at_once` requests under way at any time, each for as long as the server had it.
    """

    def grown(name: str) -> float:
        return after[name] - before.get(name, 0.0)

    values = {
        name: grown(f"{series}_sum") / grown(f"{series}_count") * 1000 for name, series in HISTOGRAMS.items()
    }
    n, tokens = round(grown(f"{WHOLE}_count")), round(grown(GENERATED))
    busy_s = grown(f"{WHOLE}_sum") / at_once
    values |= {"tokens_per_s": tokens / busy_s, "requests_per_s": n / busy_s}
    return Figures(n, tokens, values)
