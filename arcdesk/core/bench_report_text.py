"""A benchmark as aligned lines for a terminal: all steps in a table, then each step by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from arcdesk.core.bench import BenchRun
from arcdesk.core.bench_figures import PERCENTILES, Spread
from arcdesk.core.bench_report_words import (
    LATENCIES,
    UNKNOWN,
    answered_words,
    closing_lines,
    column,
    figure,
    limits_words,
    plan_words,
    rate,
    step_notes,
    surroundings_rows,
    title,
)
from arcdesk.core.bench_stats import StepStats, run_stats
from arcdesk.core.bench_untold import all_card_rows

LABEL_WIDTH = 13
OVERVIEW: tuple[tuple[str, str, Callable[[StepStats], float | None]], ...] = (
    ("", "Requests/s", lambda step: step.requests_per_s.value),
    ("Output", "tokens/s", lambda step: step.output_tokens_per_s.value),
    ("Total", "tokens/s", lambda step: step.total_tokens_per_s.value),
    ("TTFT p50", "ms", lambda step: step.ttft_ms.p50),
    ("TTFT p95", "ms", lambda step: step.ttft_ms.p95),
    ("TPOT p50", "ms", lambda step: step.tpot_ms.p50),
    ("ITL p95", "ms", lambda step: step.itl_ms.p95),
)


def text_report(run: BenchRun) -> str:
    """For people; ends with a newline."""
    stats = run_stats(run)
    lines = [title(run.surroundings), plan_words(run.plan)]
    lines += [_labelled(label, value) for label, value in surroundings_rows(run) if label != "Model"]
    lines += [_labelled(label, value) for label, value in all_card_rows(run, stats)]
    if not stats:
        lines += ["", "No step was run."]
    if len(stats) > 1:
        lines += ["", *overview(stats)]
    for step in stats:
        lines += ["", *_step_lines(step, run)]
    lines += ["", *closing_lines(stats)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def overview_rows(stats: Sequence[StepStats]) -> list[tuple[str, ...]]:
    """A head, then a row for each step; the figures of a column have the same decimals."""
    columns = [["Concurrency", *(str(step.concurrency) for step in stats)]]
    columns += [
        [f"{above} {below}".strip(), *column([get(each) for each in stats])] for above, below, get in OVERVIEW
    ]
    columns.append(["n", *(str(step.good) for step in stats)])
    columns.append(["Failed", *(str(step.failed) for step in stats)])
    return [*zip(*columns, strict=True)]


def overview(stats: Sequence[StepStats]) -> list[str]:
    """The same for a terminal, its head in two lines."""
    heads, *rows = overview_rows(stats)
    above = ["", *(each[0] for each in OVERVIEW), "", ""]
    below = [heads[0], *(each[1] for each in OVERVIEW), *heads[-2:]]
    return aligned([above, below, *rows])


def aligned(rows: Sequence[Sequence[str]], *, left_columns: int = 0) -> list[str]:
    """Rows of one length as lines; the first `left_columns` are set left, all others right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if index < left_columns else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def spread_cells(spread: Spread) -> list[str]:
    """Mean, the percentiles and n, with the same decimals for all."""
    return [*column([spread.mean, *(spread.at(each) for each in PERCENTILES)]), str(spread.n)]


def _step_lines(step: StepStats, run: BenchRun) -> list[str]:
    lines = [f"Concurrency {step.concurrency}"]
    lines.append(_labelled("Requests", f"{answered_words(step)} in {figure(step.duration_s, 2)} s"))
    lines.append(_labelled("Throughput", throughput_words(step)))
    if limits := limits_words(run.plan):
        lines.append(_labelled("Goodput", f"{goodput_words(step)} ({limits})"))
    heads = ["", "", "mean", *(f"p{each}" for each in PERCENTILES), "n"]
    rows = [[name, "ms", *spread_cells(getattr(step, field))] for name, field in LATENCIES]
    rows = [[cells[0].ljust(LABEL_WIDTH - 2), *cells[1:]] for cells in [heads, *rows]]
    lines += [f"  {line}" for line in aligned(rows, left_columns=2)]
    return [*lines, *(f"  {note}" for note in step_notes(step, run.plan))]


def throughput_words(step: StepStats) -> str:
    """The three rates of a step."""
    return (
        f"{rate(step.requests_per_s)} requests/s · {rate(step.output_tokens_per_s)} output tokens/s · "
        f"{rate(step.total_tokens_per_s)} total tokens/s"
    )


def goodput_words(step: StepStats) -> str:
    """Requests within the limits, as a rate and as a count."""
    if step.goodput_per_s.value is None:
        return UNKNOWN
    return f"{rate(step.goodput_per_s)} requests/s, {step.goodput_per_s.n} of {step.requests}"


def _labelled(label: str, value: str) -> str:
    return f"  {label:{LABEL_WIDTH}}{value}"
