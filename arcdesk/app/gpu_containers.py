"""Asks Docker's containers for their use of the cards, from a program without a loop of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arcdesk.app.parts import Parts
    from arcdesk.core.gpu import ContainerFdinfo, ContainerGpuSource


class AskedContainers:
    """Connects at the first question. Close it in the end."""

    def __init__(self) -> None:
        self._runner: asyncio.Runner | None = None
        self._parts: Parts | None = None
        self._source: ContainerGpuSource | None = None

    def ask(self) -> tuple[ContainerFdinfo, ...]:
        """One answer per container with a card; empty without Docker. Blocks for some seconds at most."""
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(self._ask())

    async def _ask(self) -> tuple[ContainerFdinfo, ...]:
        if self._source is None:
            from arcdesk.app.parts import make_parts
            from arcdesk.engine.docker_gpu import DockerGpuSource
            from arcdesk.engine.docker_runtime import DockerRuntime

            self._parts = make_parts()
            runtime = self._parts.runtime
            assert isinstance(runtime, DockerRuntime)
            self._source = DockerGpuSource(runtime)
        return await self._source.container_fdinfo()

    def close(self) -> None:
        """End the connection."""
        if self._runner is None:
            return
        if self._parts is not None:
            self._runner.run(self._parts.aclose())
        self._runner.close()
