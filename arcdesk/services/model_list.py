"""Joins what is on the disk, what the server serves and what was measured into one list of models."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from arcdesk.core.engine_state import EngineKind
from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.core.model_names import names_of, short_name
from arcdesk.core.models import ModelEntry, Place, ServedModel, SpeedSeen
from arcdesk.core.ports import Endpoint
from arcdesk.services.model_ports import DiskModels, ServedModels, Speeds

log = logging.getLogger(__name__)

MODELS_TARGET = "/llm/models"  # where the container sees the person's folder
_PLACES = (Place.CACHE, Place.FOLDER, Place.STARTER, Place.SERVER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What answers now. `models_dir` is the host's folder behind /llm/models, `gguf_path` '' the starter.

    `endpoint` is None while nothing answers.
    """

    kind: EngineKind = EngineKind.CONTAINER
    endpoint: Endpoint | None = None
    models_dir: str = ""
    gguf_path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelListing:
    """The list as it is shown. `problem` is what kept a part of it away; the rest is true all the same."""

    entries: tuple[ModelEntry, ...] = ()
    is_loading: bool = False
    is_known: bool = False  # the disk was read at least once
    problem: Problem | None = None


Listener = Callable[[ModelListing], None]


class ModelList:
    """Reads when it is told to, never by itself; two wishes at once are one reading and one more."""

    def __init__(
        self, *, disk: DiskModels, served: ServedModels, speeds: Speeds, serving: Callable[[], Serving]
    ) -> None:
        self._disk = disk
        self._served = served
        self._speeds = speeds
        self._serving = serving
        self._listeners: list[Listener] = []
        self._listing = ModelListing()
        self._turn = asyncio.Lock()
        self._waiting = 0

    @property
    def listing(self) -> ModelListing:
        """As last read."""
        return self._listing

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` after each change; returns what ends it."""
        self._listeners.append(listener)

        def end() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return end

    async def refresh(self) -> ModelListing:
        """Read all of it. What can't be read is told in the listing, not raised."""
        if self._waiting:  # somebody waits to read: that reading is as fresh as ours would be
            async with self._turn:
                return self._listing
        self._waiting += 1
        async with self._turn:
            self._waiting -= 1
            self._tell(replace(self._listing, is_loading=True))
            try:
                await self._read()
            finally:
                self._tell(replace(self._listing, is_loading=False))
            return self._listing

    async def _read(self) -> None:
        problem: Problem | None = None
        on_disk: tuple[ModelEntry, ...] = ()
        try:
            on_disk = await self._disk.entries()
        except ArcDeskError as error:
            problem = error.problem
        serving = self._serving()
        served: Sequence[ServedModel] = ()
        if serving.endpoint is not None:
            try:
                served = await self._served.served_models(serving.endpoint)
            except ArcDeskError as error:  # the engine's own card tells what is wrong with the server
                log.info("the server's models are unknown: %s", error)
        speeds = await self._speeds.speeds()
        entries = join_models(on_disk, served, speeds, serving)
        self._tell(replace(self._listing, entries=entries, is_known=True, problem=problem))

    def _tell(self, listing: ModelListing) -> None:
        if listing == self._listing:
            return
        self._listing = listing
        for listener in tuple(self._listeners):
            listener(listing)


def join_models(
    on_disk: Sequence[ModelEntry],
    served: Sequence[ServedModel],
    speeds: Mapping[str, SpeedSeen],
    serving: Serving,
) -> tuple[ModelEntry, ...]:
    """Served ones first, an adapter under its base, then by name; each disk entry at most once served."""
    entries = list(on_disk)
    extra: list[ModelEntry] = []
    for model in served:
        at = None if model.parent else _find(entries, model, serving)
        if at is None:
            extra.append(_served_only(model))
        else:
            entries[at] = replace(entries[at], is_served=True, served_name=model.id)
    measured = {name.casefold(): seen for name, seen in speeds.items()}
    return tuple(_ordered([_with_speed(entry, measured) for entry in (*entries, *extra)]))


def _find(entries: Sequence[ModelEntry], model: ServedModel, serving: Serving) -> int | None:
    """Which of the disk's entries the server has loaded. A server elsewhere has none of them."""
    if serving.kind is EngineKind.REMOTE:
        return None
    for index, entry in enumerate(entries):
        if entry.is_served:
            continue  # a second served name of one model is a line of its own
        if serving.kind is EngineKind.EMBEDDED and _is_embedded(entry, serving):
            return index
        if serving.kind is EngineKind.CONTAINER and _is_contained(entry, model.root, serving.models_dir):
            return index
    return None


def _is_embedded(entry: ModelEntry, serving: Serving) -> bool:
    if not serving.gguf_path:
        return entry.place is Place.STARTER
    is_inside = entry.place is Place.CACHE and serving.gguf_path.startswith(f"{entry.path}/")
    return entry.path == serving.gguf_path or is_inside


def _is_contained(entry: ModelEntry, root: str, models_dir: str) -> bool:
    """`root` is what the container was given: a hub id, or a path below /llm/models."""
    if entry.place is Place.CACHE:
        return bool(root) and entry.id == root
    inside = PurePosixPath(root)
    if not models_dir or not inside.is_relative_to(MODELS_TARGET):
        return False
    seen_here = PurePosixPath(models_dir) / inside.relative_to(MODELS_TARGET)
    return PurePosixPath(entry.path) == seen_here


def _served_only(model: ServedModel) -> ModelEntry:
    return ModelEntry(
        id=model.id,
        place=Place.SERVER,
        path=model.root,
        is_served=True,
        served_name=model.id,
        parent=model.parent,
    )


def _with_speed(entry: ModelEntry, measured: Mapping[str, SpeedSeen]) -> ModelEntry:
    """The speed with most answers, where the model was measured under several names."""
    found = [measured[name] for name in names_of(entry) if name in measured]
    return replace(entry, speed=max(found, key=lambda seen: seen.n)) if found else entry


def _ordered(entries: Sequence[ModelEntry]) -> list[ModelEntry]:
    bases = {entry.served_name: entry for entry in entries if entry.is_served and not entry.is_lora}

    def order(entry: ModelEntry) -> tuple[object, ...]:
        base = bases.get(entry.parent, entry)
        name = (short_name(base.id).casefold(), base.id, _PLACES.index(base.place), base.path)
        return (not entry.is_served, *name, entry.is_lora, entry.id)

    return sorted(entries, key=order)
