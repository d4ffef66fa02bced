"""The list of conversations: new, find, open, rename, delete."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from PySide6.QtCore import QPoint, Qt, Signal, SignalInstance
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemDelegate,
    QGridLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from arcdesk.core.chat import Conversation
from arcdesk.ui.resources import icon
from arcdesk.ui.theme import LIGHT, Palette
from arcdesk.ui.undo_key import LeavesUndo

AFTER_ICON = "\u2002"  # Qt leaves too little room between an icon and its word
ID_ROLE = Qt.ItemDataRole.UserRole


def age_group(updated_at: float, today: date) -> str:
    """The heading under which a conversation stands; `updated_at` is Unix seconds."""
    day = datetime.fromtimestamp(updated_at).astimezone().date()
    if day >= today:
        return "Today"
    if day == today - timedelta(days=1):
        return "Yesterday"
    return "Last 7 days" if day > today - timedelta(days=7) else "Earlier"


class _EditableList(QListWidget):
    """A list that tells whether the inline editor is open, and when it closes."""

    editing_ended = Signal()

    @property
    def is_editing(self) -> bool:
        return self.state() == QListWidget.State.EditingState

    def closeEditor(self, editor: QWidget, hint: QAbstractItemDelegate.EndEditHint) -> None:
        super().closeEditor(editor, hint)
        self.editing_ended.emit()


class ConversationList(QWidget):
    """Shows conversations, the newest first, under headings by day."""

    new_requested = Signal()
    emptied = Signal()  # the list had the keyboard, and nothing is left in it
    selected = Signal(int)
    rename_requested = Signal(int, str)
    delete_requested = Signal(int)
    models_requested = Signal()
    gpu_requested = Signal()
    bench_requested = Signal()
    live_requested = Signal()
    settings_requested = Signal()
    doctor_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("conversationList")
        self._conversations: tuple[Conversation, ...] = ()
        self._active = 0
        self._search = QLineEdit()
        self._search.setPlaceholderText(self.tr("Search titles"))
        self._search.setAccessibleName(self.tr("Search the titles of chats"))
        self._search.setClearButtonEnabled(True)
        self._search.textChanged.connect(self._rebuild)
        LeavesUndo(self._search)
        self._new = QPushButton(AFTER_ICON + self.tr("New chat"))
        self._new.setAccessibleName(self.tr("New chat"))
        self._new.setToolTip(self.tr("New chat (Ctrl+N)"))
        self._new.clicked.connect(self.new_requested)
        self._list = _EditableList()
        self._list.setAccessibleName(self.tr("Chats"))
        self._list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._list.customContextMenuRequested.connect(self._on_menu)
        self._list.itemClicked.connect(self._on_open)
        self._list.itemActivated.connect(self._on_open)
        self._list.itemChanged.connect(self._on_renamed)
        # queued: the view is still busy with its editor when it tells
        self._list.editing_ended.connect(self._on_editing_ended, Qt.ConnectionType.QueuedConnection)
        self._is_stale = False  # there is something to rebuild when the inline editor closes
        self._list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._empty = QLabel(self.tr("No chats yet.\nAsk something to begin one."))
        self._empty.setProperty("role", "secondary")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 12, 8, 8)
        column.setSpacing(8)
        for widget in (self._new, self._search):
            column.addWidget(widget)
        column.addWidget(self._empty, 1)
        column.addWidget(self._list, 1)
        self._tools = {
            "models": self._tool(self.tr("Models"), "Ctrl+Shift+M", self.models_requested),
            "gpu": self._tool(self.tr("Cards"), "Ctrl+Shift+G", self.gpu_requested),
            "bench": self._tool(self.tr("Benchmark"), "Ctrl+Shift+B", self.bench_requested),
            "live": self._tool(self.tr("Live"), "Ctrl+Shift+L", self.live_requested),
            "settings": self._tool(self.tr("Settings"), "Ctrl+,", self.settings_requested),
            "doctor": self._tool(self.tr("Doctor"), "Ctrl+Shift+D", self.doctor_requested),
        }
        foot = QGridLayout()
        foot.setSpacing(4)
        for place, button in enumerate(self._tools.values()):
            foot.addWidget(button, place // 2, place % 2)
        column.addLayout(foot)
        for keys, slot in ((QKeySequence.StandardKey.Delete, self._on_delete), ("F2", self._on_rename)):
            action = QAction(self._list, shortcut=QKeySequence(keys))
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            action.triggered.connect(slot)
            self._list.addAction(action)
        self._rebuild()

    def _tool(self, label: str, key: str, wish: SignalInstance) -> QToolButton:
        button = QToolButton()
        button.setText(AFTER_ICON + label)
        button.setAccessibleName(label)
        button.setToolTip(f"{label} ({key})")
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.clicked.connect(lambda: wish.emit())
        return button

    def present(self, conversations: tuple[Conversation, ...], active: int) -> None:
        """Show these; `active` is marked."""
        if conversations == self._conversations and active == self._active:
            return
        self._conversations, self._active = conversations, active
        self._rebuild()

    def set_palette_colors(self, palette: Palette = LIGHT) -> None:
        """Take other colours."""
        self._new.setIcon(icon("new-chat", palette.text))
        for name, button in self._tools.items():
            button.setIcon(icon(name, palette.text))

    def focus_search(self) -> None:
        """Put the cursor into the search field."""
        self._search.setFocus()
        self._search.selectAll()

    def _rebuild(self) -> None:
        self._is_stale = self._list.is_editing
        if self._is_stale:
            return  # it would throw away what is being typed
        wanted = self._search.text().casefold()
        shown = [c for c in self._conversations if wanted in c.title.casefold()]
        self._list.blockSignals(True)
        self._list.clear()
        heading = ""
        today = datetime.now().astimezone().date()
        for conversation in shown:
            group = age_group(conversation.updated_at, today)
            if group != heading:
                heading = group
                self._list.addItem(self._heading(self.tr(group)))
            item = self._row(conversation)
            self._list.addItem(item)
            if conversation.id == self._active:
                self._list.setCurrentItem(item)
        self._list.blockSignals(False)
        is_left = self._list.hasFocus() and not shown
        self._list.setVisible(bool(shown))
        self._empty.setVisible(not shown)
        none_found = bool(self._conversations)
        self._empty.setText(
            self.tr("No chat has this in its title.")
            if none_found
            else self.tr("No chats yet.\nAsk something to begin one.")
        )
        if is_left:
            self.emptied.emit()  # else the next button has it, and Space presses that

    def _heading(self, text: str) -> QListWidgetItem:
        item = QListWidgetItem(text)
        item.setFlags(Qt.ItemFlag.NoItemFlags)
        font = self._list.font()
        font.setPointSizeF(font.pointSizeF() * 0.9)
        item.setFont(font)
        return item

    def _row(self, conversation: Conversation) -> QListWidgetItem:
        item = QListWidgetItem(conversation.title or self.tr("Untitled"))
        item.setData(ID_ROLE, conversation.id)
        item.setToolTip(conversation.title)
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
        return item

    def _current_id(self) -> int:
        item = self._list.currentItem()
        return int(item.data(ID_ROLE) or 0) if item else 0

    def _on_open(self, item: QListWidgetItem) -> None:
        if conversation_id := item.data(ID_ROLE):
            self.selected.emit(int(conversation_id))

    def _on_menu(self, at: QPoint) -> None:
        item = self._list.itemAt(at)
        if item is None or not item.data(ID_ROLE):
            return
        self._list.setCurrentItem(item)
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(self.tr("Rename"), self._on_rename)
        menu.addAction(self.tr("Delete"), self._on_delete)
        menu.popup(self._list.viewport().mapToGlobal(at))

    def _on_rename(self) -> None:
        if self._current_id():
            self._list.editItem(self._list.currentItem())

    def _on_renamed(self, item: QListWidgetItem) -> None:
        conversation_id, title = int(item.data(ID_ROLE)), item.text().strip()
        if title:
            self.rename_requested.emit(conversation_id, title)
        else:
            title = next((c.title for c in self._conversations if c.id == conversation_id), "")
        # shown (and kept in mind, so that a rename that fails is noticed) until the store tells the same
        self._conversations = tuple(
            replace(c, title=title) if c.id == conversation_id else c for c in self._conversations
        )
        self._list.blockSignals(True)
        item.setText(title or self.tr("Untitled"))
        item.setToolTip(title)
        self._list.blockSignals(False)

    def _on_editing_ended(self) -> None:
        if self._is_stale:
            self._rebuild()

    def _on_delete(self) -> None:
        if conversation_id := self._current_id():
            self.delete_requested.emit(conversation_id)
