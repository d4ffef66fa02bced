"""Cuts a byte stream of server-sent events into the data of its events, without doing any I/O."""

from __future__ import annotations

MAX_EVENT_BYTES = 16 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"


class TooLarge(ValueError):
    """An event or a body has more than MAX_EVENT_BYTES: whatever this is, it is not a chat."""


class SseParser:
    """An incremental parser: bytes in, cut anywhere, and the data of whole events out.

    Follows https://html.spec.whatwg.org/multipage/server-sent-events.html with two differences: an
    event without its closing blank line is not lost (`close`), and the size of an event is bounded.
    Names, ids, retry times and comments are read over. Bytes that are no UTF-8 become U+FFFD.
    """

    __slots__ = ("_at_start", "_event", "_event_bytes", "_skip_lf", "_tail", "_tail_bytes")

    def __init__(self) -> None:
        self._event: list[bytes] = []  # values of the data lines of the event under way
        self._event_bytes = 0
        self._tail: list[bytes] = []  # pieces of a line whose end has not come
        self._tail_bytes = 0
        self._skip_lf = False  # the last byte was a CR: a LF right behind belongs to it
        self._at_start = True

    def feed(self, data: bytes) -> list[str]:
        """The data of each event that `data` completes. Raises TooLarge; then the parser is spent."""
        if (
            data.startswith(b"data: ")
            and data.find(b"\n") == len(data) - 2
            and data.endswith(b"\n\n")
            and not (self._tail or self._event)
            and b"\r" not in data
        ):  # nearly always: one read is one event
            self._skip_lf = self._at_start = False
            self._check(len(data))
            return [data[6:-2].decode("utf-8", "replace")]
        return self._feed_any(data)

    def close(self) -> list[str]:
        """The stream ended: the data of an event that nobody closed, if there is one."""
        events = self._feed_any(b"\n") if self._tail else []
        return events + self._dispatch()

    def _feed_any(self, data: bytes) -> list[str]:
        if self._skip_lf and data:
            self._skip_lf = False
            data = data.removeprefix(b"\n")
        if b"\r" in data:
            self._skip_lf = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        head, newline, rest = data.partition(b"\n")
        if not newline:
            self._keep(data)
            return []
        first = self._take_tail(head)
        events: list[str] = []
        *lines, last = rest.split(b"\n")
        for line in (first, *lines):
            if not line:
                events += self._dispatch()
            elif line.startswith(b"data"):
                self._add(line)
        self._keep(last)
        return events

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._tail.append(piece)
            self._tail_bytes += len(piece)
            self._check(self._tail_bytes + self._event_bytes)

    def _take_tail(self, head: bytes) -> bytes:
        line = b"".join((*self._tail, head)) if self._tail else head
        self._tail.clear()
        self._tail_bytes = 0
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BOM)
        return line

    def _add(self, line: bytes) -> None:
        if line.startswith(b"data: "):
            self._event.append(line[6:])
        else:
            name, _, value = line.partition(b":")
            if name != b"data":
                return
            self._event.append(value)
        self._event_bytes += len(line)
        self._check(self._event_bytes)

    def _dispatch(self) -> list[str]:
        if not self._event:
            return []
        data = b"\n".join(self._event).decode("utf-8", "replace")
        self._event.clear()
        self._event_bytes = 0
        return [data]

    @staticmethod
    def _check(size_bytes: int) -> None:
        if size_bytes > MAX_EVENT_BYTES:
            raise TooLarge(f"an event of more than {MAX_EVENT_BYTES} bytes")
