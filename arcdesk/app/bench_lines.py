"""The lines that the load generator's process and its parent exchange: one JSON object each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Any

from arcdesk.core.bench import Api, BenchPlan, BenchStep, Dataset, RequestRecord
from arcdesk.core.bench_progress import BenchFailed, BenchPhase, BenchProgress, BenchPrompts
from arcdesk.core.egress import Contact, Reason
from arcdesk.core.errors import Problem
from arcdesk.core.ports import Endpoint

Json = dict[str, Any]


def job_line(endpoint: Endpoint, plan: BenchPlan) -> bytes:
    """What the worker is to do. Holds the key: it goes through a pipe, never into an argument."""
    job = asdict(plan) | {"api": plan.api.value, "dataset": plan.dataset.value}
    # In ASCII: the name of a file need not be UTF-8, and must come through as it is.
    return json.dumps({"endpoint": asdict(endpoint), "plan": job}).encode() + b"\n"


def read_job(text: bytes) -> tuple[Endpoint, BenchPlan]:
    """The reverse. Raises ValueError, KeyError or TypeError for what `job_line` did not write."""
    job = json.loads(text)
    plan = dict(job["plan"])
    plan["concurrencies"] = tuple(plan["concurrencies"])
    plan["api"], plan["dataset"] = Api(plan["api"]), Dataset(plan["dataset"])
    return Endpoint(**job["endpoint"]), BenchPlan(**plan)


def progress_line(progress: BenchProgress) -> bytes:
    """How far it is."""
    return line({"progress": asdict(progress) | {"phase": progress.phase.value}})


def prompts_line(prompts: BenchPrompts) -> bytes:
    """How the prompts came out."""
    return line({"prompts": asdict(prompts)})


def failure_line(problem: Problem) -> bytes:
    """Why it ended. Buttons don't travel: the parent knows where it stands."""
    return line({"failed": {**asdict(problem), "actions": []}})


def contact_line(contact: Contact) -> bytes:
    """What one connection moved; the parent keeps the list of contacts."""
    return line({"contact": {**contact._asdict(), "reason": contact.reason.value}})


def step_lines(step: BenchStep) -> Iterator[bytes]:
    """A record a line, then the step: no line is so long that reading it would hold up a window."""
    for record in step.records:
        told = ((field.name, getattr(record, field.name)) for field in fields(record))
        yield line({"record": dict(told)})
    yield line(
        {
            "step": {
                "concurrency": step.concurrency,
                "duration_s": step.duration_s,
                "cpu_s": step.cpu_s,
                "is_cancelled": step.is_cancelled,
            }
        }
    )


def line(value: Json) -> bytes:
    """One line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def read_record(told: Json) -> RequestRecord:
    """The reverse of a record's line."""
    return RequestRecord(**{**told, "events_s": tuple(told["events_s"]), "silent_s": tuple(told["silent_s"])})


def read_progress(told: Json) -> BenchProgress:
    """The reverse of `progress_line`."""
    return BenchProgress(**{**told, "phase": BenchPhase(told["phase"])})


def read_failure(told: Json) -> BenchFailed:
    """The reverse of `failure_line`."""
    return BenchFailed(problem=Problem(**{**told, "actions": ()}))


def read_contact(told: Json) -> Contact:
    """The reverse of `contact_line`."""
    return Contact(**{**told, "reason": Reason(told["reason"])})
