"""A reader of cards whose answers a test decides: what, when, or never."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from arcdesk.core.energy import EnergyCounter
from arcdesk.core.gpu import ContainerFdinfo, Figure, GpuReading, GpuSnapshot

PATIENCE_S = 60.0  # of a loaded machine; what is waited for usually comes at once
ADDRESS = "0000:0b:00.0"
NAMES = ("gpu-sampler", "gpu-look", "gpu-energy")


def reading(address: str = ADDRESS, **facts: Any) -> GpuReading:
    """An awake Arc B580 of which only these facts are known."""
    known = {"name": "Intel Arc B580", "pci_id": "8086:e20b", "driver": "xe", "kernel": "6.16", "at": 0.0}
    figures = {
        name: Figure(value) if name in _FIGURES and not isinstance(value, Figure) else value
        for name, value in facts.items()
    }
    return GpuReading(**{"address": address, **known, **figures})


_FIGURES = {
    name for name, spec in GpuReading.__dataclass_fields__.items() if str(spec.type).startswith("Figure")
}


@dataclass(eq=False)
class ScriptedReader:
    """Fills the port GpuReader. `cards` is what is seen; while `gate` is not set a look hangs."""

    cards: tuple[GpuReading, ...] = (reading(),)
    gate: threading.Event = field(default_factory=threading.Event)
    looks: int = 0
    inside: int = 0
    most_inside: int = 0
    told: list[tuple[ContainerFdinfo, ...]] = field(default_factory=list)
    failure: Exception | None = None
    on_look: Callable[[int], None] = lambda number: None

    def __post_init__(self) -> None:
        self.gate.set()

    def sample(self, containers: tuple[ContainerFdinfo, ...] = ()) -> GpuSnapshot:
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        try:
            self.looks += 1
            self.on_look(self.looks)
            assert self.gate.wait(PATIENCE_S)
            self.told.append(containers)
            if self.failure is not None:
                raise self.failure
            now = time.monotonic()
            return GpuSnapshot(at=now, cards=tuple(replace(card, at=now) for card in self.cards))
        finally:
            self.inside -= 1


@dataclass(eq=False)
class ScriptedContainers:
    """Fills the port ContainerGpuSource; answers when `gate` is set."""

    answers: tuple[ContainerFdinfo, ...] = ()
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    questions: int = 0
    inside: int = 0
    most_inside: int = 0

    def __post_init__(self) -> None:
        self.gate.set()

    async def container_fdinfo(self) -> tuple[ContainerFdinfo, ...]:
        self.questions += 1
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        try:
            await self.gate.wait()
            return self.answers
        finally:
            self.inside -= 1


@dataclass(eq=False)
class ScriptedCounters:
    """Fills the port EnergyCounters: the looks in turn, the last one again and again."""

    looks: list[tuple[EnergyCounter, ...]]
    reads: int = 0
    gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def read(self) -> tuple[EnergyCounter, ...]:
        assert self.gate.wait(PATIENCE_S)
        self.reads += 1
        return self.looks[min(self.reads, len(self.looks)) - 1]


def counted(at: float, *cards: tuple[str, Mapping[str, int]]) -> tuple[EnergyCounter, ...]:
    return tuple(EnergyCounter(address=address, at=at, channels_uj=channels) for address, channels in cards)


def one(at: float, joules: float) -> tuple[EnergyCounter, ...]:
    return counted(at, (ADDRESS, {"energy1/card": int(joules * 1e6)}))


def gpu_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name in NAMES]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.005)
