"""The buttons beside an error: each kind does what it says, in the running program."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import tomllib
import urllib.request
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QFileDialog,
    QLabel,
    QMessageBox,
    QPlainTextEdit,
    QPushButton,
    QWidget,
)

from arcdesk.core.bench import BenchRun
from arcdesk.core.engine_state import EngineKind, EnginePhase
from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.core.hotkey import HotkeyState
from arcdesk.core.hub import DownloadPhase
from arcdesk.core.ident import APP_ID
from arcdesk.services.threads import in_thread
from arcdesk.storage import paths
from arcdesk.storage.bench_ledger import FILE_NAME as LEDGER_FILE
from arcdesk.storage.settings_file import FILE_NAME
from arcdesk.ui.bench_window import BenchWindow
from arcdesk.ui.bundle_dialog import BundleDialog
from arcdesk.ui.doctor_window import DoctorWindow
from arcdesk.ui.gpu_window import GpuWindow
from arcdesk.ui.hotkey_section import HotkeySection
from arcdesk.ui.ledger_window import LedgerWindow
from arcdesk.ui.live_dock import LiveDock
from arcdesk.ui.log_window import LogWindow
from arcdesk.ui.models_window import ModelsWindow
from arcdesk.ui.privacy_page import PrivacyPage
from arcdesk.ui.report_window import ReportWindow
from tests.fakes.openai_server import ANSWER, OpenAIServer, json_response
from tests.rig.paced_server import PacedServer
from tests.ui.app_rig import App, no_docker, open_app, server, until
from tests.ui.bench_rig import open_desk

__all__ = ["no_docker", "server"]  # fixtures
pytestmark = pytest.mark.qt_log_ignore("does not support raise")  # the offscreen platform says so

QUESTION = "What is the capital of France?"
D = TypeVar("D", bound=QDialog)
W = TypeVar("W", bound=QWidget)


def action(kind: ActionKind, target: str = "", **settings: str) -> Action:
    return Action(kind=kind, label="Do it", target=target, settings=tuple(settings.items()))


def kept_settings() -> dict[str, Any]:
    return tomllib.loads((paths.config_dir() / FILE_NAME).read_text())


async def dialog_of(app: App, kind: type[D]) -> D:
    """The dialog that a button has opened."""
    await until(lambda: app.window.findChildren(kind), f"a {kind.__name__}")
    dialog = app.window.findChildren(kind)[0]
    assert dialog.isVisible()
    return dialog


async def fail_once(app: App, server: OpenAIServer) -> None:
    """A question whose answer failed before its first word."""
    server.script(json_response(401, {"error": "Unauthorized"}))
    app.ask(QUESTION)
    await app.until_answered()
    assert await app.chat.is_unanswered(1)


async def until_answer_is_seen(app: App) -> None:
    await until(lambda: "".join(ANSWER) in app.words, "the answer")
    await app.until_answered()


def test_every_kind_has_its_test() -> None:
    told = [name for name in globals() if name.startswith("test_")]
    for kind in ActionKind:
        assert any(name.startswith(f"test_{kind.value}_") for name in told), kind


async def test_start_brings_the_engine_up(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        assert app.state.engine.phase is EnginePhase.STOPPED
        app.perform(action(ActionKind.START))
        await until(lambda: app.state.engine.phase is EnginePhase.READY, "the engine to answer")
        assert app.state.conversations == ()


async def test_start_asks_what_is_left_unanswered_and_nothing_else(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        await fail_once(app, server)
        app.perform(action(ActionKind.START))
        await until_answer_is_seen(app)
        asked = len(server.requests)
        app.perform(action(ActionKind.START))
        await until(lambda: app.is_idle, "the button's work to end")
        assert len([r for r in server.requests[asked:] if r.method == "POST"]) == 0


async def test_restart_stops_and_starts(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        await app.session.engine.start()
        phases: list[EnginePhase] = []
        app.session.bridge.engine_changed.connect(lambda engine: phases.append(engine.phase))
        app.perform(action(ActionKind.RESTART))
        await until(lambda: phases[-1:] == [EnginePhase.READY], "the engine to answer again")
        assert phases == [EnginePhase.STOPPED, EnginePhase.STARTING, EnginePhase.READY]


async def test_retry_asks_the_question_again_and_only_the_question(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        await fail_once(app, server)
        assert "API key" in app.words
        app.perform(action(ActionKind.RETRY))
        await until_answer_is_seen(app)
        assert server.requests[-1].body["messages"] == [{"role": "user", "content": QUESTION}]
        assert "API key" not in app.words  # the try that brought nothing has given way


async def test_apply_settings_keeps_them_and_starts(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        app.perform(action(ActionKind.APPLY_SETTINGS, max_model_len="1312"))
        await until(lambda: app.state.engine.phase is EnginePhase.READY, "the engine to answer")
        assert app.session.engine.settings.container.max_model_len == 1312
        assert kept_settings()["container"]["max_model_len"] == 1312


async def test_use_embedded_begins_the_embedded_engine(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        app.perform(action(ActionKind.USE_EMBEDDED))
        await until(lambda: app.state.engine.phase is EnginePhase.READY, "the embedded engine to answer")
        assert app.state.engine.kind is EngineKind.EMBEDDED
        assert kept_settings()["engine"]["engine"] == "embedded"


async def test_use_container_takes_the_container(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        app.perform(action(ActionKind.USE_CONTAINER))
        await until(lambda: app.state.engine.kind is EngineKind.CONTAINER, "the container's driver")
        assert kept_settings()["engine"]["engine"] == "container"


async def test_pull_image_goes_to_docker(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        app.perform(action(ActionKind.PULL_IMAGE))
        await until(lambda: app.state.engine.problem, "what became of the download")
        assert app.state.engine.problem is not None
        assert app.state.engine.problem.cause == "docker_daemon"


async def test_remove_container_asks_first(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        app.perform(action(ActionKind.REMOVE_CONTAINER, "somebodys"))
        box = await dialog_of(app, QMessageBox)
        box.reject()
        await until(lambda: not app.window.findChildren(QMessageBox), "the question to go")
        await until(lambda: app.is_idle, "no work to be left")
        assert app.state.notices == ()


async def test_remove_container_goes_to_docker_after_a_yes(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        app.perform(action(ActionKind.REMOVE_CONTAINER, "somebodys"))
        box = await dialog_of(app, QMessageBox)
        remove = next(button for button in box.findChildren(QPushButton) if "Remove" in button.text())
        remove.click()
        await until(lambda: app.state.notices, "what became of it")
        assert app.state.notices[-1].cause == "docker_daemon"


async def test_choose_model_takes_the_file_that_was_chosen(server: OpenAIServer, tmp_path: Path) -> None:
    async with open_app(server.base_url) as app:
        model = tmp_path / "own.gguf"
        model.write_bytes(b"no model at all")
        app.perform(action(ActionKind.CHOOSE_MODEL))
        dialog = await dialog_of(app, QFileDialog)
        dialog.selectFile(str(model))
        dialog.accept()
        await until(lambda: app.state.engine.phase is EnginePhase.FAILED, "the engine to refuse it")
        assert app.state.engine.kind is EngineKind.EMBEDDED
        assert kept_settings()["engine"]["gguf_path"] == str(model)


async def test_show_log_shows_the_engines_words(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        app.perform(action(ActionKind.USE_EMBEDDED))
        await until(lambda: app.state.engine.phase is EnginePhase.READY, "the embedded engine to answer")
        app.perform(action(ActionKind.SHOW_LOG))
        log = await dialog_of(app, LogWindow)
        text = log.findChild(QPlainTextEdit)
        assert isinstance(text, QPlainTextEdit)
        await until(text.toPlainText, "its lines")
        assert text.toPlainText().splitlines() == await app.session.engine.log_tail(1000)


async def test_copy_puts_the_text_on_the_clipboard(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        app.perform(action(ActionKind.COPY, "sudo systemctl start docker"))
        assert QGuiApplication.clipboard().text() == "sudo systemctl start docker"


async def test_new_chat_begins_one(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        app.ask(QUESTION)
        await app.until_answered()
        app.perform(action(ActionKind.NEW_CHAT))
        await until(lambda: app.state.active_conversation == 0, "the empty chat")
        assert app.window.welcome.isVisible()


async def test_undo_delete_brings_the_chat_back_and_takes_its_notice(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        app.ask(QUESTION)
        await app.until_answered()
        app.window.conversations.delete_requested.emit(1)
        await until(lambda: app.state.notices, "the notice with 'Undo'")
        assert app.state.conversations == ()
        other = Problem(cause="other", title="Something else")
        app.session.notify(other)
        undo = next(notice.actions[0] for notice in app.state.notices if notice.cause == "deleted")
        app.perform(undo)
        await until(lambda: "".join(ANSWER) in app.words, "the chat in view")
        assert app.state.notices == (other,)


async def test_open_chat_shows_the_conversation(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        app.ask(QUESTION)
        await app.until_answered()
        await app.choose(0)
        app.window.hide()
        app.perform(action(ActionKind.OPEN_CHAT, "1"))
        await until(lambda: "".join(ANSWER) in app.words, "the conversation")
        assert app.state.active_conversation == 1


async def test_open_quick_shows_the_quick_prompt(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        app.perform(action(ActionKind.OPEN_QUICK))
        await until(lambda: app.session.desktop.quick.bar.isVisible(), "the bar")


async def test_change_hotkey_begins_to_record(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        app.perform(action(ActionKind.CHANGE_HOTKEY))
        section = next(w for w in QApplication.allWidgets() if isinstance(w, HotkeySection))
        assert section.isVisible()
        assert section.recorder.is_recording


async def test_retry_hotkey_looks_again(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCDESK_HOTKEY", "Ctrl+Alt+Space")
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    async with open_app(server.base_url) as app:
        hotkey = app.session.desktop.hotkey
        await until(lambda: hotkey.state.problem and not hotkey.state.is_asking, "why there is no key here")
        before = hotkey.state
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
        app.perform(action(ActionKind.RETRY_HOTKEY))
        await until(lambda: hotkey.state not in (before, HotkeyState()), "what is different now")


async def test_install_desktop_writes_the_entry(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        app.perform(action(ActionKind.INSTALL_DESKTOP))
        entry = paths.data_dir().parent / "applications" / f"{APP_ID}.desktop"
        await until(entry.exists, "the desktop entry")


async def test_show_report_shows_its_text(server: OpenAIServer, tmp_path: Path) -> None:
    report = tmp_path / "report.txt"
    report.write_text("What happened")
    async with open_app(server.base_url) as app:
        app.perform(action(ActionKind.SHOW_REPORT, str(report)))
        await until(lambda: top_dialogs(ReportWindow), "the report")
        words = [edit.toPlainText() for edit in top_dialogs(ReportWindow)[0].findChildren(QPlainTextEdit)]
        assert any("What happened" in text for text in words)


async def test_save_bundle_shows_what_would_be_saved(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        app.perform(action(ActionKind.SAVE_BUNDLE))
        await until(lambda: top_dialogs(BundleDialog), "the bundle")


async def test_open_doctor_examines(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        app.perform(action(ActionKind.OPEN_DOCTOR))
        await until(lambda: top_dialogs(DoctorWindow), "the doctor")


async def test_open_gpu_shows_the_cards(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        app.perform(action(ActionKind.OPEN_GPU))
        await until(lambda: shown(GpuWindow), "the cards")


async def test_open_models_shows_the_models(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        app.perform(action(ActionKind.OPEN_MODELS))
        await until(lambda: shown(ModelsWindow), "the models")


async def test_open_bench_shows_the_benchmark(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        app.perform(action(ActionKind.OPEN_BENCH))
        await until(lambda: shown(BenchWindow), "the benchmark")


async def test_open_ledger_shows_what_was_measured(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        app.perform(action(ActionKind.OPEN_LEDGER))
        await until(lambda: shown(LedgerWindow), "the ledger")


async def test_open_live_shows_the_panel(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        app.session.open_window()
        app.perform(action(ActionKind.OPEN_LIVE))
        await until(lambda: [dock for dock in app.window.findChildren(LiveDock) if dock.isVisible()], "it")


async def test_undo_run_delete_brings_the_run_back(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        await app.session.load("bench_parts")
        ledger = app.session.bench.ledger
        kept = await ledger.add(BenchRun(at=1.0, note="mine"))
        await ledger.delete(kept.id)
        assert await ledger.count() == 0
        app.perform(action(ActionKind.UNDO_RUN_DELETE, target=str(kept.id)))
        async with asyncio.timeout(20):
            while await ledger.count() == 0:
                await asyncio.sleep(0.01)
        assert (await ledger.get(kept.id)).note == "mine"


async def test_keep_run_keeps_what_the_ledger_refused() -> None:
    async with PacedServer() as paced, open_desk(paced) as desk:
        await desk.open()
        await desk.measure()  # the ledger's file is there
        with closing(sqlite3.connect(paths.data_dir() / LEDGER_FILE, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")  # another program writes, and takes its time
            await desk.measure()
        assert desk.view.is_unkept
        desk.app.perform(action(ActionKind.KEEP_RUN))
        await desk.until_said("Kept in the ledger.")
        assert await desk.app.session.bench.ledger.count() == 2


async def test_use_export_port_shows_the_figures_there(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        app.perform(action(ActionKind.USE_EXPORT_PORT, target=str(port)))

        def page() -> str:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                    return str(answer.read().decode())
            except OSError:
                return ""

        async with asyncio.timeout(30):
            while "arcdesk_" not in (text := await in_thread("reader", page)):
                await asyncio.sleep(0.05)
        assert "arcdesk_observations" in text
        assert kept_settings()["bench"] == {"live_export": True, "live_export_port": port}


async def test_download_model_begins_and_says_why_it_can_not(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        app.session.take(replace(app.session.settings, hub_offline=True))
        app.perform(action(ActionKind.DOWNLOAD_MODEL, target="org/model"))
        downloads = app.session.tools.model_world.downloads
        await until(
            lambda: (
                [(one.repo, one.phase) for one in downloads.list()] == [("org/model", DownloadPhase.FAILED)]
            ),
            "the refusal",
        )
        problem = downloads.list()[0].problem
        assert problem is not None and problem.cause == "hub_offline"


async def test_own_cache_says_that_all_is_the_persons(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        app.perform(action(ActionKind.OWN_CACHE))
        await until(lambda: shown(ModelsWindow), "the models")
        window = shown(ModelsWindow)[0]
        await until(
            lambda: any("are yours" in label.text() for label in window.findChildren(QLabel)), "the word"
        )


def shown(kind: type[W]) -> list[W]:
    """Visible windows of this kind."""
    return [
        window for window in QApplication.topLevelWidgets() if isinstance(window, kind) and window.isVisible()
    ]


async def test_keep_in_file_shows_the_keys(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        app.perform(action(ActionKind.KEEP_IN_FILE))
        pages = [w for w in QApplication.allWidgets() if isinstance(w, PrivacyPage)]
        assert [page.isVisible() for page in pages] == [True]


def top_dialogs(kind: type[D]) -> list[D]:
    """Visible dialogs of this kind, whoever is their parent."""
    return [w for w in QApplication.allWidgets() if isinstance(w, kind) and w.isVisible()]
