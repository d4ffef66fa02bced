"""The small fixed suite, and what a run of it says against the earlier ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from arcdesk.core.bench import BenchPlan, BenchRun, Surroundings
from arcdesk.core.bench_compare import headline, percent
from arcdesk.core.bench_differences import Difference, differences, is_same, load_note
from arcdesk.core.bench_samples import Figure, samples
from arcdesk.core.regression import LEAST_EFFECT, SUITE_REQUESTS, Finding, Verdict, judge

# About a minute on a card that gives 60 tokens/s. A change of it begins a new history.
SUITE = BenchPlan(
    concurrencies=(1, 4), input_tokens=256, output_tokens=64, requests=SUITE_REQUESTS, warm_up_requests=4
)
RUNS_BEFORE = 8  # earlier runs that are compared with, at most

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
        runs = "1 run" if it.runs_before == 1 else f"{it.runs_before} runs"
        return (
            f"{self.name} {percent(it.change)}{interval}, n = {it.n_now} now, {it.n_before} before in {runs}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteResult:
    """What a suite says, in one sentence; `is_alert`: something became slower, and statistics carry it."""

    sentence: str
    is_alert: bool = False
    findings: tuple[SuiteFinding, ...] = ()
    differences: tuple[Difference, ...] = ()
    before: Surroundings | None = None  # what to go back to
    before_ids: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    def details(self) -> tuple[str, ...]:
        """A line for each figure, then what else a reader must know."""
        return (*(each.detail() for each in self.findings), *self.notes)


def suite_result(run: BenchRun, earlier: Sequence[BenchRun]) -> SuiteResult:
    """Compare with `earlier` ones, the newest first: those on something else, then those on the same."""
    if any(step.is_cancelled for step in run.steps) or not run.steps:
        return SuiteResult(sentence="The suite was stopped early, so it is not compared.")
    results = [_result(run, group) for group in _groups(run, earlier)]
    if not results:
        model = run.surroundings.model or "this model"
        return SuiteResult(sentence=f"The first suite with {model}: later ones are compared with it.")
    return next((each for each in results if each.is_alert), results[0])


def _groups(run: BenchRun, earlier: Sequence[BenchRun]) -> Iterator[list[BenchRun]]:
    """The newest runs on something else, all on the same; then those on what this run was made on."""
    own = [each for each in earlier if is_same(each.surroundings, run.surroundings)]
    others = [each for each in earlier if not is_same(each.surroundings, run.surroundings)]
    if others:
        newest = others[0].surroundings
        yield [each for each in others if is_same(each.surroundings, newest)][:RUNS_BEFORE]
    if own:
        yield own[:RUNS_BEFORE]


def _result(run: BenchRun, before: Sequence[BenchRun]) -> SuiteResult:
    about = before[0].surroundings
    differ = differences(about, run.surroundings)
    findings = tuple(_findings(run, before))
    slower = _with(findings, Verdict.SLOWER)
    load = load_note(about, run.surroundings)
    return SuiteResult(
        sentence=_sentence(findings, differ),
        is_alert=bool(slower),
        findings=findings,
        differences=differ,
        before=about,
        before_ids=tuple(each.id for each in before),
        notes=((load,) if load else ()),
    )


def _findings(run: BenchRun, before: Sequence[BenchRun]) -> Iterator[SuiteFinding]:
    for step in run.steps:
        steps = [one for each in before for one in each.steps if one.concurrency == step.concurrency]
        for figure in _WATCHED:
            now, then = samples(step, figure), [samples(one, figure) for one in steps]
            if figure is Figure.DECODE and (not now or not any(then)):  # a server that counts no tokens
                figure = Figure.GAP
                now, then = samples(step, figure), [samples(one, figure) for one in steps]
            finding = judge(then, now, is_rate=figure.is_rate)
            yield SuiteFinding(concurrency=step.concurrency, figure=figure, finding=finding)


def _sentence(findings: Sequence[SuiteFinding], differ: Sequence[Difference]) -> str:
    for verdict in (Verdict.SLOWER, Verdict.FASTER):
        for each in _with(findings, verdict)[:1]:
            assert each.finding.change is not None
            return headline(each.name, each.finding.change, differ)
    if findings and all(each.finding.verdict is Verdict.SAME for each in findings):
        return f"As fast as before, within {percent(LEAST_EFFECT).lstrip('+')}."
    return "No difference that the figures carry; they are too uneven or too few to call it the same."


def _with(findings: Sequence[SuiteFinding], verdict: Verdict) -> list[SuiteFinding]:
    return [each for each in findings if each.finding.verdict is verdict]
