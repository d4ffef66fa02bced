"""What a person does with a model's files: delete, move, verify, open, and folders to look into."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from arcdesk.app.model_choice import MODELS_TARGET
from arcdesk.app.models_board import Board
from arcdesk.app.settings_apply import RUNNING
from arcdesk.core.engine_state import EngineKind
from arcdesk.core.errors import ArcDeskError, Problem, UsageError
from arcdesk.core.model_names import short_name
from arcdesk.core.models import ModelEntry
from arcdesk.core.settings import Settings
from arcdesk.storage.model_disk import ModelDisk
from arcdesk.storage.model_remove import Aside, Removal
from arcdesk.storage.model_verify import Report
from arcdesk.ui.models_view import Work
from arcdesk.ui.models_words import size_text

if TYPE_CHECKING:
    from arcdesk.app.session import Session

MOST_BAD = 6  # files named in a problem


class ModelFiles:
    """One long work at a time. `refresh` reads the list anew; `own_cache` gives root's files back to the
    person before they are moved or deleted.
    """

    def __init__(
        self,
        session: Session,
        board: Board,
        disk: ModelDisk,
        *,
        parent: Callable[[], QWidget],
        refresh: Callable[[], None],
        own_cache: Callable[[], Awaitable[object]],
    ) -> None:
        self._session = session
        self._board = board
        self._disk = disk
        self._parent = parent
        self._refresh = refresh
        self._own_cache = own_cache
        self._working: asyncio.Task[Any] | None = None
        self._aside: Aside | None = None

    # delete

    def ask_delete(self, entry: ModelEntry) -> None:
        """Say what would go; it goes after a yes."""
        self._session.tasks.spawn(self._ask_delete(entry), name="plan a removal")

    async def _ask_delete(self, entry: ModelEntry) -> None:
        try:
            removal = await self._disk.plan_removal(entry, in_use=self._in_use())
        except ArcDeskError as error:
            self._board.refuse_for(entry, error.problem)
            return
        parent = self._parent()
        box = QMessageBox(parent)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Question)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setWindowTitle(parent.tr("Delete a model?"))
        box.setText(parent.tr("Delete {0}?").format(short_name(entry.id)))
        box.setInformativeText(_removal_words(removal))
        delete = box.addButton(parent.tr("Delete"), QMessageBox.ButtonRole.DestructiveRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(QMessageBox.StandardButton.Cancel)

        def decided() -> None:
            if box.clickedButton() is delete:
                self._session.tasks.spawn(self._delete(entry), name="delete a model")

        box.finished.connect(decided)
        box.open()

    async def _delete(self, entry: ModelEntry) -> None:
        try:  # planned anew: the engine may have been started with it while the person thought
            removal = await self._disk.plan_removal(entry, in_use=self._in_use())
            if removal.has_foreign:
                await self._own_cache()
            self._aside = await self._disk.set_aside(removal)
        except ArcDeskError as error:
            self._board.refuse_for(entry, error.problem)
            return
        finally:
            self._refresh()
        self._board.tell(
            f"{short_name(entry.id)} was deleted.",
            f"Its {size_text(removal.size_bytes)} become free when ArcDesk quits; until then 'Undo' works.",
            ("undo", "Undo"),
            ("purge", "Free them now"),
        )

    def _in_use(self) -> tuple[str, ...]:
        engine = self._session.engine.snapshot
        return in_use(self._session.settings, engine.kind) if engine.phase in RUNNING else ()

    def undo(self) -> bool:
        """Bring back what was deleted last; False if there is nothing."""
        if self._aside is None:
            return False
        aside, self._aside = self._aside, None
        self._session.tasks.spawn(self._restore(aside), name="bring a model back")
        return True

    async def _restore(self, aside: Aside) -> None:
        try:
            await self._disk.restore(aside)
        except ArcDeskError as error:
            self._board.refuse(error)
            return
        finally:
            self._refresh()
        self._board.tell(f"{short_name(aside.removal.model)} is back.")

    def purge(self) -> None:
        """Free the space now; then there is no way back."""
        if self._aside is not None:
            aside, self._aside = self._aside, None
            self._session.tasks.spawn(self._purge(aside), name="free the space of a model")

    async def _purge(self, aside: Aside) -> None:
        self._board.change(notice=None)
        try:
            freed_bytes = await self._disk.purge(aside)
        except ArcDeskError as error:
            self._board.refuse(error)
            return
        self._board.tell(f"{size_text(freed_bytes)} are free again.")

    def forget(self) -> None:
        """Something else can be undone now; what was set aside goes when ArcDesk quits."""
        self._aside = None

    # move and verify

    def ask_move(self, entry: ModelEntry) -> None:
        """Ask for a folder, then move."""
        parent = self._parent()
        dialog = QFileDialog(parent, parent.tr("Move {0} to…").format(short_name(entry.id)))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(lambda path: self.move(entry, Path(path)))
        dialog.open()

    def move(self, entry: ModelEntry, folder: Path) -> None:
        """Move it there; the folder becomes one that is looked into."""
        self._work(self._move(entry, folder), "move a model")

    async def _move(self, entry: ModelEntry, folder: Path) -> None:
        tell = self._teller(f"Moves {short_name(entry.id)}.")
        try:
            if (await self._disk.plan_removal(entry, in_use=self._in_use())).has_foreign:
                await self._own_cache()
            path = await self._disk.move(entry, folder, tell, in_use=self._in_use())
        except ArcDeskError as error:
            self._board.refuse_for(entry, error.problem)
            return
        finally:
            self._refresh()
        self._look_into([folder])
        self._board.tell(f"{short_name(entry.id)} was moved.", path)

    def verify(self, entry: ModelEntry) -> None:
        """Read all of its files."""
        self._work(self._verify(entry), "verify a model")

    async def _verify(self, entry: ModelEntry) -> None:
        self._board.refuse_for(entry, None)
        tell = self._teller(f"Reads {short_name(entry.id)}.")
        try:
            report = await self._disk.verify(entry, tell)
        except ArcDeskError as error:
            self._board.refuse_for(entry, error.problem)
            return
        if report.is_sound:
            self._board.tell(f"{short_name(entry.id)} is whole.", _sound_words(report))
        else:
            self._board.refuse_for(entry, _bad_files(entry, report))

    def _work(self, work: Coroutine[Any, Any, None], name: str) -> None:
        if self._working is not None and not self._working.done():
            work.close()
            self._board.tell("One thing after the other: wait for what goes on, or cancel it.")
            return

        async def until_over() -> None:
            try:
                await work
            finally:
                self._board.change(work=None)

        self._working = self._session.tasks.spawn(until_over(), name=name)

    def _teller(self, text: str) -> Callable[[int, int], None]:
        def tell(done_bytes: int, total_bytes: int) -> None:
            self._board.change(work=Work(text=text, done_bytes=done_bytes, total_bytes=total_bytes or None))

        tell(0, 0)
        return tell

    def cancel(self) -> None:
        """End the long work; the files stay as they were."""
        if self._working is not None:
            self._working.cancel()

    # folders

    def open_folder(self, entry: ModelEntry) -> None:
        """In the file manager."""
        path = Path(entry.path)
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(path if path.is_dir() else path.parent)))

    def add_folders(self, paths: list[str]) -> None:
        """Look into these folders too, and into those of these files."""
        folders = [Path(path) if os.path.isdir(path) else Path(path).parent for path in paths]
        try:
            added = self._look_into(folders)
        except ArcDeskError as error:
            self._board.refuse(error)
            return
        named = ", ".join(str(folder) for folder in added)
        self._board.tell("ArcDesk looks there, too." if added else "ArcDesk looks there already.", named)
        self._refresh()

    def _look_into(self, folders: list[Path]) -> list[Path]:
        """Returns those that are new. Raises UsageError for one that the setting can't hold."""
        settings = self._session.settings
        known = {str(root) for root in self._disk.roots()}
        new = [folder for folder in dict.fromkeys(folders) if str(folder) not in known]
        for folder in new:
            if os.pathsep in str(folder):
                raise UsageError(_has_separator(folder))
        if new:
            named = [part for part in settings.model_folders.split(os.pathsep) if part]
            joined = os.pathsep.join([*named, *map(str, new)])
            self._session.take(replace(settings, model_folders=joined))
        return new


