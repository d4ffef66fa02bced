"""Keeps an ear on Docker: its events while it answers, growing pauses while it does not."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from arcdesk.core.errors import ArcDeskError, DockerUnreachable
from arcdesk.core.ports import ContainerEvent, ContainerEventKind, ContainerRuntime

log = logging.getLogger(__name__)

RECONNECT_PAUSES_S = (0.5, 1, 2, 4, 8, 15, 30, 60)  # then we wait until somebody looks


class DockerWatch:
    """Tells of each event, of each look that somebody takes, and of each loss of Docker."""

    def __init__(
        self,
        *,
        runtime: ContainerRuntime,
        on_event: Callable[[ContainerEvent], Awaitable[None]],
        on_look: Callable[[], Awaitable[None]],
        on_lost: Callable[[DockerUnreachable], None],
    ) -> None:
        self._runtime = runtime
        self._on_event = on_event
        self._on_look = on_look
        self._on_lost = on_lost
        self._failures = 0  # to reach Docker, in a row
        self._looked = asyncio.Event()

    def look(self) -> None:
        """Check now: somebody looks, or an answer failed."""
        self._looked.set()

    async def run(self) -> None:
        """Watch until cancelled. Holds nothing while there is no container and nobody has looked."""
        if not await self._runtime.peek():
            await self._looked.wait()
        while True:
            self._looked.clear()
            try:
                await self._listen()
            except DockerUnreachable as error:
                self._on_lost(error)
            except ArcDeskError as error:  # a question was refused; the next one may not be
                log.warning("Docker refused a question: %s", error)
            await self._pause()

    async def _listen(self) -> None:
        """Each event leads to a fresh look; the first one comes when the subscription stands."""
        looking = asyncio.ensure_future(self._tell_looks())
        try:
            async with contextlib.aclosing(self._runtime.events()) as events:
                async for event in events:
                    if event.kind is ContainerEventKind.SUBSCRIBED:
                        self._failures = 0
                    await self._on_event(event)
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _tell_looks(self) -> None:
        while True:
            await self._looked.wait()
            self._looked.clear()
            with contextlib.suppress(ArcDeskError):  # the event stream ends as well and tells it
                await self._on_look()

    async def _pause(self) -> None:
        """Before the next try: longer each time, in the end until somebody looks."""
        patience_s = RECONNECT_PAUSES_S[self._failures] if self._failures < len(RECONNECT_PAUSES_S) else None
        self._failures += 1
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await self._looked.wait()
