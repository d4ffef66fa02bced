"""The ledger's words: the cells of its list, the history's lines, the verdict of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from arcdesk.core.bench_compare import SPACE, Line, Trend, percent
from arcdesk.core.bench_differences import DIGEST_LENGTH
from arcdesk.core.bench_ledger import RunRow
from arcdesk.core.bench_report_words import UNKNOWN

VERDICTS = {Trend.BETTER: "faster", Trend.WORSE: "slower", Trend.OPEN: "not clear"}
FEW = "too few values"
SINGLE = "one value"
ROLES = {Trend.BETTER: "ok", Trend.WORSE: "error", Trend.OPEN: "secondary"}
SINGLE_VALUES = ("requests", "output")  # lines of a whole step


def moment(at: float) -> str:
    """On the person's clock: '2026-11-21 14:02'."""
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def number(value: float | None) -> str:
    """Three digits or more, whole ones with a thin space between thousands."""
    if value is None:
        return UNKNOWN
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}".replace(",", "\u202f")
    return f"{value:.{1 if size >= 10 else 2}f}"


def machine(row: RunRow) -> str:
    """Card, driver, kernel and image, as far as they are known."""
    digest = row.image_digest.removeprefix("sha256:")[:DIGEST_LENGTH]
    parts = (
        ", ".join(row.cards),
        row.driver,
        f"kernel {row.kernel}" if row.kernel else "",
        f"image {digest}" if digest else "",
        row.engine if not row.cards and not digest else "",
    )
    return " · ".join(part for part in parts if part) or UNKNOWN


def failures(row: RunRow) -> str:
    """'2 of 60'; '' none; a run that was stopped early says so."""
    parts = [f"{row.failed} of {row.requests}"] if row.failed else []
    return " · ".join([*parts, *(["stopped early"] if row.is_cancelled else [])])


def row_words(row: RunRow) -> str:
    """All of a row, for a screen reader."""
    parts = [
        f"Run {row.id}",
        moment(row.at),
        row.model or "unknown model",
        f"{_listed(row.concurrencies)} at once",
        f"decode {number(row.decode_tokens_per_s)} tokens per second",
        f"time to first token {number(row.ttft_ms)} milliseconds",
        f"throughput {number(row.output_tokens_per_s)} tokens per second",
        failures(row),
        row.note,
    ]
    return ", ".join(part for part in parts if part)


def change_words(line: Line) -> str:
    """'−12 %', or the sign of the unknown."""
    return UNKNOWN if line.change is None else percent(line.change)


def interval_words(line: Line) -> str:
    """'−14 to −10 %'."""
    ratio = line.ratio
    if ratio is None or ratio.low is None or ratio.high is None:
        return UNKNOWN
    low, high = percent(ratio.low - 1), percent(ratio.high - 1)
    return f"{low.rstrip(' %' + SPACE)} to {high}"


def verdict_words(line: Line) -> str:
    """What the interval carries."""
    if line.change is None:
        return UNKNOWN
    if line.ratio is None or line.ratio.low is None:
        return SINGLE if line.name in SINGLE_VALUES else FEW
    return VERDICTS[line.trend]


def runs_words(count: int, shown: str) -> str:
    """'128 runs', with what the list is narrowed by."""
    runs = "1 run" if count == 1 else f"{number(count) if count >= 1000 else count} runs"
    return f"{runs} {shown}".strip()


def gone_words(run_ids: Sequence[int]) -> str:
    """Runs that were on show and were deleted elsewhere."""
    if len(run_ids) == 1:
        return f"Run {run_ids[0]} is not in the ledger any more."
    return f"Runs {' and '.join(map(str, run_ids))} are not in the ledger any more."


def _listed(values: Sequence[int]) -> str:
    return ", ".join(map(str, values)) or UNKNOWN
