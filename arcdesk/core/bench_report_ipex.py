"""A benchmark in the words and by the definitions of IPEX-LLM's own scripts.

A line that begins with '#' is ours: it marks what the scripts would tell otherwise. All others are worded
as `vllm_online_benchmark.py`, its multimodal sister and AutoTP's `benchmark.py` word them ('responce').
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from arcdesk.core.bench import Api, BenchPlan, BenchRun, BenchStep, Dataset, RequestRecord
from arcdesk.core.bench_figures import mean_of, percentile_of
from arcdesk.core.bench_report_words import card_rows, one_line
from arcdesk.core.bench_stats import StepStats, run_stats, step_stats

_MS = 1000.0
_DEFINITIONS = (
    "# Lines without '#' are worded as the script prints them ('responce' too) and reckoned as it does, but:",
    "# failed requests bring no tokens, answers without a next token are left out, and the total time begins",
    "# with the first request (the script's clock a moment later). P90 and P95 of next tokens are over the",
    "# means of the requests, as in the script, not over single gaps.",
)
_AUTOTP = (
    "# Worded and reckoned as AutoTP's benchmark.py does, but: asked over /v1, not /generate_stream/; failed",
    "# requests bring no tokens, and the total time begins with the first request.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptFigures:
    """What the scripts take of one step: a figure per request, in seconds, failed requests left out.

    `next_token_s` has the mean gap of each request that had one: the scripts' percentiles are over these.
    """

    response_s: tuple[float, ...]
    first_token_s: tuple[float, ...]
    next_token_s: tuple[float, ...]
    without_event: int
    without_gap: int


def script_figures(step: BenchStep, *, with_silent: bool = True) -> ScriptFigures:
    """`with_silent`: an event without text is a token, as in the scripts; with an image also the role's."""
    good = [record for record in step.records if record.is_good]
    events = [_events(record, with_silent=with_silent) for record in good]
    gaps = [[later - earlier for earlier, later in pairwise(times)] for times in events]
    means = [mean for each in gaps if (mean := mean_of(each)) is not None]
    return ScriptFigures(
        response_s=tuple(record.ended_s - record.sent_s for record in good if record.ended_s is not None),
        first_token_s=tuple(
            times[0] - record.sent_s for record, times in zip(good, events, strict=True) if times
        ),
        next_token_s=tuple(means),
        without_event=sum(not times for times in events),
        without_gap=sum(len(times) == 1 for times in events),
    )


def ipex_report(run: BenchRun) -> str:
    """A block for each step, as a run of the script for each `max_seq` would print. Ends with a newline."""
    if not run.steps:
        return "# No step was run.\n"
    blocks = [*(_script_block(step, run) for step in run.steps), _card_lines(run), _DEFINITIONS]
    return "\n".join(line for block in blocks for line in block) + "\n"


def autotp_logs(run: BenchRun) -> dict[str, str]:
    """`1.log`, `2.log` … by concurrency, as AutoTP's `benchmark.py` writes them: file name → text."""
    logs: dict[str, str] = {}
    for step in run.steps:
        name, number = f"{step.concurrency}.log", 2
        while name in logs:  # the script writes over it
            name, number = f"{step.concurrency}-{number}.log", number + 1
        logs[name] = "\n".join(_autotp_block(step, run.plan)) + "\n"
    return logs


def _events(record: RequestRecord, *, with_silent: bool) -> tuple[float, ...]:
    return tuple(sorted((*record.silent_s, *record.events_s))) if with_silent else record.events_s


def _is_scripts(plan: BenchPlan) -> bool:
    """One of the scripts asks this way: completions, or chat with an image."""
    return plan.api is Api.COMPLETIONS or bool(plan.image_path)


def _card_lines(run: BenchRun) -> list[str]:
    return [f"# {label}: {value}" for label, value in card_rows(run, run_stats(run))]


def _script_block(step: BenchStep, run: BenchRun) -> list[str]:
    plan, is_multimodal = run.plan, bool(run.plan.image_path)
    figures = script_figures(step, with_silent=_is_scripts(plan))
    stats = step_stats(step, plan)
    failed = [f"Request failed: {one_line(record.error)}" for record in step.records if record.error]
    lines = [f"model_name: {one_line(run.surroundings.model)}", f"max_seq: {step.concurrency}", *failed]
    lines += [_total_line(step), *_response_lines(figures, "Average responce time")]
    lines += [*_throughput_lines(stats, plan), ""]
    if figures.first_token_s:
        seconds = ", ".join(map(_digits, figures.first_token_s))
        lines += [f"first_token_latencies [{seconds}]"] if is_multimodal else []
        lines += [*_latency_lines("first", figures.first_token_s), ""]
    if figures.response_s:
        lines += [*_latency_lines("next", figures.next_token_s), ""]
    notes = [*_notes(step, stats, figures, plan), *_silent_notes(step, plan)]
    return [*lines, *notes, *([""] if notes else [])]


def _autotp_block(step: BenchStep, plan: BenchPlan) -> list[str]:
    figures, stats = script_figures(step, with_silent=_is_scripts(plan)), step_stats(step, plan)
    lines = [_total_line(step), *_response_lines(figures, "Average response time")]
    notes = _notes(step, stats, figures, plan)
    if stats.good and step.duration_s > 0:
        whole, counted = _whole_throughput(stats, plan)
        lines += [_assumed_throughput(stats, plan)]
        lines += [] if whole is None else [f"Total token throughput: {_digits(whole)}"]
        notes.append(f"# Total token throughput: {counted}; the script always takes 1024 + 128.")
    lines.append("")
    for kind, seconds in (("first", figures.first_token_s), ("next", figures.next_token_s)):
        if stats.good:
            lines += _latency_lines(kind, seconds)
            lines += [f"Average {kind} token inference latency: nan milliseconds.", ""]
    if stats.good:
        notes.append("# Inference latency is nan in the script too: no server sends it.")
    return [*lines, *notes, *_AUTOTP]


