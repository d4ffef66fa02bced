"""Says on a terminal what a small suite found against the earlier ones, in the words of the window."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from arcdesk.core import bench_alert
from arcdesk.core.bench import BenchRun, Surroundings
from arcdesk.core.bench_ledger import BenchRepo
from arcdesk.core.bench_suite import SUITE, SuiteResult, is_suite, suite_result
from arcdesk.core.errors import ArcDeskError
from arcdesk.core.regression import Verdict
from arcdesk.services.bench_watch import BenchWatch, Told

NO_MODEL = "The server told no name of its model, so this suite is not compared."
NO_VERDICT = "This suite is not compared."
LEAST_P = 0.0001  # smaller ones are said to be below it
_HEADLINES = (Verdict.SLOWER, Verdict.FASTER, Verdict.SUSPECT)  # the order in which a sentence names them


async def verdict(run: BenchRun, ledger: BenchRepo) -> tuple[str, ...]:
    """A line each; none for another plan, or for a run that was not kept. Raises nothing."""
    if not run.id or run.plan != SUITE:
        return ()
    if not is_suite(run):  # also one that broke off without having been stopped
        return (suite_result([replace(run, steps=())], ()).sentence,)
    if not run.surroundings.model:
        return (NO_MODEL,)
    try:
        told = await BenchWatch(ledger).after_kept(run)
    except ArcDeskError as error:  # the run is kept and reported all the same
        return (f"{NO_VERDICT} {error.problem.sentence()}",)
    return verdict_lines(told)


def verdict_lines(told: Told) -> tuple[str, ...]:
    """What it says, what that rests on, what to do."""
    result = told.result
    sentence = result.sentence[:1].upper() + result.sentence[1:].rstrip(".") + "."
    found = " ".join(part for part in (sentence, _basis(told), *result.notes) if part)
    return (found, *([hint] if (hint := _hint(result)) else []))


def _basis(told: Told) -> str:
    """'Compared with 6 earlier runs since 2026-11-03', and the figure of the headline; '' with none."""
    count = len(told.result.before_ids)
    if not count or told.since is None:
        return ""
    day = datetime.fromtimestamp(told.since, UTC).astimezone().strftime("%Y-%m-%d")  # the person's clock
    runs = f"1 earlier run of {day}" if count == 1 else f"{count} earlier runs since {day}"
    figure = _headline_figure(told.result)
    return f"Compared with {runs}{f': {figure}' if figure else ''}."


def _headline_figure(result: SuiteResult) -> str:
    for verdict_ in _HEADLINES:
        for each in result.findings:
            if each.finding.verdict is verdict_:
                return f"{each.detail()}, {_p(each.finding.p)}"
    return ""


def _p(p: float | None) -> str:
    if p is None:
        return "Mann-Whitney p unknown"
    return f"Mann-Whitney p < {LEAST_P}" if p < LEAST_P else f"Mann-Whitney p = {p:.2g}"


def _hint(result: SuiteResult) -> str:
    if result.is_alert:
        # Nothing is known of 'now', so nothing can be put back: a terminal has no button 'Go back'.
        return bench_alert.slower_notice(result, Surroundings()).hint
    return bench_alert.again_notice(result, is_measuring=False).hint if result.wants_more else ""
