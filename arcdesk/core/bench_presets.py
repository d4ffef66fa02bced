"""The benchmarks that are ready to be chosen, and which of them a plan is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from arcdesk.core.bench import BenchPlan
from arcdesk.core.bench_suite import SUITE


class PresetId(Enum):
    """Each has its place in the list; OWN is whatever none of the others is."""

    QUICK = "quick"
    DOCUMENTS = "documents"
    AUTOTP = "autotp"
    SUITE = "suite"
    OWN = "own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One benchmark of the list. `why` says in a sentence what it is for."""

    id: PresetId
    title: str
    why: str
    plan: BenchPlan
    is_any_concurrency: bool = False  # the number is the person's: it stays this preset with another one

    def is_plan(self, plan: BenchPlan) -> bool:
        """This plan is this preset."""
        if self.is_any_concurrency and len(plan.concurrencies) == 1:
            plan = replace(plan, concurrencies=self.plan.concurrencies)
        return plan == self.plan


PRESETS = (
    Preset(
        id=PresetId.QUICK,
        title="Quick look",
        why="Half a minute: one request at a time, then four at once, ten seconds each.",
        plan=BenchPlan(
            concurrencies=(1, 4), input_tokens=256, output_tokens=64, duration_s=10.0, warm_up_requests=2
        ),
    ),
    Preset(
        id=PresetId.DOCUMENTS,
        title="As the documents",
        why="What vllm_online_benchmark.py does: 1\u202f024 tokens in, 512 out, twice as many requests to "
        "warm up as at once, four times as many measured.",
        plan=BenchPlan(concurrencies=(12,), is_same_prompt=True),
        is_any_concurrency=True,
    ),
    Preset(
        id=PresetId.AUTOTP,
        title="AutoTP sweep",
        why="1, 2 and 3 at once, as benchmark.py of the AutoTP example: 1\u202f024 tokens in, 128 out.",
        plan=BenchPlan(concurrencies=(1, 2, 3), output_tokens=128, is_same_prompt=True),
    ),
    Preset(
        id=PresetId.SUITE,
        title="Small suite",
        why="The fixed measure by which ArcDesk tells whether something became slower.",
        plan=SUITE,
    ),
)
OWN_TITLE = "Own"
OWN_WHY = "As you set it below. It is remembered."


def plan_of(preset: PresetId) -> BenchPlan | None:
    """The plan of a preset; None for the own one."""
    return next((each.plan for each in PRESETS if each.id is preset), None)


def preset_of(plan: BenchPlan) -> PresetId:
    """Which of them it is."""
    return next((preset.id for preset in PRESETS if preset.is_plan(plan)), PresetId.OWN)
