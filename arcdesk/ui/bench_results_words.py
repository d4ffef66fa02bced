"""The words of a benchmark's results: what was run, how it ended, and why a figure is unknown."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from arcdesk.core.bench import BenchRun
from arcdesk.core.bench_report_words import (
    GIB,
    answered_words,
    decimals_for,
    figure,
    limits_words,
    one_line,
    plan_words,
    step_notes,
)
from arcdesk.core.bench_shown import BenchShown
from arcdesk.core.bench_stats import StepStats
from arcdesk.core.bench_untold import why_untold
from arcdesk.ui.gpu_words import THIN, UNKNOWN
from arcdesk.ui.xy_plot_axis import moment_words

DOT = " · "


def tr(text: str) -> str:
    """The text in the person's language."""
    return QCoreApplication.translate("BenchResults", text)


def streams_words(count: int) -> str:
    """'1 stream', '8 streams'."""
    return tr("1 stream") if count == 1 else tr("{0} streams").format(count)


def what_words(run: BenchRun) -> str:
    """Engine, cards and when, in a line; what is not known is left out."""
    around = run.surroundings
    parts = [around.engine, ", ".join(around.cards) or tr("no card known")]
    parts += [moment_words(run.at)] if run.at > 0 else []
    return DOT.join(one_line(part, 160) for part in parts if part)


def asked_words(run: BenchRun) -> str:
    """What was asked, and the limits of goodput."""
    limits = limits_words(run.plan)
    counts = run.plan.concurrencies
    streams = streams_words(counts[0]) if len(counts) == 1 else _streams(list(counts))
    asked = tr("{0} at once").format(streams)
    return DOT.join([asked, plan_words(run.plan), *([tr("limits: {0}").format(limits)] if limits else [])])


def ended_words(shown: BenchShown) -> str:
    """'3 of 4 steps · 96 answered, 2 failed'."""
    done, wanted = len(shown.steps), len(shown.run.plan.concurrencies)
    stats = shown.stats
    steps = tr("1 step") if wanted == 1 else tr("{0} steps").format(wanted)
    parts = [steps if done >= wanted else tr("{0} of {1}").format(done, steps)]
    good, failed = sum(step.good for step in stats), sum(step.failed for step in stats)
    unfinished = sum(step.unfinished for step in stats)
    total = StepStats(concurrency=0, good=good, failed=failed, unfinished=unfinished)
    parts += [answered_words(total)] if done else []
    parts += [tr("stopped early")] if any(step.is_cancelled for step in stats) else []
    return DOT.join(parts)


def failure_lines(shown: BenchShown) -> list[str]:
    """For each step with failures: '8 streams: 60 answered, 2 failed: timed out'."""
    lines = []
    for step in shown.stats:
        if step.failed:
            errors = [f"{count} × {one_line(text)}" for text, count in step.errors[:3]]
            errors += [tr("and {0} other kinds").format(len(step.errors) - 3)] if len(step.errors) > 3 else []
            lines.append(f"{streams_words(step.concurrency)}: {answered_words(step)} ({'; '.join(errors)})")
    return lines


def note_lines(shown: BenchShown) -> list[str]:
    """What else a reader must know; what holds for all steps is said once."""
    where: dict[str, list[int]] = {}
    for step in shown.stats:
        errors = min(len(step.errors), 5) + (len(step.errors) > 5)  # failure_lines has them
        for line in step_notes(step, shown.run.plan)[errors:]:
            where.setdefault(line, []).append(step.concurrency)
    lines = []
    for line, steps in where.items():
        is_all = len(steps) == len(shown.steps)
        at = "" if is_all else streams_words(steps[0]) if len(steps) == 1 else _streams(steps)
        lines.append(f"{at}: {line}" if at else line)
    return lines


def _streams(steps: list[int]) -> str:
    return tr("{0} streams").format(", ".join(map(str, steps)))


def vram_words(shown: BenchShown) -> tuple[str, str]:
    """The peak, and why it is not known."""
    peak = shown.run.vram_peak_bytes
    if peak is None:
        return UNKNOWN, _why_untold(shown)
    return f"{peak / GIB:.2f}{THIN}GiB", ""


def energy_words(shown: BenchShown) -> tuple[str, str]:
    """'1 240 J · 0.41 J per output token', and why it is not known."""
    used = shown.run.energy_j
    if used is None:
        return UNKNOWN, _why_untold(shown)
    said = f"{used:,.0f}{THIN}J".replace(",", THIN)
    each = shown.joules_per_token
    if each is None:
        return said, tr("Per token it is not known, for not all tokens were counted.")
    per_token = f"{figure(each, decimals_for(each))}{THIN}J"
    return DOT.join([said, tr("{0} per output token").format(per_token)]), ""


def _why_untold(shown: BenchShown) -> str:
    return tr("It is told when the run has ended.") if shown.is_under_way else why_untold(shown.run)
