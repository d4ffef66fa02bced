"""Which name a figure has in each generation of servers, and which of several names counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from arcdesk.core.metrics_values import Histogram, MetricsSample, merged


class Fact(Enum):
    """What a server may tell about itself."""

    RUNNING = "running"
    WAITING = "waiting"
    SWAPPED = "swapped"  # begun, then moved to the computer's memory (V0 only)
    KV_USE = "kv_use"  # 0..1, of the fullest engine
    PREFIX_QUERIES = "prefix_queries"  # tokens looked up in the prefix cache
    PREFIX_HITS = "prefix_hits"  # tokens found there
    PREFIX_HIT_RATE = "prefix_hit_rate"  # 0..1, since the server's start (V0 only)
    PROMPT_TOKENS = "prompt_tokens"
    GENERATED_TOKENS = "generated_tokens"
    PREEMPTIONS = "preemptions"
    FINISHED = "finished"
    PROMPT_SECONDS = "prompt_seconds"  # time spent in prompts, a counter (llama.cpp)
    GENERATION_SECONDS = "generation_seconds"  # and in answers
    TTFT = "ttft"
    ITL = "itl"
    E2E = "e2e"
    QUEUE = "queue"
    PREFILL = "prefill"
    DECODE = "decode"
    ANSWER_TOKENS = "answer_tokens"  # how long answers were


class Kind(Enum):
    """How a fact's series are read and put together."""

    SUM = "sum"  # a gauge; several engines are added
    HIGHEST = "highest"  # a gauge; the highest of several engines
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Rule:
    """How a fact is found: the first of these names that the server has."""

    kind: Kind
    names: tuple[str, ...]


RULES: dict[Fact, Rule] = {
    Fact.RUNNING: Rule(Kind.SUM, ("vllm:num_requests_running", "llamacpp:requests_processing")),
    Fact.WAITING: Rule(Kind.SUM, ("vllm:num_requests_waiting", "llamacpp:requests_deferred")),
    Fact.SWAPPED: Rule(Kind.SUM, ("vllm:num_requests_swapped",)),
    # 0.9-0.11 has both names of vLLM; llama.cpp dropped its own in 2025
    Fact.KV_USE: Rule(
        Kind.HIGHEST,
        ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc", "llamacpp:kv_cache_usage_ratio"),
    ),
    Fact.PREFIX_QUERIES: Rule(
        Kind.COUNTER, ("vllm:prefix_cache_queries_total", "vllm:gpu_prefix_cache_queries_total")
    ),
    Fact.PREFIX_HITS: Rule(
        Kind.COUNTER,
        (
            "vllm:prefix_cache_hits_total",
            "vllm:gpu_prefix_cache_hits_total",
            "llamacpp:prompt_tokens_cached_total",
        ),
    ),
    Fact.PREFIX_HIT_RATE: Rule(Kind.HIGHEST, ("vllm:gpu_prefix_cache_hit_rate",)),
    Fact.PROMPT_TOKENS: Rule(Kind.COUNTER, ("vllm:prompt_tokens_total", "llamacpp:prompt_tokens_total")),
    Fact.GENERATED_TOKENS: Rule(
        Kind.COUNTER, ("vllm:generation_tokens_total", "llamacpp:tokens_predicted_total")
    ),
    Fact.PREEMPTIONS: Rule(Kind.COUNTER, ("vllm:num_preemptions_total",)),
    Fact.FINISHED: Rule(Kind.COUNTER, ("vllm:request_success_total",)),
    Fact.PROMPT_SECONDS: Rule(Kind.COUNTER, ("llamacpp:prompt_seconds_total",)),
    Fact.GENERATION_SECONDS: Rule(Kind.COUNTER, ("llamacpp:tokens_predicted_seconds_total",)),
    Fact.TTFT: Rule(Kind.HISTOGRAM, ("vllm:time_to_first_token_seconds",)),
    Fact.ITL: Rule(
        Kind.HISTOGRAM,
        (
            "vllm:inter_token_latency_seconds",
            "vllm:time_per_output_token_seconds",
            "vllm:request_time_per_output_token_seconds",
        ),
    ),
    Fact.E2E: Rule(Kind.HISTOGRAM, ("vllm:e2e_request_latency_seconds",)),
    Fact.QUEUE: Rule(Kind.HISTOGRAM, ("vllm:request_queue_time_seconds",)),
    Fact.PREFILL: Rule(Kind.HISTOGRAM, ("vllm:request_prefill_time_seconds",)),
    Fact.DECODE: Rule(Kind.HISTOGRAM, ("vllm:request_decode_time_seconds",)),
    Fact.ANSWER_TOKENS: Rule(Kind.HISTOGRAM, ("vllm:request_generation_tokens",)),
}

