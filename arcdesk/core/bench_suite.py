"""The small fixed suite, and what a run of it says against the earlier ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from arcdesk.core.bench import BenchPlan, BenchRun, BenchStep, Surroundings
from arcdesk.core.bench_compare import headline, percent
from arcdesk.core.bench_differences import Difference, differences, is_same, load_note
from arcdesk.core.bench_samples import Figure, samples
from arcdesk.core.regression import LEAST_EFFECT, MOST_RUNS, SUITE_REQUESTS, Finding, Verdict, judge

# About a minute on a card that gives 60 tokens/s. A change of it begins a new history.
SUITE = BenchPlan(
    concurrencies=(1, 4), input_tokens=256, output_tokens=64, requests=SUITE_REQUESTS, warm_up_requests=4
)
RUNS_BEFORE = 8  # earlier runs that are compared with, at most
FIRST_RUNS = 2  # on something that was never measured: one run does not tell what runs differ by

# Decode first: it is what a headline names if several are slower.
_WATCHED = (Figure.DECODE, Figure.TTFT)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteFinding:
    """What one figure at one concurrency says."""

    concurrency: int
    figure: Figure
    finding: Finding

    @property
    def name(self) -> str:
        """'decode', 'decode of 4 at once'."""
        together = f" of {self.concurrency} at once" if self.concurrency > 1 else ""
        return f"{self.figure.label}{together}"

    def detail(self) -> str:
        """The figures behind it, with n."""
        it = self.finding
        if it.change is None:
            return f"{self.name}: too few values (n = {it.n_now} now, {it.n_before} before)"
        interval = "" if it.low is None or it.high is None else f" ({percent(it.low)} to {percent(it.high)})"
        return (
            f"{self.name} {percent(it.change)}{interval}, n = {it.n_now} now in {_runs(it.runs_now)},"
            f" {it.n_before} before in {_runs(it.runs_before)}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteResult:
    """What suites say, in one sentence.

    `is_alert`: something became slower, and statistics carry it. `wants_more`: measured once more, it would
    be surer: it looks slower, or is the first of its kind.
    """

    sentence: str
    is_alert: bool = False
    wants_more: bool = False
    findings: tuple[SuiteFinding, ...] = ()
    differences: tuple[Difference, ...] = ()
    before: Surroundings | None = None  # what to go back to
    before_ids: tuple[int, ...] = ()  # the newest first
    now_ids: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    def details(self) -> tuple[str, ...]:
        """A line for each figure, then what else a reader must know."""
        return (*(each.detail() for each in self.findings), *self.notes)

    def detail_of_loss(self) -> str:
        """The line of the figure that an alert's sentence names; '' nothing became slower."""
        return next((each.detail() for each in _with(self.findings, Verdict.SLOWER)), "")


def is_suite(run: BenchRun) -> bool:
    """It is a whole suite, measured to its end."""
    is_whole = len(run.steps) == len(SUITE.concurrencies) and not any(step.is_cancelled for step in run.steps)
    return run.plan == SUITE and is_whole


def suite_result(now: Sequence[BenchRun], earlier: Sequence[BenchRun]) -> SuiteResult:
    """Compare suites made one after the other on the same, the newest last, with `earlier` ones.

    Those are the newest first: the ones on something else are compared with, then those on the same. What
    was made on the same since the newest on something else counts as new. Takes up to 0.3 s.
    """
    run = now[-1]
    if any(step.is_cancelled for step in run.steps) or not run.steps:
        return SuiteResult(sentence="The suite was stopped early, so it is not compared.")
    groups = tuple(_groups(now, earlier))
    results = [_result(fresh, before, len(groups)) for fresh, before in groups]
    if not results:
        return _first(now)
    alerts = [each for each in results if each.is_alert]
    open_ones = [each for each in results if each.wants_more]
    return (*alerts, *open_ones, *results)[0]


