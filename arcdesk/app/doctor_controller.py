"""Connects the doctor's window, the support bundle and the reports of crashes to what they show."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QStandardPaths
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QFileDialog, QWidget
from shiboken6 import isValid

from arcdesk.app import support_bundle
from arcdesk.app.doctor_checks import Asked, make_checks
from arcdesk.app.engine_address import Found, of_running
from arcdesk.app.snapshot_json import status_json
from arcdesk.core.doctor import Finding
from arcdesk.core.errors import Action, ArcDeskError
from arcdesk.services.doctor import Check, examine
from arcdesk.services.threads import in_thread
from arcdesk.storage.log_file import stamp
from arcdesk.ui import theme
from arcdesk.ui.bundle_dialog import BundleDialog
from arcdesk.ui.doctor_window import DoctorWindow, Examination
from arcdesk.ui.report_window import ReportWindow

if TYPE_CHECKING:
    from arcdesk.app.session import Session

ZIP_FILTER = "Zip (*.zip)"


class DoctorController:
    """Owns the three windows. What it starts runs as tasks of the session; a closed window ends its own.

    `on_action` does what a finding's button says; `more_checks` are added to those of all layers.
    """

    def __init__(
        self,
        session: Session,
        *,
        on_action: Callable[[Action], None] = lambda action: None,
        more_checks: Callable[[], Sequence[Check]] = tuple,
    ) -> None:
        self._session = session
        self._on_action = on_action
        self._more_checks = more_checks
        self._window: DoctorWindow | None = None
        self._examining: asyncio.Task[Any] | None = None
        self._findings: list[Finding] = []
        self._open: list[QDialog] = []

    # the doctor

    def open(self, parent: QWidget | None = None) -> None:
        """Show the doctor's window and examine; a window that is open comes to the front."""
        if self._window is not None and isValid(self._window):
            self._window.raise_()
            self._window.activateWindow()
            return
        self._window = window = DoctorWindow(parent)
        window.run_requested.connect(self.examine)
        window.bundle_requested.connect(lambda: self.open_bundle(window))
        window.copy_requested.connect(_copy)
        window.action_requested.connect(self._on_action)
        window.finished.connect(self._stop_examining)
        self._show(window)
        self.examine()

    def examine(self) -> None:
        """Look again."""
        self._stop_examining()
        self._examining = self._session.tasks.spawn(self._examine(), name="examine this computer")

    def _stop_examining(self) -> None:
        if self._examining is not None:
            self._examining.cancel()
            self._examining = None

    async def _examine(self) -> None:
        checks = self._checks()
        waiting = {check.id: check.area for check in checks}
        findings: list[Finding] = []
        self._present(findings, waiting)
        async with contextlib.aclosing(examine(checks)) as examined:
            async for check, found in examined:
                findings += found
                del waiting[check.id]
                self._present(findings, waiting)
        self._findings = findings

    def _present(self, findings: list[Finding], waiting: dict[str, Any]) -> None:
        window = self._window
        if window is not None and isValid(window):
            open_areas = frozenset(waiting.values())
            window.present(Examination(findings=tuple(findings), open_areas=open_areas))

    def _checks(self) -> list[Check]:
        session = self._session
        asked = Asked(
            settings=session.settings,
            backend=session.parts.backend,
            endpoint=self._endpoint,
            is_app_running=True,
        )
        return [*make_checks(asked), *self._more_checks()]

    async def _endpoint(self) -> Found:
        engine = self._session.engine
        return of_running(engine.snapshot, engine.endpoint, self._session.settings)

    # the support bundle

    def open_bundle(self, parent: QWidget | None = None) -> None:
        """Collect the bundle and show it; it is saved only by a click."""
        dialog = BundleDialog(parent)
        files: list[support_bundle.BundleFile] = []
        dialog.save_requested.connect(lambda names: self._ask_where(dialog, files, names))
        self._show(dialog)
        self._session.tasks.spawn(self._collect(dialog, files), name="collect the support bundle")

    async def _collect(self, dialog: BundleDialog, files: list[support_bundle.BundleFile]) -> None:
        findings = self._findings or await support_bundle.all_findings(self._checks())
        material = support_bundle.Material(
            settings=self._session.settings,
            findings=findings,
            state=self._state(),
            engine_log=await self._engine_log(),
        )
        files += await in_thread("arcdesk-bundle", lambda: support_bundle.collect(material))
        if isValid(dialog):
            dialog.present(files)

    def _state(self) -> dict[str, Any]:
        state = self._session.store.state
        return {
            **status_json(state.engine, is_app_running=True),
            "conversations": len(state.conversations),
            "answering": len(state.answering),
            "notices": [notice.cause for notice in state.notices],
        }

    async def _engine_log(self) -> list[str] | str:
        try:
            return await self._session.engine.log_tail(support_bundle.ENGINE_LOG_LINES)
        except Exception as error:  # a bundle is wanted when something is broken: it must come about
            return str(error) or type(error).__name__

    def _ask_where(
        self, dialog: BundleDialog, files: list[support_bundle.BundleFile], names: list[str]
    ) -> None:
        chooser = QFileDialog(dialog, dialog.tr("Save the support bundle"))
        chooser.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        chooser.setNameFilter(ZIP_FILTER)
        chooser.setDefaultSuffix("zip")
        folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
        chooser.setDirectory(folder or str(Path.home()))
        chooser.selectFile(f"arcdesk-support-{stamp()}.zip")
        ticked = [file for file in files if file.name in names]

        def chosen(path: str) -> None:
            self._session.tasks.spawn(self._save(dialog, Path(path), ticked), name="save the support bundle")

        chooser.fileSelected.connect(chosen)
        self._show(chooser)

    async def _save(
        self, dialog: BundleDialog, path: Path, files: Sequence[support_bundle.BundleFile]
    ) -> None:
        try:
            await in_thread("arcdesk-bundle", lambda: support_bundle.write(path, files))
        except ArcDeskError as error:
            said = str(error)
        else:
            said = f"Saved as {path}. Nothing was sent."
        if isValid(dialog):
            dialog.say(said)

    # reports

    def show_report(self, path: Path, parent: QWidget | None = None) -> None:
        """Show one; where it is gone, say so."""
        self._session.tasks.spawn(self._show_report(path, parent), name="show a report")

    async def _show_report(self, path: Path, parent: QWidget | None) -> None:
        try:
            text = await in_thread("arcdesk-report", lambda: path.read_text("utf-8", "replace"))
        except OSError as error:
            text = f"It can't be read: {error.strerror}."
        window = ReportWindow(text, str(path), parent)
        window.copy_requested.connect(_copy)
        window.bundle_requested.connect(lambda: self.open_bundle(window))
        self._show(window)

    # windows

    def _show(self, dialog: QDialog) -> None:
        app = self._session.app
        palette = theme.current_palette(app, self._session.settings.theme)
        if not app.styleSheet():
            theme.apply(app, palette)  # no other window was opened yet
        if isinstance(dialog, DoctorWindow):
            dialog.set_palette_colors(palette)
        self._open = [one for one in self._open if isValid(one)]
        self._open.append(dialog)
        if isinstance(dialog, (BundleDialog, QFileDialog)):
            dialog.open()
        else:
            dialog.show()  # one may go on working beside it
        dialog.raise_()
        dialog.activateWindow()

    def set_palette_colors(self, palette: theme.Palette) -> None:
        """The scheme changed."""
        if self._window is not None and isValid(self._window):
            self._window.set_palette_colors(palette)

    def close(self) -> None:
        """Take all windows down."""
        self._stop_examining()
        for dialog in self._open:
            if isValid(dialog):
                dialog.close()
        self._open = []


def _copy(text: str) -> None:
    QGuiApplication.clipboard().setText(text)