WANTED_NAMES = frozenset(name for rule in RULES.values() for name in rule.names)
# One value per answer, its mean: percentiles of it say nothing of single gaps.
MEAN_PER_ANSWER = frozenset({"vllm:request_time_per_output_token_seconds"})


class Generation(Enum):
    """Which family of names a server uses, by what it shows and not by its version."""

    VLLM_V0 = "vLLM, V0 engine"  # 0.8.3, the image
    VLLM_V1_EARLY = "vLLM 0.9 to 0.11"
    VLLM_V1 = "vLLM 0.14 or later"
    LLAMA_CPP = "llama.cpp"
    UNKNOWN = "unknown"


def generation_of(sample: MetricsSample) -> Generation:
    """The family of names in this sample."""
    has = sample.names.__contains__
    if any(name.startswith("llamacpp:") for name in sample.names):
        return Generation.LLAMA_CPP
    if has("vllm:kv_cache_usage_perc"):
        return Generation.VLLM_V1_EARLY if has("vllm:gpu_cache_usage_perc") else Generation.VLLM_V1
    return Generation.VLLM_V0 if has("vllm:gpu_cache_usage_perc") else Generation.UNKNOWN


@dataclass(frozen=True, slots=True)
class Found:
    """A gauge or a counter with the name that told it, or None with the reason."""

    value: float | None = None
    metric: str = ""
    reason: str = ""


def metric_of(fact: Fact, sample: MetricsSample) -> str:
    """The name that counts for this fact here; '' if the server has none of them."""
    rule = RULES[fact]
    here = sample.histograms if rule.kind is Kind.HISTOGRAM else sample.values
    return next((name for name in rule.names if here.get(name)), "")


def value_of(fact: Fact, sample: MetricsSample) -> Found:
    """A gauge or a counter as it stands now, all engines and labels together."""
    rule = RULES[fact]
    metric = metric_of(fact, sample)
    if not metric:
        return Found(reason=missing(fact, sample))
    series = list(sample.values[metric].values())
    if any(not math.isfinite(value) for value in series):
        return Found(metric=metric, reason="The server sent no number.")
    value = max(series) if rule.kind is Kind.HIGHEST else math.fsum(series)
    if value < 0:  # V0 says -1 for a prefix cache that is off
        return Found(metric=metric, reason="The server has this switched off.")
    return Found(value, metric)


def histogram_of(fact: Fact, sample: MetricsSample) -> Histogram | None:
    """All series of a histogram as one; None if the server has none."""
    metric = metric_of(fact, sample)
    return merged(sample.histograms[metric].values()) if metric else None


def missing(fact: Fact, sample: MetricsSample) -> str:
    """Why a fact that no name stands for is unknown; with the name that this kind of server would have."""
    prefix = "llamacpp:" if generation_of(sample) is Generation.LLAMA_CPP else "vllm:"
    name = next((name for name in RULES[fact].names if name.startswith(prefix)), "")
    return f"This server does not tell it ({name})." if name else "This server does not tell it."
