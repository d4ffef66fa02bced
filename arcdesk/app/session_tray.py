"""Connects the tray's icon and menu to a session, and lets the session meet the cards once they matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arcdesk.core.engine_state import EngineKind, EnginePhase

if TYPE_CHECKING:
    from arcdesk.app.session import Session
    from arcdesk.core.store import AppState


class SessionTray:
    """The tray shows the session's state, and its wishes reach the session, from `connect` on."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def connect(self) -> None:
        """Once, before the session begins its work."""
        session, tray = self._session, self._session.tray
        session.bridge.state_changed.connect(tray.render)
        session.bridge.state_changed.connect(self._meet_cards)
        tray.start_requested.connect(session.start_engine)
        tray.stop_requested.connect(session.stop_engine)
        tray.restart_requested.connect(session.restart_engine)
        tray.open_chat_requested.connect(session.open_window)
        tray.quick_prompt_requested.connect(session.desktop.ask_quick)
        tray.menu_opened.connect(self._on_menu_opened)
        tray.menu_closed.connect(self._on_menu_closed)
        tray.models_requested.connect(lambda: session.tools.open_models())
        tray.gpu_requested.connect(lambda: session.cards.open())
        tray.bench_requested.connect(lambda: session.open_bench())
        tray.settings_requested.connect(lambda: session.tools.open_settings())
        tray.doctor_requested.connect(lambda: session.tools.open_doctor())
        tray.quit_requested.connect(session.quit)
        tray.host_missing.connect(session.open_window)  # never a program that can't be seen
        tray.render(session.store.state)

    def _on_menu_opened(self) -> None:
        """What looks at the cards may have to be loaded first: aside, while the menu is drawn."""
        self._session.tasks.spawn(self._look_for_menu(), name="look at the cards", is_shown_elsewhere=True)

    async def _look_for_menu(self) -> None:
        await self._session.load("card_parts")
        self._session.cards.menu_opened()

    def _on_menu_closed(self) -> None:
        if self._session.cards_or_none is not None:
            self._session.cards_or_none.menu_closed()

    def _meet_cards(self, state: AppState) -> None:
        """A container engine is on its way, or there: from now on its cards matter."""
        engine, session = state.engine, self._session
        is_up = engine.phase.is_transitional or engine.phase is EnginePhase.READY
        if engine.kind is EngineKind.CONTAINER and is_up:
            session.bridge.state_changed.disconnect(self._meet_cards)
            session.tasks.spawn(self._follow_cards(), name="follow the cards", is_shown_elsewhere=True)

    async def _follow_cards(self) -> None:
        session = self._session
        await session.load("card_parts", "model_parts", "bench_parts")
        _ = session.cards
        _ = session.tools.model_world  # it learns from this start
        _ = session.bench  # it offers to measure what is new
