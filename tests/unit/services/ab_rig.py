"""A comparison over the real engine service, the real client and real engines of this computer."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from arcdesk.api.openai_client import OpenAIClient
from arcdesk.app.ab_meet import meet
from arcdesk.app.parts import Parts
from arcdesk.core.ab_plan import AbPlan
from arcdesk.core.ab_progress import AbProgress
from arcdesk.core.bench_ports import CardUse
from arcdesk.core.engine_state import EngineSnapshot
from arcdesk.core.ports import Endpoint
from arcdesk.core.settings import Settings
from arcdesk.core.store import Store
from arcdesk.engine.docker_runtime import DockerRuntime
from arcdesk.services.ab_run import AbRun
from arcdesk.services.egress import EgressLedger
from arcdesk.services.engine_service import EngineService
from arcdesk.storage.egress_db import EgressDb
from arcdesk.storage.secrets import SecretStore

NOWHERE = "unix:///nonexistent/docker.sock"


class NoCards:
    """A CardMeter where there are no cards; counts how it is used."""

    def __init__(self) -> None:
        self.begun = self.ended = 0

    async def begin(self) -> None:
        self.begun += 1

    async def end(self) -> CardUse:
        self.ended += 1
        return CardUse(notes=("There is no card here.",))


@dataclass
class AbDesk:
    """An engine service, and all that comparisons on it told."""

    store: Store
    parts: Parts
    service: EngineService
    own: Settings
    meter: NoCards = field(default_factory=NoCards)
    progress: list[AbProgress] = field(default_factory=list)
    texts: dict[tuple[str, int], str] = field(default_factory=dict)
    states: list[EngineSnapshot] = field(default_factory=list)
    on_progress: Callable[[AbProgress], None] = lambda _: None

    @property
    def now(self) -> EngineSnapshot:
        return self.store.state.engine

    @property
    def stages(self) -> list[tuple[str, str]]:
        """Each stage once per visit."""
        told = [(each.stage.value, each.side) for each in self.progress]
        return [each for place, each in enumerate(told) if place == 0 or told[place - 1] != each]

    def _hear(self, progress: AbProgress) -> None:
        self.progress.append(progress)
        self.on_progress(progress)

    def _text(self, side: str, number: int, piece: str) -> None:
        self.texts[side, number] = self.texts.get((side, number), "") + piece

    def comparison(self, plan: AbPlan) -> AbRun:
        async def meter_of(_: Endpoint) -> NoCards:
            return self.meter

        return AbRun(
            plan,
            engine=self.service,
            backend=self.parts.backend,
            store=self.store,
            meter_of=meter_of,
            meet=lambda side: meet(side, self.parts),
            own_settings=lambda: self.own,
            on_progress=self._hear,
            on_text=self._text,
            clock=time.monotonic,
        )


@asynccontextmanager
async def ab_desk(settings: Settings, host: str = NOWHERE) -> AsyncIterator[AbDesk]:
    """Afterwards no engine of it runs (a container stays)."""
    store = Store()
    ledger = EgressLedger(EgressDb)
    parts = Parts(
        runtime=DockerRuntime(host, environ={}, egress=ledger),
        backend=OpenAIClient(egress=ledger),
        secrets=SecretStore(environ={}),
        ledger=ledger,
    )
    service = EngineService(
        store=store, settings=settings, make_driver=parts.make_driver, runtime=parts.runtime
    )
    desk = AbDesk(store=store, parts=parts, service=service, own=settings)
    store.subscribe(lambda state: desk.states.append(state.engine))
    await service.begin()
    try:
        yield desk
    finally:
        await service.aclose()
        await parts.aclose()
