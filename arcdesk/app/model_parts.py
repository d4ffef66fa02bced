"""The models of a session: disk, hub, downloads, prediction, and the window over them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from arcdesk.app.fit_teller import FitTeller
from arcdesk.app.hub_parts import make_downloads
from arcdesk.core.engine_state import EngineKind, EnginePhase
from arcdesk.core.errors import Action, ActionKind, ArcDeskError
from arcdesk.core.hub import Download, DownloadPhase
from arcdesk.core.store import AppState
from arcdesk.engine.log_facts import read_figures
from arcdesk.engine.starter_model import find_starter_model
from arcdesk.services.fit_service import FitService
from arcdesk.storage.fit_factors import FitFactorsFile
from arcdesk.storage.model_disk import ModelDisk

if TYPE_CHECKING:
    from arcdesk.app.models_controller import ModelsController
    from arcdesk.app.session import Session

log = logging.getLogger(__name__)

AWAKE_WHY = "ArcDesk downloads a model"


class ModelWorld:
    """Made when somebody wants to see models, or a container has become ready."""

    def __init__(self, session: Session) -> None:
        self._session = session
        parts = session.parts
        self._disk = ModelDisk(lambda: session.settings, starter=find_starter_model)
        self.downloads = make_downloads(
            lambda: session.settings,
            parts.secrets,
            parts.ledger,
            keep_awake=lambda wanted: session.desktop.keep_awake("download", AWAKE_WHY if wanted else ""),
            on_over=self._on_over,
        )
        fits = FitService(FitFactorsFile(), read_figures, session.engine.log_tail)
        self._fit = FitTeller(lambda: session.settings, fits, session.cards.snapshot)
        self._controller: ModelsController | None = None
        self._taught = ""  # the model whose start was compared with its prediction
        session.bridge.state_changed.connect(self._on_state)
        session.tasks.spawn(self._disk.empty_asides(), name="empty what was removed", is_shown_elsewhere=True)
        self._on_state(session.store.state)

    @property
    def controller(self) -> ModelsController:
        """The window, made at the first call."""
        if self._controller is None:
            from arcdesk.app.models_parts import make_models_controller

            self._controller = make_models_controller(
                self._session,
                served=self._session.parts.backend,
                disk=self._disk,
                hub=self.downloads.hub,
                downloads=self.downloads,
                fit=self._fit,
                own_cache=self._own_cache,
            )
            self._session.settings_changed.append(self._dress)
            self._session.app.styleHints().colorSchemeChanged.connect(self._dress)
        return self._controller

    async def aclose(self) -> None:
        """End downloads, which go on another time; delete what was removed."""
        self._session.bridge.state_changed.disconnect(self._on_state)
        if self._controller is not None:
            self._session.settings_changed.remove(self._dress)
            self._session.app.styleHints().colorSchemeChanged.disconnect(self._dress)
            self._controller.close()
        await self.downloads.aclose()
        await self._disk.aclose()

    def _dress(self, _: object) -> None:
        from arcdesk.ui import theme

        palette = theme.current_palette(self._session.app, self._session.settings.theme)
        if self._session.window_or_none is None and self._session.app.styleSheet():
            theme.apply(self._session.app, palette)  # else the chat window does
        self.controller.set_palette_colors(palette)

    async def _own_cache(self) -> None:
        await self._session.parts.runtime.own_cache(self._session.settings.container)

    # what a start teaches

    def _on_state(self, state: AppState) -> None:
        engine = state.engine
        if engine.kind is not EngineKind.CONTAINER or engine.phase is not EnginePhase.READY:
            self._taught = ""
        elif not self._taught:
            self._taught = engine.model or "?"
            self._session.tasks.spawn(self._learn(), name="learn from the start", is_shown_elsewhere=True)

    async def _learn(self) -> None:
        try:
            await self._fit.after_start(self._session.engine.settings.container.model_path)
        except ArcDeskError as error:
            log.info("nothing was learnt from this start: %s", error)

    # what a download tells

    def _on_over(self, download: Download) -> None:
        is_done = download.phase is DownloadPhase.DONE
        action = Action(kind=ActionKind.OPEN_MODELS, label="Show models", target=download.repo)
        if is_done:
            title, body = "The model is downloaded", download.repo
        else:
            title = f"The download of {download.repo} failed"
            body = download.problem.sentence() if download.problem else ""
        self._session.desktop.tell_download(title, body, action)
