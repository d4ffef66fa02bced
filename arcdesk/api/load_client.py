"""Asks a server as a load generator does: connections kept open, and no more work per token than needed.

httpx spends more processor time per event than a small server does, and would measure itself.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable

from arcdesk.api.load_address import Address, no_answer, undeclared
from arcdesk.api.load_connection import LoadConnection, why_lost
from arcdesk.api.load_reader import ResponseReader
from arcdesk.api.load_tally import AnswerTally
from arcdesk.core.bench import Api, RequestRecord
from arcdesk.core.egress import Contact, EgressGate, Reason
from arcdesk.core.errors import AnswerError
from arcdesk.core.ports import Endpoint

CONNECT_TIMEOUT_S = 30.0  # hundreds knock at once
STALE_S = 1.0  # a kept connection that the server had closed tells so at once
SILENCE_S = 600.0  # a long prompt in a long queue gives no sign of life; what is longer is a dead server
LOOK_EVERY_S = 5.0
_BUFFER_BYTES = 256 * 1024
_PATHS = {Api.CHAT: "/chat/completions", Api.COMPLETIONS: "/completions"}


class LoadClient:
    """Belongs to one event loop. `egress` is asked before each connection and told what went over it.

    `clock` counts seconds and never steps. Goes to the server directly, never through a proxy: its
    delays would be measured too.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        egress: EgressGate | None = None,
        clock: Callable[[], float] = time.monotonic,
        silence_s: float = SILENCE_S,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        """Raises AnswerError if the address or the key can't be used."""
        self._endpoint = endpoint
        self._address = Address(endpoint)
        self._egress = egress
        self._clock = clock
        self._silence_s = silence_s
        self._look_every_s = look_every_s
        self._buffer = bytearray(_BUFFER_BYTES)
        self._idle: list[LoadConnection] = []
        self._open: set[LoadConnection] = set()
        self._hosts: list[str] = []  # the addresses behind the name, looked up once
        self._tls: ssl.SSLContext | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._all_gone: asyncio.Future[None] | None = None
        self.answering: set[AnswerTally] = set()  # those under way: what a progress bar looks at

    async def ask(self, api: Api, body: bytes, answer_tokens: int | None = None) -> RequestRecord:
        """One streamed answer; times are the clock's. A failure is in the record.

        Raises AnswerError only if the host may not be contacted. Cancelled, it closes the connection at once.
        """
        tally = AnswerTally(api, answer_tokens)
        reader = ResponseReader(tally)
        request = self._address.post(self._endpoint.base_url + _PATHS[api], body)
        sent_s, connected_s, ended_s = self._clock(), None, None
        self.answering.add(tally)
        try:
            reader, connected_s, ended_s = await self._exchange(
                request, reader, sent_s, lambda: ResponseReader(tally)
            )
        except OSError as error:
            reader.error = why_lost(error)
        finally:
            self.answering.discard(tally)
        if not reader.error:
            tally.close()
        return RequestRecord(
            sent_s=sent_s,
            connected_s=connected_s,
            events_s=tuple(tally.events_s),
            ended_s=self._clock()
            if ended_s is None
            else tally.done_s
            if tally.done_s is not None
            else ended_s,
            prompt_tokens=tally.prompt_tokens,
            completion_tokens=tally.completion_tokens,
            error=self._address.without_key(reader.error or tally.error),
            silent_s=tuple(tally.silent_s),
            usage_problem=self._address.without_key(tally.usage_problem),
        )

    async def post(self, url: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of a whole answer. Raises AnswerError when there is none."""
        try:
            reader, _, _ = await self._exchange(
                self._address.post(url, body), ResponseReader(), self._clock(), ResponseReader
            )
        except OSError as error:
            raise AnswerError(no_answer(why_lost(error))) from error
        if reader.error:
            raise AnswerError(no_answer(self._address.without_key(reader.error)))
        return reader.status, bytes(reader.body)

    async def aclose(self) -> None:
        """Close all connections; what is under way breaks off."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        for connection in tuple(self._open):
            connection.abort()
        if self._open:  # each tells its bytes when it is gone
            self._all_gone = asyncio.get_running_loop().create_future()
            await self._all_gone

    async def _exchange(
        self, request: bytes, reader: ResponseReader, sent_s: float, new_reader: Callable[[], ResponseReader]
    ) -> tuple[ResponseReader, float, float]:
        """The reader that was filled, when the connection stood, when the exchange ended. Raises OSError."""
        connection, connected_s = self._kept(), sent_s
        if connection is not None:
            await self._carry(connection, request, reader)
            is_stale = connection.ended_s - sent_s < STALE_S
            if not reader.error or reader.is_begun or not is_stale:
                return reader, connected_s, connection.ended_s
            reader = new_reader()  # the server closed it while we wrote: it has not seen the request
        connection = await self._connect()
        connected_s = self._clock()
        await self._carry(connection, request, reader)
        return reader, connected_s, connection.ended_s

    async def _carry(self, connection: LoadConnection, request: bytes, reader: ResponseReader) -> None:
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(self._look_every_s, self._look)
        await connection.exchange(request, reader)
        if reader.can_keep and connection.is_open:
            self._idle.append(connection)

    def _kept(self) -> LoadConnection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    async def _connect(self) -> LoadConnection:
        self._ask_the_gate()
        error: OSError = ConnectionRefusedError()
        for host in await self._look_up():
            try:
                return await self._connect_to(host)
            except OSError as raised:
                error = raised
        raise error

    async def _connect_to(self, host: str) -> LoadConnection:
        loop = asyncio.get_running_loop()
        address = self._address
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, connection = await loop.create_connection(
                lambda: LoadConnection(self._buffer, self._clock, self._on_lost),
                host,
                address.port,
                ssl=self._tls_context() if address.is_tls else None,
                server_hostname=address.host if address.is_tls else None,
            )
        if connection.is_open:
            self._open.add(connection)
        return connection

    async def _look_up(self) -> list[str]:
        if not self._hosts:
            found = await asyncio.get_running_loop().getaddrinfo(
                self._address.host, self._address.port, type=socket.SOCK_STREAM
            )
            self._hosts = list(dict.fromkeys(str(one[4][0]) for one in found))
        return self._hosts

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    def _ask_the_gate(self) -> None:
        host = self._address.name
        if self._egress is not None and not self._egress.allows(host):
            self._egress.record(Contact(host=host, reason=Reason.QUESTION, is_refused=True))
            raise AnswerError(undeclared(host))

    def _on_lost(self, connection: LoadConnection) -> None:
        self._open.discard(connection)
        if not self._open and self._all_gone is not None and not self._all_gone.done():
            self._all_gone.set_result(None)
        if self._egress is not None:
            self._egress.record(
                Contact(
                    host=self._address.name,
                    reason=Reason.QUESTION,
                    bytes_out=connection.bytes_out,
                    bytes_in=connection.bytes_in,
                )
            )

    def _look(self) -> None:
        """End what has been silent for too long; look again while something is open."""
        now_s = self._clock()
        for connection in tuple(self._open):
            if now_s - connection.heard_s > self._silence_s:
                connection.give_up(f"The server was silent for {self._silence_s:.0f} s.")
        alive = bool(self._open)
        self._watch = asyncio.get_running_loop().call_later(self._look_every_s, self._look) if alive else None
