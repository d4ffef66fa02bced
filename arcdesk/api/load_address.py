"""Where the load generator's requests go, and what stands in front of each."""

from __future__ import annotations

from urllib.parse import urlsplit

from arcdesk.core.egress import host_of
from arcdesk.core.errors import AnswerError, Problem
from arcdesk.core.ports import Endpoint


class Address:
    """The server of an endpoint. Raises AnswerError if its address or key can't be used."""

    def __init__(self, endpoint: Endpoint) -> None:
        try:
            parts = urlsplit(endpoint.base_url)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise AnswerError(_bad_address(endpoint.base_url)) from error
        if parts.scheme not in ("http", "https") or not host:
            raise AnswerError(_bad_address(endpoint.base_url))
        self.is_tls = parts.scheme == "https"
        self.host = host
        self.name = host_of(endpoint.base_url)
        self.port = port or (443 if self.is_tls else 80)
        shown = f"[{host}]" if ":" in host else host
        lines = [
            f"Host: {shown}" if port is None else f"Host: {shown}:{port}",
            "User-Agent: arcdesk",
            "Accept-Encoding: identity",
            "Content-Type: application/json",
        ]
        key = (endpoint.api_key or "").strip()
        if key and not key.isprintable():
            raise AnswerError(no_answer("The API key holds characters that no header can carry."))
        if key:
            lines.append(f"Authorization: Bearer {key}")
        self._key = key
        self._lines = "".join(f"{line}\r\n" for line in lines).encode()

    def post(self, url: str, body: bytes) -> bytes:
        """A whole POST request to a path of this server."""
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        head = b"POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n" % (path.encode(), self._lines, len(body))
        return head + body

    def without_key(self, text: str) -> str:
        """What the server said, without the key that it may repeat."""
        return text.replace(self._key, "…") if self._key else text


def no_answer(reason: str) -> Problem:
    """The server gave no answer that a benchmark can use."""
    return Problem(
        cause="bench_no_answer",
        title="The server can't be measured",
        detail=reason,
        hint="See whether it answers: `arcdesk ask`.",
    )


def _bad_address(url: str) -> Problem:
    return Problem(
        cause="bad_setting",
        title="This is not an address that can be asked",
        detail=url,
        hint="It begins with http:// or https:// and usually ends in /v1.",
    )


def undeclared(host: str) -> Problem:
    """No choice of the person leads to this host."""
    return Problem(
        cause="undeclared_host",
        title=f"ArcDesk does not contact {host}",
        detail="No setting of yours leads to this host, so nothing was sent to it.",
        hint="This is a mistake of ArcDesk: please report it. To use this server, name it as the engine.",
    )
