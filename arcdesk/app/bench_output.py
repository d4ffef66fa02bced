"""Prints a benchmark's report, and writes all its reports into a folder."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from arcdesk.core.bench import BenchRun
from arcdesk.core.bench_report import autotp_logs, render
from arcdesk.core.errors import Problem, UsageError
from arcdesk.storage.paths import free_name

FILE_ENDS = {"text": "txt", "ipex": "txt", "json": "json", "csv": "csv", "markdown": "md"}


def report(run: BenchRun, options: argparse.Namespace) -> None:
    """As `--format`, `--json` and `--out` say. Raises UsageError if the folder can't be written."""
    write(render(run, "json" if options.json else options.format))
    if options.out:
        _write_all(run, Path(options.out).expanduser())


def write(text: str) -> None:
    """Data to standard output; a letter that the terminal can't show must not end the command."""
    data = text.encode(sys.stdout.encoding or "utf-8", "replace")
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.flush()


def files_of(run: BenchRun) -> dict[str, str]:
    """Each format, and a log for each concurrency as the documents' script has it: file name → text."""
    return {f"bench-{name}.{end}": render(run, name) for name, end in FILE_ENDS.items()} | autotp_logs(run)


def base_name(run: BenchRun) -> str:
    """'arcdesk-bench-20261121-134500'."""
    return time.strftime("arcdesk-bench-%Y%m%d-%H%M%S", time.localtime(run.at or None))


def _write_all(run: BenchRun, folder: Path) -> None:
    texts = files_of(run)
    try:
        if any((folder / name).exists() for name in texts):  # an earlier run's: they stay
            folder = free_name(folder / base_name(run))
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(_cant_write(folder, error)) from error
    print(f"Written: {len(texts)} files in {folder}", file=sys.stderr)  # noqa: T201


def _cant_write(folder: Path, error: OSError) -> Problem:
    return Problem(
        cause="cant_write",
        title=f"The reports can't be written into {folder}",
        detail=f"{error.strerror}.",
        hint="Name another folder.",
    )
