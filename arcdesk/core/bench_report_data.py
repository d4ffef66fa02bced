"""A benchmark's figures for other programs: JSON with reasons, CSV with a row for each step."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict
from enum import Enum
from pathlib import PurePath
from typing import Any

from arcdesk.core.bench import BenchPlan, BenchRun, Dataset, Surroundings
from arcdesk.core.bench_figures import PERCENTILES, Spread, Total
from arcdesk.core.bench_report_words import LATENCIES, joules_per_token, one_line
from arcdesk.core.bench_stats import StepStats, run_stats
from arcdesk.core.bench_untold import untold
from arcdesk.core.redact import mask_secrets

FORMAT = "arcdesk-bench-figures"
VERSION = 1
MOST_ERRORS = 100  # kinds, of a step
TOTALS = (
    "requests_per_s",
    "output_tokens_per_s",
    "total_tokens_per_s",
    "output_tokens",
    "prompt_tokens",
    "tokens_per_event",
    "goodput_per_s",
    "cpu_us_per_token",
)
_COUNTS = ("requests", "good", "failed", "unfinished")
_OF_RUN = ("vram_peak_bytes", "energy_j", "energy_j_per_output_token")  # the same in each row
_ABOUT = ("model", "engine", "image", "image_digest", "driver", "kernel")


def json_report(run: BenchRun) -> str:
    """Units are in the names; an unknown figure is null and has its `reason`. Ends with a newline.

    Of memory and energy the reasons stand in `unknown`, by their names.
    """
    stats = run_stats(run)
    document = {
        "format": FORMAT,
        "version": VERSION,
        "id": run.id,
        "at_unix_s": run.at,
        "note": _cleaned(run.note),
        "plan": _plan(run.plan),
        "surroundings": _surroundings(run.surroundings),
        "vram_peak_bytes": run.vram_peak_bytes,
        "energy_j": run.energy_j,
        "energy_j_per_output_token": joules_per_token(run, stats),
        "unknown": untold(run),
        "steps": [_step(step) for step in stats],
    }
    return json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def csv_report(run: BenchRun) -> str:
    """A head, then a row for each step; an unknown figure is an empty cell. Lines end with a newline."""
    stats = run_stats(run)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(csv_columns())
    of_run = [_number(each) for each in (run.vram_peak_bytes, run.energy_j, joules_per_token(run, stats))]
    for step in stats:
        writer.writerow([*_csv_row(step, run), *of_run])
    return out.getvalue()


def csv_columns() -> list[str]:
    """The names of the columns, which stay."""
    spreads = [f"{field}_{part}" for _, field in LATENCIES for part in ("mean", *_parts(), "n")]
    return [
        *("at_unix_s", *_ABOUT, "input_tokens_asked", "output_tokens_asked", "concurrency"),
        *(*_COUNTS, "is_cancelled", "duration_s", *TOTALS, *spreads, *_OF_RUN),
    ]


def _csv_row(step: StepStats, run: BenchRun) -> list[str]:
    row = [_number(run.at), *(_cell(getattr(run.surroundings, name)) for name in _ABOUT)]
    asked = str(run.plan.input_tokens) if run.plan.dataset is Dataset.TEXT else ""  # of a file: as they are
    row += [asked, str(run.plan.output_tokens), str(step.concurrency)]
    row += [str(getattr(step, name)) for name in _COUNTS]
    row += [str(int(step.is_cancelled)), _number(step.duration_s)]
    row += [_number(getattr(step, name).value) for name in TOTALS]
    for _, field in LATENCIES:
        spread: Spread = getattr(step, field)
        row += [_number(spread.mean), *(_number(spread.at(each)) for each in PERCENTILES), str(spread.n)]
    return row


def _cell(text: str) -> str:
    """A word that a spreadsheet does not take for a formula."""
    shown = one_line(text, 400)
    return f"'{shown}" if shown.startswith(("=", "+", "-", "@")) else shown


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}".rstrip("0").rstrip(".")


def _parts() -> list[str]:
    return [f"p{each}" for each in PERCENTILES]


def _step(step: StepStats) -> dict[str, Any]:
    return {
        "concurrency": step.concurrency,
        **{name: getattr(step, name) for name in _COUNTS},
        "errors": [{"text": _cleaned(text), "count": count} for text, count in step.errors[:MOST_ERRORS]],
        "errors_left_out": max(0, len(step.errors) - MOST_ERRORS),
        "is_cancelled": step.is_cancelled,
        "duration_s": step.duration_s,
        **{name: _total(getattr(step, name)) for name in TOTALS},
        **{field: _spread(getattr(step, field)) for _, field in LATENCIES},
        "notes": list(step.notes),
    }


def _total(total: Total) -> dict[str, Any]:
    return {"value": total.value, "n": total.n, **({"reason": total.reason} if total.reason else {})}


def _spread(spread: Spread) -> dict[str, Any]:
    values = {"mean": spread.mean, **{f"p{each}": spread.at(each) for each in PERCENTILES}, "n": spread.n}
    return {**values, **({"reason": spread.reason} if spread.reason else {})}


def _plan(plan: BenchPlan) -> dict[str, Any]:
    plain = {name: _plain(value) for name, value in asdict(plan).items()}
    names = {name: PurePath(plain[name]).name for name in ("dataset_path", "image_path")}  # not whose folder
    return {name: _cleaned(value) for name, value in {**plain, **names}.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None  # no limit, which JSON has no number for
    return value.value if isinstance(value, Enum) else value


def _surroundings(around: Surroundings) -> dict[str, Any]:
    settings = [mask_secrets(f"{name}={value}").partition("=") for name, value in around.settings]
    return {**_cleaned(asdict(around)), "settings": {name: value for name, _, value in settings}}


def _cleaned(value: Any) -> Any:
    """Without what looks like a key: a report is made to be passed on."""
    match value:
        case str():  # half a character, as a server may send one, can't be written
            return mask_secrets(value).encode("utf-8", "replace").decode("utf-8")
        case dict():
            return {name: _cleaned(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_cleaned(inner) for inner in value]
        case _:
            return value
