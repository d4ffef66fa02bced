"""Hears of our own answers, and tells their figures while one streams: no timer runs before or after."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable

from arcdesk.core.chat import AnswerFailed, AnswerFinished, AnswerStats, ChatEvent, Message, Role
from arcdesk.core.live_ours import OurWindow
from arcdesk.core.live_stats import LiveFigure, LiveKey, OurView, OurWatcher
from arcdesk.core.points import Point
from arcdesk.services.chat_listeners import ChatListener

log = logging.getLogger(__name__)

TELL_EVERY_S = 1.0
KEPT_POINTS = 60


class LiveAnswers:
    """The figures of our own answers. Belongs to the loop's thread.

    Of an answer only the moments of its pieces are kept; the rest is worked out when somebody is told.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        tell_every_s: float = TELL_EVERY_S,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._wall = wall
        self._tell_every_s = tell_every_s
        self._window = OurWindow(clock)
        self._watchers: dict[object, OurWatcher] = {}
        self._next: asyncio.TimerHandle | None = None
        self._last_tokens_per_s: float | None = None
        self._ended_at: float | None = None
        self._points: deque[Point] = deque(maxlen=KEPT_POINTS)
        self._view = OurView()

    @property
    def listener(self) -> ChatListener:
        """To be given to `ChatService.listen` once."""
        return ChatListener(on_event=self._on_event, on_message=self._on_message, hears_quick=True)

    @property
    def view(self) -> OurView:
        """What was told last."""
        return self._view

    def figures(self) -> dict[LiveKey, LiveFigure]:
        """All figures of ours, now."""
        return self._window.figures()

    def watch(self, watcher: OurWatcher) -> Callable[[], None]:
        """Tell `watcher` once a second while an answer streams and when it has ended; returns what ends it.

        What was told last is told at once.
        """
        key = object()
        self._watchers[key] = watcher
        if self._view.at:
            watcher(self._view)
        if self._window.is_streaming and self._next is None:
            self._tell()

        def end() -> None:
            self._watchers.pop(key, None)
            if not self._watchers:
                self._stop()

        return end

    def engine_changed(self) -> None:
        """Another engine answers from now on: nothing is carried over to it."""
        self._window.forget_sizes()
        self._last_tokens_per_s = self._ended_at = None
        self._points.clear()
        if self._window.is_streaming:
            self._tell()
        elif self._view.at:
            self._pass_on(OurView())

    def close(self) -> None:
        """Tell nobody any more."""
        self._watchers.clear()
        self._stop()

    # telling

    def _tell(self) -> None:
        """Tell all, and again in a second while pieces may come: a stall has to be seen as well."""
        self._stop()
        figures = self._window.figures()
        is_streaming = self._window.is_streaming
        now = self._clock()
        rate = figures[LiveKey.OUR_TOKENS_PER_S].value
        self._points.append(Point(now, rate))
        if not is_streaming and rate is not None:
            self._points.append(Point(now, None))
        view = OurView(
            at=now,
            figures=figures,
            is_streaming=is_streaming,
            last_tokens_per_s=self._last_tokens_per_s,
            points=tuple(self._points),
            ended_at=self._ended_at,
        )
        if is_streaming:
            self._next = asyncio.get_running_loop().call_later(self._tell_every_s, self._tell)
        self._pass_on(view)

    def _pass_on(self, view: OurView) -> None:
        self._view = view
        for watcher in tuple(self._watchers.values()):
            try:
                watcher(view)
            except Exception:  # a widget's mistake must not reach the answer that is being heard
                log.exception("telling the figures of our answers failed")

    def _stop(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None

    # hearing

    def _on_event(self, conversation_id: int, message_id: int, event: ChatEvent) -> None:
        if isinstance(event, AnswerFinished | AnswerFailed):
            self._end(message_id, event.stats)
            return
        self._window.piece(message_id)
        if self._next is None and self._watchers:
            self._tell()

    def _on_message(self, conversation_id: int, message: Message) -> None:
        if message.role is not Role.ASSISTANT:
            return
        if message.state.is_open:
            self._window.begin(message.id)
        else:
            self._end(message.id, message.stats)

    def _end(self, message_id: int, stats: AnswerStats | None) -> None:
        had_text = self._window.has_text(message_id)
        if not self._window.end(message_id, stats):
            return
        if not had_text and (stats is None or stats.ttft_ms is None):
            return  # stopped before its first word: what is shown of the ones before still holds
        self._ended_at = self._wall()
        if stats is not None and stats.decode_tokens_per_s is not None:
            self._last_tokens_per_s = stats.decode_tokens_per_s
        if self._watchers:
            self._tell()
