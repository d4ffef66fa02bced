"""The models window: what is here and on the hub, one model in detail, the downloads."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent, QHideEvent, QKeySequence, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QSplitter, QVBoxLayout, QWidget

from arcdesk.core.errors import Action
from arcdesk.ui.models_detail import ModelDetail, wishes_of
from arcdesk.ui.models_downloads import DownloadsArea
from arcdesk.ui.models_notice import NoticeBar, WorkBar
from arcdesk.ui.models_pane import HERE, HUB, ModelsPane
from arcdesk.ui.models_view import ModelsView, Subject, key_of
from arcdesk.ui.problem_card import ProblemCard
from arcdesk.ui.theme import LIGHT, Palette
from arcdesk.ui.window_size import begin_at

WISHED_SIZE = (1000, 720)
PANE_WIDTH = 330


class ModelsWindow(QWidget):
    """Presents a ModelsView; wishes go out as signals."""

    refresh_requested = Signal()
    chosen = Signal(object)  # Subject or None
    wished = Signal(str, object)  # a button of the detail, and the model
    search_requested = Signal(str)
    low_bit_requested = Signal(str)
    download_action_requested = Signal(str, str)
    notice_button_pressed = Signal(str)
    work_cancelled = Signal()
    action_requested = Signal(Action)
    problem_dismissed = Signal()
    paths_dropped = Signal(list)
    shown = Signal()
    hidden = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setObjectName("modelsWindow")
        self.setWindowTitle(self.tr("Models — ArcDesk"))
        self.setMinimumSize(560, 380)
        begin_at(self, *WISHED_SIZE)
        self.setAcceptDrops(True)
        self.pane, self.detail, self.downloads = ModelsPane(), ModelDetail(), DownloadsArea()
        self.problem = ProblemCard(is_dismissable=True)
        self.notice, self.work = NoticeBar(), WorkBar()
        self._arrange()
        self._connect()
        self._add_shortcuts()
        self.set_palette_colors(LIGHT)

    def _arrange(self) -> None:
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.addWidget(self.pane)
        self._splitter.addWidget(self.detail)
        self._splitter.setStretchFactor(1, 1)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.setHandleWidth(1)
        self.pane.setMinimumWidth(200)
        self.detail.setMinimumWidth(320)
        self._splitter.setSizes([PANE_WIDTH, self.width() - PANE_WIDTH])
        card = QHBoxLayout()
        card.setContentsMargins(16, 8, 16, 0)
        card.addWidget(self.problem)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(card)
        column.addWidget(self._splitter, 1)
        for widget in (self.work, self.notice, self.downloads):
            column.addWidget(widget)

    def _connect(self) -> None:
        self.pane.chosen.connect(self.chosen)
        self.pane.search_requested.connect(self.search_requested)
        self.pane.use_requested.connect(self._on_enter)
        self.pane.action_requested.connect(self.action_requested)
        self.detail.wished.connect(self.wished)
        self.detail.low_bit_requested.connect(self.low_bit_requested)
        self.detail.action_requested.connect(self.action_requested)
        self.downloads.action_requested.connect(self.download_action_requested)
        self.problem.dismissed.connect(self.problem_dismissed)
        self.problem.action_requested.connect(self.action_requested)
        self.notice.pressed.connect(self.notice_button_pressed)
        self.work.cancelled.connect(self.work_cancelled)

    def _add_shortcuts(self) -> None:
        for keys, slot in (
            ("Ctrl+F", self.pane.focus_search),
            ("F5", self.refresh),
            ("Esc", self._on_escape),
            ("Ctrl+W", self.close),
            ("Ctrl+Z", self._on_undo),
            ("Ctrl+PgDown", lambda: self.pane.show_tab(HUB)),
            ("Ctrl+PgUp", lambda: self.pane.show_tab(HERE)),
        ):
            action = QAction(self)
            action.setShortcut(QKeySequence(keys))
            action.triggered.connect(slot)
            self.addAction(action)
        for rows in (self.pane.here, self.pane.hub):
            delete = QAction(rows)
            delete.setShortcut(QKeySequence(QKeySequence.StandardKey.Delete))
            delete.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            delete.triggered.connect(lambda: self._press("delete"))
            rows.addAction(delete)

    # showing

    def present(self, view: ModelsView) -> None:
        """Show all of it."""
        self.pane.present(view)
        self.detail.present(view.detail)
        self.problem.present(view.problem or view.listing.problem)
        self.notice.present(view.notice)
        self.work.present(view.work)
        self.downloads.present(view.downloads)
        self.pane.begin_choice()  # last: another view may come of it

    def choose(self, subject: Subject) -> bool:
        """Turn to this model; False if the list has none such."""
        return self.pane.here.choose(key_of(subject)) or self.pane.hub.choose(key_of(subject))

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        for part in (self.pane, self.detail, self.problem):
            part.set_palette_colors(palette)

    # what the person does

    def refresh(self) -> None:
        """Look again: at the disk, or on the hub."""
        if self.pane.rows is self.pane.hub:
            self.pane.search_again()
        else:
            self.refresh_requested.emit()

    def _on_enter(self, subject: Subject) -> None:
        """Enter does what the first button of the detail would."""
        detail = self.detail.detail
        if detail is None or key_of(detail.subject) != key_of(subject):
            return
        wishes = wishes_of(detail)
        for wish in ("use", "download"):
            if wishes.get(wish):
                self.wished.emit(wish, subject)
                return

    def _press(self, wish: str) -> None:
        detail = self.detail.detail
        if detail is not None and wishes_of(detail).get(wish):
            self.wished.emit(wish, detail.subject)

    def _on_undo(self) -> None:
        field = self.focusWidget()
        if isinstance(field, QLineEdit) and field.isUndoAvailable():
            field.undo()
        elif self.notice.has("undo"):
            self.notice_button_pressed.emit("undo")

    def _on_escape(self) -> None:
        if not self.pane.clear_search():
            self.close()

    # a folder or a GGUF file, dropped

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Folders and GGUF files are welcome."""
        if dropped_paths(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """They become places to look into."""
        if paths := dropped_paths(event.mimeData()):
            event.acceptProposedAction()
            self.paths_dropped.emit(paths)

    def showEvent(self, event: QShowEvent) -> None:
        """Tell that somebody looks."""
        super().showEvent(event)
        self.pane.rows.setFocus()
        self.shown.emit()

    def hideEvent(self, event: QHideEvent) -> None:
        """Tell that nobody looks any more."""
        super().hideEvent(event)
        self.hidden.emit()


def dropped_paths(data: QMimeData) -> list[str]:
    """The folders and GGUF files in it, as local paths."""
    paths = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
    return [str(path) for path in paths if path.suffix.lower() == ".gguf" or path.is_dir()]
