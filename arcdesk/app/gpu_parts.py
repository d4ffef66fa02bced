"""Builds what looks at the graphics cards; the readers themselves are loaded at the first look."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from arcdesk.services.gpu_service import GpuService

if TYPE_CHECKING:
    from arcdesk.core.energy import EnergyCounter, EnergyCounters
    from arcdesk.core.gpu import ContainerFdinfo, GpuReader, GpuSnapshot
    from arcdesk.engine.docker_gpu import DockerCalls, DockerGpuSource


class LazyReader:
    """The reader of this machine's cards, made by the thread that looks first."""

    def __init__(self) -> None:
        self._reader: GpuReader | None = None

    def sample(self, containers: tuple[ContainerFdinfo, ...] = ()) -> GpuSnapshot:
        """See the port GpuReader."""
        if self._reader is None:
            from arcdesk.telemetry.gpu_reader import CardReader

            self._reader = CardReader()
        return self._reader.sample(containers)


class LazyCounters:
    """The energy counters of this machine's cards, made at the first answer."""

    def __init__(self) -> None:
        self._counters: EnergyCounters | None = None
        self._lock = threading.Lock()  # two answers may begin at once

    def read(self) -> tuple[EnergyCounter, ...]:
        """See the port EnergyCounters."""
        with self._lock:
            if self._counters is None:
                from arcdesk.telemetry.gpu_energy import HwmonEnergy
                from arcdesk.telemetry.gpu_host import LiveHost

                self._counters = HwmonEnergy(LiveHost())
            return self._counters.read()


class LazyContainers:
    """Docker's containers with a card, asked through the runtime that everything else uses."""

    def __init__(self, runtime: DockerCalls) -> None:
        self._runtime = runtime
        self._source: DockerGpuSource | None = None

    async def container_fdinfo(self) -> tuple[ContainerFdinfo, ...]:
        """See the port ContainerGpuSource."""
        if self._source is None:
            from arcdesk.engine.docker_gpu import DockerGpuSource

            self._source = DockerGpuSource(self._runtime)
        return await self._source.container_fdinfo()

    async def aclose(self) -> None:
        """Before the runtime is closed."""
        if self._source is not None:
            await self._source.aclose()


class GpuParts:
    """The service that looks at this machine's cards, with what it stands on."""

    def __init__(self, runtime: DockerCalls) -> None:
        self._containers = LazyContainers(runtime)
        self.service = GpuService(LazyReader(), self._containers)
        self.counters: EnergyCounters = LazyCounters()

    async def aclose(self) -> None:
        """End looks and questions; before the runtime is closed."""
        await self.service.aclose()
        await self._containers.aclose()
