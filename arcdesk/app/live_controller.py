"""Connects the live panel and the strip of the chat window to the service that keeps the figures."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QStandardPaths, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog
from shiboken6 import isValid

from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.core.live_csv import live_csv
from arcdesk.services.live_stats import LiveStatsService
from arcdesk.services.threads import in_thread
from arcdesk.storage.log_file import stamp
from arcdesk.ui import theme
from arcdesk.ui.live_dock import LiveDock
from arcdesk.ui.live_place import LivePlace
from arcdesk.ui.live_strip import LiveStrip
from arcdesk.ui.live_words import figures_text

if TYPE_CHECKING:
    from arcdesk.app.session import Session
    from arcdesk.ui.main_window import MainWindow

CSV_FILTER = "CSV (*.csv)"


class LiveController:
    """Owns the panel. The server is asked while the panel is seen, and not else."""

    def __init__(self, session: Session, service: LiveStatsService, window: MainWindow) -> None:
        self._session = session
        self._service = service
        self._window = window
        self.dock = dock = LiveDock(window)
        self._end_watch: Callable[[], None] = lambda: None
        dock.panel.seen_changed.connect(self._on_seen)
        dock.panel.ask_requested.connect(window.prompt.setFocus)
        dock.left.connect(window.prompt.setFocus)
        dock.copy_requested.connect(self._copy)
        dock.save_requested.connect(self._ask_where)
        dock.bench_requested.connect(lambda: session.open_bench())
        self.place = LivePlace(window, dock)

    def open(self) -> None:
        """Show the panel; the keyboard stays where it is (F6 goes to the panel and back)."""
        if isinstance(self._window.focusWidget(), LiveStrip):
            self._window.prompt.setFocus()  # the strip was pressed, and may have to make way
        self.place.show()
        self.dock.raise_()

    def set_palette_colors(self, palette: theme.Palette) -> None:
        """The scheme changed."""
        if isValid(self.dock):
            self.dock.set_palette_colors(palette)

    def close(self) -> None:
        """Look no more."""
        self._end_watch()
        if isValid(self.dock):
            self.dock.panel.seen_changed.disconnect(self._on_seen)

    def _on_seen(self, is_seen: bool) -> None:
        self._end_watch()
        self._end_watch = self._service.watch(self.dock.panel.present) if is_seen else lambda: None

    # what is asked for

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(figures_text(self._service.view))
        self.dock.panel.say(self.dock.tr("Copied."))

    def _ask_where(self) -> None:
        chooser = QFileDialog(self.dock, self.dock.tr("Save the live figures"))
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        chooser.setNameFilter(CSV_FILTER)
        chooser.setDefaultSuffix("csv")
        folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
        chooser.setDirectory(folder or str(Path.home()))
        chooser.selectFile(f"arcdesk-live-{stamp()}.csv")
        chooser.fileSelected.connect(self._on_file)
        chooser.open()

    def _on_file(self, path: str) -> None:
        self._session.tasks.spawn(self.save(Path(path)), name="save the live figures")

    async def save(self, path: Path) -> None:
        """Write the looks of the last five minutes to `path`, over what is there. Raises ArcDeskError."""
        rows = self._service.view.history.rows
        text = live_csv(tuple(rows), time.time() - time.monotonic())
        try:
            await in_thread("arcdesk-live-csv", lambda: path.write_bytes(text.encode()))
        except OSError as error:
            raise ArcDeskError(
                Problem(
                    cause="live_csv",
                    title="The live figures could not be saved",
                    detail=f"{path}: {error.strerror or error}.",
                    hint="Choose another folder.",
                )
            ) from error
        if isValid(self.dock):
            self.dock.panel.say(self.dock.tr("Saved as {0}. Nothing was sent.").format(path))
