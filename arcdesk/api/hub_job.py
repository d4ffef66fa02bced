"""One piece of work with the hub, done in a thread: its way to the gate on the loop, and its end."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import socket
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

from arcdesk.core.downloads import Transfer
from arcdesk.core.egress import Contact, EgressGate
from arcdesk.core.hub_error import HubError, TransferStopped

T = TypeVar("T")

LOOP_PATIENCE_S = 30.0  # a loop that is busy for longer is as good as gone


class HubGate(EgressGate, Protocol):
    """The gate, which also learns of addresses that a person chose."""

    def declare_address(self, url: str) -> None:
        """This address may be contacted from now on."""
        ...


class HubJob:
    """Made on the loop; used by the thread that does the work, and by the transport below the hub's library.

    `endpoint` is the hub that the person chose. With `transfer`, the body of an answer is a file.
    """

    def __init__(
        self,
        gate: HubGate,
        endpoint: str,
        *,
        repo_id: str = "",
        is_offline: bool = False,
        transfer: Transfer | None = None,
        read_timeout_s: float = 30.0,
    ) -> None:
        self.endpoint = endpoint
        self.repo_id = repo_id
        self.is_offline = is_offline
        self.transfer = transfer
        self.read_timeout_s = read_timeout_s
        self._gate = gate
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._is_cut = False
        if transfer is not None:
            transfer.can_be_cut(self.cut)

    def run(self, work: Callable[[], T]) -> T:
        """In the thread: `work`, whose requests belong to this job."""
        token = _CURRENT.set(self)
        try:
            return work()
        finally:
            _CURRENT.reset(token)

    def check(self) -> None:
        """Raises TransferStopped."""
        if self._is_cut or (self.transfer is not None and self.transfer.is_stopped):
            raise TransferStopped

    def cut(self) -> None:
        """From any thread: whoever waits for the network waits no longer."""
        with self._lock:
            self._is_cut = True
            sockets, self._sockets = self._sockets, set()
        for each in sockets:
            _shut(each)

    def watch(self, connection: Any) -> None:
        """`connection`, httpcore's stream of bytes, is what this job waits for."""
        sock = connection.get_extra_info("socket") if connection is not None else None
        if not isinstance(sock, socket.socket):
            return
        with self._lock:
            if not self._is_cut:
                self._sockets.add(sock)
                return
        _shut(sock)

    def unwatch(self) -> None:
        """The request is over; its connection may serve another job."""
        with self._lock:
            self._sockets.clear()

    def allows(self, host: str) -> bool:
        """The gate lets requests to `host` pass."""
        return self._on_loop(lambda: self._gate.allows(host))

    def declare(self, url: str) -> None:
        """The chosen hub leads to this address."""
        self._on_loop(lambda: self._gate.declare_address(url))

    def record(self, contact: Contact) -> None:
        """For the person's list."""
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(self._gate.record, contact)

    def _on_loop(self, ask: Callable[[], T]) -> T:
        answer: concurrent.futures.Future[T] = concurrent.futures.Future()

        def work() -> None:
            try:
                answer.set_result(ask())
            except Exception as error:  # it belongs to whoever waits
                answer.set_exception(error)

        try:
            self._loop.call_soon_threadsafe(work)
            return answer.result(LOOP_PATIENCE_S)
        except (RuntimeError, TimeoutError) as error:
            raise TransferStopped from error


_CURRENT: ContextVar[HubJob | None] = ContextVar("hub_job", default=None)


def current_job() -> HubJob | None:
    """The job that this thread works for."""
    return _CURRENT.get()


def stopped_or(error: HubError, job: HubJob) -> Exception:
    """What a failed request means: nothing if somebody cut it."""
    try:
        job.check()
    except TransferStopped as stopped:
        return stopped
    return error


def _shut(sock: socket.socket) -> None:
    """Below TLS, whose own end would wait for the other side."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
