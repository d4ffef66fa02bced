"""Figures of a benchmark's step: rates, latencies and goodput, each with n, and unknown where it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from arcdesk.core.bench import BenchPlan, BenchRun, BenchStep, RequestRecord
from arcdesk.core.bench_figures import Spread, Total, spread

NO_ANSWER = "No request was answered."
NO_TIME = "The step took no time."
NO_TEXT = "No answer had any text."
NO_GAP = "A gap needs two pieces of text."
NO_USAGE = "The server sent no token count."
NO_RATE = "A time per token needs two tokens in two pieces."
NO_LIMITS = "No limits were set."
_MS = 1000.0
_ONE_READ_S = 2e-6  # nothing is read twice in so short a time
_NOTHING = Spread()
_UNKNOWN = Total()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStats:
    """What one step gave. Latencies in ms, of good requests only; a failed one is in `failed`, nowhere else.

    TTFT: request sent to its first text. TPOT: (end to end - TTFT) / (tokens - 1), tokens as the server
    counts them. ITL: the gap between two events with text; an event with several tokens is one arrival, as
    nobody can tell when each of its tokens came (`tokens_per_event` says how many it carried). End to end:
    request sent to the answer's end. Rates are over `duration_s`.
    """

    concurrency: int
    requests: int = 0
    good: int = 0
    failed: int = 0
    unfinished: int = 0  # neither ended nor failed: the step was stopped
    errors: tuple[tuple[str, int], ...] = ()  # the commonest first
    duration_s: float = 0.0
    is_cancelled: bool = False
    requests_per_s: Total = _UNKNOWN
    output_tokens: Total = _UNKNOWN
    prompt_tokens: Total = _UNKNOWN
    output_tokens_per_s: Total = _UNKNOWN
    total_tokens_per_s: Total = _UNKNOWN
    tokens_per_event: Total = _UNKNOWN
    ttft_ms: Spread = _NOTHING
    tpot_ms: Spread = _NOTHING
    itl_ms: Spread = _NOTHING
    e2e_ms: Spread = _NOTHING
    goodput_per_s: Total = _UNKNOWN  # n: requests within all limits
    cpu_us_per_token: Total = _UNKNOWN  # of the load generator
    notes: tuple[str, ...] = ()  # what a reader must know to trust the figures


def run_stats(run: BenchRun) -> tuple[StepStats, ...]:
    """Of each step, in the order of the run."""
    return tuple(step_stats(step, run.plan) for step in run.steps)


def step_stats(step: BenchStep, plan: BenchPlan | None = None) -> StepStats:
    """All figures of one step; goodput by the limits of `plan`. Half a million events take about a second."""
    good = [record for record in step.records if record.is_good]
    failed = [record for record in step.records if record.error]
    output = _sum_tokens([tokens_of(record) for record in good], _why_uncounted(good))
    prompt = _sum_tokens([record.prompt_tokens for record in good])
    return StepStats(
        concurrency=step.concurrency,
        requests=len(step.records),
        good=len(good),
        failed=len(failed),
        unfinished=len(step.records) - len(good) - len(failed),
        errors=tuple(Counter(record.error for record in failed).most_common()),
        duration_s=step.duration_s,
        is_cancelled=step.is_cancelled,
        requests_per_s=_requests_per_s(step, good),
        output_tokens=output,
        prompt_tokens=prompt,
        output_tokens_per_s=_per_s(output, step.duration_s),
        total_tokens_per_s=_per_s(_both(output, prompt), step.duration_s),
        tokens_per_event=_tokens_per_event(good, output),
        ttft_ms=_ttft(good),
        tpot_ms=_tpot(good),
        itl_ms=spread((gap for record in good for gap in gaps_ms(record)), NO_GAP if good else NO_ANSWER),
        e2e_ms=spread((ms for record in good if (ms := e2e_ms(record)) is not None), NO_ANSWER),
        goodput_per_s=_goodput(step, good, plan or BenchPlan()),
        cpu_us_per_token=_cpu(step, output),
        notes=_notes(step, good),
    )


def tokens_of(record: RequestRecord) -> int | None:
    """The server's count of the answer's tokens; a 0 (or less) beside text is no count."""
    tokens = record.completion_tokens
    if tokens is None or tokens < 0 or (tokens == 0 and record.events_s):
        return None
    return tokens


def ttft_ms(record: RequestRecord) -> float | None:
    """Sent → first text; None: no text came."""
    return (record.events_s[0] - record.sent_s) * _MS if record.events_s else None


def e2e_ms(record: RequestRecord) -> float | None:
    """Sent → ended; None: it did not end."""
    return None if record.ended_s is None else (record.ended_s - record.sent_s) * _MS


def tpot_ms(record: RequestRecord) -> float | None:
    """(End to end - TTFT) / (tokens - 1); None: fewer than two tokens or pieces, or nobody counted them.

    `vllm bench serve` has a time for an answer of one piece too: that of its last bytes, no token's. Pieces
    that came in one read (of a proxy that holds answers back) are one.
    """
    tokens, first, whole = tokens_of(record), ttft_ms(record), e2e_ms(record)
    if tokens is None or tokens < 2 or first is None or whole is None or not _is_streamed(record):
        return None
    return (whole - first) / (tokens - 1)


def _is_streamed(record: RequestRecord) -> bool:
    """Somebody saw its tokens come. The ledger keeps arrivals to the microsecond."""
    return len(record.events_s) > 1 and record.events_s[-1] - record.events_s[0] > _ONE_READ_S


def gaps_ms(record: RequestRecord) -> list[float]:
    """Between consecutive events with text."""
    return [(later - earlier) * _MS for earlier, later in pairwise(record.events_s)]


def _sum_tokens(counts: Sequence[int | None], why: str = "") -> Total:
    if not counts:
        return Total(reason=NO_ANSWER)
    known = [count for count in counts if count is not None]
    if len(known) < len(counts):  # a part of the tokens would pass for all of them
        return Total(n=len(known), reason=_without_count(len(counts) - len(known), len(counts), why))
    return Total(value=sum(known), n=len(known))


def _without_count(missing: int, of: int, why: str = "") -> str:
    if missing == of:
        return why or NO_USAGE
    return f"{missing} of {of} answers came without a token count. {why}".rstrip()


def _why_uncounted(good: Sequence[RequestRecord]) -> str:
    """What the load generator found wrong with the counts, the commonest; '' nothing."""
    problems = Counter(record.usage_problem for record in good if record.usage_problem)
    return problems.most_common(1)[0][0] if problems else ""


def _both(output: Total, prompt: Total) -> Total:
    if output.value is None or prompt.value is None:
        return Total(n=min(output.n, prompt.n), reason=output.reason or prompt.reason)
    return Total(value=output.value + prompt.value, n=output.n)


def _per_s(total: Total, duration_s: float) -> Total:
    if total.value is None:
        return total
    if duration_s <= 0:
        return Total(n=total.n, reason=NO_TIME)
    return Total(value=total.value / duration_s, n=total.n)


def _requests_per_s(step: BenchStep, good: Sequence[RequestRecord]) -> Total:
    if not step.records:
        return Total(reason="No request was sent.")
    return _per_s(Total(value=len(good), n=len(good)), step.duration_s)


def _tokens_per_event(good: Sequence[RequestRecord], output: Total) -> Total:
    events = sum(len(record.events_s) for record in good)
    if output.value is None or not events:
        return Total(reason=output.reason or NO_TEXT)
    return Total(value=output.value / events, n=output.n)


def _ttft(good: Sequence[RequestRecord]) -> Spread:
    known = [ms for record in good if (ms := ttft_ms(record)) is not None]
    left_out = len(good) - len(known)
    return spread(known, NO_TEXT if good else NO_ANSWER, f"{left_out} without text" if left_out else "")


def _tpot(good: Sequence[RequestRecord]) -> Spread:
    known = [ms for record in good if (ms := tpot_ms(record)) is not None]
    uncounted = sum(tokens_of(record) is None for record in good)
    short = len(good) - len(known) - uncounted
    none = NO_RATE if good else NO_ANSWER
    if uncounted > short:
        none = _without_count(uncounted, len(good), _why_uncounted(good))
    some = [f"{uncounted} without a token count"] if uncounted else []
    some += [f"{short} with fewer than two tokens or pieces"] if short else []
    return spread(known, none, ", ".join(some))


def _goodput(step: BenchStep, good: Sequence[RequestRecord], plan: BenchPlan) -> Total:
    limits = (plan.ttft_limit_ms, plan.tpot_limit_ms, plan.e2e_limit_ms)
    if all(limit is None for limit in limits):
        return Total(reason=NO_LIMITS)
    if not step.records:
        return Total(reason="No request was sent.")
    within = [_is_within(record, plan) for record in good]
    if None in within:
        return Total(
            reason=f"The limit on TPOT needs answers with a token count and in two pieces or more: "
            f"{within.count(None)} of {len(good)} had none."
        )
    met = within.count(True)
    return _per_s(Total(value=met, n=met), step.duration_s)


def _is_within(record: RequestRecord, plan: BenchPlan) -> bool | None:
    """None: it cannot be told. An answer without text met no limit on its first token."""
    first, whole = ttft_ms(record), e2e_ms(record)
    if plan.ttft_limit_ms is not None and (first is None or first > plan.ttft_limit_ms):
        return False
    if plan.e2e_limit_ms is not None and (whole is None or whole > plan.e2e_limit_ms):
        return False
    if plan.tpot_limit_ms is None:
        return True
    if (each := tpot_ms(record)) is not None:
        return each <= plan.tpot_limit_ms
    tokens = tokens_of(record)
    return None if tokens is None or tokens > 1 else True  # of one token there is no second to wait for


def _cpu(step: BenchStep, output: Total) -> Total:
    if step.cpu_s is None:
        return Total(reason="The load generator's processor time was not taken.")
    if not output.value:
        return Total(reason=output.reason or NO_TEXT)
    return Total(value=step.cpu_s * 1e6 / output.value, n=output.n)


def _notes(step: BenchStep, good: Sequence[RequestRecord]) -> tuple[str, ...]:
    doubted = sum((tokens := tokens_of(one)) is not None and tokens < len(one.events_s) for one in good)
    zero = sum(record.completion_tokens == 0 and bool(record.events_s) for record in good)
    empty = sum(not record.events_s for record in good)
    held = sum(_withheld(record) for record in good)
    gaps = sum(len(record.events_s) for record in good)
    at_once = sum(_at_once(record) for record in good)
    checks = (
        (step.is_cancelled, "Stopped early: the figures are of what was done until then."),
        (empty, f"{_answers(empty)} of {len(good)} had no text."),
        (doubted, f"{_answers(doubted)} came in more pieces than the server counted tokens."),
        (zero, f"{_answers(zero)} had text and a count of 0 tokens, which is taken as no count."),
        (
            held * 100 > gaps,
            f"{_events(held)} came without text: the gap around such a one is that of two tokens.",
        ),
        (
            at_once * 2 > gaps,
            "Most text came several pieces to one read: a proxy or the server held it back, and the time "
            "between tokens is not the engine's.",
        ),
    )
    return tuple(words for holds, words in checks if holds)


def _events(count: int) -> str:
    return "1 event" if count == 1 else f"{count} events"


def _withheld(record: RequestRecord) -> int:
    """Events without text in the middle of an answer: half a character, for one."""
    if not record.events_s or not record.silent_s:
        return 0
    first, last = record.events_s[0], record.events_s[-1]
    return sum(first < at < last for at in record.silent_s)


def _at_once(record: RequestRecord) -> int:
    """Pieces that came in one read with the one before."""
    return sum(later - earlier <= _ONE_READ_S for earlier, later in pairwise(record.events_s))


def _answers(count: int) -> str:
    return "1 answer" if count == 1 else f"{count} answers"
