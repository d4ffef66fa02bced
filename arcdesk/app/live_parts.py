"""The live figures of a session: heard from the chat, shown in window and tray, exported if wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from shiboken6 import isValid

from arcdesk.api.metrics_client import MetricsClient
from arcdesk.app.xray_controller import XRayController
from arcdesk.core.engine_state import EnginePhase
from arcdesk.core.errors import Action, ActionKind, ArcDeskError, Problem
from arcdesk.core.live_stats import LiveKey, OurView
from arcdesk.services.live_stats import LiveStatsService
from arcdesk.services.threads import in_thread
from arcdesk.ui import theme

if TYPE_CHECKING:
    from arcdesk.api.metrics_export import MetricsExport
    from arcdesk.app.live_controller import LiveController
    from arcdesk.app.session import Session
    from arcdesk.core.settings import Settings
    from arcdesk.core.store import AppState
    from arcdesk.services.chat_service import ChatService
    from arcdesk.ui.live_strip import LiveStrip
    from arcdesk.ui.main_window import MainWindow


class LiveParts:
    """Made when the chat opens, or the figures are to be exported; what shows them is loaded when seen."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._source = MetricsClient(egress=session.parts.ledger)
        self.service = LiveStatsService(self._source, lambda: session.engine.endpoint)
        self._xray: XRayController | None = None
        self._panel: LiveController | None = None
        self._strip: LiveStrip | None = None
        self._export: MetricsExport | None = None
        self._exported: tuple[bool, int] = (False, 0)  # what was wanted last
        self._exporting = asyncio.Lock()
        self._unlisten: Callable[[], None] = lambda: None
        self._end_strip: Callable[[], None] = lambda: None
        self._engine = _identity(session.store.state)
        self._end_tray = self.service.watch_ours(self._tell_tray)
        session.bridge.state_changed.connect(self._on_state)
        session.settings_changed.append(self._on_settings)
        session.slept.append(self.service.slept)
        session.app.styleHints().colorSchemeChanged.connect(self._dress)

    # answers

    def listen_to(self, chat: ChatService) -> None:
        """Hear of its answers."""
        self._unlisten()
        self._unlisten = chat.listen(self.service.listener)
        self.xray.listen_to(chat)

    @property
    def xray(self) -> XRayController:
        """The X-rays of answers, made at the first call."""
        if self._xray is None:
            self._xray = XRayController(self._session, self.service)
        return self._xray

    def _on_state(self, state: AppState) -> None:
        if (engine := _identity(state)) != self._engine:
            self._engine = engine
            self.service.engine_changed()
            self._session.tray.set_rate(None)

    def _tell_tray(self, view: OurView) -> None:
        now = view[LiveKey.OUR_TOKENS_PER_S]
        if view.is_streaming and now.value is not None:
            self._session.tray.set_rate(now.value, is_estimate=now.is_estimate)
        elif not view.is_streaming:
            self._session.tray.set_rate(view.last_tokens_per_s)

    # showing

    def offer(self, window: MainWindow) -> None:
        """Put the strip into the inspector, and the panel where it was open; the window is seen."""
        if self._strip is None:
            from arcdesk.ui.live_strip import LiveStrip

            strip = self._strip = LiveStrip()
            window.engine_card.add_foot(strip)
            strip.clicked.connect(self.open)
            strip.seen_changed.connect(self._on_strip_seen)
            self._on_strip_seen(strip.is_seen)
            self._dress(None)
            self._session.tasks.spawn(self._open_again(window), name="show the live panel again")
        self.xray.offer(window)

    def open(self) -> None:
        """Show the panel in the chat window, which is brought to the front."""
        self._session.open_window()
        window = self._session.window.window

        async def show() -> None:
            (await self._panel_of(window)).open()

        self._session.tasks.spawn(show(), name="show the live panel")

    async def _open_again(self, window: MainWindow) -> None:
        if window.was_open("live"):
            (await self._panel_of(window)).open()

    async def _panel_of(self, window: MainWindow) -> LiveController:
        await self._session.load("live_controller")
        if self._panel is None:
            from arcdesk.app.live_controller import LiveController

            self._panel = LiveController(self._session, self.service, window)
            self._dress(None)
        return self._panel

    def _on_strip_seen(self, is_seen: bool) -> None:
        self._end_strip()
        self._end_strip = lambda: None
        if is_seen and self._strip is not None:
            self._strip.present(self.service.our_view)  # a change of engine is told to nobody who comes later
            self._end_strip = self.service.watch_ours(self._strip.present)

    def _dress(self, _: object) -> None:
        palette = theme.current_palette(self._session.app, self._session.settings.theme)
        if self._strip is not None and isValid(self._strip):
            self._strip.set_palette_colors(palette)
        if self._panel is not None:
            self._panel.set_palette_colors(palette)

    # the page for Prometheus

    def follow_settings(self) -> None:
        """Show the page, or take it away, as the settings say now."""
        settings = self._session.settings
        wanted = (settings.live_export, settings.live_export_port)
        if wanted != self._exported:
            self._exported = wanted
            self._session.tasks.spawn(self._show_page(), name="show the live figures to Prometheus")

    def use_port(self, port: int) -> None:
        """Show the page at another port from now on."""
        self._session.take(replace(self._session.settings, live_export=True, live_export_port=port))

    def _on_settings(self, settings: Settings) -> None:
        self._dress(None)
        self.follow_settings()

    async def _show_page(self) -> None:
        """As it is wanted when its turn comes: several changes in a row cost one start."""
        async with self._exporting:
            is_on, port = self._exported
            if not is_on:
                if self._export is not None:
                    await self._export.aclose()
                return
            if self._export is None:
                self._export = await in_thread("arcdesk-load", self._make_export)
            try:
                await self._export.start(port)
            except ArcDeskError as error:
                free = await in_thread("arcdesk-free-port", lambda: _next_free_port(port))
                self._session.notify(_with_way_out(error.problem, free))

    def _make_export(self) -> MetricsExport:
        from arcdesk.api.metrics_export import MetricsExport
        from arcdesk.engine.port_owner import describe_process

        return MetricsExport(self.service.look_once, describe_process)

    @property
    def page_url(self) -> str:
        """Where the figures are shown to other programs; '' where they are not."""
        return "" if self._export is None else self._export.url

    # the end

    async def aclose(self) -> None:
        """Before the chat's and the engine's parts are closed."""
        session = self._session
        session.bridge.state_changed.disconnect(self._on_state)
        session.settings_changed.remove(self._on_settings)
        session.slept.remove(self.service.slept)
        session.app.styleHints().colorSchemeChanged.disconnect(self._dress)
        self._unlisten()
        self._end_strip()
        self._end_tray()
        if self._panel is not None:
            self._panel.close()
        if self._xray is not None:
            await self._xray.aclose()
        async with self._exporting:
            if self._export is not None:
                await self._export.aclose()
        await self.service.aclose()
        await self._source.aclose()


def _identity(state: AppState) -> tuple[object, ...]:
    """What is another engine, or the same one begun anew: its figures are not those of before."""
    engine = state.engine
    return (engine.kind, engine.base_url, engine.model, engine.phase is EnginePhase.READY)


def _next_free_port(port: int) -> int | None:
    from arcdesk.engine.port_owner import next_free_port

    return next_free_port(port)


def _with_way_out(problem: Problem, free: int | None) -> Problem:
    if free is None or problem.actions:
        return problem
    way_out = Action(kind=ActionKind.USE_EXPORT_PORT, label=f"Use port {free}", target=str(free))
    return replace(problem, actions=(way_out,))
