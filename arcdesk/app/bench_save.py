"""Saves and copies what a benchmark gave, in the formats that others read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QStandardPaths, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from arcdesk.app.bench_output import base_name
from arcdesk.core.bench import BenchRun
from arcdesk.core.bench_report import autotp_logs, render
from arcdesk.core.errors import ArcDeskError
from arcdesk.services.threads import in_thread
from arcdesk.storage.paths import disk_errors, free_name

if TYPE_CHECKING:
    from arcdesk.app.session import Session

ENDS = {"text": "txt", "ipex": "txt", "json": "json", "csv": "csv", "markdown": "md"}
AUTOTP = "autotp"


class BenchSave:
    """Asks where, writes aside, and says how it went by `say(text)` or the error's problem by `refuse`."""

    def __init__(
        self,
        session: Session,
        *,
        parent: Callable[[], QWidget],
        say: Callable[[str], None],
        refuse: Callable[[ArcDeskError], None],
    ) -> None:
        self._session = session
        self._parent = parent
        self._say = say
        self._refuse = refuse

    def ask(self, run: BenchRun, fmt: str) -> None:
        """Ask where to save it, then do."""
        if fmt == AUTOTP:
            self._ask_folder(run)
        else:
            self._ask_file(run, fmt)

    def copy(self, run: BenchRun) -> None:
        """As Markdown, to the clipboard."""
        self._session.tasks.spawn(self._copy(run), name="copy the report")

    async def _copy(self, run: BenchRun) -> None:
        text = await in_thread("arcdesk-bench-report", lambda: render(run, "markdown"))
        QGuiApplication.clipboard().setText(text)
        self._say("Copied as Markdown.")

    def _ask_file(self, run: BenchRun, fmt: str) -> None:
        dialog = self._dialog("Save report")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(ENDS[fmt])
        dialog.setNameFilters([f"*.{ENDS[fmt]}", "*"])
        dialog.selectFile(f"{base_name(run)}{'-ipex' if fmt == 'ipex' else ''}.{ENDS[fmt]}")
        dialog.fileSelected.connect(lambda path: self._spawn(lambda: _write(run, fmt, Path(path))))
        dialog.open()

    def _ask_folder(self, run: BenchRun) -> None:
        dialog = self._dialog("Save 1.log, 2.log, … into a folder")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(lambda path: self._spawn(lambda: _write_logs(run, Path(path))))
        dialog.open()

    def _dialog(self, title: str) -> QFileDialog:
        parent = self._parent()
        dialog = QFileDialog(parent, parent.tr(title))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
        dialog.setDirectory(folder or str(Path.home()))
        return dialog

    def _spawn(self, write: Callable[[], str]) -> None:
        async def work() -> None:
            try:
                self._say(await in_thread("arcdesk-bench-report", write))
            except ArcDeskError as error:
                self._refuse(error)

        self._session.tasks.spawn(work(), name="save the report")


def _write(run: BenchRun, fmt: str, path: Path) -> str:
    with disk_errors(path):
        path.write_text(render(run, fmt), encoding="utf-8")
    return f"Saved as {path}."


def _write_logs(run: BenchRun, folder: Path) -> str:
    """A log for each concurrency; beside logs of an earlier run they get a folder of their own."""
    logs = autotp_logs(run)
    with disk_errors(folder):
        if any((folder / name).exists() for name in logs):
            folder = free_name(folder / base_name(run))
            folder.mkdir()
        for name, text in logs.items():
            (folder / name).write_text(text, encoding="utf-8")
    return f"Saved {', '.join(logs)} in {folder}."
