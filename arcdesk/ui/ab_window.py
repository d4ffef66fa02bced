"""The window that compares two configurations: set up, run, vote, results."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from arcdesk.core.errors import Action
from arcdesk.ui.ab_results import AbResults
from arcdesk.ui.ab_running import AbRunning
from arcdesk.ui.ab_setup import AbSetup
from arcdesk.ui.ab_vote import AbVote
from arcdesk.ui.theme import LIGHT, Palette
from arcdesk.ui.window_size import begin_at

WISHED_SIZE = (980, 780)


class AbWindow(QWidget):
    """Four pages, one of them seen; each emits its own wishes."""

    action_requested = Signal(Action)
    activated = Signal()  # somebody turns to it: what happened elsewhere may have changed what can be done

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setObjectName("abWindow")
        self.setWindowTitle(self.tr("Compare two configurations — ArcDesk"))
        self.setMinimumSize(480, 420)
        begin_at(self, *WISHED_SIZE)
        self.setup, self.running, self.vote, self.results = AbSetup(), AbRunning(), AbVote(), AbResults()
        self.pages = QStackedWidget()
        for page in (self.setup, self.running, self.vote, self.results):
            self.pages.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.pages)
        self.setup.action_requested.connect(self.action_requested)
        self.results.action_requested.connect(self.action_requested)
        self.setup.close_requested.connect(self.close)
        for keys, slot in (
            ("Esc", self._on_escape),
            ("Ctrl+W", self.close),
            ("Ctrl+Return", self._on_enter),
            ("Ctrl+Enter", self._on_enter),
            ("Ctrl+S", self._on_save),
        ):
            action = QAction(self)
            action.setShortcut(QKeySequence(keys))
            action.triggered.connect(slot)
            self.addAction(action)
        self.set_palette_colors(LIGHT)

    def show_page(self, page: QWidget) -> None:
        """Turn to one of the pages."""
        self.pages.setCurrentWidget(page)

    def set_palette_colors(self, palette: Palette = LIGHT) -> None:
        """Take other colours."""
        for page in (self.setup, self.vote, self.results):
            page.set_palette_colors(palette)

    def _on_escape(self) -> None:
        """Ends a comparison that runs; else closes."""
        if self.pages.currentWidget() is not self.running:
            self.close()
        elif self.running.cancel.isEnabled():
            self.running.cancel_requested.emit()

    def changeEvent(self, event: QEvent) -> None:
        """Tell when somebody turns to it."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and self.isActiveWindow():
            self.activated.emit()

    def _on_enter(self) -> None:
        if self.pages.currentWidget() is self.setup and self.setup.start.isEnabled():
            self.setup.start_requested.emit()

    def _on_save(self) -> None:
        if self.pages.currentWidget() is self.results:
            self.results.save_requested.emit()
