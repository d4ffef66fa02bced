"""Finds what watches the cards of a side, after the engine's own check of them is over."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from arcdesk.core.bench_ports import CardMeter
from arcdesk.core.engine_state import EngineKind
from arcdesk.core.gpu_view import GpuView
from arcdesk.core.ports import Endpoint
from arcdesk.services.gpu_service import GpuService

if TYPE_CHECKING:
    from arcdesk.app.session import Session

JUDGE_PATIENCE_S = 15.0


async def meter_for(session: Session, endpoint: Endpoint) -> CardMeter:
    """The meter of what answers there. Raises nothing."""
    await session.load("card_parts", "bench_meter")
    from arcdesk.app.bench_meter import meter_of

    if endpoint.engine == EngineKind.CONTAINER.value:
        await until_judged(session.cards.gpu.service)
    return await meter_of(endpoint, session.cards.gpu, container=session.engine.settings.container.name)


async def until_judged(service: GpuService, patience_s: float = JUDGE_PATIENCE_S) -> None:
    """After a start the check of the cards asks the engine a question of its own: it is waited for.

    One that was found running may never be judged: the patience ends.
    """
    judged = asyncio.Event()

    def look(view: GpuView) -> None:
        if view.used is not None:
            judged.set()

    if service.view.used is not None:
        return
    end = service.watch(look)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await judged.wait()
    finally:
        end()
