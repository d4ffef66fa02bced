"""Asks a Docker Engine one question without the SDK, whose loading would cost the start-up 100 ms."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from arcdesk.engine.container_spec import ROLE_FILTER
from arcdesk.engine.docker_address import addresses

log = logging.getLogger(__name__)

PATIENCE_S = 2.0


async def has_container(host: str | None, environ: Mapping[str, str]) -> bool:
    """Whether the engine that would be used has a container of ours; False if none answers. Never raises."""
    for address in addresses(host, environ):
        try:
            async with asyncio.timeout(PATIENCE_S):
                return bool(await _list_ours(address.host))
        except (OSError, ValueError) as error:  # TimeoutError is an OSError
            log.debug("no answer from %s: %s", address.host, error)
    return False


async def _list_ours(host: str) -> list[object]:
    filters = quote(json.dumps({"label": [ROLE_FILTER]}))
    # HTTP 1.0: the answer comes in one piece and ends with the connection.
    question = f"GET /containers/json?all=1&filters={filters} HTTP/1.0\r\nHost: docker\r\n\r\n"
    reader, writer = await _open(host)
    try:
        writer.write(question.encode("ascii"))
        answer = await reader.read()
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise ValueError(f"not an answer of Docker: {head[:80]!r}")
    found = json.loads(body)
    return found if isinstance(found, list) else []


async def _open(host: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(host)
    if parts.scheme in ("unix", "http+unix"):
        return await asyncio.open_unix_connection(parts.path)
    if parts.scheme in ("tcp", "http"):
        return await asyncio.open_connection(parts.hostname or "127.0.0.1", parts.port or 2375)
    raise ValueError(f"{parts.scheme} is not asked without the SDK")
