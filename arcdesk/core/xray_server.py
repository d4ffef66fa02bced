"""What the server says about one answer: the growth of its /metrics from before the question to after it."""

from __future__ import annotations

from dataclasses import dataclass

from arcdesk.core.metrics_delta import RESTARTED, MetricsDelta
from arcdesk.core.metrics_names import Fact
from arcdesk.core.metrics_values import MetricsSample

NOT_COUNTED = "The server has not counted this answer."
NO_SAMPLES = "Nobody looked at the server's figures before and after."
OTHERS_ENDED = "Other requests ended meanwhile."  # and the server does not tell them apart
NOT_TELLABLE = "How many tokens it had is not known."  # by which it would be told from others
COMPANY_SHARE = 1.1  # tokens beyond ours that are more than a difference in counting
COMPANY_TOKENS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTime:
    """Seconds, or None. `is_at_least`: only a bucket tells it, and its top one is full."""

    seconds: float | None = None
    is_at_least: bool = False


UNTOLD = ServerTime()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTimes:
    """The server's own times. With `is_ours` they are of our answer alone, else means over several answers.

    `had_company`: other requests were worked on meanwhile. `reason` says why times are missing.
    """

    queue: ServerTime = UNTOLD
    prefill: ServerTime = UNTOLD
    decode: ServerTime = UNTOLD
    ttft: ServerTime = UNTOLD
    e2e: ServerTime = UNTOLD
    answers: int | None = None
    is_ours: bool = False
    had_company: bool = False
    reason: str = ""


def server_times(
    old: MetricsSample | None, new: MetricsSample | None, completion_tokens: int | None
) -> ServerTimes:
    """The times between two samples; `completion_tokens` is our answer's `usage`, to know it again."""
    if old is None or new is None:
        return ServerTimes(reason=NO_SAMPLES)
    delta = MetricsDelta(old, new)
    if delta.is_restarted:
        return ServerTimes(reason=RESTARTED)
    if delta.counted(Fact.PROMPT_SECONDS).metric:
        return _by_counters(delta, completion_tokens)
    return _by_histograms(delta, completion_tokens)


def _by_histograms(delta: MetricsDelta, tokens: int | None) -> ServerTimes:
    ended = delta.observed(Fact.E2E)
    if not ended.metric:
        return ServerTimes(reason=ended.reason)
    answers = round(ended.count or 0)
    if not answers:
        return ServerTimes(answers=0, reason=NOT_COUNTED)
    is_ours = answers == 1 and _is_ours(delta, tokens)
    return ServerTimes(
        queue=_time(delta, Fact.QUEUE),
        prefill=_time(delta, Fact.PREFILL),
        decode=_time(delta, Fact.DECODE),
        ttft=_time(delta, Fact.TTFT),
        e2e=_time(delta, Fact.E2E),
        answers=answers,
        is_ours=is_ours,
        had_company=not is_ours or _had_company(delta, tokens),
        reason="" if is_ours else OTHERS_ENDED,
    )


def _time(delta: MetricsDelta, fact: Fact) -> ServerTime:
    """The mean: of one answer it is exact, as sums are. Without a sum, only a full top bucket tells."""
    observed = delta.observed(fact)
    if observed.mean is not None:
        return ServerTime(seconds=observed.mean)
    quantile = observed.quantile(0.5)
    return ServerTime(seconds=quantile.value, is_at_least=True) if quantile.is_at_least else UNTOLD


def _is_ours(delta: MetricsDelta, tokens: int | None) -> bool:
    """The one answer that ended has as many tokens as ours (where both are known)."""
    counted = delta.observed(Fact.ANSWER_TOKENS).total
    return tokens is None or counted is None or abs(counted - tokens) <= 1


def _had_company(delta: MetricsDelta, tokens: int | None) -> bool:
    generated = delta.counted(Fact.GENERATED_TOKENS).value
    if generated is None or tokens is None:
        return False
    return generated > tokens * COMPANY_SHARE + COMPANY_TOKENS


def _by_counters(delta: MetricsDelta, tokens: int | None) -> ServerTimes:
    """llama.cpp: seconds of work in two counters; that they are ours, only the tokens can tell."""
    generated = delta.counted(Fact.GENERATED_TOKENS).value
    if not generated:
        return ServerTimes(answers=0, reason=NOT_COUNTED)
    if tokens is None:
        return ServerTimes(reason=NOT_TELLABLE)
    if abs(generated - tokens) > 1:
        return ServerTimes(had_company=True, reason=OTHERS_ENDED)
    return ServerTimes(
        prefill=ServerTime(seconds=delta.counted(Fact.PROMPT_SECONDS).value),
        decode=ServerTime(seconds=delta.counted(Fact.GENERATION_SECONDS).value),
        answers=1,
        is_ours=True,
    )
