"""Words and numbers that all reports of a benchmark share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

from arcdesk.core.bench import Api, BenchPlan, BenchRun, BenchStep, Dataset, Surroundings
from arcdesk.core.bench_figures import Total
from arcdesk.core.bench_stats import StepStats
from arcdesk.core.redact import mask_secrets

UNKNOWN = "–"
GIB = 1 << 30
MOST_ERROR_LETTERS = 200
MOST_ERRORS = 5
FEW = 20
LATENCIES = (
    ("TTFT", "ttft_ms"),
    ("TPOT", "tpot_ms"),
    ("ITL", "itl_ms"),
    ("End to end", "e2e_ms"),
)
MEANINGS = (
    "TTFT: sent to first text. TPOT: time per token after the first. ITL: gap between two arrivals of text.",
    "End to end: sent to the answer's end. Tokens are the server's count; failed requests are in no figure.",
)


@lru_cache(maxsize=512)  # a thousand requests may fail in the same words
def one_line(text: str, most: int = MOST_ERROR_LETTERS) -> str:
    """Foreign words without keys, line ends and what a terminal would obey; cut after `most` letters."""
    words = " ".join(mask_secrets(text[: most * 2]).split())
    shown = "".join(char if char.isprintable() else "\ufffd" for char in words)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def figure(value: float | None, decimals: int = 1) -> str:
    """A number with fixed decimals, or the sign of the unknown."""
    return UNKNOWN if value is None else f"{value:z.{decimals}f}"


def decimals_for(largest: float) -> int:
    """So many that a row of figures up to `largest` shows about four digits."""
    magnitude = abs(largest)
    return 0 if magnitude >= 1000 else 1 if magnitude >= 100 else 2 if magnitude >= 1 else 3


def decimals_of(values: Sequence[float | None]) -> int:
    """As the largest wants them, and so many that the smallest is not shown as 0."""
    sizes = [abs(value) for value in values if value]
    smallest = min(sizes, default=1000.0)
    least = 0 if smallest >= 10 else 1 if smallest >= 1 else 2 if smallest >= 0.1 else 3
    return max(decimals_for(max(sizes, default=0.0)), least)


def rate(total: Total) -> str:
    """A rate with fitting decimals."""
    return column((total.value,))[0]


def column(values: Sequence[float | None]) -> list[str]:
    """Figures with the same decimals for all."""
    decimals = decimals_of(values)
    return [figure(value, decimals) for value in values]


def plan_words(plan: BenchPlan) -> str:
    """What was asked, in a line."""
    kind = "Chat" if plan.api is Api.CHAT else "Completions"
    arrival = "closed loop" if plan.rate_per_s is None else f"Poisson, {plan.rate_per_s:g} requests/s"
    parts = [
        f"{kind}, {_PROMPTS[plan.dataset].format(plan.input_tokens)}, {plan.output_tokens} out",
        "with an image" if plan.image_path else "",
        "end-of-text ignored" if plan.is_ignoring_eos else "answers may end early",
        _repeated(plan),
        f"{_amount(plan)} a step",
        arrival,
    ]
    return " · ".join(part for part in parts if part)


_PROMPTS = {  # those of a file are as long as they are
    Dataset.TEXT: "{0} tokens in",
    Dataset.FILE: "prompts of a file in",
    Dataset.SHAREGPT: "prompts of conversations in",
}


def _repeated(plan: BenchPlan) -> str:
    """Whether prompts come again: where the server keeps prefixes, TTFT then lacks their prefill."""
    if plan.dataset is not Dataset.TEXT:
        return "from the first one at each step, warm-up too: prefill may be cached"
    return "one prompt for all: prefill may be cached" if plan.is_same_prompt else ""


def _amount(plan: BenchPlan) -> str:
    if plan.requests is not None and plan.duration_s is not None:
        return f"{plan.requests} requests, {plan.duration_s:g} s at most,"
    if plan.requests is not None:
        return f"{plan.requests} requests"
    if plan.duration_s is not None:
        return f"{plan.duration_s:g} s"
    return "4 requests per stream"


def limits_words(plan: BenchPlan) -> str:
    """The limits of goodput; '' none."""
    limits = (
        ("TTFT", plan.ttft_limit_ms),
        ("TPOT", plan.tpot_limit_ms),
        ("end to end", plan.e2e_limit_ms),
    )
    return ", ".join(f"{name} ≤ {limit:g} ms" for name, limit in limits if limit is not None)


def surroundings_rows(run: BenchRun) -> list[tuple[str, str]]:
    """Label and value of what is known about where the run was made, and of the run as a whole."""
    around = run.surroundings
    rows = [
        ("Made", _moment(run.at)),
        ("Model", around.model),
        ("Engine", around.engine),
        ("Server", around.base_url),
        ("Image", " ".join(part for part in (around.image, around.image_digest) if part)),
        ("Settings", ", ".join(f"{name}={value}" for name, value in around.settings)),
        ("Cards", ", ".join(around.cards)),
        ("Driver", around.driver),
        ("Kernel", around.kernel),
        ("Load before", "" if around.host_load is None else f"{around.host_load:.2f}"),
        ("ArcDesk", around.arcdesk),
        ("Note", run.note),
    ]
    return [(label, one_line(value, 400)) for label, value in rows if value]


def title(around: Surroundings) -> str:
    """The model, or what stands in for it."""
    return one_line(around.model or around.engine or around.base_url or "Benchmark", 80)


def card_rows(run: BenchRun, stats: tuple[StepStats, ...]) -> list[tuple[str, str]]:
    """Memory and energy of the cards, where they told; `bench_untold` has the rest."""
    rows = []
    if run.vram_peak_bytes is not None:
        rows.append(("VRAM peak", f"{run.vram_peak_bytes / GIB:.2f} GiB, seen once a second"))
    if run.energy_j is not None:
        per_token = joules_per_token(run, stats)
        each = (
            "" if per_token is None else f", {figure(per_token, decimals_for(per_token))} J per output token"
        )
        rows.append(("Energy", f"{run.energy_j:.0f} J{each}"))
    return rows


def joules_per_token(run: BenchRun, stats: tuple[StepStats, ...]) -> float | None:
    """Of all steps together; None: there were no tokens, or some that nobody counted cost energy as well."""
    if any(step.is_cancelled or _has_lost_text(step) for step in run.steps):
        return None
    counts = [step.output_tokens.value for step in stats]
    if run.energy_j is None or any(count is None for count in counts):
        return None
    tokens = sum(count for count in counts if count is not None)
    return run.energy_j / tokens if tokens else None


def _has_lost_text(step: BenchStep) -> bool:
    """An answer broke off in the middle: its tokens were made and are in no count."""
    return any(record.events_s and not record.is_good for record in step.records)


def answered_words(step: StepStats) -> str:
    """How the step's requests ended."""
    parts = [f"{step.good} answered"]
    parts += [f"{step.failed} failed"] if step.failed else []
    parts += [f"{step.unfinished} not finished"] if step.unfinished else []
    return ", ".join(parts)


