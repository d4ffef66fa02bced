"""Builds the adapters and the drivers over them: used by the window and by the terminal alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arcdesk.core.engine_state import EngineKind, EngineSnapshot
from arcdesk.core.ports import ChatBackend, ContainerRuntime, EngineDriver
from arcdesk.core.secrets import SecretRepo, remote_key
from arcdesk.core.settings import ContainerSettings, Settings
from arcdesk.services.egress import EgressLedger

if TYPE_CHECKING:
    from arcdesk.core.egress_list import EgressRepo
    from arcdesk.services.container_driver import ContainerDriver


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The adapters of one run. None of them has loaded its library yet."""

    runtime: ContainerRuntime
    backend: ChatBackend
    secrets: SecretRepo
    ledger: EgressLedger

    def make_driver(
        self, kind: EngineKind, settings: Settings, report: Callable[[EngineSnapshot], None]
    ) -> EngineDriver:
        """The driver of one kind. Raises UsageError for a bad address."""
        match kind:
            case EngineKind.CONTAINER:
                return make_container_driver(self, settings.container, report)
            case EngineKind.EMBEDDED:
                from arcdesk.engine.embedded import EmbeddedEngine
                from arcdesk.services.embedded_driver import EmbeddedDriver

                return EmbeddedDriver(
                    server=EmbeddedEngine(), backend=self.backend, gguf_path=settings.gguf_path, report=report
                )
            case EngineKind.REMOTE:
                from arcdesk.services.remote_driver import RemoteDriver

                self.ledger.declare(settings)
                name = remote_key(settings.engine)
                return RemoteDriver(
                    backend=self.backend,
                    url=settings.engine,
                    find_key=lambda: self.secrets.get(name),
                    report=report,
                )

    async def aclose(self) -> None:
        """Close what is open; the ledger last, since it is told of all that went."""
        await self.backend.aclose()
        await self.runtime.aclose()
        await self.ledger.aclose()


def make_parts() -> Parts:
    """The real adapters; cheap, since each loads its library at first use."""
    from arcdesk.api.openai_client import OpenAIClient
    from arcdesk.engine.docker_runtime import DockerRuntime
    from arcdesk.storage.secrets import SecretStore

    secrets, ledger = SecretStore(), EgressLedger(_open_ledger)
    return Parts(
        runtime=DockerRuntime(hub_token=secrets.hub_token, egress=ledger),
        backend=OpenAIClient(egress=ledger),
        secrets=secrets,
        ledger=ledger,
    )


def _open_ledger() -> EgressRepo:
    from arcdesk.storage.egress_db import EgressDb

    return EgressDb()


def make_container_driver(
    parts: Parts, settings: ContainerSettings, report: Callable[[EngineSnapshot], None]
) -> ContainerDriver:
    """The container's driver."""
    from arcdesk.engine.log_reader import StartupLogReader
    from arcdesk.services.container_driver import ContainerDriver

    return ContainerDriver(
        runtime=parts.runtime,
        backend=parts.backend,
        new_reader=StartupLogReader,
        settings=settings,
        report=report,
    )
