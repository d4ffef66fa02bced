"""The one thread that looks at the cards, from the first watcher to the last."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from arcdesk.core.gpu import ContainerFdinfo, Figure, GpuReader, GpuSnapshot, Unknown, Why

log = logging.getLogger(__name__)

PAUSE_MOST_S = 5.0  # a difference over more is an average of a time in which nobody looked
ANSWERS_KEPT_S = 20.0  # containers are asked every few seconds while somebody watches
SECOND_LOOK_S = 0.3  # after such a pause: soon, for what needs two looks


class GpuSampler:
    """The thread that looks. One look at a time, whoever asks: a reader keeps the look before."""

    def __init__(self, reader: GpuReader, interval_s: float) -> None:
        self._reader = reader
        self._interval_s = interval_s
        self._is_wanted = False
        self._is_hurried = False
        self._changed = threading.Condition()
        self._reading = threading.Lock()
        self._thread: threading.Thread | None = None
        self._post: Callable[[GpuSnapshot], None] = _nowhere
        self._looked_at = float("-inf")
        self._answers: tuple[ContainerFdinfo, ...] = ()
        self._answered_at = float("-inf")

    @property
    def answers(self) -> tuple[ContainerFdinfo, ...]:
        """What containers answered last; empty once that is long ago."""
        is_fresh = time.monotonic() - self._answered_at < ANSWERS_KEPT_S
        return self._answers if is_fresh else ()

    @answers.setter
    def answers(self, answers: tuple[ContainerFdinfo, ...]) -> None:
        self._answered_at = time.monotonic()
        self._answers = answers

    def begin(self, post: Callable[[GpuSnapshot], None]) -> None:
        """Look from now on; a thread that still hangs in the watch before is taken over."""
        with self._changed:
            self._is_wanted, self._post = True, post
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="gpu-sampler", daemon=True)
                self._thread.start()

    def end(self) -> None:
        """No more looks; the thread ends, now or when the card lets it go."""
        with self._changed:
            self._is_wanted = False
            self._changed.notify_all()

    def hurry(self) -> None:
        """The next look at once."""
        with self._changed:
            self._is_hurried = True
            self._changed.notify_all()

    def sample(self, answers: tuple[ContainerFdinfo, ...], patience_s: float) -> GpuSnapshot:
        """One look, in the caller's thread. Raises TimeoutError when another look hangs."""
        if not self._reading.acquire(timeout=patience_s):
            raise TimeoutError
        try:
            return self._read(answers)[0]
        finally:
            self._reading.release()

    def _run(self) -> None:
        while True:
            began = time.monotonic()
            interval_s = self._look()
            with self._changed:
                pause_s = max(0.0, began + interval_s - time.monotonic())
                self._changed.wait_for(lambda: self._is_hurried or not self._is_wanted, pause_s)
                self._is_hurried = False
                if not self._is_wanted:
                    self._thread = None  # under the lock: a new watcher either sees it or keeps us going
                    return

    def _look(self) -> float:
        """One look; returns the seconds to the next."""
        with self._reading:
            try:
                snapshot, is_after_pause = self._read(self.answers)
            except Exception:  # the port promises otherwise; a thread that died silently would be worse
                log.exception("looking at the cards failed")
                return self._interval_s
        self._post(snapshot)
        return min(SECOND_LOOK_S, self._interval_s) if is_after_pause else self._interval_s

    def _read(self, answers: tuple[ContainerFdinfo, ...]) -> tuple[GpuSnapshot, bool]:
        """A look, and whether it is the first after a pause."""
        snapshot = self._reader.sample(answers)
        now = time.monotonic()
        is_after_pause = now - self._looked_at > PAUSE_MOST_S
        self._looked_at = now
        return (without_differences(snapshot) if is_after_pause else snapshot), is_after_pause


def without_differences(snapshot: GpuSnapshot) -> GpuSnapshot:
    """The look without what is an average over the time since the one before."""
    cards = tuple(
        replace(
            card,
            power_w=_later(card.power_w),
            busy_pct=_later_map(card.busy_pct),
            engines_pct=_later_map(card.engines_pct),
        )
        for card in snapshot.cards
    )
    return replace(snapshot, cards=cards)


_LATER = Unknown(Why.SECOND_LOOK, "It is a difference of two looks: the second one follows.")


def _later(figure: Figure[float]) -> Figure[float]:
    return Figure(unknown=_LATER) if figure.is_known else figure


def _later_map(figure: Figure[dict[str, float]]) -> Figure[dict[str, float]]:
    return Figure(unknown=_LATER) if figure.is_known else figure


def _nowhere(snapshot: GpuSnapshot) -> None:
    pass
