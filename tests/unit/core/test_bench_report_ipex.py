"""The report of IPEX-LLM's scripts: line by line, by their definitions, with marks where they err."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arcdesk.core.bench import Api, BenchPlan, BenchRun, BenchStep, Dataset, RequestRecord
from arcdesk.core.bench_report import autotp_logs, render
from tests.unit.core.bench_runs import failed, run_of, steady, step_of

# As a program that reads the script's output knows its lines.
LATENCY = re.compile(r"^(Average|P90|P95) (first|next) token latency: ([0-9.]+|nan) milliseconds\.$", re.M)
THROUGHPUT = re.compile(r"^Token throughput: ([0-9.]+)$", re.M)
RESPONSE = re.compile(r"^Average respon[cs]e time: ([0-9.]+)$", re.M)
TOTAL = re.compile(
    r"^Total time for (\d+) requests with (\d+) concurrent requests: ([0-9.]+) seconds\.$", re.M
)


def latencies(text: str) -> dict[tuple[str, str], float]:
    return {(kind, which): float(value) for kind, which, value in LATENCY.findall(text)}


def test_the_report_is_the_scripts_line_by_line() -> None:
    steps = step_of(2, steady(0.0), steady(0.5), steady(1.0), steady(1.5, first_s=0.3))
    plan = BenchPlan(input_tokens=100, output_tokens=10, is_same_prompt=True)

    lines = render(run_of(steps, plan=plan), "ipex").splitlines()

    patterns = (
        r"model_name: TinyLlama-1\.1B",
        r"max_seq: 2",
        r"Total time for 4 requests with 2 concurrent requests: 2\.0 seconds\.",
        r"Average responce time: 0\.33\d*",
        r"Token throughput: 20\.0",
        r"",
        r"Average first token latency: (150\.0|149\.9)\d* milliseconds\.",
        r"P90 first token latency: (240\.0|239\.9)\d* milliseconds\.",
        r"P95 first token latency: (270\.0|269\.9)\d* milliseconds\.",
        r"",
        r"Average next token latency: (20\.0|19\.9)\d* milliseconds\.",
        r"P90 next token latency: (20\.0|19\.9)\d* milliseconds\.",
        r"P95 next token latency: (20\.0|19\.9)\d* milliseconds\.",
        r"",
        r"# Lines without '#' are worded as the script prints them \('responce' too\) .*",
        r"# failed requests bring no tokens, .*",
        r"# with the first request .*",
        r"# means of the requests, as in the script, not over single gaps\.",
    )
    assert len(lines) == len(patterns)
    for line, pattern in zip(lines, patterns, strict=True):
        assert re.fullmatch(pattern, line), (line, pattern)


def test_what_the_script_does_not_tell_is_marked() -> None:
    run = replace(run_of(step_of(1, *[steady()] * 4)), vram_peak_bytes=3 << 30, energy_j=200.0)

    text = render(run, "ipex")

    assert "# Each request had a number of its own in front; the script sends one prompt to all." in text
    assert "# VRAM peak: 3.00 GiB, seen once a second" in text
    assert "# Energy: 200 J, 5.00 J per output token" in text
    assert "number of its own" in autotp_logs(run)["1.log"]
    assert "VRAM" not in render(run_of(step_of(1, steady())), "ipex")


def answers(seed: int, amount: int) -> tuple[RequestRecord, ...]:
    random = np.random.default_rng(seed)
    records = []
    for _ in range(amount):
        sent = float(random.uniform(0, 9))
        events = tuple(float(at) for at in sent + 0.01 + np.cumsum(random.exponential(0.02, 12)))
        records.append(
            RequestRecord(sent_s=sent, events_s=events, ended_s=events[-1] + 0.001, completion_tokens=12)
        )
    return tuple(records)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_figures_are_those_of_the_scripts_own_arithmetic(seed: int, amount: int) -> None:
    records = answers(seed, amount)
    run = run_of(step_of(4, *records, duration_s=9.5), plan=BenchPlan(output_tokens=12))

    text = render(run, "ipex")

    first = [record.events_s[0] - record.sent_s for record in records]
    following = [float(np.mean(np.diff(record.events_s))) for record in records]
    expected = {
        ("Average", "first"): sum(first) / len(first) * 1000,
        ("P90", "first"): np.percentile(first, 90) * 1000,
        ("P95", "first"): np.percentile(first, 95) * 1000,
        ("Average", "next"): sum(following) / len(following) * 1000,
        ("P90", "next"): np.percentile(following, 90) * 1000,
        ("P95", "next"): np.percentile(following, 95) * 1000,
    }
    assert latencies(text) == pytest.approx(expected, rel=1e-9)
    response = np.mean([(record.ended_s or 0) - record.sent_s for record in records])
    assert float(RESPONSE.findall(text)[0]) == pytest.approx(response, rel=1e-9)
    assert float(THROUGHPUT.findall(text)[0]) == pytest.approx(amount * 12 / 9.5, rel=1e-9)


def test_percentiles_are_over_the_means_of_the_requests_not_over_single_gaps() -> None:
    even = steady(gap_s=0.02)
    stalled = RequestRecord(sent_s=0, events_s=(0.1, 0.11, 1.11), ended_s=1.2, completion_tokens=3)

    found = latencies(render(run_of(step_of(2, even, stalled)), "ipex"))

    assert found["P90", "next"] == pytest.approx(20 + 0.9 * (505 - 20))


def test_failed_requests_are_named_and_bring_no_tokens() -> None:
    run = run_of(step_of(2, steady(), failed("HTTP 503: busy\nlater"), failed("cut off")))

    text = render(run, "ipex")

    assert (
        "\nRequest failed: HTTP 503: busy later\nRequest failed: cut off\nTotal time for 3 requests" in text
    )
    assert THROUGHPUT.findall(text) == ["5.0"]  # 1 x 10 tokens in 2 s; the script would tell 15.0
    assert "# 2 of 3 requests gave no answer; the script counts tokens for them." in text


def test_no_answer_at_all_gives_no_figure() -> None:
    text = render(run_of(step_of(2, failed(), failed())), "ipex")

    assert TOTAL.findall(text) == [("2", "2", "2.0")]
    assert not THROUGHPUT.findall(text)
    assert not RESPONSE.findall(text)
    assert not LATENCY.findall(text)
    assert "# No request was answered: there are no figures." in text


def test_answers_of_one_token_have_nan_for_the_next_one_as_in_the_script() -> None:
    text = render(run_of(step_of(1, steady(pieces=1, tokens=1)), plan=BenchPlan(output_tokens=1)), "ipex")

    assert [value for _, which, value in LATENCY.findall(text) if which == "next"] == ["nan"] * 3
    assert "# 1 of 1 answers have no next token" in text


def test_one_short_answer_does_not_turn_all_figures_into_nan() -> None:
    text = render(
        run_of(step_of(1, steady(), steady(pieces=1, tokens=1), steady(pieces=0, tokens=0))), "ipex"
    )

    assert latencies(text)["Average", "next"] == pytest.approx(20)
    assert latencies(text)["Average", "first"] == pytest.approx(100)
    assert "# 2 of 3 answers have no next token; the script would print nan or end." in text


def test_a_count_unlike_the_one_asked_for_is_marked() -> None:
    short = render(run_of(step_of(1, steady(tokens=4), steady(tokens=10))), "ipex")
    untold = render(run_of(step_of(1, steady(tokens=None))), "ipex")

    assert THROUGHPUT.findall(short) == ["10.0"]
    assert "the server counted 14 in all, which is 7.00 a second." in short
    assert THROUGHPUT.findall(untold) == ["5.0"]
    assert "# Taken as 10 tokens an answer: The server sent no token count." in untold


def test_a_dataset_prints_counted_throughputs_instead() -> None:
    plan = BenchPlan(output_tokens=10, dataset=Dataset.SHAREGPT, dataset_path="share.json")

    counted = render(run_of(step_of(1, steady(tokens=4)), plan=plan), "ipex")
    untold = render(run_of(step_of(1, steady(tokens=None)), plan=plan), "ipex")

    assert "\nOutput token throughput: 2.0\nTotal token throughput: 52.0\n" in counted
    assert not THROUGHPUT.findall(counted)
    assert "throughput: " not in untold.replace("No token throughput: ", "")
    assert "# No token throughput: The server sent no token count." in untold


def test_small_and_large_figures_have_no_exponent() -> None:
    quick = RequestRecord(sent_s=0, events_s=(1e-8, 2e-8), ended_s=3e-8, completion_tokens=2)
    run = run_of(step_of(1, quick, duration_s=3e-8), plan=BenchPlan(output_tokens=10**9))

    text = render(run, "ipex")

    assert len(LATENCY.findall(text)) == 6
    assert float(RESPONSE.findall(text)[0]) == pytest.approx(3e-8)
    assert float(THROUGHPUT.findall(text)[0]) == pytest.approx(10**9 / 3e-8)
    assert TOTAL.findall(text)[0][2] == "0.00000003"


def image_run(*records: RequestRecord) -> BenchRun:
    plan = BenchPlan(output_tokens=10, api=Api.CHAT, image_path="/home/me/cat.png")
    return run_of(step_of(1, *records), plan=plan)


def test_with_an_image_the_role_counts_as_the_first_token() -> None:
    text = render(image_run(steady(silent_s=(0.08,)), steady(silent_s=(0.09,))), "ipex")

    found = latencies(text)
    assert found["Average", "first"] == pytest.approx(85)
    assert found["Average", "next"] == pytest.approx((200 + 190) / 2 / 10)  # ten gaps instead of nine
    first = re.search(r"^first_token_latencies \[(.*)\]$", text, re.M)
    assert first is not None
    assert [float(each) for each in first[1].split(", ")] == pytest.approx([0.08, 0.09])
    assert text.index("first_token_latencies") < text.index("Average first token")
    assert "# First token: the event that names the role, as in the script, in 2 of 2." in text


def test_with_an_image_and_no_role_the_first_text_is_taken_and_marked() -> None:
    text = render(image_run(steady()), "ipex")

    assert latencies(text)["Average", "first"] == pytest.approx(100)
    assert "# No event named the role alone: the first token is the first text." in text


def test_events_without_text_count_as_the_script_counts_them() -> None:
    withheld = steady(pieces=2, gap_s=0.04, silent_s=(0.12, 0.16))

    text = render(run_of(step_of(1, withheld)), "ipex")

    assert latencies(text)["Average", "first"] == pytest.approx(100)
    assert latencies(text)["Average", "next"] == pytest.approx(20)
    assert "# 2 events had no text; they count as tokens, as in the script." in text
    assert latencies(autotp_logs(run_of(step_of(1, withheld)))["1.log"])["Average", "next"] == pytest.approx(
        20
    )


def test_in_a_chat_without_an_image_only_text_is_a_token() -> None:
    plan = BenchPlan(output_tokens=10, api=Api.CHAT)

    text = render(run_of(step_of(1, steady(silent_s=(0.01,))), plan=plan), "ipex")

    assert latencies(text)["Average", "first"] == pytest.approx(100)
    assert "# Measured through chat; the script asks /v1/completions." in text


def test_each_step_is_a_run_of_the_script() -> None:
    text = render(run_of(step_of(1, steady()), step_of(8, *[steady()] * 8)), "ipex")

    assert [found[:2] for found in TOTAL.findall(text)] == [("1", "1"), ("8", "8")]
    assert re.findall(r"^max_seq: (\d+)$", text, re.M) == ["1", "8"]


def test_all_other_lines_are_marked_as_ours() -> None:
    run = run_of(step_of(2, steady(tokens=3), failed(), steady(pieces=1, tokens=1)))
    known = (LATENCY, THROUGHPUT, RESPONSE, TOTAL, re.compile(r"^(model_name|max_seq|Request failed): "))

    for line in render(run, "ipex").splitlines():
        assert not line or line.startswith("# ") or any(pattern.search(line) for pattern in known), line


def test_a_stopped_step_says_so() -> None:
    stopped = BenchStep(
        concurrency=1, records=(steady(), RequestRecord(sent_s=1.0)), duration_s=2.0, is_cancelled=True
    )

    text = render(run_of(stopped), "ipex")

    assert "# Stopped early" in text
    assert "# 1 of 2 requests gave no answer" in text
    assert THROUGHPUT.findall(text) == ["5.0"]


def test_autotp_logs_are_named_by_concurrency() -> None:
    run = run_of(*(step_of(each, *[steady()] * each) for each in (1, 2, 3, 2)))

    logs = autotp_logs(run)

    assert list(logs) == ["1.log", "2.log", "3.log", "2-2.log"]
    assert TOTAL.findall(logs["3.log"]) == [("3", "3", "2.0")]


def test_an_autotp_log_has_the_scripts_lines_in_its_order() -> None:
    text = autotp_logs(run_of(step_of(1, steady(), failed("gone"))))["1.log"]

    shown = [line for line in text.splitlines() if not line.startswith("#")]
    labels = [line.split(":")[0] for line in shown]
    assert labels == [
        "Total time for 2 requests with 1 concurrent requests",
        "Average response time",
        "Token throughput",
        "Total token throughput",
        "",
        "Average first token latency",
        "P90 first token latency",
        "P95 first token latency",
        "Average first token inference latency",
        "",
        "Average next token latency",
        "P90 next token latency",
        "P95 next token latency",
        "Average next token inference latency",
        "",
    ]
    assert "\nToken throughput: 5.0\nTotal token throughput: 55.0\n" in text
    assert len(LATENCY.findall(text)) == 6
    assert "# 1 of 2 requests gave no answer; the script counts tokens for them." in text
    assert "# Total token throughput: 100 + 10 tokens an answer; the script always takes 1024 + 128." in text


def test_an_autotp_log_without_an_answer_has_no_figure() -> None:
    text = autotp_logs(run_of(step_of(1, failed())))["1.log"]

    assert not RESPONSE.findall(text)
    assert not LATENCY.findall(text)
    assert "nan" not in text
    assert "# No request was answered: there are no figures." in text


def test_a_run_without_steps_has_no_logs() -> None:
    assert autotp_logs(run_of()) == {}
    assert render(run_of(), "ipex") == "# No step was run.\n"


def test_an_autotp_log_of_a_files_prompts_takes_the_servers_count() -> None:
    plan = BenchPlan(output_tokens=10, dataset=Dataset.SHAREGPT, dataset_path="s.json")

    text = autotp_logs(run_of(step_of(1, steady(), steady()), plan=plan))["1.log"]
    untold = autotp_logs(run_of(step_of(1, steady(tokens=None)), plan=plan))["1.log"]

    assert "\nTotal token throughput: 110.0\n" in text  # 2 x (100 + 10) in 2 s
    assert "# Total token throughput: as the server counted them;" in text
    assert "\nTotal token throughput" not in untold


def test_random_arrivals_and_answers_that_may_end_are_marked() -> None:
    asked = render(run_of(step_of(1, steady()), plan=BenchPlan(output_tokens=10)), "ipex")
    plan = BenchPlan(output_tokens=10, rate_per_s=0.5, requests=1, is_ignoring_eos=False)
    text = render(run_of(step_of(1, steady()), plan=plan), "ipex")

    for words in ("# Requests came at random, 0.5 a second, at most 1 at once;", "# The model may end its"):
        assert words in text and words not in asked


def test_with_an_image_the_number_of_requests_is_marked() -> None:
    plan = BenchPlan(output_tokens=10, api=Api.CHAT, image_path="cat.png")
    words = "# Four requests for each one at once; the script sends three."

    assert words in render(run_of(step_of(1, steady()), plan=plan), "ipex")
    assert words not in render(run_of(step_of(1, steady()), plan=replace(plan, requests=3)), "ipex")
