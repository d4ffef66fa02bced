"""Lays two runs side by side: each figure's ratio with its interval, and what else differs, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import median

from arcdesk.core.bench import BenchPlan, BenchRun, BenchStep
from arcdesk.core.bench_differences import Difference, differences, load_note, plan_differences
from arcdesk.core.bench_figures import Total
from arcdesk.core.bench_samples import Figure, samples
from arcdesk.core.bench_stats import step_stats
from arcdesk.core.bootstrap import Ratio, median_ratio

SPACE = "\u202f"  # narrow, does not break
MINUS = "−"
NOTHING_KNOWN = "nothing known changed"
OF_REQUESTS = (
    "The intervals are of the requests of these two runs. Two runs of the same thing can differ by more:"
    " measure each twice before you trust a small change."
)
_NAMED = 2  # how many differences a headline names


class Trend(Enum):
    """What the interval carries."""

    BETTER = "better"
    WORSE = "worse"
    OPEN = "open"  # no interval, or it holds 'no change'


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One figure of one concurrency in both runs. Medians over requests, or a step's single value."""

    concurrency: int
    name: str
    unit: str
    is_rate: bool
    before: float | None
    after: float | None
    n_before: int
    n_after: int
    ratio: Ratio | None = None  # None: not both are known

    @property
    def change(self) -> float | None:
        """-0.18: 18 % less than before."""
        return None if self.ratio is None else self.ratio.value - 1

    @property
    def trend(self) -> Trend:
        """Only what the interval carries: a single value has none."""
        if self.ratio is None or self.ratio.low is None or self.ratio.high is None:
            return Trend.OPEN
        if self.ratio.low <= 1 <= self.ratio.high:
            return Trend.OPEN
        return Trend.BETTER if (self.ratio.low > 1) == self.is_rate else Trend.WORSE


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs, at the concurrencies that both have. `plan_differences`: they answer different questions."""

    lines: tuple[Line, ...]
    differences: tuple[Difference, ...]
    plan_differences: tuple[Difference, ...]
    notes: tuple[str, ...]

    def sentences(self) -> tuple[str, ...]:
        """All that differs and all that a reader must know, without the figures."""
        asked = tuple(f"Asked differently, {each.sentence()}." for each in self.plan_differences)
        return (*asked, *(f"{each.sentence()}." for each in self.differences), *self.notes)


def compare(before: BenchRun, after: BenchRun) -> Comparison:
    """Figure by figure, for each concurrency that both runs have. A thousand requests take about 20 ms."""
    pairs = _pairs(before.steps, after.steps)
    lines = [line for one, other in pairs for line in _step_lines(one, other, before.plan, after.plan)]
    load = load_note(before.surroundings, after.surroundings)
    is_told = any(line.trend is not Trend.OPEN for line in lines)
    return Comparison(
        lines=tuple(lines),
        differences=differences(before.surroundings, after.surroundings),
        plan_differences=plan_differences(before.plan, after.plan),
        notes=(
            *_step_notes(before, after, pairs),
            *((load,) if load else ()),
            *((OF_REQUESTS,) if is_told else ()),
        ),
    )


def headline(name: str, change: float, found: Sequence[Difference]) -> str:
    """'decode −18 % since kernel 6.17'."""
    sure = [each.since() for each in found if each.is_sure]
    named, more = sure[:_NAMED], len(sure) - _NAMED
    if not named:
        return f"{name} {percent(change)}, {NOTHING_KNOWN}"
    if more > 0:
        named.append(f"{more} more {'change' if more == 1 else 'changes'}")
    return f"{name} {percent(change)} since {_listed(named)}"


def percent(change: float) -> str:
    """'−18 %', '+4 %'; small ones with a digit."""
    size = abs(change) * 100
    digits = 0 if size >= 9.95 else 1
    text = f"{size:.{digits}f}"
    sign = "" if float(text) == 0 else MINUS if change < 0 else "+"
    return f"{sign}{text}{SPACE}%"


def _pairs(before: Sequence[BenchStep], after: Sequence[BenchStep]) -> list[tuple[BenchStep, BenchStep]]:
    """By concurrency; where one was measured twice, the first with the first."""
    rest: dict[int, list[BenchStep]] = {}
    for step in after:
        rest.setdefault(step.concurrency, []).append(step)
    return [(step, rest[step.concurrency].pop(0)) for step in before if rest.get(step.concurrency)]


def _step_lines(before: BenchStep, after: BenchStep, asked: BenchPlan, asked_later: BenchPlan) -> list[Line]:
    return [*_rates(before, after, asked, asked_later), *(_line(before, after, figure) for figure in Figure)]


def _line(before: BenchStep, after: BenchStep, figure: Figure) -> Line:
    a, b = samples(before, figure), samples(after, figure)
    return Line(
        concurrency=before.concurrency,
        name=figure.label,
        unit=figure.unit,
        is_rate=figure.is_rate,
        before=median(a) if a else None,
        after=median(b) if b else None,
        n_before=len(a),
        n_after=len(b),
        ratio=median_ratio(a, b),
    )


def _rates(before: BenchStep, after: BenchStep, asked: BenchPlan, asked_later: BenchPlan) -> list[Line]:
    one, other = step_stats(before, asked), step_stats(after, asked_later)
    return [
        _rate_line(before.concurrency, "requests", "/s", one.requests_per_s, other.requests_per_s),
        _rate_line(before.concurrency, "output", "tok/s", one.output_tokens_per_s, other.output_tokens_per_s),
    ]


def _rate_line(concurrency: int, name: str, unit: str, before: Total, after: Total) -> Line:
    """A rate of the whole step: one value a run, so there is no interval."""
    known = before.value is not None and after.value is not None and before.value > 0
    ratio = Ratio(value=after.value / before.value) if known else None  # type: ignore[operator]
    return Line(
        concurrency=concurrency,
        name=name,
        unit=unit,
        is_rate=True,
        before=before.value,
        after=after.value,
        n_before=before.n,
        n_after=after.n,
        ratio=ratio,
    )


def _step_notes(before: BenchRun, after: BenchRun, pairs: Sequence[tuple[BenchStep, BenchStep]]) -> list[str]:
    notes = []
    both = {one.concurrency for one, _ in pairs}
    for which, run in (("earlier", before), ("later", after)):
        alone = [str(step.concurrency) for step in run.steps if step.concurrency not in both]
        if alone:
            notes.append(f"Concurrency {_listed(alone)} is in the {which} run only.")
        if any(step.is_cancelled for step in run.steps):
            notes.append(f"The {which} run was stopped early.")
        failed = sum(bool(record.error) for step in run.steps for record in step.records)
        if failed:
            notes.append(f"In the {which} run {failed} {'request' if failed == 1 else 'requests'} failed.")
    return notes


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
