"""A clock that a test sets, a server that keeps to it, and a gate that writes all down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from arcdesk.core.egress import Contact
from tests.rig.fast_sse import Write

PATIENCE_S = 60.0  # of a loaded machine


class ScriptedClock:
    """Seconds that go on only when told to; whoever waits is woken when somebody reads them."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self._reads = 0
        self._was_read = asyncio.Event()

    def __call__(self) -> float:
        self._reads += 1
        self._was_read.set()
        return self.now_s

    async def until_read(self, since: int) -> None:
        """Somebody has read it after there were `since` reads."""
        async with asyncio.timeout(PATIENCE_S):
            while self._reads <= since:
                self._was_read.clear()
                await self._was_read.wait()

    def arrival(self, now_s: float, data: bytes) -> Callable[[Write], Awaitable[None]]:
        """A step of a server's script: `data` is written at `now_s`, and has arrived when the step ends."""

        async def step(write: Write) -> None:
            self.now_s = now_s
            reads = self._reads
            write(data)
            await self.until_read(reads)

        return step


@dataclass
class Gate:
    """An EgressGate for the hosts named."""

    hosts: tuple[str, ...] = ("127.0.0.1",)
    asked: list[str] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)

    def allows(self, host: str) -> bool:
        self.asked.append(host)
        return host in self.hosts

    def record(self, contact: Contact) -> None:
        self.contacts.append(contact)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a fact."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.001)
