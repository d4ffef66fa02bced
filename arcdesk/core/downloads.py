"""What a download needs from the outside: files of the hub in the cache, and a memory over restarts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from arcdesk.core.hub import HubFile


class Transfer:
    """What the loop and the thread that fetches one file share; plain attributes, each set by one side.

    The thread sets all but `is_stopped`. `last_byte_at_s` is of time.monotonic.
    """

    def __init__(self) -> None:
        self.have_bytes = 0  # on the disk, with those of earlier tries
        self.received_bytes = 0  # from the network, in this try: for the speed
        self.last_byte_at_s: float | None = None
        self.is_verifying = False
        self.partial = ""  # the unfinished file that this transfer made: its name in the blobs
        self.is_stopped = False
        self._cut: Callable[[], None] | None = None

    def stop(self) -> None:
        """From any thread: the fetch ends with TransferStopped as soon as it can."""
        self.is_stopped = True
        if self._cut is not None:
            self._cut()

    def can_be_cut(self, cut: Callable[[], None]) -> None:
        """`cut` ends the waiting for the network at once."""
        self._cut = cut
        if self.is_stopped:  # it was stopped a moment before
            cut()


class HubFiles(Protocol):
    """Brings files of the hub into the cache that the container and other tools use.

    Every call may raise ArcDeskError: HubError for the hub, others for the disk.
    """

    async def have(self, repo_id: str, commit: str, files: tuple[HubFile, ...]) -> dict[str, int]:
        """Bytes of each file that are on the disk, whole or in part."""
        ...

    async def free_bytes(self) -> int:
        """Room on the cache's disk."""
        ...

    async def fetch(self, repo_id: str, commit: str, file: HubFile, transfer: Transfer) -> None:
        """Bring one file, going on where an earlier try ended, and verify it.

        Raises TransferStopped; HubError with `is_passing` where a later try makes sense; HubDamaged.
        """
        ...

    async def finish(self, repo_id: str, revision: str, commit: str) -> None:
        """All files are there: from now on `revision` means this commit."""
        ...

    async def discard(self, repo_id: str, partials: tuple[str, ...]) -> None:
        """Remove these unfinished files, and folders that are empty then. Finished ones stay."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadRecord:
    """A download that has not ended, as it outlives a quit."""

    repo: str
    revision: str = "main"
    commit: str = ""
    file: str = ""  # the one that was asked for; '' chooses
    done_bytes: int = 0
    total_bytes: int | None = None
    partials: tuple[str, ...] = ()  # unfinished files that it made


class DownloadMemory(Protocol):
    """Keeps the records of unfinished downloads."""

    def load(self) -> tuple[DownloadRecord, ...]:
        """Those of last time; nothing where they can't be read."""
        ...

    def save(self, records: tuple[DownloadRecord, ...]) -> None:
        """Replace them. Raises ArcDeskError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a download waits for what; tests are in more of a hurry."""

    pauses_s: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0)  # before each new try without progress
    stall_told_s: float = 15.0
    spare_bytes: int = 1024**3  # the disk keeps this
