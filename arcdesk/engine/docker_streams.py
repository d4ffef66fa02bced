"""Brings Docker's endless answers (events, log, download) to the loop, and makes sense of them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar

from arcdesk.core.ports import ContainerEvent, ContainerEventKind, LogLine, PullProgress
from arcdesk.engine.container_spec import unix_seconds

T = TypeVar("T")

MOST_WAITING = 5000  # items; a reader that is faster than its consumer waits
END_PATIENCE_S = 0.8


class Closable(Protocol):
    """A stream of the SDK."""

    def close(self) -> None:
        """End it from another thread."""
        ...


class StreamLink:
    """The handle by which the loop's thread ends a stream that a reader thread is blocked in."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stream: Closable | None = None
        self.is_closed = False

    def attach(self, stream: Closable) -> None:
        """Called by the reader once the stream is open; one that was given up by then is closed at once."""
        with self._lock:
            self._stream = stream
            is_late = self.is_closed
        if is_late:
            _close(stream)

    def close(self) -> None:
        """End the stream, now or as soon as it is open."""
        with self._lock:
            self.is_closed = True
            stream = self._stream
        if stream is not None:
            _close(stream)


def _close(stream: Closable) -> None:
    # The peer may be gone (OSError), or the answer be read to its end (AttributeError inside the SDK).
    with contextlib.suppress(OSError, AttributeError):
        stream.close()


class ThreadStream(Generic[T]):
    """What a blocking iterator gives, read by a daemon thread of its own, as an async iterator.

    A thread of its own and not one of a pool: it would block the pool for as long as the container lives.
    `produce` runs in that thread; it attaches what it opens to the link. Make it on the loop's thread.
    """

    def __init__(self, name: str, produce: Callable[[StreamLink], Iterator[T]]) -> None:
        self._produce = produce
        self._link = StreamLink()
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._gone = asyncio.Event()
        self._room = threading.Condition()
        self._waiting: deque[T] = deque()
        self._has_ended = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._read, name=name, daemon=True)

    async def items(self) -> AsyncGenerator[T, None]:
        """The items; closing this generator ends the thread. Raises what the reader raised."""
        self._thread.start()
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                if self._link.is_closed:  # what arrives after the end is not wanted any more
                    return
                batch, has_ended = self._take()
                for item in batch:
                    yield item
                if has_ended:
                    if self._error is not None:
                        raise self._error
                    return
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """End the stream and its thread. Waits for the thread, but not for one that is still connecting."""
        self._link.close()
        self._news.set()
        with self._room:
            self._room.notify_all()
        if self._thread.is_alive():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._gone.wait(), END_PATIENCE_S)

    def _take(self) -> tuple[list[T], bool]:
        with self._room:
            batch = list(self._waiting)
            self._waiting.clear()
            self._room.notify_all()
            return batch, self._has_ended

    # in the reader's thread

    def _read(self) -> None:
        error: Exception | None = None
        try:
            for item in self._produce(self._link):
                if not self._put(item):
                    break
        except Exception as caught:  # whatever it is belongs to the consumer, not to a thread's end
            error = None if self._link.is_closed else caught
        with self._room:
            self._has_ended, self._error = True, error
        self._post(self._news.set)
        self._post(self._gone.set)

    def _put(self, item: T) -> bool:
        with self._room:
            self._room.wait_for(lambda: len(self._waiting) < MOST_WAITING or self._link.is_closed)
            self._waiting.append(item)
            is_first = len(self._waiting) == 1
        if is_first:  # one wake-up fetches all that came meanwhile
            self._post(self._news.set)
        return not self._link.is_closed

    def _post(self, callback: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:  # the loop is closed: nobody listens any more
            self._link.close()


class LogJoiner:
    """Turns the frames of a log with Docker's timestamps into lines.

    A frame is one line, or 16 KiB of a longer one: then each part repeats the timestamp, and only the last
    one ends the line. A progress bar rewrites its line with carriage returns: each version is a line here.
    """

    def __init__(self) -> None:
        self._text = b""
        self._at = 0.0

    def feed(self, frame: bytes) -> Iterator[LogLine]:
        """Take one frame; gives the lines that it completes."""
        for number, piece in enumerate(frame.split(b"\n")):
            if number:
                yield from self._finish()
            at, text = _split_time(piece)
            if not self._text:
                self._at = at if at is not None else self._at
            self._text += text

    def flush(self) -> Iterator[LogLine]:
        """What the log ends with, if it has no line end."""
        if self._text:
            yield from self._finish()

    def _finish(self) -> Iterator[LogLine]:
        text = self._text.decode("utf-8", errors="replace")  # now that no character can be cut in two
        self._text = b""
        versions = [version for version in text.split("\r") if version]
        for version in versions or [""]:
            yield LogLine(text=version, at=self._at)


def _split_time(piece: bytes) -> tuple[float | None, bytes]:
    """Docker's time (RFC 3339, nanoseconds) and the rest; no time for a piece that has none."""
    head, blank, rest = piece.partition(b" ")
    if blank and 20 <= len(head) <= 35 and head[4:5] == b"-" and head[10:11] == b"T":
        try:
            return unix_seconds(head.decode("ascii")), rest
        except ValueError:
            pass
    return None, piece


def subscribed(at: float) -> ContainerEvent:
    """The first item of every subscription: from here on nothing is missed."""
    return ContainerEvent(kind=ContainerEventKind.SUBSCRIBED, container_id="", at=at)


EVENT_NAMES = tuple(kind.value for kind in ContainerEventKind if kind is not ContainerEventKind.SUBSCRIBED)


def parse_event(item: Mapping[str, Any]) -> ContainerEvent | None:
    """One of Docker's events; None for a kind that tells us nothing."""
    action = item.get("Action", "")
    if action not in EVENT_NAMES:
        return None
    actor = item.get("Actor", {})
    attributes = actor.get("Attributes", {})
    return ContainerEvent(
        kind=ContainerEventKind(action),
        container_id=actor.get("ID", ""),
        at=item["timeNano"] / 1e9 if "timeNano" in item else float(item.get("time", 0)),
        signal=_number(attributes.get("signal")),
        exit_code=_number(attributes.get("exitCode")),
    )


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


class PullMeter:
    """Adds up the layers of a download. `done` never falls: a layer that is fetched again counts once."""

    def __init__(self) -> None:
        self._layers: dict[str, tuple[int, int]] = {}

    def feed(self, item: Mapping[str, Any]) -> PullProgress:
        """Take one of Docker's messages."""
        layer, status = item.get("id", ""), item.get("status", "")
        detail = item.get("progressDetail") or {}
        done, total = self._layers.get(layer, (0, 0))
        if status == "Downloading" and detail.get("total", 0) > 0:
            self._layers[layer] = (max(done, detail["current"]), max(total, detail["total"]))
        elif status in ("Download complete", "Pull complete", "Verifying Checksum") and total:
            self._layers[layer] = (total, total)
        return self._sum(" ".join(part for part in (layer, status) if part))

    def _sum(self, line: str) -> PullProgress:
        if not self._layers:
            return PullProgress(done_bytes=None, total_bytes=None, line=line)
        return PullProgress(
            done_bytes=sum(done for done, _ in self._layers.values()),
            total_bytes=sum(total for _, total in self._layers.values()),
            line=line,
        )
