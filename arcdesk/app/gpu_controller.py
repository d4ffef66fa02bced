"""Connects the window of the cards, the strip and the tray's lines to the service that looks at them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QStandardPaths, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QFileDialog, QWidget
from shiboken6 import isValid

from arcdesk.app.gpu_text import snapshot_text
from arcdesk.core.errors import Action
from arcdesk.core.gpu import GpuSnapshot
from arcdesk.core.gpu_view import GpuView
from arcdesk.storage.log_file import stamp
from arcdesk.ui import theme
from arcdesk.ui.gpu_strip import GpuStrip
from arcdesk.ui.gpu_window import GpuWindow
from arcdesk.ui.gpu_words import tray_lines
from arcdesk.ui.tasks import Tasks

End = Callable[[], None]
JSON_FILTER = "JSON (*.json)"


class CardWatch(Protocol):
    """The part of GpuService that is used here."""

    def watch(self, watcher: Callable[[GpuView], None]) -> End:
        """Look at the cards and tell of each view until the end is called."""
        ...

    def look_soon(self) -> None:
        """Take the next look of the watchers now."""
        ...


class GpuController:
    """Owns the window; the cards are watched while window, strip or menu may be seen, and not else.

    `perform` does what a button says; `record` writes a recording to a path (raises ArcDeskError);
    `figures` makes the text that is copied.
    """

    def __init__(
        self,
        service: CardWatch,
        tasks: Tasks,
        *,
        perform: Callable[[Action], None],
        palette: Callable[[], theme.Palette],
        record: Callable[[Path], Awaitable[None]],
        figures: Callable[[GpuSnapshot], str] = snapshot_text,
    ) -> None:
        self._service = service
        self._tasks = tasks
        self._perform = perform
        self._palette = palette
        self._record = record
        self._figures = figures
        self._window: GpuWindow | None = None
        self._strip: GpuStrip | None = None
        self._newest: GpuView | None = None
        self._ends: dict[str, End] = {}

    # the window

    @property
    def window(self) -> GpuWindow | None:
        """The window, while it is open."""
        return self._window if self._window is not None and isValid(self._window) else None

    @property
    def newest(self) -> GpuView | None:
        """What was seen last, by any of them; None before the first look."""
        return self._newest

    def open(self, address: str = "", parent: QWidget | None = None) -> None:
        """Show the window, turned to a card; one that is open comes to the front."""
        window = self.window
        if window is None:
            window = self._make_window(parent)
        palette = self._palette()
        app = QApplication.instance()
        if isinstance(app, QApplication) and not app.styleSheet():
            theme.apply(app, palette)  # no other window was opened yet
        window.set_palette_colors(palette)
        if window.isMinimized():
            window.showNormal()
        window.show()
        window.raise_()
        window.activateWindow()
        window.show_card(address)

    def _make_window(self, parent: QWidget | None) -> GpuWindow:
        window = self._window = GpuWindow(parent)
        window.seen_changed.connect(lambda is_seen: self._watch("window", is_seen, window.present))
        window.look_requested.connect(self._service.look_soon)
        window.action_requested.connect(self._perform)
        window.copy_requested.connect(_copy)
        window.copy_figures_requested.connect(self._copy_figures)
        window.record_requested.connect(self._ask_where)
        return window

    def _copy_figures(self) -> None:
        if self._newest is not None:
            _copy(self._figures(self._newest.snapshot))

    def _ask_where(self) -> None:
        window = self.window
        if window is None:
            return
        chooser = QFileDialog(window, window.tr("Save a recording of the cards"))
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        chooser.setNameFilter(JSON_FILTER)
        chooser.setDefaultSuffix("json")
        folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
        chooser.setDirectory(folder or str(Path.home()))
        chooser.selectFile(f"arcdesk-gpu-{stamp()}.json")
        chooser.fileSelected.connect(self._on_file)
        chooser.open()

    def _on_file(self, path: str) -> None:
        self._tasks.spawn(self._save(Path(path)), name="save a recording of the cards")

    async def _save(self, path: Path) -> None:
        await self._record(path)
        if (window := self.window) is not None:
            window.say(window.tr("Saved as {0}. Nothing was sent.").format(path))

    # strip and menu

    def attach(self, strip: GpuStrip) -> None:
        """Serve the strip while it is seen. One strip at a time."""
        self._strip = strip
        strip.open_requested.connect(self.open)
        strip.seen_changed.connect(lambda is_seen: self._watch("strip", is_seen, strip.present))
        self._watch("strip", strip.is_seen, strip.present)

    def watch_lines(self, on_lines: Callable[[list[str]], None]) -> End:
        """Tell the tray's lines as long as its menu is open: at once if known; returns what ends it."""
        self._watch("menu", True, lambda view: on_lines(tray_lines(view)))
        return lambda: self._watch("menu", False, lambda _: None)

    def set_palette_colors(self, palette: theme.Palette) -> None:
        """The scheme changed."""
        if (window := self.window) is not None:
            window.set_palette_colors(palette)

    def close(self) -> None:
        """Take the window down and look no more."""
        for name in tuple(self._ends):
            self._ends.pop(name)()
        if (window := self.window) is not None:
            window.close()
        self._window = None

    def _watch(self, name: str, is_seen: bool, present: Callable[[GpuView], None]) -> None:
        if (end := self._ends.pop(name, None)) is not None:
            end()
        if not is_seen:
            return

        def tell(view: GpuView) -> None:
            self._newest = view
            present(view)

        self._ends[name] = self._service.watch(tell)


def _copy(text: str) -> None:
    QGuiApplication.clipboard().setText(text)
