"""What the cards did during a measurement: on recorded machines, and with cards that a test decides."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from arcdesk.app.bench_meter import meter_of
from arcdesk.core.bench_ports import CardMeter, CardUse
from arcdesk.core.bench_untold import ELSEWHERE, ON_CPU
from arcdesk.core.energy import EnergyCounter, EnergyCounters
from arcdesk.core.gpu import ContainerFdinfo, Figure, GpuClient, Unknown, Why
from arcdesk.core.ports import Endpoint
from arcdesk.services.bench_cards import EngineCards
from arcdesk.services.gpu_service import GpuService
from arcdesk.telemetry.gpu_energy import HwmonEnergy
from arcdesk.telemetry.gpu_reader import CardReader
from arcdesk.telemetry.gpu_recorded import RecordedHost
from tests.unit.services.gpu_rig import (
    ADDRESS,
    ScriptedCounters,
    ScriptedReader,
    gpu_threads,
    one,
    reading,
    until,
)

RECORDINGS = Path(__file__).parents[2] / "data" / "gpu" / "recordings"
OURS = Endpoint(base_url="http://127.0.0.1:8001/v1", model="m", engine="container")
GIB = 1 << 30


@dataclass
class RecordedContainers:
    """Docker's answers as they were recorded."""

    host: RecordedHost

    async def container_fdinfo(self) -> tuple[ContainerFdinfo, ...]:
        return self.host.containers()


@dataclass
class Cards:
    """As GpuParts has them."""

    service: GpuService
    counters: EnergyCounters


@dataclass
class Counters:
    """The recorded counters; `reads` tells how often they were read."""

    counters: HwmonEnergy
    reads: int = 0

    def read(self) -> tuple[EnergyCounter, ...]:
        looked = self.counters.read()
        self.reads += 1
        return looked


@dataclass
class Rig:
    """A meter on a recorded machine."""

    host: RecordedHost
    counters: Counters
    meter: CardMeter

    async def measure(self) -> CardUse:
        """From the recording's first sample to its second."""
        await self.meter.begin()
        await until(lambda: self.counters.reads == 1)
        self.host.advance()
        return await self.meter.end()


def recorded(name: str) -> tuple[RecordedHost, dict[str, Any]]:
    data = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    return RecordedHost(data), data["expected"].get("gpus", {})


@asynccontextmanager
async def meter_on(host: RecordedHost, container: str) -> AsyncIterator[Rig]:
    service = GpuService(CardReader(host), RecordedContainers(host), interval_s=0.05)
    counters = Counters(HwmonEnergy(host))
    yield Rig(host, counters, await meter_of(OURS, Cards(service, counters), container=container))
    await service.aclose()
    await until(lambda: gpu_threads() == [])


async def test_one_card_its_memory_and_its_joules() -> None:
    host, expected = recorded("b580_xe")
    (card,) = expected.values()
    async with meter_on(host, "llama-sycl") as it:
        use = await it.measure()
    assert use.energy_j == pytest.approx(card["power_w"] * host.dt_s, rel=0.02)
    assert use.vram_peak_bytes == card["vram_used_lower_bound"]  # the exact one is hidden, as a note says
    assert use.notes == ("VRAM is what the readable programs hold: the card's own figure is hidden.",)


async def test_two_cards_of_one_container_count_together_and_a_neighbour_is_named() -> None:
    host, expected = recorded("dual_b580_xe")
    async with meter_on(host, "vllm-tp2") as it:
        use = await it.measure()
    assert use.vram_peak_bytes == sum(card["vram_used"] for card in expected.values())
    assert use.energy_j == pytest.approx(
        sum(card["power_w"] for card in expected.values()) * host.dt_s, rel=0.02
    )
    assert use.notes == ("llama-b held the card as well.",)


async def test_of_two_cards_only_the_containers_own_one_counts() -> None:
    host, expected = recorded("dual_b580_xe")
    async with meter_on(host, "llama-b") as it:
        use = await it.measure()
    assert use.vram_peak_bytes == expected["0000:08:00.0"]["vram_used"]


async def test_several_cards_and_an_unknown_engine_give_nothing_rather_than_a_guess() -> None:
    host, _ = recorded("dual_b580_xe")
    async with meter_on(host, "another") as it:
        use = await it.measure()
    assert (use.vram_peak_bytes, use.energy_j) == (None, None)
    assert any("several cards" in note for note in use.notes)