def step_notes(step: StepStats, plan: BenchPlan) -> list[str]:
    """What a reader must know: errors, why figures are unknown, what they leave out."""
    lines = [f"{count} × {one_line(error)}" for error, count in step.errors[:MOST_ERRORS]]
    if (more := len(step.errors) - MOST_ERRORS) > 0:
        lines.append(f"… and {more} other {'kind' if more == 1 else 'kinds'} of failure")
    lines += step.notes
    unknown: dict[str, list[str]] = {}
    rates = [("output tokens/s", step.output_tokens_per_s), ("total tokens/s", step.total_tokens_per_s)]
    rates += [("goodput", step.goodput_per_s)] if limits_words(plan) else []
    for name, total in rates:
        if total.value is None:
            unknown.setdefault(total.reason, []).append(name)
    for name, field in LATENCIES:
        spread = getattr(step, field)
        if not spread.is_known:
            unknown.setdefault(spread.reason, []).append(name)
        elif spread.reason:
            lines.append(f"{name} leaves out {spread.reason}.")
    lines += [f"Unknown: {', '.join(names)}. {reason}".rstrip() for reason, names in unknown.items()]
    each = step.tokens_per_event.value
    if each is not None and each > 1.05:
        lines.append(
            f"An arrival of text carried {each:.2f} tokens on average: ITL is per arrival, not per token."
        )
    return lines


def closing_lines(stats: Sequence[StepStats]) -> list[str]:
    """What the figures mean, once for a whole report."""
    few = any(0 < step.good < FEW for step in stats)
    return [
        *MEANINGS,
        *([f"p95 and p99 of fewer than {FEW} requests are close to the slowest one."] if few else []),
    ]


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if at > 0 else ""
