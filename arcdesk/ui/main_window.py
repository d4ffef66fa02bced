"""The window: conversations left, the chat in the middle, the engine right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QByteArray, QEvent, QObject, QSettings, Qt, Signal
from PySide6.QtGui import QAction, QCloseEvent, QHideEvent, QKeySequence, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QDockWidget,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from arcdesk.core.engine_state import EngineKind, EngineSnapshot
from arcdesk.core.store import AppState
from arcdesk.ui.conversation_list import ConversationList
from arcdesk.ui.engine_card import EngineCard
from arcdesk.ui.jump_button import JumpButton
from arcdesk.ui.phase_words import look
from arcdesk.ui.problem_card import ProblemCard
from arcdesk.ui.prompt_box import PromptBox
from arcdesk.ui.resources import icon
from arcdesk.ui.theme import LIGHT, Palette
from arcdesk.ui.transcript import Transcript
from arcdesk.ui.welcome import Welcome
from arcdesk.ui.window_size import begin_at

LIST_WIDTH, INSPECTOR_WIDTH = 220, 280
NARROW_WIDTH, TINY_WIDTH = 900, 640  # below: no inspector; no list either


def where_text(engine: EngineSnapshot) -> str:
    """Who would answer, under the prompt."""
    place = engine.place
    if engine.kind is EngineKind.CONTAINER and engine.device:
        place = f"{engine.device}, {engine.place}"
    return " · ".join(part for part in (engine.model, place) if part)


class MainWindow(QMainWindow):
    """Renders AppState while it is seen; a hidden window is stale until it is shown."""

    close_requested = Signal(object)  # QCloseEvent: the owner accepts or ignores it
    quit_requested = Signal()
    shown = Signal()
    hidden = Signal()
    remembered = Signal()  # its size and place were kept: what lives in it keeps its own

    def __init__(self, settings: QSettings | None = None) -> None:
        super().__init__()
        self.setObjectName("mainWindow")
        self.setWindowTitle("ArcDesk")
        begin_at(self, 1180, 760)
        self.setMinimumSize(420, 360)
        self._memory = settings
        self._state = AppState()
        self._is_stale = True
        self._is_shown = False  # its parts are visible too
        self._wanted = {"list": True, "inspector": True}
        self.conversations = ConversationList()
        self.engine_card = EngineCard()
        self.transcript = Transcript()
        self.jump = JumpButton(self.transcript)
        self.prompt = PromptBox()
        self.welcome = Welcome()
        self.welcome.example_chosen.connect(self.prompt.submitted)
        self.transcript.typed.connect(self.prompt.type_in)
        self.conversations.emptied.connect(self.prompt.setFocus)
        self._pages = QStackedWidget()
        self.notice = ProblemCard(is_dismissable=True)
        self._title = QLabel()
        self._title.setProperty("role", "title")
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        self._state_label = QLabel()
        self._state_label.setProperty("role", "secondary")
        self._list_button = self._tool(self.tr("Chats (Ctrl+1)"))
        self._inspector_button = self._tool(self.tr("Engine (Ctrl+2)"))
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._arrange()
        self._add_shortcuts()
        self._restore()
        self.setFocusProxy(self.prompt)

    # building

    def _tool(self, label: str) -> QToolButton:
        button = QToolButton()
        button.setToolTip(label)
        button.setAccessibleName(label)
        return button

    def _arrange(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(8, 8, 8, 4)
        head.addWidget(self._list_button)
        head.addWidget(self._title, 1)
        head.addWidget(self._state_label)
        head.addWidget(self._inspector_button)
        bottom = QHBoxLayout()
        bottom.setContentsMargins(12, 4, 12, 16)
        bottom.addStretch(0)
        self.prompt.setMaximumWidth(792)
        bottom.addWidget(self.prompt, 1)
        bottom.addStretch(0)
        notice = QHBoxLayout()
        notice.setContentsMargins(16, 4, 16, 4)
        notice.addWidget(self.notice)
        middle = QWidget()
        middle.setObjectName("chatColumn")
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addLayout(notice)
        self._pages.addWidget(self.transcript)
        self._pages.addWidget(self.welcome)
        column.addWidget(self._pages, 1)
        column.addLayout(bottom)
        for widget in (self.conversations, middle, self.engine_card):
            self._splitter.addWidget(widget)
        self._splitter.setStretchFactor(1, 1)
        self._splitter.setCollapsible(1, False)
        self._splitter.setHandleWidth(1)
        self.conversations.setMinimumWidth(180)
        self.conversations.setMaximumWidth(320)
        self.engine_card.setMinimumWidth(240)
        self.engine_card.setMaximumWidth(340)
        self._splitter.resize(self.size())  # sizes are shares of the width it has when they are set
        self._splitter.setSizes([LIST_WIDTH, 1180 - LIST_WIDTH - INSPECTOR_WIDTH, INSPECTOR_WIDTH])
        self._splitter.installEventFilter(self)
        self.setCentralWidget(self._splitter)
        self._list_button.clicked.connect(lambda: self.toggle("list"))
        self._inspector_button.clicked.connect(lambda: self.toggle("inspector"))

    def _add_shortcuts(self) -> None:
        for keys, slot in (
            ("Ctrl+1", lambda: self.toggle("list")),
            ("Ctrl+2", lambda: self.toggle("inspector")),
            ("Ctrl+N", self.conversations.new_requested.emit),
            ("Ctrl+F", self.conversations.focus_search),
            ("Ctrl+L", self.prompt.setFocus),
            ("Ctrl+W", self.close),
            ("Ctrl+,", self.conversations.settings_requested.emit),
            ("Ctrl+Shift+M", self.conversations.models_requested.emit),
            ("Ctrl+Shift+G", self.conversations.gpu_requested.emit),
            ("Ctrl+Shift+B", self.conversations.bench_requested.emit),
            ("Ctrl+Shift+L", self._on_live_key),
            ("Ctrl+Shift+D", self.conversations.doctor_requested.emit),
            ("Ctrl+Q", self.quit_requested.emit),
        ):
            self._add_shortcut(keys, slot)
        # wherever the focus is; an inline editor claims the key for itself, a dialog is another window
        self._stop = self._add_shortcut("Esc", self.prompt.stop_requested.emit)
        self._stop.setEnabled(False)
        # a field in which something can be undone goes first
        self._undo = self._add_shortcut("Ctrl+Z", self.notice.undo)
        self._undo.setEnabled(False)

    def _add_shortcut(self, keys: str, slot: Callable[[], object]) -> QAction:
        action = QAction(self)
        action.setShortcut(QKeySequence(keys))
        action.triggered.connect(lambda: slot())
        self.addAction(action)
        return action

    # showing

    def present(self, state: AppState) -> None:
        """Take the state; drawn now if the window is seen, else when it is shown."""
        self._state = state
        if not self.isVisible():
            self._is_stale = True
            return
        self._is_stale = False
        engine = state.engine
        active = state.active_conversation
        current = next((c for c in state.conversations if c.id == active), None)
        self._title.setText(current.title if current else self.tr("New chat"))
        self.setWindowTitle(f"{current.title} — ArcDesk" if current else "ArcDesk")
        self._state_label.setText(look(state).label if not self.engine_card.isVisible() else "")
        self._pages.setCurrentWidget(self.transcript if active else self.welcome)
        self.welcome.present(engine)
        self.conversations.present(state.conversations, active)
        self.engine_card.present(state)
        self.prompt.present(active in state.answering, where_text(engine))
        self._stop.setEnabled(active in state.answering)
        self.notice.present(state.notices[-1] if state.notices else None)
        self._undo.setEnabled(self.notice.can_undo)

    def set_palette_colors(self, palette: Palette = LIGHT) -> None:
        """Take other colours."""
        parts: tuple[Any, ...] = (
            self.conversations,
            self.engine_card,
            self.transcript,
            self.prompt,
            self.notice,
            self.welcome,
        )
        for part in parts:
            part.set_palette_colors(palette)
        self._list_button.setIcon(icon("sidebar", palette.text))
        self._inspector_button.setIcon(icon("inspector", palette.text))
        self.present(self._state)

    def toggle(self, panel: str) -> None:
        """Fold or unfold the list or the inspector; remembered."""
        self._wanted[panel] = not self._panel(panel).isVisible()
        self._panel(panel).setVisible(self._wanted[panel])
        self.present(self._state)

    def _on_live_key(self) -> None:
        """The same key opens the live panel and closes it."""
        dock = self.findChild(QDockWidget, "liveDock")
        if dock is not None and dock.isVisible():
            dock.close()
            self.prompt.setFocus()
        else:
            self.conversations.live_requested.emit()

    def _panel(self, panel: str) -> QWidget:
        return self.conversations if panel == "list" else self.engine_card

    def _fold_for(self, width: int) -> None:
        self.engine_card.setVisible(self._wanted["inspector"] and width >= NARROW_WIDTH)
        self.conversations.setVisible(self._wanted["list"] and width >= TINY_WIDTH)

    # memory of the window's shape

    @property
    def memory(self) -> QSettings | None:
        """Where the shape of the window and of what lives in it is kept."""
        return self._memory

    def was_open(self, panel: str) -> bool:
        """A panel stood in the window when that was seen last."""
        return self._memory is not None and str(self._memory.value(f"window/{panel}", "false")) == "true"

    def _restore(self) -> None:
        if self._memory is None:
            return
        geometry = self._memory.value("window/geometry")
        if isinstance(geometry, QByteArray):
            self.restoreGeometry(geometry)
        for name in self._wanted:
            self._wanted[name] = str(self._memory.value(f"window/{name}", "true")) == "true"

    def remember(self) -> None:
        """Keep size, place and folded panels."""
        if self._memory is not None:
            self._memory.setValue("window/geometry", self.saveGeometry())
            for name, value in self._wanted.items():
                self._memory.setValue(f"window/{name}", "true" if value else "false")
            self.remembered.emit()

    # Qt overrides

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with the state."""
        super().showEvent(event)
        self._is_shown = True
        self._fold_for(self._splitter.width())
        if self._is_stale:
            self.present(self._state)
        self.prompt.setFocus()
        self.shown.emit()

    def hideEvent(self, event: QHideEvent) -> None:
        """From now on nothing is drawn."""
        super().hideEvent(event)
        self._is_shown = False
        self.hidden.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Fold panels that no longer fit beside the chat: a dock takes room as well as the window's edge."""
        if watched is self._splitter and isinstance(event, QResizeEvent):
            self._on_room(event.oldSize().width(), event.size().width())
        return super().eventFilter(watched, event)

    def _on_room(self, old: int, new: int) -> None:
        crossed = any((old < limit) != (new < limit) for limit in (NARROW_WIDTH, TINY_WIDTH))
        if crossed and self._is_shown:
            self._fold_for(new)
            self.present(self._state)

    def closeEvent(self, event: QCloseEvent) -> None:
        """The owner decides: hide to the tray, ask, or quit."""
        self.remember()
        event.ignore()
        self.close_requested.emit(event)
