"""Reads the files that a benchmark's plan names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from arcdesk.core.bench import BenchPlan, Dataset
from arcdesk.core.bench_prompts import image_url_of, prompts_of_file, prompts_of_sharegpt
from arcdesk.core.errors import Problem, UsageError

MOST_FILE_BYTES = 1_000_000_000
_READERS: dict[Dataset, Callable[[bytes, str], tuple[str, ...]]] = {
    Dataset.FILE: prompts_of_file,
    Dataset.SHAREGPT: prompts_of_sharegpt,
}


def prompts_in(plan: BenchPlan) -> tuple[str, ...]:
    """The prompts of the plan's file; () if the built-in text is meant. Raises UsageError. Blocks."""
    reader = _READERS.get(plan.dataset)
    if reader is None:
        return ()
    return reader(_read(plan.dataset_path), Path(plan.dataset_path).name)


def image_in(plan: BenchPlan) -> str:
    """The plan's image as a data URL, '' for none. Raises UsageError. Blocks."""
    return image_url_of(_read(plan.image_path), Path(plan.image_path).name) if plan.image_path else ""


def _read(path: str) -> bytes:
    file = Path(path).expanduser()
    try:
        if file.is_file() and file.stat().st_size > MOST_FILE_BYTES:
            raise UsageError(_unreadable(file, "It has more than 1 GB."))
        return file.read_bytes()
    except OSError as error:
        raise UsageError(_unreadable(file, f"{error.strerror}.")) from error


def _unreadable(file: Path, detail: str) -> Problem:
    return Problem(cause="bad_dataset", title=f"{file} can't be read", detail=detail, hint="Check the path.")
