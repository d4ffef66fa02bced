"""Keeps the live figures: our answers' as they arrive, the server's once a second while somebody watches."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from arcdesk.core.chat import AnswerFailed, AnswerFinished, ChatEvent, Message, Role
from arcdesk.core.errors import AnswerError, Problem
from arcdesk.core.live_ours import OurWindow
from arcdesk.core.live_server import WINDOW_S, ServerWindow
from arcdesk.core.live_stats import (
    LiveFigure,
    LiveHistory,
    LiveKey,
    LiveView,
    LiveWatcher,
    Source,
    keys_of,
    unknown,
)
from arcdesk.core.metrics_values import FINAL_CAUSES, MetricsSample, MetricsSource
from arcdesk.core.ports import Endpoint
from arcdesk.services.chat_listeners import ChatListener

log = logging.getLogger(__name__)

INTERVAL_S = 1.0
LONGEST_PAUSE_S = 10.0  # between two tries of a server that does not answer

NO_ENGINE = "No engine answers now."

End = Callable[[], None]
Pause = Callable[[float], Awaitable[None]]


class LiveStatsService:
    """The live figures for those who watch. All methods belong to the loop's thread.

    Without a watcher there is no task, no timer and no request; of our own answers only the moments of
    their pieces are kept. `endpoint` tells where to ask (None: no engine answers), `pause` waits seconds.
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
        self._ours = OurWindow(clock)
        self._server = ServerWindow()
        self._history = LiveHistory()
        self._view = LiveView(history=self._history)
        self._watchers: dict[object, LiveWatcher] = {}
        self._sampling: asyncio.Task[None] | None = None
        self._looking = asyncio.Lock()
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
        return ChatListener(on_event=self._on_event, on_message=self._on_message, hears_quick=True)

    # watching

    def watch(self, watcher: LiveWatcher) -> End:
        """Look, and tell `watcher` of each view, the newest one at once; returns what ends it."""
        key = object()
        self._watchers[key] = watcher
        if self._view.at:
            watcher(self._view)
        if self._sampling is None:
            self._begin()

        def end() -> None:
            if self._watchers.pop(key, None) is not None and not self._watchers:
                self._end()

        return end

    def engine_changed(self) -> None:
        """The engine is another one, or begins anew: what it refused before may be there now."""
        self._forget_server()

    async def look_once(self) -> LiveView:
        """One look now, whoever watches. Looks never overlap: a second one waits for the first."""
        async with self._looking:
            newest = self._server.newest
            if newest is not None and self._clock() - newest.at > WINDOW_S:
                self._server.clear()  # a difference would be of a time in which nobody looked
            await self._look()
            return self._view

    async def aclose(self) -> None:
        """End all watches and the request under way."""
        self._watchers.clear()
        sampling = self._sampling
        self._end()
        if sampling is not None:
            await asyncio.gather(sampling, return_exceptions=True)

    def _begin(self) -> None:
        self._forget_server()
        self._server.restarts = 0
        self._sampling = asyncio.ensure_future(self._sample())

    def _end(self) -> None:
        if self._sampling is not None:
            self._sampling.cancel()
            self._sampling = None
            self._history.break_off(self._clock())

    async def _sample(self) -> None:
        while self._watchers:
            began = self._clock()
            try:
                async with self._looking:
                    await self._look()
            except Exception:  # a port promises otherwise; a loop that died silently would be worse
                log.exception("taking the live figures failed")
            await self._pause(max(0.0, began + self._interval_s - self._clock()))

    # one look

    async def _look(self) -> None:
        await self._ask_server()
        at = self._clock()
        figures = self._ours.figures() | self._server_figures()
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

    def _server_figures(self) -> dict[LiveKey, LiveFigure]:
        if self._server.newest is not None and self._problem is None:
            return self._server.figures()
        return unknown(keys_of(Source.SERVER), self._problem.title + "." if self._problem else NO_ENGINE)

    async def _ask_server(self) -> None:
        endpoint = self._endpoint()
        if endpoint != self._asked:
            self._forget_server()
            self._asked = endpoint
        if endpoint is None or self._is_given_up or self._clock() < self._next_try_at:
            return
        try:
            sample = await self._source.fetch(endpoint)
        except AnswerError as error:
            if endpoint == self._asked:
                self._on_failure(error.problem)
            return
        if endpoint != self._asked:  # `engine_changed` came meanwhile: this is of the one before
            return
        if self._problem is not None:
            log.info("the server tells its figures again")
        self._problem, self._failures, self._next_try_at = None, 0, float("-inf")
        self._server.add(sample)

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
        self._server.clear()
        self._asked = None
        self._problem = None
        self._is_given_up = False
        self._failures = 0
        self._next_try_at = float("-inf")

    # our own answers

    def _on_event(self, conversation_id: int, message_id: int, event: ChatEvent) -> None:
        if isinstance(event, AnswerFinished | AnswerFailed):
            self._ours.end(message_id, event.stats)
        else:
            self._ours.piece(message_id)

    def _on_message(self, conversation_id: int, message: Message) -> None:
        if message.role is not Role.ASSISTANT:
            return
        if message.state.is_open:
            self._ours.begin(message.id)
        else:
            self._ours.end(message.id, message.stats)
