"""Builds the models window's controller for a session, from the parts that others share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from arcdesk.app.models_board import ModelParts
from arcdesk.app.models_controller import ModelsController
from arcdesk.core.engine_state import EnginePhase
from arcdesk.core.hub import Hub
from arcdesk.services.model_list import ModelList, Serving
from arcdesk.services.model_ports import Downloading, FitTeller, ServedModels
from arcdesk.storage.model_disk import ModelDisk
from arcdesk.ui.resources import resource_dir

if TYPE_CHECKING:
    from arcdesk.app.session import Session


def make_models_controller(
    session: Session,
    *,
    served: ServedModels,
    disk: ModelDisk,
    hub: Hub,
    downloads: Downloading,
    fit: FitTeller,
    own_cache: Callable[[], Awaitable[object]],
) -> ModelsController:
    """`served` is the client that asks servers; `own_cache` as in ModelParts. Makes the window, unseen."""
    models = ModelList(disk=disk, served=served, speeds=disk, serving=lambda: serving_of(session))
    parts = ModelParts(
        disk=disk,
        models=models,
        hub=hub,
        downloads=downloads,
        fit=fit,
        start_list=(resource_dir() / "models.toml").read_text(encoding="utf-8"),
        own_cache=own_cache,
    )
    return ModelsController(session, parts)


def serving_of(session: Session) -> Serving:
    """What answers now, with the paths that tell which model of the disk it is."""
    engine, settings = session.engine, session.engine.settings
    is_ready = engine.snapshot.phase is EnginePhase.READY
    return Serving(
        kind=engine.snapshot.kind,
        endpoint=engine.endpoint if is_ready else None,
        models_dir=_absolute(settings.container.models_dir),
        gguf_path=_absolute(settings.gguf_path),
    )


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute()) if path else ""
