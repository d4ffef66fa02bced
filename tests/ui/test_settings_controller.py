"""Settings in the running program: from the window to the file, to the engine, to the colours, and back."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit

from arcdesk.app.settings_controller import SettingsController
from arcdesk.core.engine_state import EngineKind, EnginePhase
from arcdesk.core.settings import Settings
from arcdesk.engine.starter_model import find_starter_model
from arcdesk.storage import paths
from arcdesk.storage.settings_file import FILE_NAME, SettingsFile
from arcdesk.ui import theme
from arcdesk.ui.settings_row import SettingRow
from tests.fakes.openai_server import OpenAIServer
from tests.ui.app_rig import App, no_docker, open_app, server, until

__all__ = ["no_docker", "server"]  # fixtures
pytestmark = pytest.mark.qt_log_ignore("does not support raise")  # the offscreen platform says so


class Desk:
    """The running app with its settings window open."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.told: list[Settings] = []
        self.controller = SettingsController(app.session, [self.told.append])
        self.window = self.controller.window

    def row(self, setting: str) -> SettingRow:
        return next(row for row in self.window.book.rows if row.info.id == setting)

    def write(self, setting: str, text: str) -> None:
        self.window.show_page(self.row(setting).info.page)
        line = self.row(setting).editor.findChild(QLineEdit)
        assert line is not None
        line.setFocus()
        line.selectAll()
        QTest.keyClicks(line, text)
        QTest.keyClick(line, Qt.Key.Key_Return)

    def choose(self, setting: str, label: str) -> None:
        box = self.row(setting).editor.field
        assert isinstance(box, QComboBox)
        box.setCurrentIndex(box.findText(label))
        box.activated.emit(box.currentIndex())

    async def settle(self) -> None:
        await until(lambda: self.app.is_idle, "the change to be made")

    def words(self, setting: str) -> str:
        labels = self.row(setting).findChildren(QLabel)
        return "\n".join(label.text() for label in labels if label.isVisibleTo(self.window))


@asynccontextmanager
async def opened(engine: str | None = None) -> AsyncIterator[Desk]:
    """`engine` None: as the settings have it; the rig passes it to the command line otherwise."""
    async with open_app(engine) as app:  # type: ignore[arg-type]
        desk = Desk(app)
        desk.controller.show()
        try:
            yield desk
        finally:
            await desk.settle()
            desk.controller.close()


def config_file() -> Path:
    return paths.config_dir() / FILE_NAME


def kept() -> dict[str, Any]:
    return tomllib.loads(config_file().read_text())


async def test_a_theme_holds_at_once_is_kept_and_told(server: OpenAIServer) -> None:
    async with opened(server.base_url) as desk:
        desk.choose("general.theme", "Dark")
        await desk.settle()
        assert desk.app.session.app.palette().window().color().name() == theme.DARK.bg
        assert kept()["general"]["theme"] == "dark"
        assert [settings.theme for settings in desk.told] == ["dark"]
        assert desk.app.session.settings.theme == "dark"
        assert desk.row("general.theme").is_changed


async def test_reset_takes_the_setting_out_of_the_file(server: OpenAIServer) -> None:
    config_file().parent.mkdir()
    config_file().write_text('[general]\ntheme = "dark"\nnotify_ready = false\n')
    async with opened(server.base_url) as desk:
        desk.window.reset.emit("general", "theme")
        await desk.settle()
        assert kept() == {"general": {"notify_ready": False}}
        assert desk.app.session.settings.theme == "system"
        assert not desk.row("general.theme").is_changed


async def test_presets_reach_the_file_and_the_session(server: OpenAIServer) -> None:
    async with opened(server.base_url) as desk:
        desk.window.presets.changed.emit((("mail", "Write a mail"),))
        await desk.settle()
        assert kept()["presets"] == {"mail": "Write a mail"}
        assert desk.app.session.settings.presets == (("mail", "Write a mail"),)
        assert [row.pair for row in desk.window.presets.rows] == [("mail", "Write a mail")]


async def test_a_setting_of_the_container_leaves_another_running_engine_alone(server: OpenAIServer) -> None:
    async with opened(server.base_url) as desk:
        session = desk.app.session
        await session.engine.start()
        await until(lambda: desk.app.state.engine.phase is EnginePhase.READY, "the engine")
        asked = len(server.requests)
        driver = await session.engine.settle()
        desk.write("container.host_port", "9001")
        await desk.settle()
        assert kept()["container"] == {"host_port": 9001}
        assert await session.engine.settle() is driver
        assert desk.app.state.engine.phase is EnginePhase.READY
        assert len(server.requests) == asked
        assert not desk.window.restart.isVisible()


