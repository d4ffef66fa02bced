"""Asks an OpenAI-compatible server over HTTP and streams its answers."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TYPE_CHECKING

from arcdesk.api import errors
from arcdesk.api.answer import AnswerReader
from arcdesk.api.connections import Connections, Reply, problem_of
from arcdesk.api.payload import chat_body, probe_body
from arcdesk.api.sse import SseParser
from arcdesk.core.chat import ChatEvent, ChatRequest
from arcdesk.core.egress import EgressGate, Reason
from arcdesk.core.errors import AnswerError
from arcdesk.core.latency import LatencyMeter
from arcdesk.core.ports import Endpoint
from arcdesk.services.threads import in_thread

if TYPE_CHECKING:
    import httpx

    from arcdesk.core.models import ServedModel

HEALTH_TIMEOUT_S = 5.0
MODELS_TIMEOUT_S = 10.0
PROBE_TIMEOUT_S = 120.0  # the first token after a start may wait for kernels that are compiled just then

_STREAM_TYPES = ("text/event-stream", "")


class OpenAIClient:
    """Fills the ChatBackend port. Belongs to one event loop; opens nothing before its first request.

    `transport` stands in for the network, `clock` counts seconds and never steps; `egress` lets declared
    hosts pass and keeps what went.
    """

    def __init__(
        self,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        egress: EgressGate | None = None,
        clock: Callable[[], float] = time.perf_counter,
        health_timeout_s: float = HEALTH_TIMEOUT_S,
        probe_timeout_s: float = PROBE_TIMEOUT_S,
    ) -> None:
        self._connections = Connections(transport, egress, clock)
        self._clock = clock
        self._health_timeout_s = health_timeout_s
        self._probe_timeout_s = probe_timeout_s

    async def is_healthy(self, endpoint: Endpoint) -> bool:
        """/health says 200; or there is none, and /v1/models answers (that it wants a key is an answer)."""
        try:
            status, _ = await self._get(
                endpoint, endpoint.root_url + "/health", self._health_timeout_s, Reason.HEALTH
            )
            if status == 200 or status >= 500:
                return status == 200
            status, _ = await self._get(
                endpoint, endpoint.base_url + "/models", self._health_timeout_s, Reason.HEALTH
            )
        except AnswerError:
            return False
        return status in (200, 401, 403)

    async def list_models(self, endpoint: Endpoint) -> list[str]:
        """The served names, in the server's order. Raises AnswerError."""
        status, body = await self._get(
            endpoint, endpoint.base_url + "/models", MODELS_TIMEOUT_S, Reason.MODELS
        )
        if status != 200:
            raise AnswerError(errors.problem_of_response(status, body, endpoint))
        names = _model_names(body)
        if names is None:
            raise AnswerError(errors.not_expected("a list of models", body, endpoint))
        return names

    async def served_models(self, endpoint: Endpoint) -> list[ServedModel]:
        """The same lines with root, parent and context. Raises AnswerError."""
        from arcdesk.api.served import read_served_models  # only the models' list wants it

        status, body = await self._get(
            endpoint, endpoint.base_url + "/models", MODELS_TIMEOUT_S, Reason.MODELS
        )
        if status != 200:
            raise AnswerError(errors.problem_of_response(status, body, endpoint))
        models = read_served_models(body)
        if models is None:
            raise AnswerError(errors.not_expected("a list of models", body, endpoint))
        return models

    async def probe(self, endpoint: Endpoint) -> None:
        """Have one token generated. Raises AnswerError with the reason."""
        status, body = await self._connections.call(
            "POST",
            endpoint,
            _chat_url(endpoint),
            self._probe_timeout_s,
            probe_body(endpoint.model),
            reason=Reason.PROBE,
        )
        if status != 200:
            raise AnswerError(errors.problem_of_response(status, body, endpoint))
        answer = AnswerReader(endpoint, LatencyMeter(self._clock))
        answer.read(body)
        if answer.problem is not None:
            raise AnswerError(answer.problem)
        if not answer.has_choice:
            raise AnswerError(errors.not_expected("an answer", body, endpoint))

    async def ask(self, endpoint: Endpoint, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """Stream an answer; ends with one AnswerFinished or AnswerFailed.

        `aclose()` on the iterator, or cancelling the task that waits in it, closes the TCP connection
        at once: that makes the server stop. Several events of one read come without a wait between.
        """
        answer = AnswerReader(endpoint, LatencyMeter(self._clock))
        content = await _content(endpoint.model, request)
        await self._connections.prepare(endpoint)  # no part of the server's time to its first token
        answer.meter.sent()
        try:
            async with self._connections.request(
                "POST", endpoint, _chat_url(endpoint), content, reason=Reason.QUESTION
            ) as reply:
                answer.meter.connected(reply.connected_at, reply.via)
                if reply.status != 200 or reply.content_type not in _STREAM_TYPES:
                    for event in await _read_whole(reply, answer, endpoint):
                        yield event
                else:
                    sse = SseParser()
                    async for data in reply.chunks:
                        answer.meter.read_begins()
                        for payload in sse.feed(data):
                            for event in answer.read(payload):
                                yield event
                        answer.meter.read_ends()
                        if answer.is_over:
                            break
                    else:
                        for event in answer.read_rest(sse.close()):
                            yield event
        except Exception as error:
            problem = problem_of(error, endpoint, answering=answer.has_choice)
            if problem is None:
                raise
            answer.fail(problem)
        yield answer.outcome()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._connections.aclose()

    async def _get(self, endpoint: Endpoint, url: str, timeout_s: float, reason: Reason) -> tuple[int, bytes]:
        return await self._connections.call("GET", endpoint, url, timeout_s, reason=reason)


async def _read_whole(reply: Reply, answer: AnswerReader, endpoint: Endpoint) -> Sequence[ChatEvent]:
    """Read what is no stream: a refusal, an error with HTTP 200, an answer in one piece, or no chat."""
    body = await reply.body()
    if reply.status != 200:
        answer.fail(errors.problem_of_response(reply.status, body, endpoint))
        return ()
    events = answer.read(body) if reply.content_type.endswith("json") else ()
    if not answer.has_choice:
        answer.fail(errors.not_a_chat(reply.content_type, body, endpoint))
    return events


async def _content(model: str, request: ChatRequest) -> bytes:
    """The body of a question; with images it takes up to half a second to write, so a thread does it."""
    if any(message.images for message in request.messages):
        return await in_thread("write-question", lambda: chat_body(model, request))
    return chat_body(model, request)


def _chat_url(endpoint: Endpoint) -> str:
    return endpoint.base_url + "/chat/completions"


def _model_names(body: bytes) -> list[str] | None:
    try:
        listed = json.loads(body)["data"]
        return [str(card["id"]) for card in listed]
    except (ValueError, RecursionError, KeyError, TypeError):
        return None
