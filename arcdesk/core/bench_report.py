"""Writes a benchmark in the format that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from arcdesk.core.bench import BenchRun
from arcdesk.core.bench_report_data import csv_report, json_report
from arcdesk.core.bench_report_ipex import autotp_logs, ipex_report
from arcdesk.core.bench_report_markdown import markdown_report
from arcdesk.core.bench_report_text import text_report

__all__ = ["FORMATS", "autotp_logs", "render"]

_WRITERS: Mapping[str, Callable[[BenchRun], str]] = MappingProxyType(
    {
        "text": text_report,
        "ipex": ipex_report,
        "json": json_report,
        "csv": csv_report,
        "markdown": markdown_report,
    }
)
FORMATS = tuple(_WRITERS)


def render(run: BenchRun, fmt: str) -> str:
    """`run` as one of FORMATS; every text ends with a newline. Raises ValueError for another format."""
    writer = _WRITERS.get(fmt)
    if writer is None:
        raise ValueError(f"No report is called '{fmt}'; there are {', '.join(FORMATS)}.")
    return writer(run)