def in_use(settings: Settings, kind: EngineKind) -> tuple[str, ...]:
    """Ids and paths of what an engine of `kind` has loaded: that neither goes nor moves."""
    if kind is EngineKind.EMBEDDED:
        return (settings.gguf_path, *map(str, Path(settings.gguf_path).parents)) if settings.gguf_path else ()
    path = PurePosixPath(settings.container.model_path)
    if not settings.container.models_dir or not path.is_relative_to(MODELS_TARGET):
        return (str(path),)
    return (str(Path(settings.container.models_dir).expanduser() / path.relative_to(MODELS_TARGET)),)


def _removal_words(removal: Removal) -> str:
    said = [f"{removal.files} files, {size_text(removal.size_bytes)}."]
    if removal.shared_bytes:
        said.append(f"{size_text(removal.shared_bytes)} more are shared with other models and stay.")
    if removal.has_foreign:
        said.append("Some files belong to another user; the system may refuse.")
    return "\n".join([*said, "\n".join(removal.paths)])


def _sound_words(report: Report) -> str:
    hashed = f"{report.hashed} of {report.files} files were compared with a known checksum"
    return f"{hashed}; the others have the right form. {size_text(report.size_bytes)} were read."


def _bad_files(entry: ModelEntry, report: Report) -> Problem:
    named = [f"{file.name}: {file.why}" for file in report.bad[:MOST_BAD]]
    more = len(report.bad) - len(named)
    return Problem(
        cause="model_damaged",
        title=f"{len(report.bad)} of {report.files} files of {short_name(entry.id)} are not right",
        detail="\n".join([*named, *([f"and {more} more"] if more > 0 else [])]),
        hint="Delete the model and download it again.",
    )


def _has_separator(folder: Path) -> Problem:
    return Problem(
        cause="bad_setting",
        title="This folder can't be named in the settings",
        detail=f"There is a '{os.pathsep}' in {folder}, which parts the folders there.",
        hint="Rename the folder.",
    )
