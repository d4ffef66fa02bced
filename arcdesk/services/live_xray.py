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

FRESH_S = 10.0  # an older sample does not serve as the one before: others may have asked since
EXPECTED_S = 4.0  # while somebody types, it is not taken more often than this
TRIES = 3  # servers count an answer a moment after its last byte
TRY_AGAIN_S = 0.2
BROKEN_OFF = "The answer was broken off."  # nothing tells it from another's


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
        self._without: dict[str, str] = {}  # roots that tell no figures, and in which words
        self._kept: tuple[Endpoint, MetricsSample] | None = None  # the last one that we took
        self._ended_at = float("-inf")  # of the last answer
        self._expected_at = float("-inf")
        self._is_closed = False
        self._expecting: tuple[Endpoint, asyncio.Task[MetricsSample | None]] | None = None
        self._asking: set[asyncio.Task[MetricsSample | None]] = set()

    def engine_changed(self) -> None:
        """Another engine, or one that begins anew: it may tell figures now."""
        self._without.clear()
        self._kept = self._expecting = None
        self._expected_at = float("-inf")

    def expect(self, endpoint: Endpoint) -> None:
        """A question is being typed: take the sample before it now, while nobody waits for an answer."""
        if self._is_closed or endpoint.root_url in self._without or self._is_expecting(endpoint):
            return
        now = self._clock()
        is_just_asked = now - self._expected_at < EXPECTED_S and self._expected_at > self._ended_at
        if not is_just_asked and self._at_hand(endpoint, EXPECTED_S) is None:
            self._expected_at = now
            self._expecting = (endpoint, self._ask(endpoint))

    def begin(self, endpoint: Endpoint) -> XRayBefore:
        """A question leaves now. Never waits; a sample that is still to be taken is taken beside it.

        Beside it is early enough, for a server counts what has ended.
        """
        if self._is_expecting(endpoint):
            assert self._expecting is not None
            return XRayBefore(endpoint, None, self._expecting[1], is_shared=True)
        if (sample := self._at_hand(endpoint)) is not None:
            return XRayBefore(endpoint, sample, None)
        if self._is_closed or endpoint.root_url in self._without:
            return XRayBefore(endpoint, None, None)
        return XRayBefore(endpoint, None, self._ask(endpoint))

    async def finish(self, before: XRayBefore, ours: ClientTimes, completion_tokens: int | None) -> XRay:
        """The answer has ended: its X-ray. Without figures of the server it is made of our own times."""
        return xray(ours, await self.times(before, completion_tokens))

    async def times(
        self, before: XRayBefore, completion_tokens: int | None, *, is_whole: bool = True
    ) -> ServerTimes:
        """The answer has ended: the server's times, a fifth of a second later where it is slow to count."""
        self._ended_at = self._clock()
        if not is_whole and completion_tokens is None:
            return ServerTimes(reason=BROKEN_OFF)
        return await self._server_times(before, completion_tokens)

    async def aclose(self) -> None:
        """End the questions under way; none is asked any more."""
        self._is_closed = True
        for task in tuple(self._asking):
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    def _is_expecting(self, endpoint: Endpoint) -> bool:
        return (
            self._expecting is not None and self._expecting[0] == endpoint and not self._expecting[1].done()
        )

    def _at_hand(self, endpoint: Endpoint, fresh_s: float = FRESH_S) -> MetricsSample | None:
        """A sample of a moment ago, with our last answer counted in it. It spares the server a question."""
        samples = [self._newest()]
        if samples[0] is not None:
            self._without.pop(endpoint.root_url, None)  # it tells figures by now
        if self._kept is not None and self._kept[0] == endpoint:
            samples.append(self._kept[1])
        earliest = max(self._clock() - fresh_s, self._ended_at)
        fresh = [sample for sample in samples if sample is not None and sample.at >= earliest]
        return max(fresh, key=lambda sample: sample.at, default=None)

    async def _server_times(self, before: XRayBefore, tokens: int | None) -> ServerTimes:
        old = await before.sample()
        if old is None:
            why = self._without.get(before.endpoint.root_url)
            return ServerTimes(reason=why) if why else server_times(None, None, tokens)
        for tried in range(TRIES):
            if tried:
                await self._pause(TRY_AGAIN_S)
            new = await self._sample(before.endpoint)
            told = server_times(old, new, tokens)
            if told.reason != NOT_COUNTED:
                break
            self._kept = None  # this answer may be counted after it
        return told

    def _ask(self, endpoint: Endpoint) -> asyncio.Task[MetricsSample | None]:
        task = asyncio.ensure_future(self._sample(endpoint))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)
        return task

    async def _sample(self, endpoint: Endpoint) -> MetricsSample | None:
        try:
            sample = await self._source.fetch(endpoint)
        except AnswerError as error:
            if error.problem.cause in FINAL_CAUSES:
                self._without[endpoint.root_url] = f"{error.problem.title}."
            return None
        self._kept = (endpoint, sample)
        return sample


class XRayBefore:
    """The sample before an answer, which may still be on its way. To be finished, or dropped by `cancel`."""

    def __init__(
        self,
        endpoint: Endpoint,
        sample: MetricsSample | None,
        asking: asyncio.Task[MetricsSample | None] | None,
        *,
        is_shared: bool = False,
    ) -> None:
        """`is_shared`: another answer may wait for what is being asked."""
        self.endpoint = endpoint
        self._is_shared = is_shared
        self._sample = sample
        self._asking = asking

    async def sample(self) -> MetricsSample | None:
        """The sample; None if the server told nothing."""
        if self._asking is None:
            return self._sample
        await asyncio.wait({self._asking})  # two answers may share it, and one of them may have dropped it
        return None if self._asking.cancelled() else self._asking.result()

    def cancel(self) -> None:
        """No X-ray is wanted any more."""
        if self._asking is not None and not self._is_shared:
            self._asking.cancel()
