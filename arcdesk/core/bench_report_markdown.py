"""A benchmark as Markdown: for an issue, a README, a note."""

from __future__ import annotations

import re
from collections.abc import Sequence

from arcdesk.core.bench import BenchRun
from arcdesk.core.bench_figures import PERCENTILES
from arcdesk.core.bench_report_text import goodput_words, overview_rows, spread_cells, throughput_words
from arcdesk.core.bench_report_words import (
    LATENCIES,
    answered_words,
    closing_lines,
    figure,
    limits_words,
    plan_words,
    step_notes,
    surroundings_rows,
    title,
)
from arcdesk.core.bench_stats import StepStats, run_stats
from arcdesk.core.bench_untold import all_card_rows

_MEANT = re.compile(r"([\\`*_{}\[\]<>#|~])")


def markdown_report(run: BenchRun) -> str:
    """Headings, a table of the surroundings and a table for each step; ends with a newline."""
    stats = run_stats(run)
    lines = [f"# Benchmark: {plain(title(run.surroundings))}", "", plain(plan_words(run.plan)), ""]
    about = [*surroundings_rows(run), *all_card_rows(run, stats)]
    lines += [*table(("What", "Value"), about, "ll"), ""]
    if len(stats) > 1:
        heads, *rows = overview_rows(stats)
        lines += [*table(heads, rows, "r" * len(heads)), ""]
    for step in stats:
        lines += [*_step_lines(step, run), ""]
    if not stats:
        lines += ["No step was run.", ""]
    return "\n".join([*lines, *map(plain, closing_lines(stats))]) + "\n"


def plain(text: str) -> str:
    """`text` so that Markdown shows it as it is, also within a table."""
    return _MEANT.sub(r"\\\1", text)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], sides: str) -> list[str]:
    """A table's lines; `sides` has an 'l' or an 'r' for each column."""
    ruler = ["---:" if side == "r" else "---" for side in sides]
    shown = [heads, *rows]
    cells = [[plain(cell) for cell in row] for row in shown]
    return [f"| {' | '.join(row)} |" for row in (cells[0], ruler, *cells[1:])]


def _step_lines(step: StepStats, run: BenchRun) -> list[str]:
    lines = [f"## Concurrency {step.concurrency}", ""]
    lines.append(f"- Requests: {answered_words(step)} in {figure(step.duration_s, 2)} s")
    lines.append(f"- Throughput: {throughput_words(step)}")
    if limits := limits_words(run.plan):
        lines.append(f"- Goodput: {goodput_words(step)} ({limits})")
    heads = ["ms", "mean", *(f"p{each}" for each in PERCENTILES), "n"]
    rows = [[name, *spread_cells(getattr(step, field))] for name, field in LATENCIES]
    lines += ["", *table(heads, rows, "l" + "r" * (len(heads) - 1))]
    notes = step_notes(step, run.plan)
    return [*lines, "", *(f"- {plain(note)}" for note in notes)] if notes else lines
