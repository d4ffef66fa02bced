"""What the models window and its list need of the disk, the server, the hub and the prediction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from arcdesk.core.fit import Fit
from arcdesk.core.hub import Download, HubRepo
from arcdesk.core.models import ModelEntry, ServedModel, SpeedSeen
from arcdesk.core.ports import Endpoint


class DiskModels(Protocol):
    """The models in the cache and in the person's folders, the starter included."""

    async def entries(self) -> tuple[ModelEntry, ...]:
        """All of them, read anew where something changed. Raises ArcDeskError."""
        ...


class ServedModels(Protocol):
    """A server's own list."""

    async def served_models(self, endpoint: Endpoint) -> list[ServedModel]:
        """The lines of /v1/models. Raises AnswerError."""
        ...


class Speeds(Protocol):
    """What this computer measured."""

    async def speeds(self) -> Mapping[str, SpeedSeen]:
        """By the model's name as answers carry it; empty where nothing was measured or can't be read."""
        ...


class Downloading(Protocol):
    """The queue of downloads."""

    def list(self) -> tuple[Download, ...]:
        """All of this run, and those that an earlier one left unfinished."""
        ...

    def listen(self, listener: Callable[[tuple[Download, ...]], None]) -> Callable[[], None]:
        """Call at each change, on the loop's thread; returns what ends it."""
        ...

    async def start(self, repo_id: str, *, revision: str = "main", file: str = "") -> None:
        """Put one in the queue; `file` picks one GGUF. Raises ArcDeskError."""
        ...

    async def pause(self, repo_id: str) -> None:
        """Keep what is there."""
        ...

    async def resume(self, repo_id: str) -> None:
        """Go on where it stopped, also after a failure."""
        ...

    async def cancel(self, repo_id: str) -> None:
        """End it and remove what only this download made."""
        ...


class FitTeller(Protocol):
    """Whether a model fits on this computer's cards. Raises ArcDeskError where nothing can be said."""

    async def of_entry(self, entry: ModelEntry, *, low_bit: str = "") -> Fit:
        """Of one on the disk; '' is the format of the settings."""
        ...

    async def of_repo(self, repo: HubRepo, *, low_bit: str = "") -> Fit:
        """Of one on the hub, from its config and index alone."""
        ...
