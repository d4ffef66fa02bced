"""Waits for one press that opens nothing: the proof that the key arrives."""

from __future__ import annotations

import asyncio

PATIENCE_S = 20.0


class SelfTest:
    """At most one wait at a time; a later one takes the place of an earlier one."""

    def __init__(self) -> None:
        self._awaited: asyncio.Future[bool] | None = None

    async def wait(self, patience_s: float) -> bool:
        """True for a press, False when none came in time or the wait was ended."""
        self.end()
        awaited: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._awaited = awaited
        try:
            async with asyncio.timeout(patience_s):
                return await awaited
        except TimeoutError:
            return False
        finally:
            if self._awaited is awaited:
                self._awaited = None

    def take_press(self) -> bool:
        """A press came: whether somebody waited for it."""
        awaited, self._awaited = self._awaited, None
        if awaited is None or awaited.done():
            return False
        awaited.set_result(True)
        return True

    def end(self) -> None:
        """Nobody needs to wait any longer."""
        awaited, self._awaited = self._awaited, None
        if awaited is not None and not awaited.done():
            awaited.set_result(False)
