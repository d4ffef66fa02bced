"""One connection of the load generator: bytes go to a reader as they come, without a task between."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from arcdesk.api.load_reader import ResponseReader

AFTER_DONE_S = 0.25  # a server that has said [DONE] and does not end its answer is not waited for longer


class LoadConnection(asyncio.BufferedProtocol):
    """Carries one exchange at a time. `clock` counts seconds and never steps; it is read once per arrival.

    `buffer` is shared by all connections of a loop: it is filled and emptied within one call.
    `on_lost` is called once, when the connection is gone.
    """

    def __init__(
        self, buffer: bytearray, clock: Callable[[], float], on_lost: Callable[[LoadConnection], None]
    ) -> None:
        self._buffer = memoryview(buffer)
        self._clock = clock
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._reader: ResponseReader | None = None
        self._over: asyncio.Future[None] | None = None
        self._after_done: asyncio.TimerHandle | None = None
        self.heard_s = clock()  # when the last bytes came, or the request went
        self.ended_s = 0.0  # when the last exchange ended
        self.bytes_in = 0
        self.bytes_out = 0

    @property
    def is_open(self) -> bool:
        """It can carry a request."""
        return self._transport is not None and not self._transport.is_closing()

    async def exchange(self, request: bytes, reader: ResponseReader) -> None:
        """Send `request`; returns when `reader` is over, however that came. Cancelled, it closes at once."""
        if self._transport is None or not self.is_open:
            reader.cut("The server cut the connection.", self._clock())
            return
        assert self._reader is None
        self._reader = reader
        self._over = asyncio.get_running_loop().create_future()
        self.heard_s = self._clock()
        self.bytes_out += len(request)
        self._transport.write(request)
        try:
            await self._over
        finally:
            self._reader = self._over = None
            if self._after_done is not None:
                self._after_done.cancel()
                self._after_done = None
            if not reader.can_keep:
                self.abort()

    def give_up(self, reason: str) -> None:
        """End the exchange under way as failed, and the connection."""
        if self._reader is not None:
            self._finish(reason)
        self.abort()

    def abort(self) -> None:
        """Close the TCP connection at once."""
        if self._transport is not None:
            self._transport.abort()

    # --- called by the loop -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio's contract."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        """Part of asyncio's contract."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have come."""
        now_s = self._clock()
        self.heard_s = now_s
        self.bytes_in += nbytes
        reader = self._reader
        if reader is None or self._over is None or self._over.done():  # nobody asked for these
            self.abort()
            return
        reader.feed(self._buffer[:nbytes].tobytes(), now_s)
        if reader.is_over:
            self._settle(now_s)
        elif reader.is_done and self._after_done is None:
            loop = asyncio.get_running_loop()
            self._after_done = loop.call_later(AFTER_DONE_S, self._finish, "")

    def eof_received(self) -> bool:
        """The server sends no more."""
        self._finish("")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._finish("" if exc is None else why_lost(exc))
        self._on_lost(self)

    def _finish(self, reason: str) -> None:
        if self._reader is not None and not self._reader.is_over:
            now_s = self._clock()
            self._reader.cut(reason, now_s)
            self._settle(now_s)

    def _settle(self, now_s: float) -> None:
        self.ended_s = now_s
        if self._over is not None and not self._over.done():
            self._over.set_result(None)


def why_lost(error: BaseException) -> str:
    """Why a connection was not made or was lost, in a sentence."""
    if isinstance(error, ConnectionRefusedError):
        return "The server refused the connection: nothing listens at this address."
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The server's certificate is not trusted: {error.verify_message}."
    if isinstance(error, ssl.SSLError):
        return f"No secure connection: {error.reason or error}."
    if isinstance(error, TimeoutError):
        return "The server did not take the connection in time."
    if isinstance(error, ConnectionError):
        return "The server cut the connection."
    return f"No connection: {getattr(error, 'strerror', None) or error}."
