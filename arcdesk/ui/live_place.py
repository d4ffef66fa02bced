"""Where the live panel is in the main window: remembered, out of the chat's way, hidden along with it."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QEvent, QObject, QPoint, QRect, QSize, Qt, QTimer
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from arcdesk.ui.live_dock import LiveDock
from arcdesk.ui.live_float import floating_place, is_in_reach
from arcdesk.ui.main_window import MainWindow

RIGHT, BOTTOM = Qt.DockWidgetArea.RightDockWidgetArea, Qt.DockWidgetArea.BottomDockWidgetArea
RIGHT_PX, BOTTOM_PX = 328, 288
NARROW_PX = 720  # below: beside the panel there would be no room for the chat
IS_OPEN, STATE, MOVED = "window/live", "window/state", "window/live_moved"
FLOATED = "window/live_floated"


class LivePlace(QObject):
    """Puts the dock into the window, to the right unless it was elsewhere. Closed at first."""

    def __init__(self, window: MainWindow, dock: LiveDock) -> None:
        super().__init__(window)
        self._window = window
        self._dock = dock
        self._is_open = False  # a floating one is hidden with the window and still open
        self._moved_down = False  # by us, because the window became narrow
        self._floated: QRect | None = None  # where the person had it; Qt forgets it when it is put back
        self._is_untouched = False  # it floats where we put it: there may be a better place next time
        window.setCorner(Qt.Corner.BottomRightCorner, RIGHT)
        window.addDockWidget(RIGHT, dock)
        dock.hide()
        self._restore()
        self._add_key()
        window.installEventFilter(self)
        dock.installEventFilter(self)
        dock.float_requested.connect(self._on_float)
        dock.docking.connect(self._note_place)
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
        self._note_place()
        if memory is not None:
            memory.setValue(FLOATED, self._floated)
            memory.setValue(STATE, self._window.saveState())
            memory.setValue(IS_OPEN, "true" if self.is_open else "false")
            memory.setValue(MOVED, "true" if self._moved_down else "false")

    def _restore(self) -> None:
        window, dock, memory = self._window, self._dock, self._window.memory
        state = memory.value(STATE) if memory is not None else None
        floated = memory.value(FLOATED) if memory is not None else None
        self._floated = floated if isinstance(floated, QRect) else None
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

    # floating

    def _on_float(self) -> None:
        """Where the person had it, else beside the window: Qt would leave it over the chat's foot."""
        window, dock = self._window, self._dock
        if dock.isFloating():
            dock.put_back()
            return
        is_at_right = window.dockWidgetArea(dock) == RIGHT
        width = dock.width() if is_at_right else RIGHT_PX
        dock.hide()  # the chat takes its room, and it does not flash up where Qt puts it
        dock.setFloating(True)
        areas = [screen.availableGeometry() for screen in QGuiApplication.screens()]
        if self._floated is not None and is_in_reach(self._floated, areas):
            dock.setGeometry(self._floated)
        else:
            dock.setGeometry(self._beside(width))
        self._is_untouched = True
        dock.show()

    def _beside(self, width: int) -> QRect:
        window = self._window
        if (layout := window.layout()) is not None:
            layout.activate()  # the prompt box is where it will be without the dock
        pages = window.transcript.parentWidget()  # a chat not begun shows another page there
        assert pages is not None
        frame, area = window.frameGeometry(), window.screen().availableGeometry()
        wanted = QSize(width, frame.height())
        return floating_place(wanted, frame, _on_desktop(pages), _on_desktop(window.prompt), area)

    def _note_place(self) -> None:
        """Keep where the person has it. Where it merely is says less: a window manager may shift it."""
        if self._dock.isFloating() and not self._is_untouched:
            self._floated = self._dock.geometry()

    def _on_mouse(self, event: QMouseEvent) -> bool:
        """It is taken hold of, to be dragged; two clicks on its head are what its button is."""
        if event.type() == QEvent.Type.MouseButtonPress:
            self._note_place()  # dragged back into the window, it was here
            self._is_untouched = False
            return False
        head = self._dock.titleBarWidget()
        is_twice = event.type() == QEvent.Type.MouseButtonDblClick
        if is_twice and head is not None and head.geometry().contains(event.position().toPoint()):
            self._on_float()
            return True
        return False

    # the window

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
        """The window became narrow or wide; the mouse is on the panel."""
        if watched is self._window and isinstance(event, QResizeEvent):
            self._make_way(event.size().width())
        elif watched is self._dock and isinstance(event, QMouseEvent):
            return self._on_mouse(event)
        return False


def _on_desktop(widget: QWidget) -> QRect:
    return QRect(widget.mapToGlobal(QPoint(0, 0)), widget.size())
