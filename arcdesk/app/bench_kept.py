"""Carries out what `arcdesk bench` does with the runs that were kept: list, show, compare, export."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from arcdesk.app.bench_output import report, write
from arcdesk.core.bench_compare import Comparison, Line, Trend, percent
from arcdesk.core.bench_ledger import BenchLedger, RunRow
from arcdesk.core.bench_report_text import aligned
from arcdesk.core.bench_report_words import UNKNOWN, column, one_line
from arcdesk.core.errors import ArcDeskError, NotFoundError
from arcdesk.storage.bench_ledger import BenchDb

PAGE = 100
STOPPED = "Stopped early."
GONE = "bench_run_gone"  # as the ledger says it
MOST_MODEL, MOST_NOTE, MOST_SENTENCE = 40, 60, 400
_TREND = {Trend.BETTER: "better", Trend.WORSE: "worse", Trend.OPEN: ""}
_NONE, _WHY = "There is no such run", "It was never kept, or it was deleted more than 30 days ago."
_SEE = "See those that are kept with `arcdesk bench --list`."
_HEADS = ("Run", "Made", "Model", "At once", "TTFT ms", "Decode tok/s", "Output tok/s", "Failed", "Note")


async def run(options: argparse.Namespace) -> int:
    """Returns the exit code. Raises ArcDeskError."""
    async with aclosing(BenchDb()) as ledger:
        try:
            return await _run(options, ledger)
        except ArcDeskError as error:
            if error.problem.cause != GONE:
                raise
            raise NotFoundError(replace(error.problem, title=_NONE, detail=_WHY, hint=_SEE)) from error
        finally:
            for problem in ledger.problems:
                print(f"arcdesk: {problem.sentence()}", file=sys.stderr)  # noqa: T201


async def _run(options: argparse.Namespace, ledger: BenchLedger) -> int:
    if options.show is not None:
        report(await ledger.get(options.show), options)
    elif options.export is not None:
        write(await ledger.export(options.export))
    elif options.compare is not None:
        found = await ledger.compare(*options.compare)
        write(comparison_json(found) if options.json else comparison_text(found, *options.compare))
    else:
        rows = await _all_rows(ledger)
        write(rows_json(rows) if options.json else rows_text(rows))
    return 0


async def _all_rows(ledger: BenchLedger) -> list[RunRow]:
    rows: list[RunRow] = []
    while page := await ledger.rows(limit=PAGE, after=rows[-1] if rows else None):
        rows += page
    return rows


def rows_text(rows: Sequence[RunRow]) -> str:
    """A line for each run, the newest first."""
    if not rows:
        return "No benchmark is kept yet: `arcdesk bench` makes one.\n"
    figures = [
        column([getattr(row, name) for row in rows])
        for name in ("ttft_ms", "decode_tokens_per_s", "output_tokens_per_s")
    ]
    lines = [
        (
            str(row.id),
            _moment(row.at),
            one_line(row.model, MOST_MODEL) or UNKNOWN,
            ",".join(map(str, row.concurrencies)),
            *each,
            str(row.failed),
            one_line(_note(row), MOST_NOTE),
        )
        for row, each in zip(rows, zip(*figures, strict=True), strict=True)
    ]
    return _table([_HEADS, *lines], left=(1, 2, 8))


def _note(row: RunRow) -> str:
    is_told = not row.is_cancelled or STOPPED in row.note
    return row.note if is_told else f"{STOPPED} {row.note}"


def rows_json(rows: Sequence[RunRow]) -> str:
    """For other programs; units are in the names."""
    plain = [asdict(row) for row in rows]
    for each in plain:
        del each["plan"]  # `--export` has it
    return _json({"runs": plain})


def comparison_text(found: Comparison, before_id: int, after_id: int) -> str:
    """What differs, then the figures of both with the change and its interval."""
    lines = [f"Run {before_id} and run {after_id}", ""]
    told = [one_line(each, MOST_SENTENCE) for each in found.sentences()]
    lines += [*(told or ["Nothing known differs between them."]), ""]
    if not found.lines:
        return "\n".join([*lines, "They have no concurrency in common."]) + "\n"
    heads = ("At once", "Figure", "Unit", f"Run {before_id}", f"Run {after_id}", "Change", "95 %", "n", "")
    table = _table([heads, *map(_comparison_row, found.lines)], left=(1, 2, 8))
    return "\n".join(lines) + "\n" + table


def comparison_json(found: Comparison) -> str:
    """For other programs."""
    lines = [{**asdict(line), "change": line.change, "trend": line.trend.value} for line in found.lines]
    return _json({**asdict(found), "lines": lines})


def _comparison_row(line: Line) -> tuple[str, ...]:
    ratio = line.ratio
    interval = ""
    if ratio is not None and ratio.low is not None and ratio.high is not None:
        interval = f"{percent(ratio.low - 1)} to {percent(ratio.high - 1)}"
    return (
        str(line.concurrency),
        line.name,
        line.unit,
        *column((line.before, line.after)),
        UNKNOWN if line.change is None else percent(line.change),
        interval or UNKNOWN,
        f"{line.n_before}, {line.n_after}",
        _TREND[line.trend],
    )


def _table(rows: Sequence[Sequence[str]], *, left: Sequence[int]) -> str:
    """Aligned; the columns `left` are set left."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    padded = [
        [
            cell.ljust(width) if at in left else cell
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in rows
    ]
    return "".join(f"{line.rstrip()}\n" for line in aligned(padded))


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M")  # the person's clock


def _json(data: dict[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"
