"""Where the live panel is in the main window: remembered, out of the chat's way, hidden along with it."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QAction, QKeySequence, QResizeEvent

from arcdesk.ui.live_dock import LiveDock
from arcdesk.ui.main_window import MainWindow

RIGHT, BOTTOM = Qt.DockWidgetArea.RightDockWidgetArea, Qt.DockWidgetArea.BottomDockWidgetArea
RIGHT_PX, BOTTOM_PX = 328, 288
NARROW_PX = 720  # below: beside the panel there would be no room for the chat
IS_OPEN, STATE, MOVED = "window/live", "window/state", "window/live_moved"


class LivePlace(QObject):
    """Puts the dock into the window, to the right unless it was elsewhere. Closed at first."""

    def __init__(self, window: MainWindow, dock: LiveDock) -> None:
        super().__init__(window)
        self._window = window
        self._dock = dock
        self._is_open = False  # a floating one is hidden with the window and still open
        self._moved_down = False  # by us, because the window became narrow
        window.setCorner(Qt.Corner.BottomRightCorner, RIGHT)
        window.addDockWidget(RIGHT, dock)
        dock.hide()
        self._restore()
        self._add_key()
        window.installEventFilter(self)
        window.shown.connect(self._on_window_shown)
        window.hidden.connect(self._on_window_hidden)
        window.remembered.connect(self.remember)

    def _add_key(self) -> None:
        """F6 goes to the panel and back, as it does between the parts of other windows."""
        action = QAction(self._window)
        action.setShortcut(QKeySequence("F6"))
        action.triggered.connect(self._on_key)
        self._window.addAction(action)

    def _on_key(self) -> None:
        panel = self._dock.panel
        if panel.isVisible() and not panel.has_focus:
            self._dock.activateWindow()
            panel.take_focus()
        else:
            self._window.activateWindow()
            self._window.prompt.setFocus()

    @property
    def is_open(self) -> bool:
        """It is in the window, or floats beside it; with the window hidden, it will be."""
        return self._is_open if self._window.isHidden() else not self._dock.isHidden()

    def show(self) -> None:
        """Open it."""
        self._is_open = True
        self._dock.show()
        self._make_way(self._window.width())

    def remember(self) -> None:
        """Keep place and openness."""
        memory = self._window.memory
        if memory is not None:
            memory.setValue(STATE, self._window.saveState())
            memory.setValue(IS_OPEN, "true" if self.is_open else "false")
            memory.setValue(MOVED, "true" if self._moved_down else "false")

    def _restore(self) -> None:
        window, dock, memory = self._window, self._dock, self._window.memory
        state = memory.value(STATE) if memory is not None else None
        if not (isinstance(state, QByteArray) and window.restoreState(state)):
            window.resizeDocks([dock], [RIGHT_PX], Qt.Orientation.Horizontal)
        elif memory is not None:
            self._moved_down = str(memory.value(MOVED, "false")) == "true"
        dock.hide()

    def _make_way(self, width: int) -> None:
        """In a narrow window it goes below the chat, and back when there is room again."""
        window, dock = self._window, self._dock
        if dock.isFloating():
            return
        area = window.dockWidgetArea(dock)
        if area == RIGHT and width < NARROW_PX:
            self._moved_down = True
            self._move(BOTTOM)
        elif area == BOTTOM and self._moved_down and width >= NARROW_PX:
            self._moved_down = False
            self._move(RIGHT)

    def _move(self, area: Qt.DockWidgetArea) -> None:
        is_hidden = self._dock.isHidden()
        self._window.addDockWidget(area, self._dock)
        self._dock.setVisible(not is_hidden)
        if area == BOTTOM:
            self._window.resizeDocks([self._dock], [BOTTOM_PX], Qt.Orientation.Vertical)
        else:
            self._window.resizeDocks([self._dock], [RIGHT_PX], Qt.Orientation.Horizontal)

    def _on_window_hidden(self) -> None:
        self._is_open = not self._dock.isHidden()
        if self._dock.isFloating():
            self._dock.hide()

    def _on_window_shown(self) -> None:
        self._make_way(self._window.width())
        if self._is_open and self._dock.isHidden():
            QTimer.singleShot(0, self, self._show_again)  # the window comes to the front first, then it

    def _show_again(self) -> None:
        if self._is_open and not self._window.isHidden():
            self._dock.show()
            self._dock.raise_()

    # Qt overrides

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The window became narrow or wide."""
        if watched is self._window and isinstance(event, QResizeEvent):
            self._make_way(event.size().width())
        return False
