"""Builds what runs benchmarks: for the windows of a session, and for the command line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from arcdesk.app.bench_survey import Survey, Surveyed
from arcdesk.core.bench_ports import BenchRunning, CardMeter
from arcdesk.core.ports import Endpoint
from arcdesk.services.bench_run import BenchRunner

if TYPE_CHECKING:
    from arcdesk.app.bench_job import BenchJob
    from arcdesk.app.parts import Parts
    from arcdesk.app.session import Session
    from arcdesk.core.bench import BenchPlan
    from arcdesk.core.bench_ledger import BenchRepo


def make_runner(session: Session, ledger: BenchRepo) -> BenchRunner:
    """The one of a session. Reads nothing yet."""

    async def meter(endpoint: Endpoint) -> CardMeter:
        await session.load("bench_meter")
        from arcdesk.app.bench_meter import meter_of, no_cards

        nothing = no_cards(endpoint)
        if nothing is not None:
            return nothing  # the cards are not even met
        await session.load("card_parts")
        container = session.engine.settings.container.name
        return await meter_of(endpoint, session.cards.gpu, container=container)

    return BenchRunner(
        make_job=lambda endpoint, plan: _job(endpoint, plan, session.parts),
        survey=Survey(session),
        meter_of=meter,
        ledger=ledger,
        keep_awake=lambda why: session.desktop.keep_awake("bench", why),
    )


@asynccontextmanager
async def make_command_runner(session: Surveyed, ledger: BenchRepo | None) -> AsyncIterator[BenchRunning]:
    """The one of a command; `ledger` None keeps nothing. Closes its looks at the cards at the end."""
    from arcdesk.app.bench_meter import meter_of
    from arcdesk.app.gpu_parts import GpuParts
    from arcdesk.engine.docker_runtime import DockerRuntime

    parts = session.parts
    assert isinstance(parts.runtime, DockerRuntime)
    cards = GpuParts(parts.runtime)

    async def meter(endpoint: Endpoint) -> CardMeter:
        return await meter_of(endpoint, cards, container=session.settings.container.name)

    try:
        yield BenchRunner(
            make_job=lambda endpoint, plan: _job(endpoint, plan, parts),
            survey=Survey(session),
            meter_of=meter,
            ledger=ledger,
        )
    finally:
        await cards.aclose()


def _job(endpoint: Endpoint, plan: BenchPlan, parts: Parts) -> BenchJob:
    from arcdesk.app.bench_job import BenchJob

    return BenchJob(endpoint, plan, egress=parts.ledger)
