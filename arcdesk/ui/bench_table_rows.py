"""The figures of a benchmark as rows and cells: rates of each step, and latencies with their spread."""

from __future__ import annotations

from dataclasses import dataclass, field

from arcdesk.core.bench_figures import PERCENTILES, Spread, Total
from arcdesk.core.bench_report_words import LATENCIES, decimals_of, figure, limits_words, one_line
from arcdesk.core.bench_shown import BenchShown
from arcdesk.core.bench_stats import StepStats
from arcdesk.ui.bench_results_words import streams_words, tr
from arcdesk.ui.gpu_words import UNKNOWN

DOUBT = "~"  # before a percentile of too few values


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A column's name and unit, and what it means."""

    name: str
    unit: str = ""
    about: str = ""

    @property
    def words(self) -> str:
        """'output tok/s', 'requests/s'."""
        return f"{self.name}{'' if self.unit.startswith('/') else ' '}{self.unit}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What stands there, and what goes onto the clipboard (`plain`; '' is the text)."""

    text: str
    unit: str = ""  # after the text, in the secondary colour
    why: str = ""  # on hover: why it is unknown, or little worth
    plain: str = ""
    role: str = "text"  # a colour of the palette
    is_quiet: bool = False  # it repeats the cell above: told to readers and copies, but not painted


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The first `labels` columns name the row, all others are figures."""

    name: str
    heads: tuple[Head, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    labels: int = 1
    about: str = field(default="")  # a line below it


def rates_table(shown: BenchShown) -> Table:
    """A row for each step: how many were answered, and how fast all together were."""
    heads = [
        Head(name=tr("Streams"), about=tr("How many requests were under way at once")),
        Head(name=tr("answered")),
        Head(name=tr("failed"), about=tr("In no other figure")),
        Head(name=tr("requests"), unit="/s"),
        Head(name=tr("output"), unit="tok/s"),
        Head(name=tr("total"), unit="tok/s", about=tr("Tokens of the prompts and of the answers")),
    ]
    kinds = ["requests_per_s", "output_tokens_per_s", "total_tokens_per_s"]
    if limits := limits_words(shown.run.plan):
        about = tr("Requests within all limits: {0}").format(limits)
        heads.append(Head(name=tr("goodput"), unit="/s", about=about))
        kinds.append("goodput_per_s")
    columns = [_totals([getattr(step, kind) for step in shown.stats]) for kind in kinds]
    rows = [
        (*_counts(step), *(column[index] for column in columns)) for index, step in enumerate(shown.stats)
    ]
    return Table(name=tr("Throughput"), heads=tuple(heads), rows=tuple(rows))


def _counts(step: StepStats) -> tuple[Cell, Cell, Cell]:
    errors = "\n".join(f"{count} × {one_line(text)}" for text, count in step.errors[:5])
    unfinished = tr("{0} more had not ended").format(step.unfinished) if step.unfinished else ""
    failed = Cell(text=str(step.failed), why=errors, role="error" if step.failed else "secondary")
    return Cell(text=str(step.concurrency)), Cell(text=str(step.good), why=unfinished), failed


def _totals(totals: list[Total]) -> list[Cell]:
    decimals = decimals_of([total.value for total in totals])
    return [_cell(total.value, decimals, total.reason) for total in totals]


def _cell(value: float | None, decimals: int, why: str) -> Cell:
    if value is None:
        return Cell(text=UNKNOWN, why=why, role="secondary")
    return Cell(text=figure(value, decimals))


def latency_table(shown: BenchShown) -> Table:
    """For each figure a row for each step: mean, percentiles and n."""
    heads = [Head(name=tr("Latency"), unit="ms"), Head(name=tr("Streams")), Head(name=tr("mean"))]
    heads += [Head(name=f"p{each}", about=_about(each)) for each in PERCENTILES]
    heads.append(Head(name="n", about=tr("How many values it was worked out from")))
    rows = []
    for name, kind in LATENCIES:
        spreads: list[Spread] = [getattr(step, kind) for step in shown.stats]
        decimals = decimals_of([spread.p99 for spread in spreads])
        for index, (step, spread) in enumerate(zip(shown.stats, spreads, strict=True)):
            label = Cell(text=name, why=_MEANINGS[kind](), is_quiet=index > 0)
            rows.append((label, Cell(text=str(step.concurrency)), *_spread_cells(spread, decimals)))
    is_doubtful = any(cell.text.startswith(DOUBT) for row in rows for cell in row)
    about = tr("{0} so few values that it is close to the largest one").format(DOUBT) if is_doubtful else ""
    return Table(name=tr("Latency"), heads=tuple(heads), rows=tuple(rows), labels=2, about=about)


def _about(percentile: int) -> str:
    return tr("{0} of 100 values are not larger").format(percentile)


_MEANINGS = {
    "ttft_ms": lambda: tr("Time to first token: from sending the request to the first text"),
    "tpot_ms": lambda: tr("Time per output token, after the first: tokens as the server counts them"),
    "itl_ms": lambda: tr("Inter-token latency: between two arrivals of text"),
    "e2e_ms": lambda: tr("From sending the request to the answer's end"),
}


def _spread_cells(spread: Spread, decimals: int) -> list[Cell]:
    if not spread.is_known:
        nothing = Cell(text=UNKNOWN, why=spread.reason, role="secondary")
        return [*([nothing] * (1 + len(PERCENTILES))), Cell(text="0", role="secondary")]
    cells = [_cell(spread.mean, decimals, "")]
    for percentile in PERCENTILES:
        text = figure(spread.at(percentile), decimals)
        if is_near_the_largest(percentile, spread.n):
            cells.append(Cell(text=f"{DOUBT}{text}", plain=text, why=doubt_words(percentile, spread.n)))
        else:
            cells.append(Cell(text=text))
    left_out = tr("Leaves out {0}").format(spread.reason) if spread.reason else ""
    return [*cells, Cell(text=str(spread.n), why=left_out)]


def is_near_the_largest(percentile: int, n: int) -> bool:
    """It lies at or beyond the second largest value: (n - 1) * p / 100 > n - 2."""
    return percentile > 50 and (n - 1) * percentile > (n - 2) * 100


def doubt_words(percentile: int, n: int) -> str:
    """Why a percentile of so few values says little."""
    if n == 1:
        return tr("There is one value only.")
    return tr("The p{0} of {1} values lies next to the largest: it says little of those to come.").format(
        percentile, n
    )


def row_words(table: Table, row: int) -> str:
    """'TTFT, 8 streams'."""
    cells = table.rows[row]
    if table.labels == 1:
        return streams_words(int(cells[0].text))
    return f"{cells[0].text}, {streams_words(int(cells[1].text))}"


def as_text(table: Table, rows: range | list[int], columns: range | list[int], *, has_heads: bool) -> str:
    """Cells with tabs between them, as spreadsheets take them; without a line end at the end."""
    lines = ["\t".join(table.heads[column].words for column in columns)] if has_heads else []
    for row in rows:
        cells = (table.rows[row][column] for column in columns)
        lines.append("\t".join(cell.plain or cell.text for cell in cells))
    return "\n".join(lines)