def _first(now: Sequence[BenchRun]) -> SuiteResult:
    model = now[-1].surroundings.model or "this model"
    return SuiteResult(
        sentence=f"The first suite with {model}: later ones are compared with it.",
        wants_more=len(now) < FIRST_RUNS,
        now_ids=tuple(run.id for run in now),
    )


def _groups(
    now: Sequence[BenchRun], earlier: Sequence[BenchRun]
) -> Iterator[tuple[list[BenchRun], list[BenchRun]]]:
    """New runs and what they are compared with: the newest on something else; those on the same."""
    about = now[-1].surroundings
    own = [each for each in earlier if is_same(each.surroundings, about)]
    others = [each for each in earlier if not is_same(each.surroundings, about)]
    if others:
        newest = others[0].surroundings
        since = [each for each in earlier[: earlier.index(others[0])] if each in own]
        fresh = [*reversed(since), *now][-MOST_RUNS:]
        yield fresh, [each for each in others if is_same(each.surroundings, newest)][:RUNS_BEFORE]
    if own:
        yield list(now)[-MOST_RUNS:], own[:RUNS_BEFORE]


def _result(now: Sequence[BenchRun], before: Sequence[BenchRun], comparisons: int) -> SuiteResult:
    about, run = before[0].surroundings, now[-1]
    differ = differences(about, run.surroundings)
    findings = tuple(_findings(now, before, comparisons))
    load = load_note(about, run.surroundings)
    is_alert = bool(_with(findings, Verdict.SLOWER))
    return SuiteResult(
        sentence=_sentence(findings, differ),
        is_alert=is_alert,
        wants_more=not is_alert and bool(_with(findings, Verdict.SUSPECT)),
        findings=findings,
        differences=differ,
        before=about,
        before_ids=tuple(each.id for each in before),
        now_ids=tuple(each.id for each in now),
        notes=((load,) if load else ()),
    )


def _findings(
    now: Sequence[BenchRun], before: Sequence[BenchRun], comparisons: int
) -> Iterator[SuiteFinding]:
    for step in now[-1].steps:
        old, new = _steps(before, step.concurrency), _steps(now, step.concurrency)
        for figure in _WATCHED:
            then, fresh = _values(old, figure), _values(new, figure)
            if figure is Figure.DECODE and not (any(then) and any(fresh)):  # a server that counts no tokens
                figure = Figure.GAP
                then, fresh = _values(old, figure), _values(new, figure)
            finding = judge(then, fresh, is_rate=figure.is_rate, comparisons=comparisons)
            yield SuiteFinding(concurrency=step.concurrency, figure=figure, finding=finding)


def _steps(runs: Sequence[BenchRun], concurrency: int) -> list[BenchStep]:
    return [step for run in runs for step in run.steps if step.concurrency == concurrency]


def _values(steps: Sequence[BenchStep], figure: Figure) -> list[list[float]]:
    return [samples(step, figure) for step in steps]


def _sentence(findings: Sequence[SuiteFinding], differ: Sequence[Difference]) -> str:
    for verdict in (Verdict.SLOWER, Verdict.FASTER):
        for each in _with(findings, verdict)[:1]:
            assert each.finding.change is not None
            return headline(each.name, each.finding.change, differ)
    for each in _with(findings, Verdict.SUSPECT)[:1]:
        assert each.finding.change is not None
        changed = headline(each.name, each.finding.change, differ)
        return f"It looks slower, but {_runs(each.finding.runs_now)} can't tell: {changed}."
    if findings and all(each.finding.verdict is Verdict.SAME for each in findings):
        return f"As fast as before, within {percent(LEAST_EFFECT).lstrip('+')}."
    return "No difference that the figures carry; they are too uneven or too few to call it the same."


def _with(findings: Sequence[SuiteFinding], verdict: Verdict) -> list[SuiteFinding]:
    return [each for each in findings if each.finding.verdict is verdict]


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"
