"""Samples of /metrics for tests: the texts in tests/data, and a server that counts what it is told."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from arcdesk.api.metrics_text import read_metrics
from arcdesk.core.metrics_values import MetricsSample

TEXTS = Path(__file__).parents[2] / "data" / "metrics"
SECONDS = (0.1, 0.3, 0.5, 1.0, 2.5, 5.0)
SHORT_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.5, 1.0)
TOKENS = (1.0, 10.0, 100.0, 1000.0)


def text(name: str) -> str:
    """The text of one generation."""
    return (TEXTS / f"{name}.txt").read_text(encoding="utf-8")


def sample(name: str, at: float = 0.0) -> MetricsSample:
    """The same, read."""
    return read_metrics(text(name), at)


@dataclass
class CountingServer:
    """A vLLM that counts as V1 does: tell it what it did, then take its /metrics."""

    engine: str = "0"
    started_at: float | None = 1.7e9
    has_sums: bool = True
    running: float = 0
    waiting: float = 0
    kv_use: float = 0.0
    preemptions: float = 0
    prompt_tokens: float = 0
    generated: float = 0
    hits: float = 0
    queries: float = 0
    seen: dict[str, list[float]] = field(default_factory=dict)

    def finish(
        self, *, queue_s: float, prefill_s: float, gaps_s: list[float], prompt_tokens: int = 10
    ) -> None:
        """An answer has ended."""
        self.prompt_tokens += prompt_tokens
        self.generated += len(gaps_s) + 1
        self._saw("time_to_first_token_seconds", queue_s + prefill_s)
        for gap in gaps_s:
            self._saw("inter_token_latency_seconds", gap)
        self._saw("e2e_request_latency_seconds", queue_s + prefill_s + math.fsum(gaps_s))
        self._saw("request_queue_time_seconds", queue_s)
        self._saw("request_prefill_time_seconds", prefill_s)
        self._saw("request_decode_time_seconds", math.fsum(gaps_s))
        self._saw("request_generation_tokens", len(gaps_s) + 1)

    def restart(self, started_at: float | None = None) -> None:
        """All counts from 0."""
        self.__init__(engine=self.engine, started_at=started_at, has_sums=self.has_sums)  # type: ignore[misc]

    def text(self) -> str:
        """What /metrics says now."""
        labels = f'{{engine="{self.engine}",model_name="m"}}'
        plain = {
            "num_requests_running": self.running,
            "num_requests_waiting": self.waiting,
            "kv_cache_usage_perc": self.kv_use,
            "num_preemptions_total": self.preemptions,
            "prompt_tokens_total": self.prompt_tokens,
            "generation_tokens_total": self.generated,
            "prefix_cache_hits_total": self.hits,
            "prefix_cache_queries_total": self.queries,
        }
        lines = [f"vllm:{name}{labels} {value}" for name, value in plain.items()]
        if self.started_at is not None:
            lines.append(f"process_start_time_seconds {self.started_at}")
        for name in _HISTOGRAMS:
            lines += self._histogram(name)
        return "\n".join(lines) + "\n"

    def sample(self, at: float) -> MetricsSample:
        """The same, read."""
        return read_metrics(self.text(), at)

    def _saw(self, name: str, value: float) -> None:
        self.seen.setdefault(name, []).append(value)

    def _histogram(self, name: str) -> list[str]:
        values = self.seen.get(name, [])
        labels = f'engine="{self.engine}",model_name="m"'
        lines = []
        for bound in (*_HISTOGRAMS[name], math.inf):
            le = "+Inf" if math.isinf(bound) else str(bound)
            count = sum(value <= bound for value in values)
            lines.append(f'vllm:{name}_bucket{{{labels},le="{le}"}} {count}')
        lines.append(f"vllm:{name}_count{{{labels}}} {len(values)}")
        if self.has_sums:
            lines.append(f"vllm:{name}_sum{{{labels}}} {math.fsum(values)!r}")
        return lines


_HISTOGRAMS = {
    "time_to_first_token_seconds": SECONDS,
    "inter_token_latency_seconds": SHORT_SECONDS,
    "e2e_request_latency_seconds": SECONDS,
    "request_queue_time_seconds": SECONDS,
    "request_prefill_time_seconds": SECONDS,
    "request_decode_time_seconds": SECONDS,
    "request_generation_tokens": TOKENS,
}
