"""Asks a server which program it is, in the ways that the known ones have."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from arcdesk.api.connections import Connections
from arcdesk.core.egress import EgressGate, Reason
from arcdesk.core.errors import AnswerError
from arcdesk.core.ports import Endpoint

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 5.0  # of each question; the first one has httpx to load
MOST_CHARS = 80
# (path, field, what stands before it). vLLM; llama.cpp's server; Ollama.
_PLACES = (
    ("/version", "version", ""),
    ("/props", "build_info", "llama.cpp "),
    ("/api/version", "version", ""),
)


async def server_version(
    endpoint: Endpoint, *, egress: EgressGate | None = None, transport: httpx.AsyncBaseTransport | None = None
) -> str:
    """'server version 0.8.3', 'llama.cpp b5000-1234abc'; '' if it tells none. Raises nothing."""
    connections = Connections(transport, egress)
    try:
        for path, name, before in _PLACES:
            told = _word(await _ask(connections, endpoint, path), name)
            if told:
                return f"{before or 'server version '}{told}"
    except AnswerError:  # no server, or not to be asked
        pass
    finally:
        await connections.aclose()
    return ""


async def _ask(connections: Connections, endpoint: Endpoint, path: str) -> Any:
    url = endpoint.root_url + path
    status, body = await connections.call("GET", endpoint, url, TIMEOUT_S, reason=Reason.HEALTH)
    if status != 200:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return None


def _word(told: Any, name: str) -> str:
    value = told.get(name) if isinstance(told, dict) else None
    return value[:MOST_CHARS] if isinstance(value, str) and value.isprintable() else ""