@pytest.mark.parametrize(
    ("name", "words"),
    [("no_gpu", "only graphics of another maker"), ("nvidia_only", "only graphics of NVIDIA")],
)
async def test_a_machine_without_a_card_says_so(name: str, words: str) -> None:
    host, _ = recorded(name)
    async with meter_on(host, "engine") as it:
        use = await it.measure()
    assert (use.vram_peak_bytes, use.energy_j) == (None, None)
    (note,) = use.notes
    assert words in note


async def test_an_integrated_gpu_has_memory_but_no_joules() -> None:
    host, expected = recorded("lunarlake_xe_igpu")
    (card,) = expected.values()
    async with meter_on(host, "") as it:
        use = await it.measure()
    assert use.vram_peak_bytes == card["shared_used"]
    assert use.energy_j is None and any("no energy counter" in note for note in use.notes)


async def test_the_peak_is_the_highest_look_and_the_look_of_before_is_none() -> None:
    sizes = [9, 2, 5, 3]  # GiB; the first look is made to find the card, before the measurement

    def on_look(number: int) -> None:
        size = sizes[min(number, len(sizes)) - 1] * GIB
        reader.cards = (reading(vram_used_bytes=size),)

    reader = ScriptedReader(on_look=on_look)
    service = GpuService(reader, interval_s=0.01)
    meter = EngineCards(service, ScriptedCounters([one(10, 1000), one(14, 1600)]))
    await meter.prepare()
    await meter.begin()
    await until(lambda: reader.looks >= 4)
    use = await meter.end()
    assert use.vram_peak_bytes == 5 * GIB and use.energy_j == pytest.approx(600)
    await meter.begin()  # once more: nothing of the first one is left
    use = await meter.end()
    assert use.vram_peak_bytes == 3 * GIB
    await service.aclose()
    await until(lambda: gpu_threads() == [])


async def test_between_measurements_nobody_looks() -> None:
    reader = ScriptedReader(cards=(reading(vram_used_bytes=GIB),))
    service = GpuService(reader, interval_s=0.01)
    meter = EngineCards(service, ScriptedCounters([one(10, 1000)]))
    is_watched = []
    for step in (meter.prepare, meter.begin, meter.end):
        await step()
        is_watched.append(service.is_watched)
    assert is_watched == [False, True, False]
    assert await meter.end() == CardUse()  # ended twice: nothing, and no error
    await service.aclose()
    await until(lambda: gpu_threads() == [])


async def test_a_sleeping_card_is_not_woken_and_its_figures_are_unknown() -> None:
    host, _ = recorded("b580_xe_suspended")
    async with meter_on(host, "llama-sycl") as it:
        use = await it.measure()
    assert (use.vram_peak_bytes, use.energy_j) == (None, None) and len(use.notes) >= 1


async def test_what_a_hidden_figure_says_is_passed_on() -> None:
    hidden: Figure[int] = Figure(unknown=Unknown(Why.HIDDEN, "The kernel hides it."))
    reader = ScriptedReader(cards=(reading(ADDRESS, vram_used_bytes=hidden),))
    service = GpuService(reader, interval_s=0.01)
    meter = EngineCards(service, ScriptedCounters([one(10, 1000), one(14, 1600)]))
    await meter.begin()
    use = await meter.end()
    assert use.vram_peak_bytes is None and "The kernel hides it." in use.notes
    await service.aclose()


async def test_an_engine_without_a_card_is_not_measured_by_ours() -> None:
    service = GpuService(ScriptedReader(cards=(reading(clients=(GpuClient(pid=1, name="x", client_id=1),)),)))
    cards = Cards(service, ScriptedCounters([one(10, 1000), one(14, 1600)]))
    for endpoint, why in (
        (replace(OURS, engine="embedded"), ON_CPU),
        (replace(OURS, engine="remote", base_url="http://192.0.2.7:8000/v1"), ELSEWHERE),
    ):
        meter = await meter_of(endpoint, cards, container="arcdesk-engine")
        await meter.begin()
        use = await meter.end()
        assert (use.vram_peak_bytes, use.energy_j, use.notes) == (None, None, (why,))
    assert not service.is_watched
