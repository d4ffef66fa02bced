"""Opens HTTP connections the way each server wants them, and closes them at once when told to."""

from __future__ import annotations

import asyncio
import importlib
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from arcdesk.api.errors import problem_of_exception, timed_out, too_much
from arcdesk.api.meter import RequestMeter
from arcdesk.api.sse import MAX_EVENT_BYTES, TooLarge
from arcdesk.core.egress import EgressGate, Reason
from arcdesk.core.errors import AnswerError, Problem
from arcdesk.core.ports import Endpoint

if TYPE_CHECKING:  # importing httpx takes 60 ms: it waits for the first request
    import httpx

CONNECT_TIMEOUT_S = 5.0
WRITE_TIMEOUT_S = 30.0


class Reply:
    """An HTTP answer whose head is here and whose body is on its way, in `chunks`.

    `connected_at` is when its connection stood (by the clock of Connections; None: not seen), `via` a proxy.
    """

    __slots__ = ("_response", "chunks", "connected_at", "via")

    def __init__(self, response: httpx.Response, *, connected_at: float | None = None, via: str = "") -> None:
        self._response = response
        self.connected_at = connected_at
        self.via = via
        # We ask for no compression, but a proxy may insist; a transport may hand over what it has read.
        plain = "content-encoding" not in response.headers and not response.is_stream_consumed
        self.chunks: AsyncIterator[bytes] = response.aiter_raw() if plain else response.aiter_bytes()

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._response.status_code

    @property
    def content_type(self) -> str:
        """The media type without its parameters, in lower case; '' if the server names none."""
        value: str = self._response.headers.get("content-type", "")
        return value.partition(";")[0].strip().lower()

    async def body(self) -> bytes:
        """The whole body. Raises TooLarge."""
        parts: list[bytes] = []
        size_bytes = 0
        async for part in self.chunks:
            parts.append(part)
            size_bytes += len(part)
            if size_bytes > MAX_EVENT_BYTES:
                raise TooLarge(f"a body of more than {MAX_EVENT_BYTES} bytes")
        return b"".join(parts)

    async def aclose(self) -> None:
        """Close the TCP connection at once."""
        import httpx

        await self._response.aclose()
        # The generators of httpx wait in the middle of the body. Reading on from the closed connection
        # lets each end by an exception, here and now; otherwise the collector would have to end them.
        with suppress(httpx.HTTPError, httpx.StreamError):
            async for _ in self.chunks:
                pass


