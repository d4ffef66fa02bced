"""Writes the comparison as Markdown, between two markers of the README."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.truth.figures import CPU, LABELS, NAMES, Figures, middle, off

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- bench-truth -->", "<!-- /bench-truth -->"


@dataclass(frozen=True)
class Column:
    """A client's runs; `truth` is what the server has of each of them, from `source`, if it can tell."""

    name: str
    runs: Sequence[Figures]
    truth: Sequence[Figures] = ()
    source: str = "the server's notes"

    @property
    def told(self) -> Figures:
        """The medians over the runs."""
        return middle(self.runs)

    def off_truth(self, name: str) -> float | None:
        """How far it is from the truth of the same run, the median over the runs; None if no one told it."""
        if not self.truth or name not in self.truth[0].values or name not in self.runs[0].values:
            return None
        pairs = zip(self.runs, self.truth, strict=True)
        return median(off(run.values[name], true.values[name]) for run, true in pairs)


def compared(ours: Column, others: Sequence[Column]) -> str:
    """A row for each figure; ours first, then each other one and how far ours is from it."""
    columns = (ours, *others)
    head = ["", *(cell for column in columns for cell in _head(column))]
    head += [f"ArcDesk against {column.name}" for column in others]
    rows = [_row([LABELS[name], *_cells(columns, name), *_against(ours, others, name)]) for name in NAMES]
    cpu = [LABELS[CPU]]
    for column in columns:
        value = column.told.values.get(CPU)
        cpu += ["–" if value is None else f"{value:.3f}"] + ([""] if column.truth else [])
    rows.append(_row([*cpu, *_against(ours, others, CPU)]))
    n = ["answers (tokens)"]
    for column in columns:
        n += [f"{column.told.n:,} ({column.told.tokens:,})"] + ([""] if column.truth else [])
    rows.append(_row([*n, *("" for _ in others)]))
    return "\n".join([_row(head), _row(["---"] + ["---:"] * (len(head) - 1)), *rows])


def write(text: str) -> None:
    """Put it between the markers, which must be there once."""
    readme = README.read_text(encoding="utf-8")
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    if len(pattern.findall(readme)) != 1:
        raise SystemExit(f"{README} must hold {BEGIN} … {END} once.")
    changed = pattern.sub(lambda _: f"{BEGIN}\n{text}\n{END}", readme)
    README.write_text(changed, encoding="utf-8")


def number(value: float) -> str:
    """With as many digits as tell something."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 100 else f"{value:.2f}"


def percent(part: float) -> str:
    """'+0.3 %'."""
    return f"{part * 100:+.1f} %"


def _head(column: Column) -> list[str]:
    return [column.name] + ([f"off {column.source}"] if column.truth else [])


def _cells(columns: Sequence[Column], name: str) -> list[str]:
    cells = []
    for column in columns:
        value = column.told.values.get(name)
        cells.append("–" if value is None else number(value))
        if column.truth:
            apart = column.off_truth(name)
            cells.append("" if apart is None else percent(apart))
    return cells


def _against(ours: Column, others: Sequence[Column], name: str) -> list[str]:
    values = [(ours.told.values.get(name), other.told.values.get(name)) for other in others]
    return ["–" if a is None or b is None else percent(off(a, b)) for a, b in values]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
