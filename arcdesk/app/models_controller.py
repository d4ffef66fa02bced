"""Connects the models window to the disk, the hub, the downloads, the prediction and the engine."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication

from arcdesk.app.models_board import Board, ModelParts
from arcdesk.app.models_files import ModelFiles
from arcdesk.app.models_look import ModelLook
from arcdesk.app.models_use import ModelUse
from arcdesk.core.engine_state import EnginePhase
from arcdesk.core.errors import Action, ActionKind, ArcDeskError
from arcdesk.core.hub import Download, DownloadPhase, HubModel
from arcdesk.core.models import ModelEntry, StartModel
from arcdesk.core.start_models import parse_start_models
from arcdesk.core.store import AppState
from arcdesk.services.model_list import ModelListing
from arcdesk.ui import theme
from arcdesk.ui.models_detail import wishes_of
from arcdesk.ui.models_pane import HERE, HUB
from arcdesk.ui.models_view import Detail, Subject
from arcdesk.ui.models_window import ModelsWindow

if TYPE_CHECKING:
    from arcdesk.app.session import Session

log = logging.getLogger(__name__)


class ModelsController:
    """Owns the models window. It reads only while it is seen; downloads go on without it."""

    def __init__(self, session: Session, parts: ModelParts) -> None:
        self._session = session
        self._parts = parts
        self.window = window = ModelsWindow()
        self._board = Board(window.present)
        self._start = self._read_start_list()
        self._look = ModelLook(session.tasks, self._board, parts)
        self._use = ModelUse(session, self._board, parts.fit, lambda: window)
        self._files = ModelFiles(
            session,
            self._board,
            parts.disk,
            parent=lambda: window,
            refresh=self._refresh,
            own_cache=parts.own_cache,
        )
        self._wanted = ""  # a model's id to turn to when the list is read
        self._phase = session.store.state.engine.phase
        self._served = (self._phase, session.store.state.engine.model)
        self._over: frozenset[str] = frozenset()  # downloads that have ended
        self._forgotten: dict[str, Download] = {}  # dismissed as they were
        self._dress()
        self._ends = [
            parts.models.listen(self._on_listing),
            parts.downloads.listen(self._on_downloads),
        ]
        session.bridge.state_changed.connect(self._on_state)
        self._connect()
        self._on_listing(parts.models.listing)
        self._on_downloads(parts.downloads.list())

    def _read_start_list(self) -> tuple[StartModel, ...]:
        try:
            return parse_start_models(self._parts.start_list)
        except ValueError as error:
            log.error("models.toml can't be read: %s", error)
            return ()

    def _connect(self) -> None:
        window = self.window
        window.shown.connect(self._on_shown)
        window.hidden.connect(lambda: self._board.see(False))
        window.refresh_requested.connect(self._refresh)
        window.chosen.connect(self._on_chosen)
        window.wished.connect(self._on_wish)
        window.search_requested.connect(self._look.search)
        window.low_bit_requested.connect(self._on_low_bit)
        window.download_action_requested.connect(self._on_download_action)
        window.notice_button_pressed.connect(self._on_notice)
        window.work_cancelled.connect(self._files.cancel)
        window.action_requested.connect(self._on_action)
        window.problem_dismissed.connect(lambda: self._board.change(problem=None))
        window.paths_dropped.connect(self._files.add_folders)

    # life

    def show(self, model_id: str = "") -> None:
        """Show the window, turned to a model if one is named, and bring it to the front."""
        self._wanted = model_id
        if self.window.isMinimized():
            self.window.showNormal()
        self.window.show()
        self.window.raise_()
        self.window.activateWindow()
        self._turn_to_wanted()

    def download(self, model_id: str) -> None:
        """Show the window and begin a download."""
        self.show()
        self._spawn_download(model_id)

    def own_cache(self) -> None:
        """Give files of the cache back to the person; the window says how it went."""
        self.show()
        self._session.tasks.spawn(self._take_over(), name="own the cache")

    def set_palette_colors(self, palette: theme.Palette) -> None:
        """The scheme changed; whoever owns the windows tells each of them."""
        self.window.set_palette_colors(palette)

    def close(self) -> None:
        """Take it down, when nothing tells it anything any more."""
        for end in self._ends:
            end()
        self._session.bridge.state_changed.disconnect(self._on_state)
        self._look.close()
        self._files.cancel()
        self._board.see(False)
        self.window.close()
        self.window.deleteLater()

    # what comes up

    def _dress(self) -> None:
        palette = theme.current_palette(self._session.app, self._session.settings.theme)
        if not self._session.app.styleSheet():
            theme.apply(self._session.app, palette)  # no other window was opened yet
        self.window.set_palette_colors(palette)

    def _on_shown(self) -> None:
        self._board.see(True)
        self._refresh()

    def _refresh(self) -> None:
        self._session.tasks.spawn(self._parts.models.refresh(), name="read the models")

    def _on_listing(self, listing: ModelListing) -> None:
        here = {entry.id for entry in listing.entries}
        start = tuple(model for model in self._start if model.id not in here)
        self._board.change(listing=listing, start=start)
        detail = self._board.view.detail
        if detail is not None and isinstance(detail.subject, ModelEntry):
            fresh = [entry for entry in listing.entries if _is_same(entry, detail.subject)]
            if fresh and fresh[0] != detail.subject:
                self._look.choose(fresh[0])
        self._tell_here()
        self._turn_to_wanted()

    def _turn_to_wanted(self) -> None:
        """As soon as the list has it; what it does not have is searched on the hub when it was read."""
        view = self._board.view
        if not self._wanted or not self._board.is_seen:
            return
        subjects: list[Subject] = [*view.listing.entries, *view.start]
        found = [subject for subject in subjects if subject.id == self._wanted]
        if found:
            self._wanted = ""
            self.window.pane.show_tab(HERE)
            self.window.choose(found[0])
        elif view.listing.is_known and not view.listing.is_loading:
            words, self._wanted = self._wanted, ""
            self.window.pane.words.setText(words)
            self.window.pane.show_tab(HUB)
            self._look.search(words)

    def _on_state(self, state: AppState) -> None:
        self._use.on_state(state)
        served = (state.engine.phase, state.engine.model)
        before, self._served = self._served, served
        if served != before and EnginePhase.READY in (served[0], before[0]) and self._board.is_seen:
            self._refresh()

    def _on_downloads(self, downloads: tuple[Download, ...]) -> None:
        self._forgotten = {repo: one for repo, one in self._forgotten.items() if one in downloads}
        shown = tuple(one for one in downloads if self._forgotten.get(one.repo) != one)
        self._look.on_downloads(shown)
        over = frozenset(one.repo for one in downloads if one.phase is DownloadPhase.DONE)
        if over - self._over and self._board.is_seen:
            self._refresh()
        self._over = over

    # what the person does

    def _on_chosen(self, subject: Subject | None) -> None:
        self._look.choose(subject)
        self._tell_here()

    def _tell_here(self) -> None:
        """Of a model of the hub: that it need not be downloaded."""
        detail = self._board.view.detail
        if detail is not None and isinstance(detail.subject, HubModel):
            self._board.change_detail(detail.subject, is_here=self._entry_of(detail.subject.id) is not None)

    def _entry_of(self, repo_id: str) -> ModelEntry | None:
        """What is here of it and can be used."""
        entries = [entry for entry in self._board.view.listing.entries if entry.id == repo_id]
        return next((entry for entry in entries if "use" in wishes_of(Detail(subject=entry))), None)

    def _on_low_bit(self, low_bit: str) -> None:
        detail = self._board.view.detail
        if detail is not None:
            self._look.look(detail.subject, low_bit)

    def _on_wish(self, wish: str, subject: Subject) -> None:
        match wish, subject:
            case "copy", _:
                QGuiApplication.clipboard().setText(subject.id)
            case "page", _:
                address = f"{self._session.settings.hub_endpoint.rstrip('/')}/{subject.id}"
                QDesktopServices.openUrl(QUrl(address))
            case "download", StartModel():
                self._spawn_download(subject.id, subject.file)
            case "download", _:
                self._spawn_download(subject.id)
            case "ask", _:
                self._look.look(subject)
            case "use", HubModel():
                self._use_downloaded(subject.id)
            case _, ModelEntry():
                self._on_file_wish(wish, subject)

    def _on_file_wish(self, wish: str, entry: ModelEntry) -> None:
        match wish:
            case "use":
                self._files.forget()
                self._use.use(entry)
            case "delete":
                self._use.forget()
                self._files.ask_delete(entry)
            case "move":
                self._files.ask_move(entry)
            case "verify":
                self._files.verify(entry)
            case "folder":
                self._files.open_folder(entry)

    def _on_notice(self, name: str) -> None:
        match name:
            case "restart":
                self._use.restart()
            case "start":
                self._use.start()
            case "purge":
                self._files.purge()
            case "undo":
                self._board.change(notice=None)
                if not self._files.undo():
                    self._use.undo()
            case _:
                self._board.change(notice=None)

    def _on_action(self, action: Action) -> None:
        """A button of a card: those about the chosen model are ours, the rest is the app's."""
        detail = self._board.view.detail
        entry = detail.subject if detail is not None else None
        match action.kind:
            case ActionKind.USE_EMBEDDED | ActionKind.USE_CONTAINER if isinstance(entry, ModelEntry):
                self._use.use(entry, action)
            case ActionKind.OWN_CACHE:
                self.own_cache()
            case ActionKind.DOWNLOAD_MODEL:
                self._spawn_download(action.target)
            case ActionKind.RETRY if self._board.view.search.problem is not None:
                self._look.search(self._board.view.search.words)
            case _:
                self._session.perform(action)

    async def _take_over(self) -> None:
        try:
            await self._parts.own_cache()
        except ArcDeskError as error:
            self._board.refuse(error)
            return
        self._board.tell("The files of the cache are yours.")
        self._refresh()

    # downloads

    def _spawn_download(self, repo_id: str, file: str = "") -> None:
        self._session.tasks.spawn(self._download(repo_id, file), name="begin a download")

    async def _download(self, repo_id: str, file: str) -> None:
        known = {one.repo: one for one in self._parts.downloads.list()}
        try:
            if repo_id in known and known[repo_id].phase in (DownloadPhase.PAUSED, DownloadPhase.FAILED):
                await self._parts.downloads.resume(repo_id)
            else:
                await self._parts.downloads.start(repo_id, file=file)
        except ArcDeskError as error:
            self._board.refuse(error)

    def _on_download_action(self, action: str, repo_id: str) -> None:
        if action == "forget":
            self._forget(repo_id)
        elif action == "use":
            self._use_downloaded(repo_id)
        else:
            self._session.tasks.spawn(self._drive(action, repo_id), name=f"{action} a download")

    def _forget(self, repo_id: str) -> None:
        downloads = self._parts.downloads.list()
        is_settled = (DownloadPhase.DONE, DownloadPhase.CANCELLED)
        self._forgotten |= {
            one.repo: one for one in downloads if one.repo == repo_id and one.phase in is_settled
        }
        self._on_downloads(downloads)

    async def _drive(self, action: str, repo_id: str) -> None:
        downloads = self._parts.downloads
        try:
            match action:
                case "pause":
                    await downloads.pause(repo_id)
                case "resume" | "retry":
                    await downloads.resume(repo_id)
                case "cancel":
                    await downloads.cancel(repo_id)
        except ArcDeskError as error:
            self._board.refuse(error)

    def _use_downloaded(self, repo_id: str) -> None:
        """Turn to it and use it; its download is of no interest any more."""
        entry = self._entry_of(repo_id)
        if entry is not None:
            self.window.pane.show_tab(HERE)
            self.window.choose(entry)
            self.window.pane.rows.setFocus()
            self._forget(repo_id)
            self._files.forget()
            self._use.use(entry)


def _is_same(one: ModelEntry, other: ModelEntry) -> bool:
    return (one.id, one.path) == (other.id, other.path)
