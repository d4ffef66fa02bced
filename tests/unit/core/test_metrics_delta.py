"""Differences of samples: restarts, several engines, quantiles within buckets and above the top one."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arcdesk.api.metrics_text import read_metrics
from arcdesk.core.metrics_delta import NOTHING_YET, RESTARTED, MetricsDelta
from arcdesk.core.metrics_names import Fact
from tests.unit.core.metrics_rig import SECONDS, CountingServer, sample, text


def test_counters_grow_and_rates_are_per_second() -> None:
    server = CountingServer()
    before = server.sample(10.0)
    server.generated += 90
    delta = MetricsDelta(before, server.sample(12.0))
    assert delta.counted(Fact.GENERATED_TOKENS).value == 90
    assert delta.rate(Fact.GENERATED_TOKENS).value == 45
    assert delta.counted(Fact.PREEMPTIONS).value == 0


def test_two_samples_of_one_moment_have_no_rate() -> None:
    server = CountingServer()
    rate = MetricsDelta(server.sample(1.0), server.sample(1.0)).rate(Fact.GENERATED_TOKENS)
    assert rate.value is None
    assert rate.reason


@pytest.mark.parametrize("name", ["vllm-0.8.3", "vllm-0.9.2", "vllm-0.11", "vllm-0.14", "vllm-0.26"])
def test_an_answer_more_is_seen_in_each_generation(name: str) -> None:
    later = (
        text(name)
        .replace('_tokens_total{engine="0",model_name="tinyllama"} 672.0', '_tokens_total{engine="0"} 700')
        .replace('generation_tokens_total{model_name="tinyllama"} 672.0', "generation_tokens_total 700")
    )
    delta = MetricsDelta(sample(name, 0.0), read_metrics(text(name), 1.0))
    assert delta.counted(Fact.GENERATED_TOKENS).value == 0
    # under other labels it is a series of its own, which began at 0
    assert MetricsDelta(sample(name, 0.0), read_metrics(later, 1.0)).counted(
        Fact.GENERATED_TOKENS
    ).value == pytest.approx(700)


class TestRestart:
    """Counters that begin anew."""

    def test_a_counter_that_fell_tells_a_restart(self) -> None:
        server = CountingServer(started_at=None)
        server.generated = 500
        before = server.sample(0.0)
        server.restart()
        server.generated = 20
        delta = MetricsDelta(before, server.sample(1.0))
        assert delta.is_restarted
        assert delta.counted(Fact.GENERATED_TOKENS).value is None
        assert delta.counted(Fact.GENERATED_TOKENS).reason == RESTARTED
        assert delta.observed(Fact.TTFT).quantile(0.5).reason == RESTARTED

    def test_a_histogram_that_fell_tells_it_too(self) -> None:
        server = CountingServer(started_at=None)
        server.finish(queue_s=0.1, prefill_s=0.1, gaps_s=[])
        before = server.sample(0.0)
        server.restart()
        server.generated = server.prompt_tokens = 1000
        assert MetricsDelta(before, server.sample(1.0)).is_restarted

    def test_a_server_that_has_overtaken_itself_is_known_by_its_process(self) -> None:
        server = CountingServer(started_at=100.0)
        server.generated = 5
        before = server.sample(0.0)
        server.restart(started_at=160.0)
        server.generated = 50
        assert MetricsDelta(before, server.sample(60.0)).is_restarted

    def test_gauges_may_fall(self) -> None:
        server = CountingServer(running=5, kv_use=0.9)
        before = server.sample(0.0)
        server.running, server.kv_use = 0, 0.0
        assert not MetricsDelta(before, server.sample(1.0)).is_restarted

    def test_an_engine_that_has_gone_is_no_restart_and_takes_nothing_away(self) -> None:
        engines = [CountingServer(engine="0", generated=100), CountingServer(engine="1", generated=900)]
        before = read_metrics(engines[0].text() + engines[1].text(), 0.0)
        engines[0].generated = 130
        delta = MetricsDelta(before, engines[0].sample(1.0))
        assert not delta.is_restarted
        assert delta.counted(Fact.GENERATED_TOKENS).value == 30


class TestHistograms:
    """Means and quantiles of what came in between."""

    def test_what_was_there_before_does_not_count(self) -> None:
        server = CountingServer()
        for _ in range(50):
            server.finish(queue_s=0.0, prefill_s=4.9, gaps_s=[])
        before = server.sample(0.0)
        server.finish(queue_s=0.1, prefill_s=0.1, gaps_s=[])
        observed = MetricsDelta(before, server.sample(1.0)).observed(Fact.TTFT)
        assert observed.count == 1
        assert observed.mean == pytest.approx(0.2)
        assert observed.quantile(0.5).value == pytest.approx(0.2)  # half-way from 0.1 to 0.3

    def test_engines_are_one(self) -> None:
        engines = [CountingServer(engine=name) for name in "01"]
        before = read_metrics("".join(engine.text() for engine in engines), 0.0)
        engines[0].finish(queue_s=0, prefill_s=0.2, gaps_s=[])
        engines[1].finish(queue_s=0, prefill_s=0.4, gaps_s=[])
        after = read_metrics("".join(engine.text() for engine in engines), 1.0)
        observed = MetricsDelta(before, after).observed(Fact.TTFT)
        assert observed.count == 2
        assert observed.mean == pytest.approx(0.3)
        assert observed.quantile(0.5).value == pytest.approx(0.3)

    def test_above_the_top_bucket_it_is_at_least_its_bound(self) -> None:
        server = CountingServer()
        before = server.sample(0.0)
        for prefill_s in (1.0, 30.0, 40.0):
            server.finish(queue_s=0, prefill_s=prefill_s, gaps_s=[])
        observed = MetricsDelta(before, server.sample(1.0)).observed(Fact.TTFT)
        assert observed.quantile(0.95) == observed.quantile(0.99)
        assert observed.quantile(0.99).value == SECONDS[-1]
        assert observed.quantile(0.99).is_at_least
        assert not observed.quantile(0.1).is_at_least
        assert observed.mean == pytest.approx(71 / 3)  # sums know no top bucket

    def test_nothing_new_has_no_quantile(self) -> None:
        server = CountingServer()
        server.finish(queue_s=0, prefill_s=1, gaps_s=[0.1])
        observed = MetricsDelta(server.sample(0.0), server.sample(1.0)).observed(Fact.ITL)
        assert observed.mean is None
        assert observed.quantile(0.5).value is None
        assert observed.quantile(0.5).reason == NOTHING_YET

    def test_a_histogram_that_is_not_there_says_which(self) -> None:
        lines = "vllm:kv_cache_usage_perc 0\n"
        observed = MetricsDelta(read_metrics(lines, 0.0), read_metrics(lines, 1.0)).observed(Fact.ITL)
        assert observed.mean is None
        assert "vllm:inter_token_latency_seconds" in observed.quantile(0.5).reason
        observed = MetricsDelta(sample("llama.cpp", 0.0), sample("llama.cpp", 1.0)).observed(Fact.ITL)
        assert observed.quantile(0.5).reason == "This server does not tell it."

    def test_without_the_last_bucket_the_count_serves(self) -> None:
        lines = (
            'vllm:time_to_first_token_seconds_bucket{le="0.5"} 1\nvllm:time_to_first_token_seconds_count 4\n'
        )
        observed = MetricsDelta(read_metrics("", 0.0), read_metrics(lines, 1.0)).observed(Fact.TTFT)
        assert observed.quantile(0.2).value == pytest.approx(0.4)
        assert observed.quantile(0.5).is_at_least

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.floats(0.001, 4.9), min_size=1, max_size=60), st.floats(0.01, 1.0))
    def test_a_quantile_lies_in_the_bucket_of_the_true_one(self, values: list[float], share: float) -> None:
        server = CountingServer()
        before = server.sample(0.0)
        for value in values:
            server.finish(queue_s=0.0, prefill_s=value, gaps_s=[])
        told = MetricsDelta(before, server.sample(1.0)).observed(Fact.TTFT).quantile(share).value
        true = sorted(values)[max(0, math.ceil(len(values) * share - 1e-9) - 1)]
        above = next(bound for bound in SECONDS if true <= bound)
        below = max((bound for bound in SECONDS if bound < true), default=0.0)
        assert told is not None
        assert below - 1e-9 <= told <= above + 1e-9
