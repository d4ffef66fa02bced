"""Keeps the live figures: our answers' as they arrive, the server's once a second while somebody watches."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from arcdesk.core.errors import AnswerError, Problem
from arcdesk.core.live_server import MOST_GAP_S, ServerWindow
from arcdesk.core.live_stats import (
    LiveFigure,
    LiveHistory,
    LiveKey,
    LiveView,
    LiveWatcher,
    OurView,
    OurWatcher,
    Source,
    keys_of,
    unknown,
)
from arcdesk.core.metrics_values import FINAL_CAUSES, MetricsSample, MetricsSource
from arcdesk.core.ports import Endpoint
from arcdesk.services.chat_listeners import ChatListener
from arcdesk.services.live_answers import LiveAnswers

log = logging.getLogger(__name__)

INTERVAL_S = 1.0
LONGEST_PAUSE_S = 10.0  # between two tries of a server that does not answer
PATIENCE = 0.8  # of the interval: a server under load may take seconds, our own figures don't wait for it
SLOW_S = 3.0  # figures older than this are not those of now
PAUSE_S = 5.0  # nobody watched for so long: a panel that is moved is gone for a moment
STALE_S = 2.0  # a view older than this is not shown to who begins to watch

NO_ENGINE = "No engine answers now."
ASKED = "The server was asked and has not answered yet."

End = Callable[[], None]
Pause = Callable[[float], Awaitable[None]]


class LiveStatsService:
    """The live figures for those who watch. All methods belong to the loop's thread.

    Without a watcher there is no task, no timer and no request. Those who watch our own answers alone
    cost no request either. `endpoint` tells where to ask (None: no engine answers), `pause` waits seconds.
    """

    def __init__(
        self,
        source: MetricsSource,
        endpoint: Callable[[], Endpoint | None],
        *,
        interval_s: float = INTERVAL_S,
        clock: Callable[[], float] = time.monotonic,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._source = source
        self._endpoint = endpoint
        self._interval_s = interval_s
        self._clock = clock
        self._pause = pause
        self._ours = LiveAnswers(clock=clock, tell_every_s=interval_s)
        self._server = ServerWindow()
        self._history = LiveHistory()
        self._view = LiveView(history=self._history)
        self._watchers: dict[object, LiveWatcher] = {}
        self._sampling: asyncio.Task[None] | None = None
        self._looking = asyncio.Lock()
        self._asking: asyncio.Task[None] | None = None  # the request under way
        self._asked_at = 0.0
        self._asked: Endpoint | None = None  # whom the samples are of
        self._problem: Problem | None = None
        self._is_given_up = False  # asking this server again makes no sense
        self._next_try_at = float("-inf")
        self._failures = 0

    @property
    def view(self) -> LiveView:
        """The newest view; as old as the last look."""
        return self._view

    @property
    def is_watched(self) -> bool:
        """Somebody watches: looks are being taken."""
        return bool(self._watchers)

    @property
    def newest_sample(self) -> MetricsSample | None:
        """What /metrics said last while somebody watches; None if it said nothing yet."""
        return self._server.newest

    @property
    def listener(self) -> ChatListener:
        """Hears of our own answers: to be given to `ChatService.listen` once."""
        return self._ours.listener

    @property
    def our_view(self) -> OurView:
        """What was told last of our own answers."""
        return self._ours.view

    # watching

    def watch(self, watcher: LiveWatcher) -> End:
        """Look, and tell `watcher` of each view, the newest one at once; returns what ends it."""
        key = object()
        self._watchers[key] = watcher
        if self._view.at and self._clock() - self._view.at <= STALE_S:
            watcher(self._view)
        if self._sampling is None:
            self._begin()

        def end() -> None:
            if self._watchers.pop(key, None) is not None and not self._watchers:
                self._end()

        return end

    def watch_ours(self, watcher: OurWatcher) -> End:
        """Tell `watcher` of our own answers alone: once a second while one streams, and when it has ended."""
        return self._ours.watch(watcher)

    def engine_changed(self) -> None:
        """The engine is another one, or begins anew: what it refused before may be there now."""
        self._forget_server()
        self._server.restarts = 0
        self._ours.engine_changed()

    def slept(self) -> None:
        """The computer slept, and our clock with it: what servers counted meanwhile is of no time of ours."""
        self._forget_server()
        self._history = LiveHistory()  # its rows can't be dated any more

    async def look_once(self) -> LiveView:
        """One look now, whoever watches. Looks never overlap: a second one waits for the first."""
        async with self._looking:
            newest = self._server.newest
            if newest is not None and self._clock() - newest.at > MOST_GAP_S:
                self._server.clear()  # a difference would be of a time in which nobody looked
            await self._look(None)
            return self._view

    async def aclose(self) -> None:
        """End all watches and the request under way."""
        self._watchers.clear()
        self._ours.close()
        under_way = [task for task in (self._sampling, self._asking) if task is not None]
        self._end()
        self._stop_asking()
        await asyncio.gather(*under_way, return_exceptions=True)

    def _begin(self) -> None:
        newest = self._server.newest
        if newest is None or self._clock() - newest.at > PAUSE_S:
            if not self._looking.locked():  # else somebody waits for what is asked just now
                self._forget_server()
            self._server.restarts = 0
        self._sampling = asyncio.ensure_future(self._sample())

    def _end(self) -> None:
        if self._sampling is not None:
            self._sampling.cancel()
            self._sampling = None
            self._history.break_off(self._clock())
            if not self._looking.locked():  # nobody waits for what is asked
                self._stop_asking()

    async def _sample(self) -> None:
        while self._watchers:
            began = self._clock()
            try:
                await self._look(self._interval_s * PATIENCE)  # never behind who waits for a slow server
            except Exception:  # a port promises otherwise; a loop that died silently would be worse
                log.exception("taking the live figures failed")
            await self._pause(max(0.0, began + self._interval_s - self._clock()))

    # one look

    async def _look(self, patience_s: float | None) -> None:
        await self._ask_server(patience_s)
        at = self._clock()
        figures = self._ours.figures() | self._server_figures(at)
        self._history.add(at, figures)
        self._view = LiveView(
            at=at,
            figures=figures,
            history=self._history,
            generation=self._server.generation,
            problem=self._problem,
            restarts=self._server.restarts,
        )
        for watcher in tuple(self._watchers.values()):
            watcher(self._view)

    def _server_figures(self, at: float) -> dict[LiveKey, LiveFigure]:
        keys = keys_of(Source.SERVER)
        if self._problem is not None:
            return unknown(keys, self._problem.title + ".")
        newest = self._server.newest
        if newest is None:
            return unknown(keys, ASKED if self._asking is not None else NO_ENGINE)
        if self._asking is not None and at - self._asked_at > SLOW_S:
            waited = f"The server was asked {at - self._asked_at:.0f} s ago and has not answered yet."
            return unknown(keys, waited)
        return self._server.figures()

    async def _ask_server(self, patience_s: float | None) -> None:
        """Ask, unless a request is under way; return when it is answered, or the patience has ended."""
        endpoint = self._endpoint()
        if endpoint != self._asked:
            self._forget_server()
            self._asked = endpoint
        if self._asking is None or self._asking.done():  # done: of a watch that ended meanwhile
            if endpoint is None or self._is_given_up or self._clock() < self._next_try_at:
                return
            self._asked_at = self._clock()
            self._asking = asyncio.ensure_future(self._ask(endpoint))
        asking = self._asking
        await asyncio.wait((asking,), timeout=patience_s)
        if asking.done():
            self._asking = None if self._asking is asking else self._asking
            if not asking.cancelled():  # else the engine changed meanwhile
                asking.result()

    async def _ask(self, endpoint: Endpoint) -> None:
        try:
            sample = await self._source.fetch(endpoint)
        except AnswerError as error:
            self._on_failure(error.problem)
            return
        if self._problem is not None:
            log.info("the server tells its figures again")
        self._problem, self._failures, self._next_try_at = None, 0, float("-inf")
        self._server.add(sample)

    def _stop_asking(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None

    def _on_failure(self, problem: Problem) -> None:
        """Said once in the log; then it is asked less and less often, or not at all."""
        if self._problem is None or self._problem.cause != problem.cause:
            log.info("no figures of the server: %s", problem.sentence())
        self._problem = problem
        self._is_given_up = problem.cause in FINAL_CAUSES
        self._failures += 1
        pause_s = min(self._interval_s * 2 ** min(self._failures - 1, 10), LONGEST_PAUSE_S)
        self._next_try_at = self._clock() + pause_s - self._interval_s / 2  # not the look after, by a hair

    def _forget_server(self) -> None:
        self._stop_asking()
        self._server.clear()
        self._asked = None
        self._problem = None
        self._is_given_up = False
        self._failures = 0
        self._next_try_at = float("-inf")
