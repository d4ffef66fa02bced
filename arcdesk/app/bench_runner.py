"""Builds what runs benchmarks: for the windows of a session, and for the command line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
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
        alone=_alone,
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
            alone=_alone,
        )
    finally:
        await cards.aclose()


def _alone(endpoint: Endpoint) -> AbstractContextManager[bool]:
    """The windows of a session and `arcdesk bench` may not measure the same server at once."""
    from arcdesk.storage.file_lock import held

    return held(lock_of(endpoint.base_url))


def lock_of(base_url: str) -> Path:
    """The file that is locked while this server is measured."""
    from urllib.parse import urlsplit

    from arcdesk.storage.paths import runtime_dir

    address = urlsplit(base_url)
    host = address.hostname or ""
    host = "loopback" if host in ("localhost", "127.0.0.1", "::1") else host
    place = "".join(letter if letter.isalnum() else "-" for letter in f"{host}-{address.port or ''}")
    return runtime_dir() / f"bench-{place}.lock"


def _job(endpoint: Endpoint, plan: BenchPlan, parts: Parts) -> BenchJob:
    from arcdesk.app.bench_job import BenchJob

    return BenchJob(endpoint, plan, egress=parts.ledger)
