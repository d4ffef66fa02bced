"""Calls the hub's library in threads, and turns what it raises into errors for people."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from arcdesk.api import hub_errors, hub_library, hub_problems
from arcdesk.api.hub_job import HubGate, HubJob
from arcdesk.core.downloads import Transfer
from arcdesk.core.egress import host_of, is_local
from arcdesk.core.errors import ArcDeskError
from arcdesk.core.hub_error import HubError, TransferStopped
from arcdesk.services.threads import in_thread

T = TypeVar("T")

MOST_CALLS = 2  # at a time, beside one transfer
CALL_SILENCE_S = 20.0
TRANSFER_SILENCE_S = 60.0


class HubCaller:
    """One hub, one person's token. `token` may raise ArcDeskError or give None; most models need none."""

    def __init__(
        self,
        endpoint: Callable[[], str],
        token: Callable[[], Awaitable[str | None]],
        gate: HubGate,
        is_offline: Callable[[], bool],
        *,
        transfer_silence_s: float = TRANSFER_SILENCE_S,
        call_silence_s: float = CALL_SILENCE_S,
    ) -> None:
        self._endpoint = endpoint
        self._token = token
        self._gate = gate
        self._is_offline = is_offline
        self._silence_s = (call_silence_s, transfer_silence_s)
        self._slots = asyncio.Semaphore(MOST_CALLS)
        self._jobs: set[HubJob] = set()

    @property
    def endpoint(self) -> str:
        """The hub's address, without a slash at the end."""
        return self._endpoint().rstrip("/")

    async def call(
        self, repo_id: str, work: Callable[[str, str | bool], T], transfer: Transfer | None = None
    ) -> T:
        """The result of `work(endpoint, token)`, done in a thread. Raises HubError, TransferStopped.

        `token` is False where there is none, so that the library does not look for one by itself.
        """
        endpoint, is_offline = self.endpoint, self._is_offline()
        if is_offline:
            raise HubError(hub_problems.offline(endpoint))
        token = await self._token() or False
        if not _is_protected(endpoint):
            token = False  # anybody on the way could read it
        self._gate.declare_address(endpoint)  # a person asked for something that is there
        job = HubJob(
            self._gate,
            endpoint,
            repo_id=repo_id,
            transfer=transfer,
            read_timeout_s=self._silence_s[transfer is not None],
        )

        def run() -> T:
            hub_library.load()
            job.is_offline = hub_library.is_offline()
            try:
                return job.run(lambda: work(endpoint, token))
            except TransferStopped:
                if transfer is not None:
                    raise
                raise HubError(hub_problems.closed()) from None
            except ArcDeskError:
                raise
            except Exception as error:
                secret = token if isinstance(token, str) else ""
                problem = hub_errors.of_library(error, endpoint, repo_id, token=secret)
                if problem is None:
                    raise
                raise problem from error

        self._jobs.add(job)
        try:
            if transfer is not None:
                return await in_thread("arcdesk-download", run)
            async with self._slots:
                return await in_thread("arcdesk-hub", run)
        except asyncio.CancelledError:
            job.cut()
            raise
        finally:
            self._jobs.discard(job)

    async def local(self, work: Callable[[], T]) -> T:
        """The result of `work`, which only uses the disk."""
        return await in_thread("arcdesk-hub-disk", work)

    async def aclose(self) -> None:
        """End what is under way."""
        for job in tuple(self._jobs):
            job.cut()
        if hub_library.is_loaded():
            await in_thread("arcdesk-hub", hub_library.close)


def _is_protected(endpoint: str) -> bool:
    """What is sent there can't be read on the way."""
    return endpoint.startswith("https:") or is_local(host_of(endpoint))
