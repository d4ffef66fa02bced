"""How much a benchmark asks for, and about how long it takes by what was measured before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from arcdesk.core.bench import BenchPlan, BenchRun, BenchStep, Dataset
from arcdesk.core.bench_samples import Figure, samples
from arcdesk.core.bench_stats import tpot_ms

WARM_UP_FACTOR, MEASURED_FACTOR = 2, 4  # of the concurrency, as the documents' script has it


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSize:
    """What a plan asks for. `tokens` are of prompts and answers, warm-up too; None: nobody knows before."""

    steps: int
    requests: int | None  # measured; None: a time ends the steps
    warm_up: int
    tokens: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast one concurrency was: medians in ms, for prompts of `input_tokens`."""

    concurrency: int
    ttft_ms: float
    tpot_ms: float
    input_tokens: int


def plan_size(plan: BenchPlan) -> PlanSize:
    """Count it."""
    warm_up = sum(warm_up_of(plan, each) for each in plan.concurrencies)
    counts = [requests_of(plan, each) for each in plan.concurrencies]
    requests = None if None in counts else sum(count or 0 for count in counts)
    is_known = requests is not None and plan.dataset is Dataset.TEXT and not plan.image_path
    tokens = (
        (requests + warm_up) * (plan.input_tokens + plan.output_tokens) if is_known and requests else None
    )
    return PlanSize(steps=len(plan.concurrencies), requests=requests, warm_up=warm_up, tokens=tokens)


def requests_of(plan: BenchPlan, concurrency: int) -> int | None:
    """The measured requests of a step; None: its time ends it."""
    if plan.duration_s is not None:
        return None
    return plan.requests if plan.requests is not None else MEASURED_FACTOR * concurrency


def warm_up_of(plan: BenchPlan, concurrency: int) -> int:
    """The requests before a step."""
    return WARM_UP_FACTOR * concurrency if plan.warm_up_requests is None else plan.warm_up_requests


def paces_of(run: BenchRun) -> tuple[Pace, ...]:
    """How fast each step of a run was, those that tell it, by rising concurrency."""
    paces = (_pace(step, run.plan) for step in run.steps)
    return tuple(sorted((pace for pace in paces if pace is not None), key=lambda pace: pace.concurrency))


def estimate_s(plan: BenchPlan, paces: Sequence[Pace]) -> float | None:
    """About how long `plan` takes at these paces; None: they don't carry it.

    Prompts are taken to cost time by their length, and more requests at once than were measured to share
    what there was. Answers that end before `output_tokens` take less.
    """
    if not paces or plan.dataset is not Dataset.TEXT or plan.image_path:
        return None
    return sum(_step_s(plan, concurrency, paces) for concurrency in plan.concurrencies)


def _step_s(plan: BenchPlan, concurrency: int, paces: Sequence[Pace]) -> float:
    one_s = _request_s(plan, concurrency, paces)
    total_s = _rounds(warm_up_of(plan, concurrency), concurrency) * one_s
    requests = requests_of(plan, concurrency)
    if plan.duration_s is not None:
        total_s += plan.duration_s + one_s / 2  # what is under way then is waited for
    elif requests is not None:
        due_s = requests / plan.rate_per_s if plan.rate_per_s is not None else 0.0
        total_s += max(_rounds(requests, concurrency) * one_s, due_s)
    return total_s


def _request_s(plan: BenchPlan, concurrency: int, paces: Sequence[Pace]) -> float:
    fitting = [pace for pace in paces if pace.concurrency >= concurrency]
    pace = fitting[0] if fitting else paces[-1]
    crowd = 1.0 if fitting else concurrency / pace.concurrency
    prompt_ms = pace.ttft_ms * plan.input_tokens / max(1, pace.input_tokens)
    return (prompt_ms + pace.tpot_ms * (plan.output_tokens - 1)) * crowd / 1000


def _rounds(requests: int, concurrency: int) -> float:
    """How many answers follow one another."""
    return requests / min(concurrency, requests) if requests else 0.0


def _pace(step: BenchStep, plan: BenchPlan) -> Pace | None:
    good = [record for record in step.records if record.is_good]
    each = [ms for record in good if (ms := tpot_ms(record)) is not None] or samples(step, Figure.GAP)
    first = samples(step, Figure.TTFT)
    if not each or not first:
        return None
    told = [record.prompt_tokens for record in good if record.prompt_tokens]
    return Pace(
        concurrency=step.concurrency,
        ttft_ms=median(first),
        tpot_ms=max(0.0, median(each)),  # pieces of one read have no time between them
        input_tokens=round(median(told)) if told else plan.input_tokens,
    )
