"""Turns runs into the columns of the ledger and back, and into JSON for other programs."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from enum import Enum
from functools import lru_cache
from statistics import median
from typing import Any

from arcdesk.core.bench import Api, BenchPlan, BenchRun, BenchStep, Dataset, RequestRecord, Surroundings
from arcdesk.core.bench_ledger import RunRow
from arcdesk.core.bench_samples import Figure, samples
from arcdesk.core.bench_stats import tokens_of
from arcdesk.core.redact import SECRET, mask_secrets

EXPORT_FORMAT = "arcdesk-benchmark"
EXPORT_VERSION = 1

ROW_COLUMNS = (
    "id, at, model, engine, image_digest, driver, kernel, cards, concurrencies, requests, failed,"
    " is_cancelled, ttft_ms, decode_tokens_per_s, output_tokens_per_s, note, plan"
)
Row = tuple[Any, ...]


def row_values(run: BenchRun) -> tuple[Any, ...]:
    """The columns of ROW_COLUMNS without the id."""
    about, steps = run.surroundings, run.steps
    lowest = min(steps, key=lambda step: step.concurrency, default=None)
    records = [record for step in steps for record in step.records]
    best = max((rate for step in steps if (rate := _tokens_per_s(step)) is not None), default=None)
    return (
        run.at,
        about.model,
        about.engine,
        about.image_digest,
        about.driver,
        about.kernel,
        json.dumps(about.cards, ensure_ascii=False),
        " ".join(str(step.concurrency) for step in steps),
        len(records),
        sum(bool(record.error) for record in records),
        _is_cut_short(run),
        _middle(lowest, Figure.TTFT),
        _middle(lowest, Figure.DECODE),
        best,
        run.note,
        plan_to_json(run.plan),
    )


def run_row(row: Row) -> RunRow:
    """A line of the list from its columns, in the order of ROW_COLUMNS."""
    key, at, model, engine, digest, driver, kernel, cards, concurrencies, requests, failed, *rest = row
    is_cancelled, ttft_ms, decode, output, note, plan = rest
    return RunRow(
        id=key,
        at=at,
        model=model,
        engine=engine,
        image_digest=digest,
        driver=driver,
        kernel=kernel,
        cards=_texts(cards),
        concurrencies=_numbers(concurrencies),
        requests=requests,
        failed=failed,
        is_cancelled=bool(is_cancelled),
        ttft_ms=ttft_ms,
        decode_tokens_per_s=decode,
        output_tokens_per_s=output,
        note=note,
        plan=_plan_or_none(plan),
    )


@lru_cache(maxsize=64)  # a list of thousands has few plans
def _plan_or_none(text: str) -> BenchPlan | None:
    try:
        return plan_from_json(text)
    except (ValueError, TypeError):
        return None


def plan_to_json(plan: BenchPlan) -> str:
    """What differs from the defaults only: a field of a later version changes no key of an earlier plan."""
    return _compact({name: value for name, value in _plain(plan).items() if value != _DEFAULT_PLAN[name]})


def plan_from_json(text: str) -> BenchPlan:
    """The plan; what a later version added is left out. Raises ValueError."""
    known = _known(BenchPlan, text)
    if "concurrencies" in known:
        known["concurrencies"] = tuple(known["concurrencies"])
    for name, kind in (("api", Api), ("dataset", Dataset)):
        if name in known:
            known[name] = kind(known[name])
    return BenchPlan(**known)


def surroundings_to_json(about: Surroundings) -> str:
    """All of it, without what looks like a key."""
    return _compact(asdict(about))


def surroundings_from_json(text: str) -> Surroundings:
    """The surroundings; what a later version added is left out. Raises ValueError."""
    known = _known(Surroundings, text)
    for name in ("settings", "cards"):
        if name in known:
            known[name] = tuple(tuple(one) if isinstance(one, list) else one for one in known[name])
    return Surroundings(**known)


def surroundings_or_none(text: str) -> Surroundings | None:
    """None: it can't be read."""
    try:
        return surroundings_from_json(text)
    except (ValueError, TypeError):
        return None


def without_secrets(about: Surroundings) -> Surroundings:
    """Nothing that looks like a key reaches the file."""
    settings = tuple(
        (name, SECRET if mask_secrets(line := f"{name}={value}") != line else value)
        for name, value in about.settings
    )
    return replace(about, settings=settings, base_url=mask_secrets(about.base_url))


def run_to_json(run: BenchRun) -> str:
    """One run for other programs, with all its requests; times in seconds from the start of the step."""
    data = {
        "format": EXPORT_FORMAT,
        "version": EXPORT_VERSION,
        "id": run.id,
        "at": run.at,
        "note": run.note,
        "vram_peak_bytes": run.vram_peak_bytes,
        "energy_j": run.energy_j,
        "plan": _plain(run.plan),
        "surroundings": {**asdict(run.surroundings), "settings": dict(run.surroundings.settings)},
        "steps": [_step(step) for step in run.steps],
    }
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def _step(step: BenchStep) -> dict[str, Any]:
    plain = {field.name: getattr(step, field.name) for field in fields(step) if field.name != "records"}
    return {**plain, "records": [_record(record) for record in step.records]}


def _record(record: RequestRecord) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        found[field.name] = [round(at, 6) for at in value] if isinstance(value, tuple) else value
    return found


def _is_cut_short(run: BenchRun) -> bool:
    """A step was stopped, or never begun."""
    return any(step.is_cancelled for step in run.steps) or len(run.steps) < len(run.plan.concurrencies)


def _middle(step: BenchStep | None, figure: Figure) -> float | None:
    values = samples(step, figure) if step is not None else ()
    return median(values) if values else None


def _tokens_per_s(step: BenchStep) -> float | None:
    """All tokens over the step's time; None if any answer's are unknown."""
    counts = [tokens_of(record) for record in step.records if record.is_good]
    if not counts or None in counts or step.duration_s <= 0:
        return None
    return sum(count or 0 for count in counts) / step.duration_s


def _plain(plan: BenchPlan) -> dict[str, Any]:
    return {
        name: value.value if isinstance(value, Enum) else list(value) if isinstance(value, tuple) else value
        for name, value in asdict(plan).items()
    }


_DEFAULT_PLAN = _plain(BenchPlan())


def _compact(data: object) -> str:
    text = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8", "replace").decode("utf-8")  # the name of a file need not be UTF-8


def _known(kind: type, text: str) -> dict[str, Any]:
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError("no object")
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in data.items() if name in names}


@lru_cache(maxsize=64)
def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(one) for one in text.split() if one.isdecimal())


@lru_cache(maxsize=64)
def _texts(text: str) -> tuple[str, ...]:
    try:
        found = json.loads(text)
    except ValueError:  # a damaged row must not hide the others
        return ()
    if not isinstance(found, list):
        return ()
    return tuple(one for one in found if isinstance(one, str))
