"""The live figures in words: numbers with their units, whose they are, and why one is unknown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from arcdesk.core.live_stats import LiveFigure, LiveKey, LiveView, Source, keys_of

UNKNOWN = "–"
THIN = "\u202f"  # between a number and its unit, or thousands: narrow, and no line breaks there


def tr(text: str) -> str:
    """The text in the person's language."""
    return QCoreApplication.translate("Live", text)


# numbers


def number(value: float) -> str:
    """'84', below ten '8.4', thousands apart: '1 203'; nothing is '0'."""
    if 0 < abs(value) < 9.95:
        return f"{value:.1f}"
    return f"{value:,.0f}".replace(",", THIN)


def whole(value: float) -> str:
    """A count: '3', '1 203'."""
    return f"{value:,.0f}".replace(",", THIN)


def rate(value: float) -> str:
    """'84 tok/s'."""
    return f"{number(value)}{THIN}tok/s"


def milliseconds(value: float) -> str:
    """'131 ms', from ten seconds on '12.3 s'."""
    return f"{value / 1000:.1f}{THIN}s" if value >= 9999.5 else f"{number(value)}{THIN}ms"


def share(value: float) -> str:
    """'95 %' for 0.95."""
    return f"{value * 100:.0f}{THIN}%"


@dataclass(frozen=True, slots=True)
class Words:
    """How one figure is called in a sentence, and how its value is said."""

    name: str
    say: Callable[[float], str]


WORDS: dict[LiveKey, Words] = {
    LiveKey.OUR_TOKENS_PER_S: Words("Tokens per second, now", rate),
    LiveKey.OUR_TOKENS_PER_S_MINUTE: Words("Tokens per second, last minute", rate),
    LiveKey.OUR_PROMPT_TOKENS_PER_S: Words("Prompt tokens per second", rate),
    LiveKey.OUR_TTFT_P50_MS: Words("Time to first token, p50", milliseconds),
    LiveKey.OUR_TTFT_P95_MS: Words("Time to first token, p95", milliseconds),
    LiveKey.OUR_TTFT_P99_MS: Words("Time to first token, p99", milliseconds),
    LiveKey.OUR_ITL_P50_MS: Words("Time between tokens, p50", milliseconds),
    LiveKey.OUR_ITL_P95_MS: Words("Time between tokens, p95", milliseconds),
    LiveKey.OUR_ITL_P99_MS: Words("Time between tokens, p99", milliseconds),
    LiveKey.OUR_RUNNING: Words("Answers under way", whole),
    LiveKey.TOKENS_PER_S: Words("Tokens per second, now", rate),
    LiveKey.TOKENS_PER_S_MINUTE: Words("Tokens per second, last minute", rate),
    LiveKey.PROMPT_TOKENS_PER_S: Words("Prompt tokens per second", rate),
    LiveKey.TTFT_P50_MS: Words("Time to first token, p50", milliseconds),
    LiveKey.TTFT_P95_MS: Words("Time to first token, p95", milliseconds),
    LiveKey.TTFT_P99_MS: Words("Time to first token, p99", milliseconds),
    LiveKey.ITL_P50_MS: Words("Time between tokens, p50", milliseconds),
    LiveKey.ITL_P95_MS: Words("Time between tokens, p95", milliseconds),
    LiveKey.ITL_P99_MS: Words("Time between tokens, p99", milliseconds),
    LiveKey.RUNNING: Words("Requests running", whole),
    LiveKey.WAITING: Words("Requests waiting", whole),
    LiveKey.SWAPPED: Words("Requests swapped out", whole),
    LiveKey.KV_USE: Words("KV cache in use", share),
    LiveKey.PREFIX_HIT_RATE: Words("Found in the prefix cache", share),
    LiveKey.PREEMPTIONS: Words("Preemptions, last minute", whole),
}


def source_title(source: Source) -> str:
    """Whose figures they are, as a heading."""
    if source is Source.OURS:
        return tr("ArcDesk, on its own answers")
    return tr("The server's /metrics, all requests")


def source_about(source: Source) -> str:
    """How they are measured, for who wants to know."""
    if source is Source.OURS:
        return tr("By this computer's clock, as the pieces of your answers arrive here.")
    return tr("By the server's own count on its page /metrics, read once a second while this is open.")


# one figure


def value_text(key: LiveKey, figure: LiveFigure, *, has_unit: bool = True) -> str:
    """'84 tok/s', '≥ 2 560 ms' where the top bucket is full, '≈ 84 tok/s' for an estimate, or '–'."""
    if figure.value is None:
        return UNKNOWN
    said = WORDS[key].say(figure.value)
    if not has_unit:
        said = said.removesuffix(f"{THIN}ms")
    sign = "≥" if figure.is_at_least else "≈" if figure.is_estimate else ""
    return f"{sign}{THIN}{said}" if sign else said


def about(figure: LiveFigure) -> str:
    """Why it is unknown, or where it is from and how far to trust it: a few lines."""
    if figure.value is None:
        return figure.reason
    parts = [figure.note]
    if figure.is_estimate:
        parts.append(tr("Counted in pieces: no answer has told yet how many tokens a piece holds."))
    if figure.is_at_least:
        parts.append(tr("The server's highest bucket is full: the truth lies above."))
    elif figure.metric.endswith("_seconds") and figure.n is not None:
        parts.append(tr("The server counts it in buckets: within one it is an estimate."))
    if figure.metric:
        parts.append(tr("From {0}.").format(figure.metric))
    return "\n".join(part for part in parts if part)


def sentence(key: LiveKey, figure: LiveFigure) -> str:
    """'Time to first token, p50: 131 ms, n = 14', or '…: –, because …' for the screen reader."""
    said = f"{tr(WORDS[key].name)}: {value_text(key, figure)}"
    if figure.value is None:
        return f"{said} ({figure.reason.rstrip('.')})"
    return f"{said}, n{THIN}={THIN}{whole(figure.n)}" if figure.n is not None else said


# all of them


def figures_text(view: LiveView) -> str:
    """All figures as plain text, for the clipboard."""
    lines: list[str] = []
    for source in Source:
        lines += ["", source_title(source)] if lines else [source_title(source)]
        if source is Source.SERVER and view.problem is not None:
            lines.append(f"  {view.problem.sentence()}")
            continue
        for key in keys_of(source):
            figure = view[key]
            metric = f"  [{figure.metric}]" if figure.metric else ""
            lines.append(f"  {sentence(key, figure)}{metric}")
    return "\n".join(lines).replace(THIN, " ") + "\n"
