"""Shows the live figures to other programs of this computer, as a page that Prometheus reads."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import importlib
import ipaddress
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from arcdesk.core.errors import Problem, UsageError
from arcdesk.core.live_stats import LiveKey, LiveView
from arcdesk.services.threads import in_thread

if TYPE_CHECKING:  # importing it takes 150 ms: it waits until somebody wants the page
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
PATH = "/metrics"
HEAD_BYTES_MOST = 8192
HEAD_TIMEOUT_S = 5.0
CONNECTIONS_MOST = 8
_LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]", "::1")

_NAMES = {
    "tokens_per_s": "tokens_per_second",
    "tokens_per_s_minute": "tokens_per_second_minute",
    "prompt_tokens_per_s": "prompt_tokens_per_second",
    "kv_use": "kv_cache_use_ratio",
    "prefix_hit_rate": "prefix_cache_hit_ratio",
    "running": "requests_running",
    "waiting": "requests_waiting",
    "swapped": "requests_swapped",
    "preemptions": "preemptions_minute",
}

Look = Callable[[], Awaitable[LiveView]]


class MetricsExport:
    """The page http://127.0.0.1:PORT/metrics. Off until `start`; a look is taken only when the page is read.

    `look` gives the figures, `describe_owner` says in a sentence's words who has a port. There is no thread
    and no timer; hosts beyond this computer can't reach it, and neither can web pages by a name of theirs.
    """

    def __init__(self, look: Look, describe_owner: Callable[[int], str]) -> None:
        self._look = look
        self._describe_owner = describe_owner
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()
        self._collector = _Collector()
        self._registry: CollectorRegistry | None = None

    @property
    def url(self) -> str:
        """Where the page is; '' while it is off."""
        if self._server is None or not self._server.sockets:
            return ""
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}{PATH}"

    async def start(self, port: int, host: str = LOOPBACK) -> str:
        """Show the page; returns its address. Raises UsageError: a host that others reach, a taken port."""
        await self.aclose()
        address = _loopback(host)
        await in_thread("import-prometheus", lambda: importlib.import_module("prometheus_client"))
        self._registry = _registry(self._collector)
        try:
            self._server = await asyncio.start_server(self._accept, address, port, limit=HEAD_BYTES_MOST)
        except OSError as error:
            raise UsageError(await self._refusal(port, error)) from error
        except OverflowError as error:
            raise UsageError(_no_port(port)) from error
        log.info("the live figures are shown at %s", self.url)
        return self.url

    async def aclose(self) -> None:
        """Take the page away; fine when there is none."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for talk in tuple(self._talks):
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _refusal(self, port: int, error: OSError) -> Problem:
        if error.errno != errno.EADDRINUSE:
            return Problem(
                cause="export_port",
                title=f"The live figures can't be shown at port {port}",
                detail=f"{error.strerror}.",
                hint="Choose a port above 1023.",
            )
        owner = await in_thread("port-owner", lambda: self._describe_owner(port))
        return Problem(
            cause="export_port",
            title=f"Port {port} is taken",
            detail=f"It is used by {owner}, so the live figures are not shown there.",
            hint=f"Choose another port, or end {owner}.",
        )

    # one reader

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._talks) >= CONNECTIONS_MOST:
            writer.close()
            return
        talk = asyncio.ensure_future(self._talk(reader, writer))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HEAD_TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
            status, body = await self._answer(head.decode("latin-1"))
            writer.write(_response(status, body, has_body=not head.startswith(b"HEAD ")))
            await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever asked has gone, or is no HTTP client
        except Exception:  # a page that fails must not end the program's loop
            log.exception("showing the live figures failed")
            writer.write(_response("500 Internal Server Error", b""))
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, head: str) -> tuple[str, bytes]:
        first, *lines = head.split("\r\n")
        method, _, rest = first.partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        fields = {
            name.strip().lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)
        }
        if not _is_for_us(fields.get("host", "")):
            return "403 Forbidden", b"Only for programs of this computer.\n"
        if method not in ("GET", "HEAD"):
            return "405 Method Not Allowed", b""
        if path not in (PATH, PATH + "/"):
            return "404 Not Found", f"The figures are at {PATH}.\n".encode()
        return "200 OK", self._text(await self._look())

    def _text(self, view: LiveView) -> bytes:
        from prometheus_client import generate_latest

        assert self._registry is not None
        self._collector.view = view
        return generate_latest(self._registry)


class _Collector:
    """Turns a view into metrics; what is unknown is left out, never 0."""

    view = LiveView()

    def collect(self) -> Iterable[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        counts = GaugeMetricFamily(
            "arcdesk_observations", "How many observations carry a figure.", labels=["figure"]
        )
        bounds = GaugeMetricFamily(
            "arcdesk_is_lower_bound", "1: the truth lies above the figure.", labels=["figure"]
        )
        for key in LiveKey:
            figure = self.view[key]
            name = exported_name(key)
            if figure.value is not None:
                value = figure.value / 1000 if key.value.endswith("_ms") else figure.value
                yield GaugeMetricFamily(name, _document(key, figure.metric), value=value)
                bounds.add_metric([name], float(figure.is_at_least))
            if figure.n is not None:
                counts.add_metric([name], figure.n)
        yield counts
        yield bounds


def exported_name(key: LiveKey) -> str:
    """The figure's name on the page, in base units as Prometheus has them."""
    source, _, what = key.value.partition("_")
    name = _NAMES.get(what, what.removesuffix("_ms") + "_seconds" if what.endswith("_ms") else what)
    return f"arcdesk_{source}_{name}"


def _document(key: LiveKey, metric: str) -> str:
    return f"By the server's own clock, from {metric}." if metric else f"Measured by ArcDesk ({key.value})."


def _registry(collector: _Collector) -> CollectorRegistry:
    from prometheus_client import CollectorRegistry

    registry = CollectorRegistry()  # of its own: nothing of this process's inner life
    registry.register(collector)
    return registry


def _loopback(host: str) -> str:
    """The address to listen at. Raises UsageError for one that others can reach."""
    if host == "localhost":
        return LOOPBACK
    try:
        if ipaddress.ip_address(host.strip("[]")).is_loopback:
            return host.strip("[]")
    except ValueError:  # a name, which may lead anywhere
        pass
    raise UsageError(
        Problem(
            cause="export_host",
            title=f"The live figures are not shown at {host or 'all addresses'}",
            detail="Other computers could read there what is asked here and when.",
            hint=f"Use {LOOPBACK}.",
        )
    )


def _no_port(port: int) -> Problem:
    return Problem(
        cause="export_port", title=f"There is no port {port}", hint="A port is a number from 1 to 65535."
    )


def _is_for_us(host: str) -> bool:
    """The client means this computer: a web page whose name was turned to 127.0.0.1 says that name."""
    name = host[: host.rindex("]") + 1] if "]" in host else host.partition(":")[0]
    return not host or name.lower() in _LOCAL_NAMES


def _response(status: str, body: bytes, *, has_body: bool = True) -> bytes:
    kind = "text/plain; version=0.0.4; charset=utf-8" if status.startswith("200") else "text/plain"
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (body if has_body else b"")
