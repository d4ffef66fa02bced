"""Waits until a server really answers: healthy first, then one generated token."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from arcdesk.core.errors import AnswerError
from arcdesk.core.ports import ChatBackend, Endpoint

log = logging.getLogger(__name__)

# Each look is a line in the server's access log, so the pauses grow to a polite length.
HEALTH_PAUSES_S = (0.25, 0.25, 0.5, 0.5, 1.0, 1.0, 2.0)


async def is_answering(backend: ChatBackend, endpoint: Endpoint) -> bool:
    """One look: healthy, and a token comes back."""
    return await backend.is_healthy(endpoint) and await _gives_a_token(backend, endpoint)


async def _gives_a_token(backend: ChatBackend, endpoint: Endpoint) -> bool:
    try:
        await backend.probe(endpoint)
    except AnswerError as error:
        log.info("healthy, but the probe failed: %s", error)
        return False
    return True


async def wait_until_answering(
    backend: ChatBackend,
    endpoint: Endpoint,
    *,
    hurry: asyncio.Event | None = None,
    on_step: Callable[[], None] = lambda: None,
) -> None:
    """Return once a request was answered; waits for ever otherwise (cancel it).

    `hurry` is set when the log says that the server is up: then the next look comes at once.
    `on_step` is called when the server is healthy and the first request goes out.
    """
    attempt = 0
    while True:
        if await backend.is_healthy(endpoint):
            on_step()
            if await _gives_a_token(backend, endpoint):
                return
        pause_s = HEALTH_PAUSES_S[min(attempt, len(HEALTH_PAUSES_S) - 1)]
        attempt += 1
        if hurry is None or hurry.is_set():
            await asyncio.sleep(min(pause_s, 0.5) if hurry else pause_s)
        else:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await hurry.wait()
