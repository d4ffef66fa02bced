"""What the Hugging Face hub offers and how far a download is, as values; ports for both."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from arcdesk.core.errors import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class HubModel:
    """One hit of a search."""

    id: str
    downloads: int | None = None
    likes: int | None = None
    updated: str = ""  # ISO date
    pipeline: str = ""  # 'text-generation'
    licence: str = ""
    is_gated: bool = False
    is_private: bool = False
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFile:
    """One file of a repository."""

    path: str
    size_bytes: int | None = None
    sha256: str = ""  # of LFS files


@dataclass(frozen=True, slots=True, kw_only=True)
class HubRepo:
    """What a repository holds at one commit. `config` and `index` are parsed JSON, None where absent."""

    id: str
    commit: str
    licence: str = ""
    is_gated: bool = False
    files: tuple[HubFile, ...] = ()
    config: dict[str, Any] | None = None
    index: dict[str, Any] | None = None


class DownloadPhase(Enum):
    """Where a download is in its life."""

    WAITING = "waiting"
    CHECKING = "checking"  # asks the hub for sizes, looks at the disk
    RUNNING = "running"
    PAUSED = "paused"
    VERIFYING = "verifying"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Nothing more comes by itself."""
        return self in (DownloadPhase.DONE, DownloadPhase.FAILED, DownloadPhase.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """One download. `done_bytes` never falls; speed and time left are None until they are measured."""

    repo: str
    phase: DownloadPhase = DownloadPhase.WAITING
    done_bytes: int = 0
    total_bytes: int | None = None
    bytes_per_s: float | None = None
    seconds_left: float | None = None
    file: str = ""  # the one on its way
    files_done: int = 0
    files_total: int = 0
    problem: Problem | None = None
    stalled_s: float = 0.0  # since when nothing came, while running


class Hub(Protocol):
    """The hub (or a mirror). Every call may raise HubError (core.errors.ArcDeskError) with its reason."""

    async def search(self, words: str, *, limit: int = 30) -> list[HubModel]:
        """Models, the most downloaded first."""
        ...

    async def repo(self, repo_id: str, *, revision: str = "main") -> HubRepo:
        """Files with sizes, config and index: kilobytes, before any download."""
        ...

    async def aclose(self) -> None:
        """Close connections, end threads."""
        ...
