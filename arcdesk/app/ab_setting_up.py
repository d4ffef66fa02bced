"""Decides what the first page of a comparison shows: the plan of the form, its cost, and why it can't be."""

from __future__ import annotations

from dataclasses import dataclass, replace

from arcdesk.core.ab_plan import (
    CONTAINER_FIELDS,
    AbConfiguration,
    AbPlan,
    configure,
    is_same,
    names_of,
    refusal,
    rows_of,
)
from arcdesk.core.engine_state import EngineKind, EnginePhase, EngineSnapshot
from arcdesk.core.errors import Problem
from arcdesk.core.settings import Settings
from arcdesk.core.settings_info import Value
from arcdesk.services.ab_problems import bench_running, engine_on_its_way, unpaid_settings
from arcdesk.services.ab_run import RUNNING
from arcdesk.ui.ab_view import AbSetupView, ModelOffer

MOST_TOLD = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the person filled in."""

    kind: EngineKind
    values: tuple[tuple[str, Value], ...]
    prompts: tuple[str, ...]
    max_tokens: int
    is_blind: bool


def is_alike(one: Settings, other: Settings | None) -> bool:
    """Both make the same side A, and give B the same to begin with."""
    if other is None:
        return False
    a, b = ((each.engine, each.container, each.gguf_path) for each in (one, other))
    return a == b


def plan_of(wish: Wish, settings: Settings, kind: EngineKind) -> AbPlan:
    """A is `settings` with `kind`, B what was filled in."""
    a = AbConfiguration(name="", kind=kind, settings=settings)
    b = AbConfiguration(name="", kind=wish.kind, settings=configure(settings, wish.kind, wish.values))
    one, other = names_of(a, b)
    return AbPlan(
        a=replace(a, name=one),
        b=replace(b, name=other),
        prompts=wish.prompts,
        max_tokens=wish.max_tokens,
        is_blind=wish.is_blind,
    )


def view_of(
    plan: AbPlan,
    engine: EngineSnapshot,
    *,
    offers: tuple[ModelOffer, ...],
    problem: Problem | None,
    is_answering: bool,
    start_s: float | None,
) -> AbSetupView:
    """The page. `start_s` is how long a start took in an earlier comparison, None if there was none."""
    why = refusal(plan)
    if not why and is_answering:
        why = "A chat is answering now: wait for its end, or stop it."
    is_running = engine.phase in RUNNING
    return AbSetupView(
        settings=plan.a.settings,
        kind=plan.a.kind,
        a_name=plan.a.name,
        b_name="" if is_same(plan.a, plan.b) else plan.b.name,
        a_rows=rows_of(plan.a.settings, plan.a.kind),
        offers=offers,
        differs=differing(plan),
        summary=_summary(plan),
        cost=cost_text(plan, is_running=is_running, start_s=start_s),
        refusal=why,
        problem=problem,
    )


def obstacle(
    settings: Settings, in_force: Settings, engine: EngineSnapshot, *, is_bench_running: bool
) -> Problem | None:
    """What has to be done first; `in_force` are the engine's settings, `settings` those that are shown."""
    if is_bench_running:
        return bench_running()
    if engine.phase is EnginePhase.STOPPING:
        return engine_on_its_way()
    shown, real = (_of_engine(each, engine.kind) for each in (settings, in_force))
    return unpaid_settings() if engine.phase in RUNNING and shown != real else None


def _of_engine(settings: Settings, kind: EngineKind) -> object:
    match kind:
        case EngineKind.CONTAINER:
            return settings.container
        case EngineKind.EMBEDDED:
            return settings.gguf_path
        case EngineKind.REMOTE:
            return settings.engine


def differing(plan: AbPlan) -> frozenset[str]:
    """The names of B's values that A has not."""
    if plan.a.kind is not plan.b.kind:
        return frozenset({"kind"})
    match plan.a.kind:
        case EngineKind.CONTAINER:
            a, b = plan.a.settings.container, plan.b.settings.container
            return frozenset(name for name in CONTAINER_FIELDS if getattr(a, name) != getattr(b, name))
        case EngineKind.EMBEDDED:
            is_same = plan.a.settings.gguf_path == plan.b.settings.gguf_path
            return frozenset() if is_same else frozenset({"gguf_path"})
        case EngineKind.REMOTE:
            is_same = plan.a.settings.engine == plan.b.settings.engine
            return frozenset() if is_same else frozenset({"engine"})


def _summary(plan: AbPlan) -> str:
    """'Context length: 2048 tokens → 4096 tokens'."""
    a, b = (dict(rows_of(side.settings, side.kind)) for side in (plan.a, plan.b))
    told = [f"{name}: {a[name]} → {b[name]}" for name in a if name in b and a[name] != b[name]]
    return " · ".join(told[:MOST_TOLD])


def cost_text(plan: AbPlan, *, is_running: bool, start_s: float | None) -> str:
    """What it asks of the person."""
    if not is_running:
        lead = "The engine is started for it and stopped afterwards"
    else:
        lead = ("No engine is restarted", "The engine starts once", "The engine starts twice")[plan.restarts]
    starts = plan.restarts + (not is_running)
    time = ""
    if starts and start_s is not None:
        time = f", about {_minutes(start_s * starts)} in all"
    elif starts and EngineKind.CONTAINER in (plan.a.kind, plan.b.kind):
        time = ", some minutes each with a large model"
    return f"{lead}{time}. Questions in chats wait meanwhile."


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f}\u202fmin" if seconds >= 90 else f"{seconds:.0f}\u202fs"