def _whole_throughput(stats: StepStats, plan: BenchPlan) -> tuple[float | None, str]:
    """Prompt and answer tokens per second, and what was taken for them."""
    if plan.dataset is not Dataset.TEXT:  # its prompts are as long as they are
        return stats.total_tokens_per_s.value, "as the server counted them"
    whole = stats.good * (plan.input_tokens + plan.output_tokens) / stats.duration_s
    return whole, f"{plan.input_tokens} + {plan.output_tokens} tokens an answer"


def _total_line(step: BenchStep) -> str:
    return (
        f"Total time for {len(step.records)} requests with {step.concurrency} concurrent requests: "
        f"{_digits(step.duration_s)} seconds."
    )


def _response_lines(figures: ScriptFigures, label: str) -> list[str]:
    mean = mean_of(figures.response_s)
    return [] if mean is None else [f"{label}: {_digits(mean)}"]


def _throughput_lines(stats: StepStats, plan: BenchPlan) -> list[str]:
    if not stats.good or stats.duration_s <= 0:
        return []
    if plan.dataset is not Dataset.SHAREGPT:
        return [_assumed_throughput(stats, plan)]
    rates = (
        ("Output token throughput", stats.output_tokens_per_s.value),
        ("Total token throughput", stats.total_tokens_per_s.value),
    )
    return [f"{label}: {_digits(rate)}" for label, rate in rates if rate is not None]


def _assumed_throughput(stats: StepStats, plan: BenchPlan) -> str:
    return f"Token throughput: {_digits(stats.good * plan.output_tokens / stats.duration_s)}"


def _latency_lines(kind: str, seconds: tuple[float, ...]) -> list[str]:
    ordered = sorted(seconds)
    mean = mean_of(ordered)
    p90, p95 = (percentile_of(ordered, each) if ordered else None for each in (90, 95))
    return [
        f"{label} {kind} token latency: {'nan' if value is None else _digits(value * _MS)} milliseconds."
        for label, value in (("Average", mean), ("P90", p90), ("P95", p95))
    ]


def _notes(step: BenchStep, stats: StepStats, figures: ScriptFigures, plan: BenchPlan) -> list[str]:
    lost = stats.failed + stats.unfinished
    without = f"{figures.without_gap + figures.without_event} of {stats.good}"
    checks = (
        (not stats.good, "No request was answered: there are no figures."),
        (
            lost,
            f"{lost} of {stats.requests} requests gave no answer; the script counts tokens for them.",
        ),
        (step.is_cancelled, "Stopped early: the figures are of what was done until then."),
        (
            figures.without_gap or figures.without_event,
            f"{without} answers have no next token; the script would print nan or end.",
        ),
        (not _is_scripts(plan), "Measured through chat; the script asks /v1/completions."),
        (
            plan.rate_per_s is not None,
            f"Requests came at random, {plan.rate_per_s or 0:g} a second, at most {step.concurrency} at "
            "once; times count from when each was due. The script has a closed loop.",
        ),
        (not plan.is_ignoring_eos, "The model may end its answers early; the script has it go on."),
        (
            plan.dataset is Dataset.TEXT and not plan.is_same_prompt,
            "Each request had a number of its own in front; the script sends one prompt to all.",
        ),
        (
            plan.image_path and plan.requests is None and plan.duration_s is None,
            "Four requests for each one at once; the script sends three.",
        ),
    )
    lines = [words for holds, words in checks if holds] + _count_notes(stats, plan)
    return [f"# {line}" for line in lines]


def _count_notes(stats: StepStats, plan: BenchPlan) -> list[str]:
    """The scripts never count tokens: they take the number they asked for."""
    if not stats.good:
        return []
    tokens, rate = stats.output_tokens, stats.output_tokens_per_s
    is_counted = plan.dataset is Dataset.SHAREGPT
    if tokens.value is None:
        unknown = "No token throughput" if is_counted else f"Taken as {plan.output_tokens} tokens an answer"
        return [f"{unknown}: {tokens.reason}"]
    if is_counted or tokens.value == stats.good * plan.output_tokens or rate.value is None:
        return []
    return [
        f"Token throughput takes {plan.output_tokens} tokens an answer, as the script does; "
        f"the server counted {tokens.value:.0f} in all, which is {rate.value:.2f} a second."
    ]


def _silent_notes(step: BenchStep, plan: BenchPlan) -> list[str]:
    good = [record for record in step.records if record.is_good]
    if not good or not _is_scripts(plan):
        return []
    if not plan.image_path:
        silent = sum(len(record.silent_s) for record in good)
        return [f"# {silent} events had no text; they count as tokens, as in the script."] if silent else []
    early = sum(_begins_silent(record) for record in good)
    if not early:
        return ["# No event named the role alone: the first token is the first text."]
    return [f"# First token: the event that names the role, as in the script, in {early} of {len(good)}."]


def _begins_silent(record: RequestRecord) -> bool:
    return bool(record.silent_s) and (not record.events_s or record.silent_s[0] < record.events_s[0])


def _digits(value: float) -> str:
    """All digits that Python prints, never with an exponent, which the script's readers do not know."""
    shown = repr(float(value))
    return f"{value:.20f}".rstrip("0").rstrip(".") if "e" in shown else shown
