"""All HTTP of the hub's library: past the gate, written into the person's list, stopped when told to.

It imports httpx2 and is itself imported with the first search or download.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from time import monotonic
from typing import Any
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx2

from arcdesk.api import hub_errors, hub_problems
from arcdesk.api.hub_job import HubJob, current_job, stopped_or
from arcdesk.core.egress import Contact, Reason, host_of, is_local
from arcdesk.core.hub_error import HubError

CONNECT_TIMEOUT_S = 10.0
WRITE_TIMEOUT_S = 30.0
MAX_BODY_BYTES = 16 * 1024 * 1024  # of an answer that is no file
PASSING = (408, 425, 429, 500, 502, 503, 504)
NAMES = ("etag", "x-linked-etag", "x-repo-commit")  # of a HEAD: the library makes files and folders of them


def new_client() -> httpx2.Client:
    """For huggingface_hub.set_client_factory."""
    return httpx2.Client(transport=GateTransport(), follow_redirects=True, timeout=None, trust_env=False)


class GateTransport(httpx2.BaseTransport):
    """Sends requests of the current HubJob; a request without a job is a mistake, and refused.

    What goes wrong on the way is a HubError at once: httpx2's own errors would make the library wait and
    try again by itself, where nobody could see or stop it.
    """

    def __init__(self) -> None:
        self._ways: dict[str, httpx2.HTTPTransport] = {}

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """One request and the head of its answer. Raises HubError, TransferStopped."""
        job = current_job()
        if job is None:
            raise HubError(hub_problems.undeclared(request.url.host))
        if job.is_offline:
            raise HubError(hub_problems.offline(job.endpoint))
        job.check()
        proxy = _proxy_for(request.url)
        meter = _Meter(job, request, proxy)
        meter.check()
        request.extensions = {**request.extensions, "timeout": _timeouts(job), "trace": meter.trace}
        try:
            response = self._way(proxy).handle_request(request)
        except Exception as error:
            meter.finish(None)
            job.unwatch()
            problem = hub_errors.of_transport(error, job.endpoint, meter.host)
            if problem is None:
                raise
            raise stopped_or(problem, job) from error
        job.watch(response.extensions.get("network_stream"))
        try:
            self._look_at(response, request, job)
        except BaseException:
            response.close()
            meter.finish(response)
            job.unwatch()
            raise
        response.stream = _Body(response, meter, job)
        return response

    def close(self) -> None:
        """Close all connections."""
        ways, self._ways = self._ways, {}
        for way in ways.values():
            way.close()

    def _way(self, proxy: str) -> httpx2.HTTPTransport:
        if proxy not in self._ways:
            self._ways[proxy] = httpx2.HTTPTransport(proxy=proxy or None)
        return self._ways[proxy]

    def _look_at(self, response: httpx2.Response, request: httpx2.Request, job: HubJob) -> None:
        """Where it leads belongs to the chosen hub. What will pass is tried again by us alone."""
        if response.status_code in PASSING:
            raise hub_errors.of_status(response.status_code, response.headers, job.endpoint)
        if request.method == "HEAD" and any(_leads_out(response.headers.get(name, "")) for name in NAMES):
            raise HubError(hub_problems.no_hub(job.endpoint, "It names a file outside of its folder."))
        location = response.headers.get("location")
        if location and 300 <= response.status_code < 400:
            target = urljoin(str(request.url), location)
            if request.url.scheme == "https" and urlsplit(target).scheme != "https":
                raise HubError(hub_problems.unprotected(job.endpoint, host_of(target)))
            job.declare(target)


class _Meter:
    """Counts one request, asks the gate before it."""

    def __init__(self, job: HubJob, request: httpx2.Request, proxy: str) -> None:
        self._job = job
        self._request = request
        self.host = host_of(str(request.url))
        self._via = host_of(proxy)
        self._has_sent = False
        self.body_bytes = 0

    def check(self) -> None:
        if not self._job.allows(self.host):
            self._job.record(Contact(host=self.host, reason=Reason.HUB, is_refused=True))
            raise HubError(hub_problems.undeclared(self.host))

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """For httpcore2, which tells of each step."""
        match event:
            case "connection.connect_tcp.complete":
                self._job.watch(info["return_value"])
            case "http11.send_request_headers.complete":
                self._has_sent = True

    def finish(self, response: httpx2.Response | None) -> None:
        request = self._request
        out = len(request.method) + len(request.url.raw_path) + len("  HTTP/1.1\r\n\r\n")
        came = len("HTTP/1.1 200 \r\n\r\n") + self.body_bytes
        has_sent = self._has_sent or response is not None
        self._job.record(
            Contact(
                host=self.host,
                reason=Reason.HUB,
                bytes_out=out + _size(request.headers) if has_sent else 0,
                bytes_in=came + _size(response.headers) if response is not None else 0,
                via=self._via,
            )
        )


class _Body(httpx2.SyncByteStream):
    """The body on its way; ends with the job."""

    def __init__(self, response: httpx2.Response, meter: _Meter, job: HubJob) -> None:
        assert isinstance(response.stream, httpx2.SyncByteStream)
        self._inner = response.stream
        self._response = response
        self._meter = meter
        self._job = job
        self._is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        job, meter = self._job, self._meter
        try:
            for chunk in self._inner:
                job.check()
                meter.body_bytes += len(chunk)
                self._tell(len(chunk))
                yield chunk
        except httpx2.HTTPError as error:
            problem = hub_errors.of_transport(error, job.endpoint, meter.host)
            assert problem is not None
            raise stopped_or(problem, job) from error
        job.check()  # a connection that was cut may look like one that ended well

    def _tell(self, size_bytes: int) -> None:
        transfer = self._job.transfer
        if transfer is not None:
            transfer.received_bytes += size_bytes
            transfer.last_byte_at_s = monotonic()
        elif self._meter.body_bytes > MAX_BODY_BYTES:
            raise HubError(hub_problems.too_much(self._job.endpoint))

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._inner.close()
            self._job.unwatch()
            self._meter.finish(self._response)


def _timeouts(job: HubJob) -> dict[str, float]:
    """Our own for each request: some of the library's are for ever."""
    return {
        "connect": CONNECT_TIMEOUT_S,
        "read": job.read_timeout_s,
        "write": WRITE_TIMEOUT_S,
        "pool": CONNECT_TIMEOUT_S,
    }


def _proxy_for(url: httpx2.URL) -> str:
    """The address of the environment's proxy, a person's choice as well; '' is none."""
    if is_local(url.host) or proxy_bypass(url.host):
        return ""
    proxies = getproxies()
    found = proxies.get(url.scheme) or proxies.get("all") or ""
    return found if not found or "://" in found else f"http://{found}"


def _leads_out(value: str) -> bool:
    name = value.removeprefix("W/").strip('"')
    return name in (".", "..") or "/" in name or "\\" in name


def _size(headers: httpx2.Headers) -> int:
    return sum(len(name) + len(value) + len(": \r\n") for name, value in headers.raw)
