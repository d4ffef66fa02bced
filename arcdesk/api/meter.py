"""Counts what one HTTP request sends and receives, and stops one that leads to an undeclared host."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from arcdesk.core.egress import Contact, EgressGate, Reason, host_of, is_local
from arcdesk.core.errors import AnswerError, Problem

if TYPE_CHECKING:
    import httpcore
    import httpx

Trace = Callable[[str, Mapping[str, Any]], Awaitable[None]]


class RequestMeter:
    """Accompanies one request. Without a gate it only keeps the connections, for whoever closes them.

    Costs nothing per token: httpx adds up the bytes of a body itself, once for each read of the socket.
    """

    def __init__(
        self,
        gate: EgressGate | None,
        request: httpx.Request,
        reason: Reason,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._gate = gate
        self._clock = clock
        self._request = request
        self._reason = reason
        self._host = host_of(str(request.url))
        self._peer = self._host
        self._has_sent = False
        self.connections: list[httpcore.AsyncNetworkStream] = []
        self.connected_at: float | None = None  # by `clock`, with TLS if there is any

    def check(self) -> None:
        """Raises AnswerError for an undeclared host, before anything is looked up or opened."""
        if self._gate is not None and not self._gate.allows(self._host):
            self._refuse(self._host)

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """For httpcore, which tells of each step. The peer of a connection is checked once more here."""
        match event:
            case "connection.connect_tcp.started":
                self._check_peer(str(info["host"]))
            case "connection.connect_tcp.complete":
                self.connections.append(info["return_value"])
                self.connected_at = self._clock()
            case "connection.start_tls.complete" | "proxy.start_tls.complete" | "socks.start_tls.complete":
                self.connected_at = self._clock()
            case "http11.send_request_headers.complete":
                self._has_sent = True

    @property
    def via(self) -> str:
        """The proxy that the request goes through; '' if none."""
        return self._peer if self._peer != self._host else ""

    def finish(self, response: httpx.Response | None) -> None:
        """The request is over, whatever became of it."""
        if self._gate is None:
            return
        has_sent = self._has_sent or response is not None
        self._gate.record(
            Contact(
                host=self._host,
                reason=self._reason,
                bytes_out=_request_bytes(self._request) if has_sent else 0,
                bytes_in=_response_bytes(response) if response is not None else 0,
                via=self.via,
            )
        )

    def _check_peer(self, peer: str) -> None:
        peer = peer.lower().strip("[]").rstrip(".")
        self._peer = peer
        if self._gate is not None and peer != self._host and not is_local(peer) and peer not in _proxies():
            self._refuse(peer)

    def _refuse(self, host: str) -> None:
        assert self._gate is not None
        self._gate.record(Contact(host=host, reason=self._reason, is_refused=True))
        raise AnswerError(_undeclared(host))


def _proxies() -> set[str]:
    """The proxies that the environment names: a person's choice as well."""
    from urllib.request import getproxies  # loads much, and is needed only where there is a proxy

    addresses = (url if "//" in url else f"//{url}" for scheme, url in getproxies().items() if scheme != "no")
    return {host_of(address) for address in addresses} - {""}


def _request_bytes(request: httpx.Request) -> int:
    line = len(request.method) + len(request.url.raw_path) + len("  HTTP/1.1\r\n\r\n")
    return line + _header_bytes(request.headers.raw) + len(request.content)


def _response_bytes(response: httpx.Response) -> int:
    line = len("HTTP/1.1 200 \r\n\r\n") + len(response.reason_phrase)
    return line + _header_bytes(response.headers.raw) + response.num_bytes_downloaded


def _header_bytes(headers: list[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) + len(": \r\n") for name, value in headers)


def _undeclared(host: str) -> Problem:
    return Problem(
        cause="undeclared_host",
        title=f"ArcDesk does not contact {host}",
        detail="No setting of yours leads to this host, so nothing was sent to it.",
        hint="This is a mistake of ArcDesk: please report it. To use this server, name it as the engine.",
    )
