"""Tells the models window, the commands and the engine's start whether a model fits on this computer."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import replace

from arcdesk.app.fit_here import fit_cards, host_memory_bytes, memory_as_card, read_cards, why_no_card
from arcdesk.core.fit import Fit, FitCard, FitWish
from arcdesk.core.fit_files import repo_shape
from arcdesk.core.fit_formats import LLAMA_CPP, Stack, stack_of_image
from arcdesk.core.gpu import GpuSnapshot
from arcdesk.core.hub import HubRepo
from arcdesk.core.model_config import ModelConfig
from arcdesk.core.models import Format, ModelEntry, Place
from arcdesk.core.settings import Settings
from arcdesk.services.fit_service import FitService, ModelShape
from arcdesk.services.threads import in_thread

Snapshot = Callable[[], Awaitable[GpuSnapshot]]


async def snapshot_now() -> GpuSnapshot:
    """The cards, read in a thread of its own."""
    return await in_thread("arcdesk-fit", read_cards)


def wish_of(settings: Settings, low_bit: str = "", context: int | None = None) -> FitWish:
    """How the container's settings would run a model. `context` None: the model's own, if it fits."""
    container = settings.container
    return FitWish(
        low_bit=low_bit or container.load_in_low_bit,
        context=context,
        max_num_seqs=container.max_num_seqs,
        max_num_batched_tokens=container.max_num_batched_tokens,
        tensor_parallel=container.tensor_parallel_size,
        memory_share=stack_of_image(container.image).memory_share,
        host_ram_bytes=host_memory_bytes(),
    )


class FitTeller:
    """Fills the models window's port of that name, and teaches the service after a start."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        service: FitService,
        snapshot: Snapshot = snapshot_now,
    ) -> None:
        self._settings = settings
        self._service = service
        self._snapshot = snapshot

    async def of_entry(self, entry: ModelEntry, *, low_bit: str = "") -> Fit:
        """Of one on the disk; '' is the format of the settings."""
        is_gguf = entry.format is Format.GGUF or entry.place is Place.STARTER
        shape = await in_thread("arcdesk-fit", lambda: _shape_of(entry))
        return await self._tell(entry.id, shape, low_bit, LLAMA_CPP if is_gguf else None)

    async def of_repo(self, repo: HubRepo, *, low_bit: str = "") -> Fit:
        """Of one on the hub, from its config and index alone."""
        config, size = repo_shape(repo)
        fit = await self._tell(repo.id, ModelShape(config=config, weights_bytes=size), low_bit, None)
        if repo.config is None and repo.is_gated:
            why = "The hub shows its config only after its licence is accepted there."
            fit = replace(fit, reasons=(why,))
        return fit

    async def after_start(self, model_path: str) -> None:
        """Call when the container has become READY: compares its log with the prediction, once per run."""
        settings = self._settings()
        shape = await in_thread("arcdesk-fit", lambda: _local_shape(model_path, settings))
        if shape is None:
            return
        cards = fit_cards(await self._snapshot())
        await self._service.learn(
            model_path, shape, cards, wish_of(settings), stack_of_image(settings.container.image)
        )

    async def _tell(self, model: str, shape: ModelShape, low_bit: str, stack: Stack | None) -> Fit:
        settings = self._settings()
        if stack is LLAMA_CPP:
            cards = memory_as_card()
            return await predicted(self._service, model, shape, cards, wish_of(settings), settings, stack)
        snapshot = await self._snapshot()
        cards = fit_cards(snapshot, (settings.container.name,))
        fit = await predicted(self._service, model, shape, cards, wish_of(settings, low_bit), settings, stack)
        return fit if cards else replace(fit, reasons=(*fit.reasons, why_no_card(snapshot)))


async def predicted(
    service: FitService,
    model: str,
    shape: ModelShape,
    cards: tuple[FitCard, ...],
    wish: FitWish,
    settings: Settings,
    stack: Stack | None,
) -> Fit:
    """For the container's engine, or for `stack`. What was learned counts for the former only."""
    if stack is None:
        chosen = stack_of_image(settings.container.image)
        return await service.predict(model, shape, cards, wish, chosen)
    from arcdesk.core.fit_predict import predict

    wish = replace(
        wish,
        max_num_seqs=1,
        max_num_batched_tokens=None,
        tensor_parallel=1,
        pipeline_parallel=1,
        memory_share=stack.memory_share,
    )
    return predict(shape.config, shape.weights_bytes, cards, wish, stack=stack, model=model)


def _shape_of(entry: ModelEntry) -> ModelShape:
    from arcdesk.storage.fit_model_files import read_model

    try:
        found = read_model(entry.snapshot or entry.path)
    except OSError:
        found = None
    config = (found.config if found else None) or entry.config or ModelConfig()
    return ModelShape(config=config, weights_bytes=found.weights_bytes if found else entry.size_bytes)


def _local_shape(model_path: str, settings: Settings) -> ModelShape | None:
    from arcdesk.storage.fit_model_files import find_model

    try:
        found = find_model(model_path, settings, os.environ)
    except OSError:
        return None
    if found is None or found.config is None or found.is_gguf:
        return None
    return ModelShape(config=found.config, weights_bytes=found.weights_bytes)
