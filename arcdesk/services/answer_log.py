"""Stores an answer while it arrives, its thoughts too: at most 250 ms of it exist in memory alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from arcdesk.core.chat import AnswerStats
from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.core.latency import LatencyMeter
from arcdesk.core.ports import Endpoint, HistoryRepo

FLUSH_AFTER_S = 0.2  # plus the write itself: stays under 250 ms


class _Column:
    """Pieces of one kind: those handed to the disk, and those that wait for the next batch."""

    __slots__ = ("_append", "_handed_over", "waiting")

    def __init__(self, append: Callable[[int, str], Awaitable[None]]) -> None:
        self._append = append
        self._handed_over: list[str] = []
        self.waiting: list[str] = []

    @property
    def text(self) -> str:
        return "".join((*self._handed_over, *self.waiting))

    def write(self, message_id: int) -> Awaitable[None] | None:
        """The write of what waits, None if nothing does."""
        if not self.waiting:
            return None
        text = "".join(self.waiting)
        self.waiting.clear()
        self._handed_over.append(text)
        return self._append(message_id, text)


class AnswerLog:
    """Collects pieces and writes them in batches. `text` and `thoughts` are all of it, written or not."""

    def __init__(self, history: HistoryRepo, message_id: int) -> None:
        self.message_id = message_id
        self._words = _Column(history.append)
        self._thoughts = _Column(history.append_thought)
        self._timer: asyncio.TimerHandle | None = None
        self._writes: set[asyncio.Future[None]] = set()
        self._meter = LatencyMeter()
        self._endpoint: Endpoint | None = None
        self.problem: Problem | None = None  # why text could not be written; it is kept in memory

    @property
    def has_text(self) -> bool:
        """A first piece has come, a thought or a word."""
        return self._meter.chunks > 0

    @property
    def text(self) -> str:
        """All text so far, written or not."""
        return self._words.text

    @property
    def thoughts(self) -> str:
        """All thinking so far, written or not."""
        return self._thoughts.text

    def begin(self, endpoint: Endpoint) -> None:
        """The request leaves now, for this server."""
        self._endpoint = endpoint
        self._meter.sent()

    def add(self, text: str) -> None:
        """Take a piece. Cheap: the write comes later, with others."""
        self._take(self._words, text)

    def add_thought(self, text: str) -> None:
        """Take a piece of the thinking, as cheaply."""
        self._take(self._thoughts, text)

    def _take(self, column: _Column, text: str) -> None:
        self._meter.chunk()
        column.waiting.append(text)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_AFTER_S, self._flush)

    def _flush(self) -> None:
        self._timer = None
        for column in (self._thoughts, self._words):
            if (work := column.write(self.message_id)) is not None:
                write = asyncio.ensure_future(work)
                self._writes.add(write)
                write.add_done_callback(self._on_written)

    def _on_written(self, write: asyncio.Future[None]) -> None:
        self._writes.discard(write)
        error = None if write.cancelled() else write.exception()
        if isinstance(error, ArcDeskError):
            self.problem = self.problem or error.problem

    def stats_so_far(self) -> AnswerStats:
        """The figures of an answer that was stopped: the server's token count never came."""
        endpoint = self._endpoint
        if endpoint is None:
            return AnswerStats(reason_unknown="It was stopped before it was asked.")
        return self._meter.stats(model=endpoint.model, device=endpoint.device, engine=endpoint.engine)

    async def flush(self) -> None:
        """Write what waits, now. `problem` tells if some of it could not be written."""
        if self._timer is not None:
            self._timer.cancel()
        self._flush()
        for result in await asyncio.gather(*self._writes, return_exceptions=True):
            if isinstance(result, BaseException) and not isinstance(result, ArcDeskError):
                raise result
