"""A comparison waits for the check of the cards, which asks the engine a question of its own."""

from __future__ import annotations

import asyncio

from arcdesk.app.ab_meter import until_judged
from arcdesk.core.gpu import ContainerFdinfo, GpuSnapshot
from arcdesk.core.gpu_used import judge
from arcdesk.core.gpu_used_values import UsedEvidence
from arcdesk.services.gpu_service import GpuService


class NoCards:
    """A machine without a card."""

    def sample(self, containers: tuple[ContainerFdinfo, ...] = ()) -> GpuSnapshot:
        return GpuSnapshot(cards=())


def is_watched(service: GpuService) -> bool:
    return service.is_watched


async def test_it_waits_for_the_verdict_and_watches_no_longer() -> None:
    service = GpuService(NoCards())
    waiting = asyncio.ensure_future(until_judged(service, patience_s=60.0))
    done, _ = await asyncio.wait({waiting}, timeout=0.05)
    assert not done and is_watched(service)
    service.note(used=judge(UsedEvidence()))
    await asyncio.wait_for(waiting, 10.0)
    assert not is_watched(service)
    await asyncio.wait_for(until_judged(service, patience_s=60.0), 10.0)  # known: no wait
    await service.aclose()


async def test_an_engine_that_is_never_judged_is_not_waited_for_for_ever() -> None:
    service = GpuService(NoCards())
    await asyncio.wait_for(until_judged(service, patience_s=0.05), 10.0)
    assert not is_watched(service)
    await service.aclose()