async def test_another_engine_is_taken_at_once(server: OpenAIServer) -> None:
    async with opened() as desk:
        desk.choose("engine.engine", "A server at an address")
        desk.write("engine.engine", server.base_url)
        await desk.settle()
        assert desk.app.state.engine.kind is EngineKind.REMOTE
        assert kept()["engine"]["engine"] == server.base_url
        desk.choose("engine.engine", "Container (Intel Arc)")
        await desk.settle()
        assert desk.app.state.engine.kind is EngineKind.CONTAINER


async def test_changes_that_come_while_an_engine_is_taken_are_all_kept(server: OpenAIServer) -> None:
    async with opened() as desk:
        desk.choose("engine.engine", "Container (Intel Arc)")
        desk.choose("general.theme", "Dark")
        desk.write("container.host_port", "9001")
        desk.choose("engine.engine", "Embedded (this computer's processor)")
        await desk.settle()
        settings = desk.app.session.settings
        assert (settings.engine, settings.theme, settings.container.host_port) == ("embedded", "dark", 9001)
        assert SettingsFile(environ={"ARCDESK_HOTKEY": ""}).load() == settings


async def test_a_change_that_can_not_be_written_holds_and_is_told(server: OpenAIServer) -> None:
    async with opened(server.base_url) as desk:
        config_file().mkdir(parents=True)  # no file can be made there
        desk.choose("general.theme", "Dark")
        await desk.settle()
        assert desk.app.session.settings.theme == "dark"
        assert desk.window.problem.isVisible()
        problem = desk.window.problem.problem
        assert problem is not None
        assert problem.cause == "storage_unwritable"
        desk.window.problem.dismissed.emit()
        assert not desk.window.problem.isVisible()
        desk.choose("general.theme", "Light")
        await desk.settle()
        assert desk.window.problem.isVisible(), "it still can't be written"


async def test_a_mistake_in_the_file_is_on_top_of_the_window(server: OpenAIServer) -> None:
    config_file().parent.mkdir()
    config_file().write_text('[general]\ntheme = "purple"\n')
    async with opened(server.base_url) as desk:
        problem = desk.window.problem.problem
        assert problem is not None
        assert "theme" in problem.title


async def test_a_variable_is_named_and_its_setting_locked(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCDESK_THEME", "dark")
    async with opened(server.base_url) as desk:
        assert "ARCDESK_THEME" in desk.words("general.theme")
        assert not desk.row("general.theme").editor.field.isEnabled()


async def test_a_running_embedded_engine_gets_its_model_with_the_restart(tmp_path: Path) -> None:
    """The real embedded engine: the change leaves it alone, the button brings the new file."""
    starter = find_starter_model()
    assert starter is not None
    other = tmp_path / "other.gguf"
    other.symlink_to(starter)
    async with opened("embedded") as desk:
        engine = desk.app.session.engine
        await until(lambda: engine.snapshot.phase is EnginePhase.READY, "the starter model")
        address = engine.snapshot.base_url
        desk.write("engine.gguf_path", str(other))
        await desk.settle()
        assert kept()["engine"]["gguf_path"] == str(other)
        assert (engine.snapshot.phase, engine.snapshot.base_url) == (EnginePhase.READY, address)
        assert desk.window.restart.isVisible()
        assert "when the engine restarts" in desk.words("engine.gguf_path")
        desk.window.restart.click()
        await until(lambda: engine.snapshot.base_url not in (address, None), "another engine")
        await until(lambda: engine.snapshot.phase is EnginePhase.READY, "the other model")
        assert engine.settings.gguf_path == str(other)
        assert "other" in f"{engine.snapshot.model} {engine.snapshot.place}"
        assert not desk.window.restart.isVisible()


async def test_a_restart_from_elsewhere_brings_the_new_model_too(tmp_path: Path) -> None:
    starter = find_starter_model()
    assert starter is not None
    other = tmp_path / "other.gguf"
    other.symlink_to(starter)
    async with opened("embedded") as desk:
        engine = desk.app.session.engine
        await until(lambda: engine.snapshot.phase is EnginePhase.READY, "the starter model")
        desk.write("engine.gguf_path", str(other))
        await desk.settle()
        desk.app.session.restart_engine()
        await until(lambda: "other" in f"{engine.snapshot.model} {engine.snapshot.place}", "the new model")
        await until(lambda: engine.snapshot.phase is EnginePhase.READY, "the other model")
        assert not desk.window.restart.isVisible()
