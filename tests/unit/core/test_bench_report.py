"""The reports for people and for programs: aligned, complete, honest about the unknown, without keys."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcdesk.core.bench import Api, BenchPlan, BenchRun, BenchStep, Dataset, RequestRecord
from arcdesk.core.bench_report import FORMATS, render
from arcdesk.core.bench_report_data import csv_columns
from arcdesk.core.bench_report_words import column
from arcdesk.core.bench_stats import run_stats
from tests.unit.core.bench_runs import failed, run_of, steady, step_of

WORDS = st.characters(codec=None, exclude_categories=())  # with half characters, as a server may send them


def two_steps() -> BenchRun:
    return run_of(
        step_of(1, *(steady(each) for each in range(4)), duration_s=4.0),
        step_of(16, *(steady(first_s=1.0 + each / 8) for each in range(30)), failed("cut off")),
    )


def line_with(text: str, start: str) -> str:
    return next(line for line in text.splitlines() if line.strip().startswith(start))


def rows_of(run: BenchRun) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(render(run, "csv"))))


def document_of(run: BenchRun) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(render(run, "json"))
    return document


def test_every_format_ends_with_one_newline() -> None:
    for run in (two_steps(), run_of()):
        for fmt in FORMATS:
            text = render(run, fmt)
            assert text.endswith("\n"), fmt
            assert all(line == line.rstrip() for line in text.splitlines()) or fmt == "ipex", fmt


def test_an_unknown_format_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(ValueError, match=r"'xml'; there are text, ipex, json, csv, markdown"):
        render(two_steps(), "xml")


def test_the_text_has_units_n_and_every_percentile() -> None:
    text = render(two_steps(), "text")

    head = next(line for line in text.splitlines() if line.split()[:2] == ["mean", "p50"])
    assert head.split() == ["mean", "p50", "p90", "p95", "p99", "n"]
    assert line_with(text, "TTFT  ").split() == ["TTFT", "ms", *["100.0"] * 5, "4"]
    assert line_with(text, "ITL  ").split() == ["ITL", "ms", *["20.00"] * 5, "36"]
    assert "4 answered in 4.00 s" in text
    assert "30 answered, 1 failed in 2.00 s" in text
    assert "1 × cut off" in text


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ((12.0, 0.4, 1100.0), ["12.00", "0.40", "1100.00"]),
        ((1234.0, 56.0), ["1234", "56"]),
        ((1234.0, 5.6, None), ["1234.0", "5.6", "–"]),
        ((0.0, 250.0), ["0.0", "250.0"]),
    ],
)
def test_what_was_measured_is_not_rounded_to_nothing(
    values: tuple[float | None, ...], texts: list[str]
) -> None:
    assert column(values) == texts


def test_the_columns_of_the_text_stand_under_each_other() -> None:
    lines = render(two_steps(), "text").splitlines()

    for start in (number for number, line in enumerate(lines) if line.split()[:2] == ["mean", "p50"]):
        assert len({len(line) for line in lines[start : start + 5]}) == 1
    top = next(number for number, line in enumerate(lines) if line.startswith("Concurrency  Req"))
    assert len({len(line) for line in lines[top : top + 3]}) == 1
    assert lines[top + 2].split()[0] == "16"
    decimals = {line.split()[4].partition(".")[2] for line in lines[top + 1 : top + 3]}
    assert len({len(each) for each in decimals}) == 1  # TTFT of 100 ms and of seconds: the same decimals


def test_unknown_is_a_dash_with_its_reason() -> None:
    text = render(run_of(step_of(1, steady(tokens=None))), "text")

    assert "0.500 requests/s · – output tokens/s · – total tokens/s" in text
    assert line_with(text, "TPOT  ").split() == ["TPOT", "ms", *["–"] * 5, "0"]
    assert "Unknown: output tokens/s, total tokens/s, TPOT. The server sent no token count." in text


def test_what_a_figure_leaves_out_is_told() -> None:
    text = render(
        run_of(step_of(1, steady(), steady(pieces=1, tokens=1), steady(pieces=0, tokens=0))), "text"
    )

    assert "TTFT leaves out 1 without text." in text
    assert "TPOT leaves out 2 with fewer than two tokens or pieces." in text
    assert "1 answer of 3 had no text." in text


def test_several_tokens_an_arrival_are_told() -> None:
    text = render(run_of(step_of(1, steady(pieces=5, tokens=10))), "text")

    assert "An arrival of text carried 2.00 tokens on average: ITL is per arrival, not per token." in text
    assert "An arrival" not in render(run_of(step_of(1, steady())), "text")


def test_few_requests_are_told_once() -> None:
    few = "p95 and p99 of fewer than 20 requests are close to the slowest one."
    many = run_of(step_of(1, *[steady()] * 20))

    assert render(two_steps(), "text").count(few) == 1
    assert few not in render(many, "text")


def test_goodput_is_shown_with_its_limits_only_if_there_are_any() -> None:
    plan = BenchPlan(ttft_limit_ms=150, e2e_limit_ms=1e3)
    run = run_of(step_of(1, steady(), steady(first_s=0.2), failed()), plan=plan)

    assert "0.500 requests/s, 1 of 3 (TTFT ≤ 150 ms, end to end ≤ 1000 ms)" in render(run, "text")
    assert "- Goodput: 0.500 requests/s, 1 of 3" in render(run, "markdown")
    assert "Goodput" not in render(two_steps(), "text")


def test_many_kinds_of_failure_are_not_all_listed() -> None:
    text = render(run_of(step_of(1, steady(), *(failed(f"error {each}") for each in range(9)))), "text")

    assert text.count("1 × error") == 5
    assert "… and 4 other kinds of failure" in text


def test_memory_and_energy_stand_where_the_card_told() -> None:
    run = replace(run_of(step_of(1, *[steady()] * 4)), vram_peak_bytes=3 << 30, energy_j=200.0)
    uncounted = replace(run_of(step_of(1, steady(tokens=None))), energy_j=200.0)

    assert "VRAM peak    3.00 GiB" in render(run, "text")
    assert "200 J, 5.00 J per output token" in render(run, "text")
    assert document_of(run)["energy_j_per_output_token"] == 5.0
    (row,) = rows_of(run)
    assert (row["vram_peak_bytes"], row["energy_j_per_output_token"]) == (str(3 << 30), "5")
    assert "Energy       200 J\n" in render(uncounted, "text")
    assert document_of(run)["unknown"] == {}


def test_energy_per_token_is_unknown_where_tokens_were_made_that_nobody_counted() -> None:
    whole = step_of(1, *[steady()] * 4)
    torn = replace(steady(tokens=None), error="The server cut the connection.", ended_s=None)
    refused = failed("HTTP 503")

    def per_token(step: BenchStep) -> float | None:
        run = replace(run_of(step), energy_j=200.0)
        per: float | None = document_of(run)["energy_j_per_output_token"]
        assert (per is None) == (rows_of(run)[0]["energy_j_per_output_token"] == "")
        assert ("J per output token" in render(run, "markdown")) == (per is not None)
        return per

    assert per_token(replace(whole, records=(*whole.records, refused))) == 5.0  # it made no token
    assert per_token(replace(whole, records=(*whole.records, torn))) is None
    assert per_token(replace(whole, is_cancelled=True)) is None  # what was under way is dropped


def test_no_key_reaches_a_report() -> None:
    run = run_of(
        step_of(1, steady(), failed("401 for Authorization: Bearer sk-abcdefghijkl")),
        base_url="http://me:hunter2secret@box:8000/v1",
    )
    around = replace(run.surroundings, settings=(("api_key", "qwertzuiop"), ("max_model_len", "2048")))
    run = replace(run, surroundings=around, note="token: hf_abcdefghijklmno")

    for fmt in FORMATS:
        text = render(run, fmt)
        for secret in ("sk-abcdefghijkl", "hunter2secret", "qwertzuiop", "hf_abcdefghijklmno"):
            assert secret not in text, (fmt, secret)
    assert "max_model_len=2048" in render(run, "text")
    assert document_of(run)["surroundings"]["settings"]["max_model_len"] == "2048"


def test_nothing_that_a_terminal_would_obey_is_printed() -> None:
    run = run_of(step_of(1, steady(), failed("\x1b[2Jboom\r\nnext\x07")), model="Evil\x1b]0;title\x07")

    for fmt in ("text", "ipex", "markdown", "csv"):
        assert not [char for char in render(run, fmt) if not char.isprintable() and char != "\n"], fmt


def test_the_json_has_every_figure_and_the_reason_of_the_unknown() -> None:
    run = run_of(step_of(2, steady(tokens=None), failed("cut off"), failed("cut off")))

    document = document_of(run)

    assert (document["format"], document["version"]) == ("arcdesk-bench-figures", 1)
    assert document["plan"]["api"] == "completions"
    (step,) = document["steps"]
    assert step["errors"] == [{"text": "cut off", "count": 2}]
    assert (step["good"], step["failed"], step["requests"]) == (1, 2, 3)
    no_count = "The server sent no token count."
    assert step["output_tokens_per_s"] == {"value": None, "n": 0, "reason": no_count}
    assert step["tpot_ms"]["p95"] is None
    assert step["tpot_ms"]["reason"] == no_count
    assert step["ttft_ms"] == run_stats_ttft(run)


def run_stats_ttft(run: BenchRun) -> dict[str, float | int | None]:
    spread = run_stats(run)[0].ttft_ms
    return {name: getattr(spread, name) for name in ("mean", "p50", "p90", "p95", "p99", "n")}


def test_the_json_has_no_folders_and_no_infinity() -> None:
    plan = BenchPlan(dataset=Dataset.FILE, dataset_path="/home/me/prompts.txt", rate_per_s=float("inf"))

    document = document_of(run_of(step_of(1, steady()), plan=plan))

    assert document["plan"]["dataset_path"] == "prompts.txt"
    assert document["plan"]["rate_per_s"] is None


def test_the_csv_has_a_row_for_each_step_and_empty_cells_for_the_unknown() -> None:
    run = run_of(step_of(1, steady()), step_of(4, steady(tokens=None), failed()))

    first, second = rows_of(run)

    assert list(first) == csv_columns()
    assert (first["concurrency"], first["model"], first["output_tokens_per_s"]) == (
        "1",
        "TinyLlama-1.1B",
        "5",
    )
    assert float(first["ttft_ms_p95"]) == pytest.approx(100)
    assert (second["concurrency"], second["good"], second["failed"]) == ("4", "1", "1")
    assert (second["output_tokens_per_s"], second["tpot_ms_mean"], second["tpot_ms_n"]) == ("", "", "0")


def test_a_word_in_the_csv_is_never_a_formula() -> None:
    (row,) = rows_of(run_of(step_of(1, steady()), model='=HYPERLINK("http://x")', engine="a,b\nc"))

    assert row["model"] == '\'=HYPERLINK("http://x")'
    assert row["engine"] == "a,b c"


def test_markdown_shows_foreign_words_as_they_are() -> None:
    run = run_of(step_of(1, steady(), failed("a|b *c* <img>")), model="org/a_b|c")

    text = render(run, "markdown")

    assert text.startswith("# Benchmark: org/a\\_b\\|c\n")
    assert "- 1 × a\\|b \\*c\\* \\<img\\>" in text


def test_every_table_in_markdown_has_rows_of_one_width() -> None:
    lines = render(two_steps(), "markdown").splitlines()

    tables: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("|"):
            tables[-1].append(line)
        elif tables[-1]:
            tables.append([])
    widths = [{row.replace("\\|", "").count("|") for row in table} for table in tables if table]
    assert len(widths) == 4  # surroundings, overview, two steps
    assert all(len(each) == 1 for each in widths)
    assert "| TTFT | 100.0 | 100.0 | 100.0 | 100.0 | 100.0 | 4 |" in lines


def test_what_was_asked_is_told_in_words() -> None:
    plan = BenchPlan(
        api=Api.CHAT,
        rate_per_s=2.5,
        duration_s=60,
        is_ignoring_eos=False,
        image_path="cat.png",
        output_tokens=7,
    )

    second = render(run_of(step_of(1, steady()), plan=plan), "text").splitlines()[1]

    assert second == (
        "Chat, 1024 tokens in, 7 out · with an image · answers may end early · 60 s a step · "
        "Poisson, 2.5 requests/s"
    )


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (BenchPlan(is_same_prompt=True), "1024 tokens in, 512 out"),
        (BenchPlan(dataset=Dataset.FILE, dataset_path="p.txt"), "prompts of a file in, 512 out"),
        (BenchPlan(dataset=Dataset.SHAREGPT, dataset_path="s.json"), "prompts of conversations in, 512 out"),
    ],
)
def test_prompts_that_come_again_are_told_and_a_file_has_no_length_of_ours(
    plan: BenchPlan, words: str
) -> None:
    run = run_of(step_of(1, steady()), plan=plan)
    second = render(run, "text").splitlines()[1]
    assert words in second
    assert "prefill may be cached" in second
    assert rows_of(run)[0]["input_tokens_asked"] == ("1024" if plan.dataset is Dataset.TEXT else "")
    assert "cached" not in render(two_steps(), "text")


def test_a_cancelled_step_says_so_in_every_report() -> None:
    records = (steady(), RequestRecord(sent_s=1.0))
    run = run_of(BenchStep(concurrency=2, records=records, duration_s=2.0, is_cancelled=True))

    assert "1 answered, 1 not finished in 2.00 s" in render(run, "text")
    assert "Stopped early" in render(run, "text")
    assert "Stopped early" in render(run, "markdown")
    assert document_of(run)["steps"][0]["is_cancelled"] is True
    assert rows_of(run)[0]["is_cancelled"] == "1"


@given(
    st.text(WORDS, max_size=40),
    st.text(WORDS, max_size=40),
    st.lists(
        st.sampled_from([steady(), failed(), steady(tokens=None), steady(pieces=0, tokens=0)]), max_size=4
    ),
    st.sampled_from([0.0, 1e-9, 3.0]),
)
def test_no_words_and_no_step_break_a_report(
    model: str, error: str, records: list[RequestRecord], duration_s: float
) -> None:
    run = run_of(step_of(1, *records, failed(error or "x"), duration_s=duration_s), model=model, engine=error)

    for fmt in FORMATS:
        assert render(run, fmt).encode().endswith(b"\n")
    assert len(rows_of(run)) == 1
    assert document_of(run)["steps"][0]["requests"] == len(records) + 1