class Connections:
    """Keeps the httpx clients of one event loop; makes each when it is first needed.

    Each request has a connection of its own. Kept ones save a fraction of a millisecond on this machine,
    but a server closes them when it likes, and a question sent at that moment is lost: llama.cpp's did
    so about once in six questions asked without a pause.

    Servers on this machine are asked directly, never through a proxy of the environment. Redirects
    are not followed: they could carry the key and the conversation to another host.

    All HTTP of ArcDesk takes this way: `egress` is asked whether a host may be contacted, and told what went.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport | None = None,
        egress: EgressGate | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._transport = transport
        self._egress = egress
        self._clock = clock
        self._clients: dict[tuple[bool, bool], httpx.AsyncClient] = {}

    @asynccontextmanager
    async def request(
        self,
        method: str,
        endpoint: Endpoint,
        url: str,
        content: bytes | None = None,
        *,
        reason: Reason = Reason.OTHER,
    ) -> AsyncIterator[Reply]:
        """Send a request; the block is entered with the head of the answer, however long that takes.

        However the block ends (GeneratorExit and cancellation too), the TCP connection is closed at
        once. Raises what httpx raises, and AnswerError for an undeclared host: `problem_of` explains both.
        """
        await self.prepare(endpoint)
        client = self._client(endpoint)
        built = client.build_request(method, url, content=content, headers=_headers(endpoint, content))
        meter = RequestMeter(self._egress, built, reason, self._clock)
        meter.check()
        built.extensions["trace"] = meter.trace
        response: httpx.Response | None = None
        try:
            response = await client.send(built, stream=True)
            reply = Reply(response, connected_at=meter.connected_at, via=meter.via)
            try:
                yield reply
            finally:
                await reply.aclose()
        finally:
            meter.finish(response)
            # A cancellation that meets httpcore while it makes or closes a connection leaves it open.
            for connection in meter.connections:
                await connection.aclose()

    async def call(
        self,
        method: str,
        endpoint: Endpoint,
        url: str,
        timeout_s: float,
        content: bytes | None = None,
        *,
        reason: Reason = Reason.OTHER,
    ) -> tuple[int, bytes]:
        """Status and body of a whole exchange within `timeout_s`. Raises AnswerError when there is none."""
        try:
            async with (
                asyncio.timeout(timeout_s),
                self.request(method, endpoint, url, content, reason=reason) as reply,
            ):
                return reply.status, await reply.body()
        except Exception as error:
            problem = problem_of(error, endpoint, answering=False)
            if problem is None:
                raise
            raise AnswerError(problem) from error

    async def prepare(self, endpoint: Endpoint) -> None:
        """Load httpx and make the client for this server, if that has not been done."""
        await _load_httpx()
        self._client(endpoint)

    async def aclose(self) -> None:
        """Close all connections; answers under way break off. A later request opens new ones."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()

    def _client(self, endpoint: Endpoint) -> httpx.AsyncClient:
        kind = (_is_loopback(endpoint.base_url), endpoint.base_url.startswith("https:"))
        if kind not in self._clients:
            self._clients[kind] = self._new_client(*kind)
        return self._clients[kind]

    def _new_client(self, loopback: bool, tls: bool) -> httpx.AsyncClient:
        import ssl

        import httpx

        # Loading the certificates takes time that only TLS needs; an empty store trusts nobody.
        bare = loopback and not tls
        return httpx.AsyncClient(
            transport=self._transport,
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if bare else True,
            trust_env=not loopback,
            follow_redirects=False,
            timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S, write=WRITE_TIMEOUT_S),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        )


async def _load_httpx() -> None:
    """Import httpx in a thread of its own: it takes up to half a second, and the loop draws the window."""
    if "httpx" in sys.modules and "anyio._backends._asyncio" in sys.modules:
        return
    loop = asyncio.get_running_loop()
    loaded = asyncio.Event()

    def load() -> None:
        with suppress(ImportError):  # whoever needs it says so
            for name in ("httpx", "anyio", "anyio._backends._asyncio"):  # the last: at the first connection
                importlib.import_module(name)
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(loaded.set)

    threading.Thread(target=load, name="import-httpx", daemon=True).start()
    await loaded.wait()


def problem_of(error: Exception, endpoint: Endpoint, *, answering: bool) -> Problem | None:
    """What an exception on the way to a server means for a person; None if it is a mistake of ours."""
    import httpx

    if isinstance(error, AnswerError):
        return error.problem
    if isinstance(error, TooLarge):
        return too_much(endpoint)
    if isinstance(error, TimeoutError):
        return timed_out(endpoint)
    if isinstance(error, httpx.HTTPError | httpx.InvalidURL | UnicodeError):
        return problem_of_exception(error, endpoint, answering=answering)
    return None


def _headers(endpoint: Endpoint, content: bytes | None) -> list[tuple[bytes, bytes]]:
    headers = [(b"Accept-Encoding", b"identity"), (b"Connection", b"close")]
    if content is not None:
        headers.append((b"Content-Type", b"application/json"))
    key = (endpoint.api_key or "").strip()
    if key:
        headers.append((b"Authorization", b"Bearer " + key.encode()))
    return headers


def _is_loopback(url: str) -> bool:
    import ipaddress
    from urllib.parse import urlsplit

    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, or no address at all: httpx will say so
        return False
