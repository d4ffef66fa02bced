"""Looks whether a server that is to be compared is there, before the other side is asked anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arcdesk.core.engine_state import EngineKind

if TYPE_CHECKING:
    from arcdesk.app.parts import Parts
    from arcdesk.core.ab_plan import AbConfiguration


async def meet(side: AbConfiguration, parts: Parts) -> None:
    """Raises ArcDeskError for a server that does not answer. What ArcDesk starts is not looked at."""
    if side.kind is not EngineKind.REMOTE:
        return
    driver = parts.make_driver(EngineKind.REMOTE, side.settings, lambda _: None)
    try:
        await driver.start()
    finally:
        await driver.aclose()
