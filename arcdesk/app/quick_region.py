"""Takes a part of the screen along with a quick question: the bar steps aside while it is chosen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from arcdesk.app.quick_attached import QuickAttached
from arcdesk.core.errors import ArcDeskError, Problem

if TYPE_CHECKING:
    from arcdesk.app.session import Session

# Compositors fade a window out, and tell nobody when they are done: it would be in the picture.
FADE_S = 0.2


class QuickRegion:
    """One picture at a time. `show` brings the bar back, with the problem if there was one."""

    def __init__(
        self,
        session: Session,
        attached: QuickAttached,
        hide: Callable[[], None],
        show: Callable[[Problem | None], None],
    ) -> None:
        self._session = session
        self._attached = attached
        self._hide = hide
        self._show = show
        self._taking: asyncio.Task[object] | None = None

    def take(self) -> None:
        """Let the person choose; nothing happens while they do so already."""
        if self._taking is None or self._taking.done():
            self._hide()
            self._taking = self._session.tasks.spawn(self._take(), name="take a screen region")

    async def _take(self) -> None:
        from arcdesk.desktop.screenshot import take_region

        problem = None
        try:
            await asyncio.sleep(FADE_S)
            taken = await take_region()
            if taken is not None:
                self._attached.add_picture(taken.image, taken.thumbnail)
        except ArcDeskError as error:
            problem = error.problem
        self._show(problem)

    async def aclose(self) -> None:
        """Close the desktop's dialog, if it is open."""
        if self._taking is not None:
            self._taking.cancel()
            await asyncio.wait({self._taking})
