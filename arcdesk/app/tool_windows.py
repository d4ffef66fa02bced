"""The windows beside the chat: settings with all their sections, and the doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arcdesk.app.desktop_setup import DesktopSetup
from arcdesk.core.engine_state import EngineKind
from arcdesk.core.hotkey import HotkeyState
from arcdesk.core.secrets import remote_key
from arcdesk.ui import theme

if TYPE_CHECKING:
    from arcdesk.app.doctor_controller import DoctorController
    from arcdesk.app.model_parts import ModelWorld
    from arcdesk.app.models_controller import ModelsController
    from arcdesk.app.session import Session
    from arcdesk.app.settings_controller import SettingsController
    from arcdesk.core.store import AppState
    from arcdesk.ui.hotkey_section import HotkeySection


class ToolWindows:
    """Makes each window when it is first wanted."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._settings: SettingsController | None = None
        self._doctor: DoctorController | None = None
        self._models: ModelWorld | None = None
        self._section: HotkeySection | None = None
        self._place = ""
        self.setup = DesktopSetup(
            session.tasks,
            settings=lambda: session.settings,
            save=session.take,
            texts=self._first_run_texts,
        )
        session.desktop.hotkey.listeners.append(self._on_hotkey)
        session.bridge.state_changed.connect(self.on_state)

    def open_settings(self, page: str = "") -> None:
        """Show the settings, turned to a page ('' is where they were)."""
        if self._settings is None:
            self._settings = self._make_settings()
        self._settings.show(page)

    def open_models(self, model_id: str = "") -> None:
        """Show the models, turned to one."""
        self._session.tasks.spawn(self._show_models(model_id), name="show the models")

    async def _show_models(self, model_id: str) -> None:
        await self._session.load("model_parts", "models_parts")
        self.models.show(model_id)

    @property
    def models(self) -> ModelsController:
        """The models' window, made at the first call."""
        return self.model_world.controller

    @property
    def model_world(self) -> ModelWorld:
        """Models, hub, downloads and prediction, made at the first call."""
        if self._models is None:
            from arcdesk.app.model_parts import ModelWorld

            self._models = ModelWorld(self._session)
        return self._models

    async def aclose(self) -> None:
        """End what works aside."""
        if self._models is not None:
            await self._models.aclose()

    def open_doctor(self) -> None:
        """Examine this computer."""
        self.doctor.open()

    @property
    def doctor(self) -> DoctorController:
        """Made at the first call."""
        if self._doctor is None:
            from arcdesk.app.doctor_controller import DoctorController

            self._doctor = DoctorController(
                self._session, on_action=self._session.perform, more_checks=self._session.desktop.checks
            )
            self._session.settings_changed.append(self._dress)
            self._session.app.styleHints().colorSchemeChanged.connect(self._dress)
        return self._doctor

    def _dress(self, _: object) -> None:
        """Other colours: of the doctor and of the sections that the settings window does not know."""
        palette = theme.current_palette(self._session.app, self._session.settings.theme)
        if self._doctor is not None:
            self._doctor.set_palette_colors(palette)
        if self._section is not None:
            self._section.set_palette_colors(palette)

    def on_state(self, state: AppState) -> None:
        """The first-run card names the engine."""
        if state.engine.place != self._place:
            self._place = state.engine.place
            self.setup.refresh()

    def close(self) -> None:
        """Take them down."""
        if self._settings is not None:
            self._settings.close()
        if self._doctor is not None:
            self._doctor.close()

    def _make_settings(self) -> SettingsController:
        from arcdesk.app.privacy_controller import PrivacyController
        from arcdesk.app.settings_controller import SettingsController
        from arcdesk.ui.autostart_row import AutostartRow
        from arcdesk.ui.hotkey_section import HotkeySection
        from arcdesk.ui.privacy_page import SEARCH_WORDS, PrivacyPage

        session = self._session
        controller = SettingsController(session, [session.tell_settings])
        window = controller.window
        section, page, row = HotkeySection(), PrivacyPage(), AutostartRow()
        window.add_to_page(
            "quick",
            section,
            search_words="hotkey key shortcut global portal",
            in_place_of="quick.hotkey",
        )
        window.add_page(window.tr("Privacy"), "page-privacy", page, SEARCH_WORDS, name="privacy")
        window.add_to_page("general", row, search_words="autostart log in login start")
        session.desktop.hotkey.attach(section)
        self._section = section
        self._dress(None)
        self._privacy = PrivacyController(
            page=page,
            secrets=session.parts.secrets,
            ledger=session.parts.ledger,
            tasks=session.tasks,
            settings=lambda: session.settings,
            key_changed=self._on_key_changed,
        )
        self.setup.serve_row(row)
        session.settings_changed += [controller.present, self._dress]
        return controller

    def _on_key_changed(self, name: str) -> None:
        """Another key for the server that is used now: connect anew with it."""
        session = self._session
        is_used = session.engine.snapshot.kind is EngineKind.REMOTE
        if is_used and name == remote_key(session.engine.settings.engine):
            session.restart_engine()

    def _first_run_texts(self) -> tuple[str, str]:
        """Engine and key, as they truly are."""
        from arcdesk.ui.hotkey_words import key_line

        hotkey = self._session.desktop.hotkey
        is_known = hotkey.has_answered or not self._session.settings.hotkey
        engine = self._session.store.state.engine
        return engine.place or engine.profile or "–", key_line(hotkey.state) if is_known else "…"

    def _on_hotkey(self, _: HotkeyState) -> None:
        self.setup.refresh()
