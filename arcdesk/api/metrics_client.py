"""Fetches a server's /metrics."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from arcdesk.api.connections import Connections
from arcdesk.api.metrics_text import read_metrics
from arcdesk.core.egress import EgressGate, Reason
from arcdesk.core.errors import AnswerError, Problem
from arcdesk.core.metrics_values import (
    METRICS_REFUSED,
    METRICS_UNREADABLE,
    NO_METRICS,
    MetricsSample,
)
from arcdesk.core.ports import Endpoint
from arcdesk.services.threads import in_thread

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 5.0
_EVIDENCE_CHARS = 200
_REDIRECTS = (301, 302, 307, 308)


class MetricsClient:
    """Fills the port MetricsSource. Belongs to one event loop; opens nothing before the first sample.

    `transport` stands in for the network; `clock` is the monotonic clock that samples are dated by.
    """

    def __init__(
        self,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        egress: EgressGate | None = None,
        clock: Callable[[], float] = time.monotonic,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._connections = Connections(transport, egress)
        self._clock = clock
        self._timeout_s = timeout_s
        self._slashed: set[str] = set()  # roots whose page is /metrics/ (a mounted app of some versions)

    async def fetch(self, endpoint: Endpoint) -> MetricsSample:
        """One sample. Raises AnswerError: no server, no such page, a key that is not let in, no metrics."""
        status, body = await self._get(endpoint)
        if status in _REDIRECTS and endpoint.root_url not in self._slashed:
            # Never where the server points to, but to the one place of its own that is known for this
            self._slashed.add(endpoint.root_url)
            status, body = await self._get(endpoint)
        elif status == 404 and endpoint.root_url in self._slashed:  # another server than before
            self._slashed.discard(endpoint.root_url)
            status, body = await self._get(endpoint)
        at = self._clock()
        if status != 200:
            self._slashed.discard(endpoint.root_url)
            raise AnswerError(_refusal(status, body, endpoint))
        text = body.decode("utf-8", "replace")
        sample = await in_thread("read-metrics", lambda: read_metrics(text, at))
        if not sample.values and not sample.histograms and not _has_no_values_yet(text):
            raise AnswerError(_unreadable(text, endpoint))
        return sample

    async def aclose(self) -> None:
        """Close all connections."""
        await self._connections.aclose()

    async def _get(self, endpoint: Endpoint) -> tuple[int, bytes]:
        slash = "/" if endpoint.root_url in self._slashed else ""
        url = endpoint.root_url + "/metrics" + slash
        return await self._connections.call("GET", endpoint, url, self._timeout_s, reason=Reason.HEALTH)


def _has_no_values_yet(text: str) -> bool:
    """A server that has counted nothing: an empty page (several processes), or names without a value."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if any(words[0] != "#" for words in lines):
        return False
    names = [words[2] for words in lines if len(words) > 2]
    return not lines or any(name.startswith(("vllm:", "llamacpp:")) for name in names)


def _refusal(status: int, body: bytes, endpoint: Endpoint) -> Problem:
    evidence = _clip(body.decode("utf-8", "replace"), endpoint)
    if status in (401, 403):
        return Problem(
            cause=METRICS_REFUSED,
            title="The server keeps its figures to itself",
            detail=f"{endpoint.root_url}/metrics wants another key (HTTP {status}).",
            hint="Live figures are those of your own answers. Set the server's key to see its own as well.",
            evidence=evidence,
        )
    if status in (404, 405, 501) or status in _REDIRECTS:
        return Problem(
            cause=NO_METRICS,
            title="This server tells no figures",
            detail=f"There is no page {endpoint.root_url}/metrics (HTTP {status}).",
            hint="Live figures are those of your own answers."
            + (" llama.cpp's server shows its own with --metrics." if "--metrics" in evidence else ""),
            evidence=evidence,
        )
    return Problem(
        cause="metrics_failed",
        title="The server's figures can't be read now",
        detail=f"{endpoint.root_url}/metrics answered with HTTP {status}.",
        evidence=evidence,
    )


def _unreadable(text: str, endpoint: Endpoint) -> Problem:
    return Problem(
        cause=METRICS_UNREADABLE,
        title="This server tells no figures that ArcDesk knows",
        detail=f"{endpoint.root_url}/metrics holds neither vLLM's nor llama.cpp's names.",
        hint="Live figures are those of your own answers.",
        evidence=_clip(text, endpoint),
    )


def _clip(text: str, endpoint: Endpoint) -> str:
    """One short line, without the key that a server may repeat."""
    if endpoint.api_key:
        text = text.replace(endpoint.api_key, "…")
    line = re.sub(r"\s+", " ", text[: 4 * _EVIDENCE_CHARS]).strip()
    return line if len(line) <= _EVIDENCE_CHARS else line[: _EVIDENCE_CHARS - 1] + "…"
