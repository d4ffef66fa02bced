"""Reads one HTTP/1.1 answer, cut anywhere, without doing any I/O."""

from __future__ import annotations

import re
from collections.abc import Callable

from arcdesk.api.error_body import parse_error
from arcdesk.api.load_tally import DONE, AnswerTally, clipped
from arcdesk.api.sse import SseParser, TooLarge

MOST_HEAD_BYTES = 64 * 1024
MOST_BODY_BYTES = 16 * 1024 * 1024
MOST_SIZE_LINE_BYTES = 4096
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})(?: [^\r\n]*)?")
_SIZE_LINE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?", re.DOTALL)
NOT_HTTP = "The server does not speak HTTP as expected."


class ResponseReader:
    """Takes the bytes of one answer. With a `tally` it follows a stream of events, else it keeps the body.

    `is_over` says that nothing more of this answer comes; `can_keep` that the connection can carry another.
    """

    def __init__(self, tally: AnswerTally | None = None) -> None:
        self.status = 0
        self.is_over = False
        self.can_keep = False
        self.error = ""  # of HTTP or the connection; what the server says in its stream is in the tally
        self.body = bytearray()
        self._tally = tally
        self._sse: SseParser | None = None
        self._read: Callable[[bytes, float], None] = self._read_head
        self._rest = b""  # bytes of a head or a size line whose end has not come
        self._left = 0  # bytes of the chunk, or of the whole body
        self._is_after_chunk = False
        self._is_kept_open = True
        self._content_type = b""

    @property
    def is_begun(self) -> bool:
        """A byte of the answer has come."""
        return bool(self.status or self._rest)

    @property
    def is_done(self) -> bool:
        """The stream said [DONE]; the HTTP answer around it may still lack its end."""
        return self._tally is not None and self._tally.done_s is not None

    def feed(self, data: bytes, now_s: float) -> None:
        """Some bytes, as they came at `now_s`."""
        try:
            self._read(data, now_s)
        except TooLarge as error:
            self._fail(f"The server sent {error}.")

    def cut(self, reason: str, now_s: float) -> None:
        """The connection has ended; '' when the server closed it in order."""
        if self.is_over:
            return
        if self._read == self._read_until_close and not reason:
            self._end(now_s)
        elif self.is_done:  # all that matters has come
            self.is_over, self.can_keep = True, False
        else:
            self._fail(reason or "The server closed the connection in the middle of the answer.")

    # --- the head ---------------------------------------------------------------------------------------

    def _read_head(self, data: bytes, now_s: float) -> None:
        head, blank, rest = (self._rest + data).partition(b"\r\n\r\n")
        if not blank:
            self._rest = head
            if len(head) > MOST_HEAD_BYTES or not b"HTTP/1.".startswith(head[:7]):
                self._fail(NOT_HTTP)
            return
        self._rest = b""
        line, _, fields = head.partition(b"\r\n")
        match = _STATUS_LINE.fullmatch(line)
        if match is None:
            self._fail(NOT_HTTP)
        elif match[1].startswith(b"1"):  # 100 Continue and its like: the answer follows
            self._read_head(rest, now_s)
        else:
            self.status = int(match[1])
            self._begin_body(_fields(fields), is_old=line.startswith(b"HTTP/1.0"))
            if not self.is_over and (rest or self._read == self._read_sized):
                self._read(rest, now_s)

    def _begin_body(self, fields: dict[bytes, bytes], *, is_old: bool) -> None:
        connection = fields.get(b"connection", b"").lower()
        self._is_kept_open = b"keep-alive" in connection if is_old else b"close" not in connection
        self._content_type = fields.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if (
            self._tally is not None
            and self.status == 200
            and self._content_type in (b"text/event-stream", b"")
        ):
            self._sse = SseParser()
        length = fields.get(b"content-length", b"")
        if fields.get(b"content-encoding", b"identity").lower() != b"identity":
            self._fail("The server compresses its answers, although it was asked not to.")
        elif fields.get(b"transfer-encoding", b"").lower() == b"chunked":
            self._read = self._read_chunked
        elif length.isdigit() or self.status in (204, 304):
            self._left = int(length or b"0")
            self._read = self._read_sized
        elif length:
            self._fail(NOT_HTTP)
        else:
            self._is_kept_open = False
            self._read = self._read_until_close

    # --- the body ---------------------------------------------------------------------------------------

    def _read_chunked(self, data: bytes, now_s: float) -> None:
        if self._rest:
            data = self._rest + data
        elif not self._left and not self._is_after_chunk:
            head, _, piece = data.partition(b"\r\n")
            if len(piece) > 2 and piece[-2:] == b"\r\n" and head == b"%x" % (len(piece) - 2):
                self._take(piece[:-2], now_s)  # nearly always: one read is one chunk
                return None
        at, size = 0, len(data)
        while True:
            if self._left:
                piece = data[at : at + self._left]
                at += len(piece)
                self._left -= len(piece)
                if piece:
                    self._take(piece, now_s)
                if self._left:
                    break
                self._is_after_chunk = True
            if self._is_after_chunk:
                if size - at < 2:
                    break
                if data[at : at + 2] != b"\r\n":
                    return self._fail(NOT_HTTP)
                at += 2
                self._is_after_chunk = False
            end = data.find(b"\r\n", at)
            if end < 0:
                if size - at > MOST_SIZE_LINE_BYTES:
                    return self._fail(NOT_HTTP)
                break
            match = _SIZE_LINE.fullmatch(data, at, end)
            if match is None:
                return self._fail(NOT_HTTP)
            self._left = int(match[1], 16)
            if not self._left:  # the last chunk; trailers may follow it
                self._rest, self._read = b"", self._read_trailers
                return self._read_trailers(data[end:], now_s)
            at = end + 2
        self._rest = data[at:]
        return None

    def _read_trailers(self, data: bytes, now_s: float) -> None:
        self._rest += data
        head, blank, rest = self._rest.partition(b"\r\n\r\n")
        if blank:
            self._is_kept_open = self._is_kept_open and not rest
            self._end(now_s)
        elif len(head) > MOST_HEAD_BYTES:
            self._fail(NOT_HTTP)

    def _read_sized(self, data: bytes, now_s: float) -> None:
        piece = data[: self._left]
        self._left -= len(piece)
        if piece:
            self._take(piece, now_s)
        if not self._left:
            self._is_kept_open = self._is_kept_open and len(piece) == len(data)
            self._end(now_s)

    def _read_until_close(self, data: bytes, now_s: float) -> None:
        self._take(data, now_s)

    def _take(self, piece: bytes, now_s: float) -> None:
        if self._sse is not None and self._tally is not None:
            take = self._tally.take
            for payload in self._sse.feed(piece):
                take(payload, now_s)
            return
        self.body += piece
        if len(self.body) > MOST_BODY_BYTES:
            raise TooLarge(f"a body of more than {MOST_BODY_BYTES} bytes")

    # --- the end ----------------------------------------------------------------------------------------

    def _end(self, now_s: float) -> None:
        self.can_keep = self._is_kept_open
        self.is_over = True
        if self._tally is None:
            return
        if self._sse is not None:
            for payload in self._sse.close():  # an event without its blank line; a piece of one is nothing
                if payload.strip() == DONE or payload.endswith("}"):
                    self._tally.take(payload, now_s)
        elif self.status != 200:
            self.error = f"HTTP {self.status}: {self._words()}"
        else:
            self._note_no_stream()

    def _note_no_stream(self) -> None:
        """HTTP 200 without a stream: vLLM 0.8 puts some errors there."""
        error = parse_error(bytes(self.body))
        kind = self._content_type.decode("latin-1") or "an answer without a type"
        self.error = (
            clipped(error.message) if error is not None else f"The server sent {kind} instead of a stream."
        )

    def _words(self) -> str:
        error = parse_error(bytes(self.body))
        text = error.message if error is not None else bytes(self.body[:2000]).decode("utf-8", "replace")
        return clipped(text) or "no reason given"

    def _fail(self, text: str) -> None:
        self.error = self.error or text
        self.is_over, self.can_keep = True, False


def _fields(block: bytes) -> dict[bytes, bytes]:
    pairs = (line.partition(b":") for line in block.split(b"\r\n"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
