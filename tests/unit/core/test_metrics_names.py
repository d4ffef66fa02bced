"""Every generation's /metrics is read: the right name of several, and 'unknown' where there is none."""

from __future__ import annotations

import pytest

from arcdesk.api.metrics_text import read_metrics
from arcdesk.core.metrics_names import (
    RULES,
    Fact,
    Generation,
    Kind,
    generation_of,
    histogram_of,
    metric_of,
    value_of,
)
from tests.unit.core.metrics_rig import sample, text

VLLM = ("vllm-0.8.3", "vllm-0.9.2", "vllm-0.11", "vllm-0.14", "vllm-0.26")


@pytest.mark.parametrize(
    ("name", "generation", "itl", "kv"),
    [
        (
            "vllm-0.8.3",
            Generation.VLLM_V0,
            "vllm:time_per_output_token_seconds",
            "vllm:gpu_cache_usage_perc",
        ),
        (
            "vllm-0.9.2",
            Generation.VLLM_V1_EARLY,
            "vllm:time_per_output_token_seconds",
            "vllm:kv_cache_usage_perc",
        ),
        (
            "vllm-0.11",
            Generation.VLLM_V1_EARLY,
            "vllm:inter_token_latency_seconds",
            "vllm:kv_cache_usage_perc",
        ),
        ("vllm-0.14", Generation.VLLM_V1, "vllm:inter_token_latency_seconds", "vllm:kv_cache_usage_perc"),
        ("vllm-0.26", Generation.VLLM_V1, "vllm:inter_token_latency_seconds", "vllm:kv_cache_usage_perc"),
    ],
)
def test_each_generation_of_vllm_has_its_names(name: str, generation: Generation, itl: str, kv: str) -> None:
    seen = sample(name)
    assert generation_of(seen) is generation
    assert metric_of(Fact.ITL, seen) == itl
    assert metric_of(Fact.KV_USE, seen) == kv


@pytest.mark.parametrize("name", VLLM)
def test_all_generations_of_vllm_tell_the_same_five_answers(name: str) -> None:
    seen = sample(name)
    expected = {
        Fact.RUNNING: 1.0,
        Fact.WAITING: 2.0,
        Fact.KV_USE: 0.125,
        Fact.PROMPT_TOKENS: 1684.0,
        Fact.GENERATED_TOKENS: 672.0,
        Fact.PREEMPTIONS: 1.0,
        Fact.FINISHED: 5.0,  # summed over the reasons
    }
    assert {fact: value_of(fact, seen).value for fact in expected} == expected
    ttft = histogram_of(Fact.TTFT, seen)
    itl = histogram_of(Fact.ITL, seen)
    assert ttft is not None and itl is not None
    assert (ttft.observations, itl.observations) == (5, 667)
    assert ttft.sum == pytest.approx(0.1804 + 0.2205 + 0.71 + 0.1903 + 0.6505)
    assert seen.skipped_lines == 0


def test_a_prefix_cache_that_is_off_is_unknown_and_not_minus_one() -> None:
    found = value_of(Fact.PREFIX_HIT_RATE, sample("vllm-0.8.3"))
    assert found.value is None
    assert "switched off" in found.reason


def test_only_v0_tells_of_requests_that_are_swapped_out() -> None:
    page = text("vllm-0.8.3").replace(
        'num_requests_swapped{model_name="tinyllama"} 0.0', 'num_requests_swapped{model_name="tinyllama"} 1.0'
    )
    assert value_of(Fact.SWAPPED, read_metrics(page, 0.0)).value == 1
    for name in ("vllm-0.9.2", "vllm-0.14", "vllm-0.26", "llama.cpp"):
        found = value_of(Fact.SWAPPED, sample(name))
        assert found.value is None and "does not tell" in found.reason


def test_llama_cpp_has_names_of_its_own_and_no_histograms() -> None:
    seen = sample("llama.cpp")
    assert generation_of(seen) is Generation.LLAMA_CPP
    assert value_of(Fact.GENERATED_TOKENS, seen).value == 20
    assert value_of(Fact.PROMPT_SECONDS, seen).value == pytest.approx(1.24159)
    assert value_of(Fact.RUNNING, seen).value == 0
    kv_use = value_of(Fact.KV_USE, seen)
    assert kv_use.value is None
    assert "does not tell" in kv_use.reason
    for fact, rule in RULES.items():
        if rule.kind is Kind.HISTOGRAM:
            assert histogram_of(fact, seen) is None


def test_a_renamed_metric_is_unknown_with_the_name_that_was_looked_for() -> None:
    renamed = text("vllm-0.26").replace("vllm:num_preemptions_total", "vllm:requests_preempted_total")
    found = value_of(Fact.PREEMPTIONS, read_metrics(renamed, 0.0))
    assert found.value is None
    assert "vllm:num_preemptions_total" in found.reason


def test_several_engines_are_added_but_the_fullest_cache_counts() -> None:
    lines = [
        f'vllm:{name}{{engine="{engine}",model_name="m"}} {value}'
        for engine, running, kv_use in (("0", 3, 0.25), ("1", 4, 0.75))
        for name, value in (("num_requests_running", running), ("kv_cache_usage_perc", kv_use))
    ]
    seen = read_metrics("\n".join(lines), 0.0)
    assert value_of(Fact.RUNNING, seen).value == 7
    assert value_of(Fact.KV_USE, seen).value == 0.75


def test_what_is_no_number_is_unknown() -> None:
    found = value_of(Fact.KV_USE, read_metrics("vllm:kv_cache_usage_perc NaN\n", 0.0))
    assert (found.value, found.reason) == (None, "The server sent no number.")


class TestBadText:
    """Pages that are no whole, good text of metrics."""

    def test_a_bad_line_costs_only_itself(self) -> None:
        spoiled = text("vllm-0.14").replace(
            'vllm:num_requests_waiting{engine="0",model_name="tinyllama"} 2.0',
            'vllm:num_requests_waiting{engine="0",model_name="tiny',
        )
        seen = read_metrics(spoiled, 0.0)
        assert seen.skipped_lines == 1
        assert value_of(Fact.WAITING, seen).value is None
        assert value_of(Fact.RUNNING, seen).value == 1

    def test_a_text_cut_off_anywhere_is_read_as_far_as_it_goes(self) -> None:
        whole = text("vllm-0.9.2")
        for cut in range(0, len(whole), 997):
            seen = read_metrics(whole[:cut], 0.0)
            assert seen.skipped_lines <= 1
            assert seen.names <= sample("vllm-0.9.2").names

    def test_names_in_the_text_of_others_do_not_count(self) -> None:
        seen = read_metrics(
            '<html>vllm:num_requests_running 3\nother{a="vllm:num_requests_running"} 4\n', 0.0
        )
        assert seen.names == frozenset()

    def test_labels_with_quotes_braces_and_spaces_are_labels(self) -> None:
        line = r'vllm:num_requests_running{model_name="a \"b\" } c, d=1"} 5'
        assert value_of(Fact.RUNNING, read_metrics(line, 0.0)).value == 5
