"""JSON, CSV, Markdown and text tell the same figures, whatever the run: none rounds or forgets by itself."""

from __future__ import annotations

import csv
import io
import json
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arcdesk.core.bench import BenchPlan, BenchRun, RequestRecord
from arcdesk.core.bench_figures import PERCENTILES
from arcdesk.core.bench_report import render
from arcdesk.core.bench_report_data import TOTALS
from arcdesk.core.bench_report_words import GIB, LATENCIES, UNKNOWN
from arcdesk.core.bench_untold import FIGURES, why_untold
from tests.unit.core.bench_runs import failed, run_of, steady, step_of

COUNTS = ("concurrency", "requests", "good", "failed", "unfinished")
PARTS = ("mean", *(f"p{each}" for each in PERCENTILES))


def any_run(seed: int) -> BenchRun:
    """Steps of all kinds: empty answers, uncounted ones, failures, nothing at all."""
    rng = random.Random(seed)
    steps = []
    for concurrency in rng.sample((1, 2, 4, 16, 64), rng.randint(1, 3)):
        records: list[RequestRecord] = [
            steady(
                rng.uniform(0, 9),
                pieces=rng.choice((0, 1, 2, 30)),
                first_s=rng.uniform(0.001, 30),
                gap_s=rng.expovariate(20),
                tokens=rng.choice((None, 0, 1, 2, 30, 400)) if rng.random() < 0.1 else rng.randint(1, 99),
            )
            for _ in range(rng.randint(0, 12))
        ]
        records += [failed() for _ in range(rng.choice((0, 0, 3)))]
        steps.append(step_of(concurrency, *records, duration_s=rng.uniform(0.5, 90)))
    run = run_of(*steps, plan=BenchPlan(ttft_limit_ms=500, tpot_limit_ms=60))
    around = replace(
        run.surroundings,
        engine=rng.choice(("", "container", "embedded", "remote")),
        base_url=rng.choice(("", "http://127.0.0.1:8001/v1", "http://192.0.2.7:8000/v1")),
        cards=rng.choice(((), ("B580 (0000:03:00.0)",))),
    )
    return replace(
        run,
        surroundings=around,
        energy_j=rng.choice((None, 0.0, 1234.5)),
        vram_peak_bytes=rng.choice((None, 7 << 30)),
        note=rng.choice(("", "Stopped early. It | jumped.", "token: hf_abcdefghijklmno")),
    )


def markdown_figures(text: str) -> list[dict[str, list[str]]]:
    """Of each step: the cells behind a latency's name."""
    steps: list[dict[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("## Concurrency"):
            steps.append({})
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if steps and cells[0] in dict(LATENCIES):
            steps[-1][cells[0]] = cells[1:]
    return steps


def text_figures(text: str) -> list[dict[str, list[str]]]:
    """The same of the terminal's report."""
    steps: list[dict[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("Concurrency ") and line.split()[1].isdigit():
            steps.append({})
        for name, _ in LATENCIES:
            if steps and line.startswith(f"  {name} ") and line.removeprefix(f"  {name}").split()[0] == "ms":
                steps[-1][name] = line.removeprefix(f"  {name}").split()[1:]
    return steps


def card_cells(text: str) -> list[str]:
    """What stands behind the names of the cards' figures, in a report for people."""
    rows = [line.strip("| ").replace(" | ", " ") for line in text.replace("\\", "").splitlines()]
    return [
        row.removeprefix(label).strip() for label, _ in FIGURES for row in rows if row.startswith(f"{label} ")
    ]


def check_cards(run: BenchRun, document: dict[str, Any], text: str) -> None:
    """A figure or 'unknown' with the reason that the window and the other reports give, never nothing."""
    cells = card_cells(text)
    assert len(cells) == len(FIGURES)
    for cell, (_, name) in zip(cells, FIGURES, strict=True):
        reason = document["unknown"].get(name)
        assert (document[name] is None) == (reason is not None) == cell.startswith("unknown")
        if reason is None:
            unit = GIB if name == "vram_peak_bytes" else 1
            assert float(cell.split()[0]) == pytest.approx(document[name] / unit, abs=0.51)
        else:
            assert reason == why_untold(run)
            assert cell == f"unknown: {reason}".replace(" | ", " ")


def check_cells(cells: list[str], told: dict[str, Any]) -> None:
    """A report for people rounds, to about four digits, and says nothing else."""
    *values, n = cells
    assert int(n) == told["n"]
    for shown, part in zip(values, PARTS, strict=True):
        exact = told[part]
        if exact is None:
            assert shown == UNKNOWN
        else:
            decimals = len(shown.partition(".")[2])
            assert float(shown) == pytest.approx(exact, abs=0.5000001 * 10**-decimals)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_all_reports_tell_the_same(seed: int) -> None:
    run = any_run(seed)
    document = json.loads(render(run, "json"))
    rows = list(csv.DictReader(io.StringIO(render(run, "csv"))))
    marked, printed = markdown_figures(render(run, "markdown")), text_figures(render(run, "text"))

    assert len(document["steps"]) == len(rows) == len(marked) == len(printed) == len(run.steps)
    for step, row, in_markdown, in_text in zip(document["steps"], rows, marked, printed, strict=True):
        assert [int(row[name]) for name in COUNTS] == [step[name] for name in COUNTS]
        for name in TOTALS:
            same(row[name], step[name]["value"])
            assert step[name]["value"] is not None or step[name]["reason"]
        for label, name in LATENCIES:
            told = step[name]
            assert int(row[f"{name}_n"]) == told["n"]
            for part in PARTS:
                same(row[f"{name}_{part}"], told[part])
            assert told["n"] or told["reason"]
            check_cells(in_markdown[label], told)
            check_cells(in_text[label], told)
        for name in ("vram_peak_bytes", "energy_j", "energy_j_per_output_token"):
            same(row[name], document[name])
    for told_in in ("markdown", "text"):
        check_cards(run, document, render(run, told_in))


def same(cell: str, value: float | None) -> None:
    """An empty cell is the unknown, and the unknown is an empty cell: never a 0."""
    assert (cell == "") == (value is None)
    if value is not None:
        assert float(cell) == pytest.approx(value, abs=5.1e-7)
