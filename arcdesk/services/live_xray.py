"""Takes the server's figures before and after an answer, and makes the X-ray of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from arcdesk.core.errors import AnswerError
from arcdesk.core.metrics_values import FINAL_CAUSES, MetricsSample, MetricsSource
from arcdesk.core.ports import Endpoint
from arcdesk.core.xray import ClientTimes, XRay, xray
from arcdesk.core.xray_server import NOT_COUNTED, ServerTimes, server_times

FRESH_S = 2.0  # a sample of those who watch serves as the one before
TRIES = 3  # servers count an answer a moment after its last byte
TRY_AGAIN_S = 0.2


class LiveXRay:
    """X-rays of answers. Belongs to the loop's thread; asks a server only around an answer that wants one.

    `newest` gives the last sample that a watch has taken anyway (None: there is none).
    """

    def __init__(
        self,
        source: MetricsSource,
        newest: Callable[[], MetricsSample | None],
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._source = source
        self._newest = newest
        self._clock = clock
        self._pause = pause
        self._without: set[str] = set()  # roots that tell no figures
        self._after: tuple[Endpoint, MetricsSample] | None = None  # with the last answer in it
        self._ended_at = float("-inf")  # of the last answer

    def engine_changed(self) -> None:
        """Another engine, or one that begins anew: it may tell figures now."""
        self._without.clear()
        self._after = None

    def begin(self, endpoint: Endpoint) -> XRayBefore:
        """A question leaves now. Never waits: the sample before is taken beside it; only ends are counted."""
        if (sample := self._at_hand(endpoint)) is not None:
            return XRayBefore(endpoint, sample, None)
        if endpoint.root_url in self._without:
            return XRayBefore(endpoint, None, None)
        return XRayBefore(endpoint, None, asyncio.ensure_future(self._sample(endpoint)))

    async def finish(self, before: XRayBefore, ours: ClientTimes, completion_tokens: int | None) -> XRay:
        """The answer has ended: its X-ray, a fifth of a second later where the server is slow to count it.

        Without figures of the server it is made of our own times.
        """
        self._ended_at = self._clock()
        return xray(ours, await self._server_times(before, completion_tokens))

    def _at_hand(self, endpoint: Endpoint) -> MetricsSample | None:
        """A sample of a moment ago, with our last answer counted in it. It spares the server a question."""
        samples = [self._newest()]
        if self._after is not None and self._after[0] == endpoint:
            samples.append(self._after[1])
        earliest = max(self._clock() - FRESH_S, self._ended_at)
        fresh = [sample for sample in samples if sample is not None and sample.at >= earliest]
        return max(fresh, key=lambda sample: sample.at, default=None)

    async def _server_times(self, before: XRayBefore, tokens: int | None) -> ServerTimes:
        old = await before.sample()
        if old is None:
            return server_times(None, None, tokens)
        for tried in range(TRIES):
            if tried:
                await self._pause(TRY_AGAIN_S)
            new = await self._sample(before.endpoint)
            told = server_times(old, new, tokens)
            if told.reason != NOT_COUNTED:
                self._after = None if new is None else (before.endpoint, new)
                break
        return told

    async def _sample(self, endpoint: Endpoint) -> MetricsSample | None:
        try:
            return await self._source.fetch(endpoint)
        except AnswerError as error:
            if error.problem.cause in FINAL_CAUSES:
                self._without.add(endpoint.root_url)
            return None


class XRayBefore:
    """The sample before an answer, which may still be on its way. To be finished, or dropped by `cancel`."""

    def __init__(
        self,
        endpoint: Endpoint,
        sample: MetricsSample | None,
        asking: asyncio.Task[MetricsSample | None] | None,
    ) -> None:
        self.endpoint = endpoint
        self._sample = sample
        self._asking = asking

    async def sample(self) -> MetricsSample | None:
        """The sample; None if the server told nothing."""
        return self._sample if self._asking is None else await self._asking

    def cancel(self) -> None:
        """No X-ray is wanted any more."""
        if self._asking is not None:
            self._asking.cancel()
