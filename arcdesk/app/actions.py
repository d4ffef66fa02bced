"""What the buttons beside an error do."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QMessageBox

from arcdesk.core.engine_state import EnginePhase
from arcdesk.core.errors import Action, ActionKind
from arcdesk.core.settings import Settings, change_container
from arcdesk.ui.main_window import MainWindow

if TYPE_CHECKING:
    from arcdesk.app.session import Session


def perform(session: Session, action: Action, token: str = "") -> None:
    """Do what a button says, wherever it stands. Each kind of Action has its line here.

    What needs a window opens it; `token` is the desktop's leave to bring it to the front.
    """
    session.notices.settle(action)
    match action.kind:
        case ActionKind.START:
            _spawn(session, _start_and_ask(session), "start the engine")
        case ActionKind.RESTART:
            session.restart_engine()
        case ActionKind.RETRY:
            _spawn(session, _ask_again(session), "ask again")
        case ActionKind.APPLY_SETTINGS:
            changed = change_container(session.settings, action.settings)
            _spawn(session, _restart_with(session, changed), "apply settings")
        case ActionKind.USE_EMBEDDED:
            embedded = replace(session.settings, engine="embedded")
            _spawn(session, _use_and_ask(session, embedded), "use the embedded engine")
        case ActionKind.USE_CONTAINER:
            _spawn(session, session.apply(replace(session.settings, engine="container")), "use the container")
        case ActionKind.PULL_IMAGE:
            _spawn(session, session.engine.pull_and_start(), "download the image")
        case ActionKind.REMOVE_CONTAINER:
            _confirm_removal(session, _window(session, token), action)
        case ActionKind.CHOOSE_MODEL:
            _choose_model(session, _window(session, token))
        case ActionKind.SHOW_LOG:
            show_log(session, _window(session, token))
        case ActionKind.COPY:
            QGuiApplication.clipboard().setText(action.target)
        case ActionKind.NEW_CHAT:
            session.tasks.spawn(_select(session, 0), name="begin a chat")
        case ActionKind.UNDO_DELETE:
            session.tasks.spawn(_restore(session, int(action.target)), name="restore the chat")
        case ActionKind.OPEN_CHAT:
            if action.target:
                session.tasks.spawn(_select(session, int(action.target)), name="open a chat")
            session.open_window(token)
        case ActionKind.OPEN_QUICK:
            session.desktop.ask_quick("", token)
        case ActionKind.CHANGE_HOTKEY:
            session.tools.open_settings("quick")
            session.desktop.hotkey.handle(action)
        case ActionKind.RETRY_HOTKEY | ActionKind.INSTALL_DESKTOP:
            session.desktop.hotkey.handle(action)
        case ActionKind.SHOW_REPORT:
            session.tools.doctor.show_report(Path(action.target))
        case ActionKind.SAVE_BUNDLE:
            session.tools.doctor.open_bundle()
        case ActionKind.OPEN_DOCTOR:
            session.tools.open_doctor()
        case ActionKind.OPEN_GPU:
            session.cards.open(action.target)
        case ActionKind.OPEN_MODELS:
            session.tools.open_models(action.target)
        case ActionKind.OPEN_BENCH:
            session.open_bench(action.target)
        case ActionKind.OPEN_LEDGER:
            session.open_bench(f"ledger:{action.target}")
        case ActionKind.KEEP_RUN:
            session.bench.bench.keep()
        case ActionKind.UNDO_RUN_DELETE:
            session.tasks.spawn(session.bench.restore_run(int(action.target)), name="restore the run")
        case ActionKind.OPEN_LIVE:
            session.open_live()
        case ActionKind.USE_EXPORT_PORT:
            session.take(replace(session.settings, live_export=True, live_export_port=int(action.target)))
        case ActionKind.DOWNLOAD_MODEL:
            session.tools.models.download(action.target)
        case ActionKind.OWN_CACHE:
            session.tools.models.own_cache()
        case ActionKind.KEEP_IN_FILE:
            session.tools.open_settings("privacy")


def _window(session: Session, token: str) -> MainWindow:
    """The chat window, seen: a dialog belongs to it."""
    if not session.window.window.isVisible():
        session.open_window(token)
    return session.window.window


def _spawn(session: Session, work: Coroutine[Any, Any, None], name: str) -> None:
    """For work whose failure the engine's snapshot or a bubble shows."""
    session.tasks.spawn(work, name=name, is_shown_elsewhere=True)


async def _start_and_ask(session: Session) -> None:
    if session.engine.snapshot.phase.can_start:
        await session.engine.start()
    await _ask_again(session, only_unanswered=True)


async def _ask_again(session: Session, *, only_unanswered: bool = False) -> None:
    chat = await session.chat()
    conversation_id = session.store.state.active_conversation
    if not conversation_id or conversation_id in session.store.state.answering:
        return
    if only_unanswered and not await chat.is_unanswered(conversation_id):
        return
    await chat.ask_again(conversation_id)


async def _use_and_ask(session: Session, settings: Settings) -> None:
    await session.apply(settings, start=True)
    await _ask_again(session, only_unanswered=True)


async def _restart_with(session: Session, settings: Settings) -> None:
    if session.engine.snapshot.phase in (EnginePhase.READY, EnginePhase.LOADING, EnginePhase.FAILED):
        await session.engine.stop()
    await session.apply(settings, start=True)
    await _ask_again(session, only_unanswered=True)


def _confirm_removal(session: Session, window: MainWindow, action: Action) -> None:
    """The container is somebody else's: it is removed only after a clear yes."""
    box = QMessageBox(window)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setIcon(QMessageBox.Icon.Warning)
    box.setWindowTitle(window.tr("Remove a container?"))
    box.setText(f"{action.label}?")
    box.setInformativeText(window.tr("ArcDesk did not make it. What it holds and no volume keeps is lost."))
    remove = box.addButton(window.tr("Remove"), QMessageBox.ButtonRole.DestructiveRole)
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(QMessageBox.StandardButton.Cancel)

    def decided() -> None:
        if box.clickedButton() is remove:
            session.tasks.spawn(_remove_and_start(session, action.target), name="remove the container")

    box.finished.connect(decided)
    box.open()


async def _remove_and_start(session: Session, container_id: str) -> None:
    await session.parts.runtime.remove(container_id)
    await session.engine.start()


async def _select(session: Session, conversation_id: int) -> None:
    (await session.chat()).select(conversation_id)


async def _restore(session: Session, conversation_id: int) -> None:
    await (await session.chat()).restore(conversation_id)


def _choose_model(session: Session, window: MainWindow) -> None:
    dialog = QFileDialog(window, window.tr("Choose a GGUF model"))
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setNameFilters([window.tr("GGUF models (*.gguf)"), window.tr("All files (*)")])
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)

    def chosen(path: str) -> None:
        settings = replace(session.settings, engine="embedded", gguf_path=path)
        _spawn(session, _use_and_ask(session, settings), "use a model")

    dialog.fileSelected.connect(chosen)
    dialog.open()


def show_log(session: Session, window: MainWindow) -> None:
    """Open the log in a window of its own."""
    from arcdesk.ui.log_window import LogWindow

    dialog = LogWindow(window)

    async def refresh() -> None:
        dialog.show_lines(await session.engine.log_tail(1000))

    dialog.refresh_requested.connect(lambda: session.tasks.spawn(refresh(), name="read the log"))
    dialog.open()
    session.tasks.spawn(refresh(), name="read the log")
