"""What looks at the cards of the machine that the tests run on, whatever it has."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from arcdesk.app.gpu_parts import GpuParts
from arcdesk.core.gpu_view import GpuView
from arcdesk.engine.docker_runtime import DockerRuntime
from tests.unit.services.gpu_rig import gpu_threads, until


@pytest_asyncio.fixture
async def parts(tmp_path: Path) -> AsyncIterator[GpuParts]:
    runtime = DockerRuntime(f"unix://{tmp_path}/none.sock", environ={})
    parts = GpuParts(runtime)
    yield parts
    await parts.aclose()
    await runtime.aclose()
    await until(lambda: gpu_threads() == [])


async def test_this_machine_can_be_watched(parts: GpuParts) -> None:
    views: list[GpuView] = []
    end = parts.service.watch(views.append)
    await until(lambda: len(views) >= 2)
    end()

    snapshot = views[-1].snapshot
    assert snapshot.at > 0
    assert bool(snapshot.cards) != bool(snapshot.why_none)


async def test_its_counters_belong_to_its_cards(parts: GpuParts) -> None:
    snapshot = await parts.service.sample_once()

    driven = {card.address for card in snapshot.cards if card.driver in ("xe", "i915")}
    assert {counter.address for counter in parts.counters.read()} == driven


def test_building_it_loads_no_reader() -> None:
    program = (
        "import sys; import arcdesk.app.gpu_parts as p;"
        "from arcdesk.engine.docker_runtime import DockerRuntime;"
        "p.GpuParts(DockerRuntime('unix:///none', environ={}));"
        "print([n for n in sys.modules if n.startswith('arcdesk.telemetry') or n in ('docker', 'requests')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
