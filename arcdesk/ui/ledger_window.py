"""The ledger's window: all runs, one in detail, its history, and any two side by side."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QHideEvent, QKeySequence, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from arcdesk.core.errors import Action
from arcdesk.ui.bench_results import BenchResults
from arcdesk.ui.ledger_compare import LedgerCompare
from arcdesk.ui.ledger_empty import LedgerEmpty
from arcdesk.ui.ledger_foot import LedgerFoot
from arcdesk.ui.ledger_history import LedgerHistory
from arcdesk.ui.ledger_list import LedgerList
from arcdesk.ui.ledger_note import LedgerNote
from arcdesk.ui.ledger_view import LedgerView
from arcdesk.ui.models_notice import NoticeBar
from arcdesk.ui.problem_card import ProblemCard
from arcdesk.ui.theme import LIGHT, Palette
from arcdesk.ui.window_size import begin_at

WISHED_SIZE = (1180, 820)
LIST_SHARE = 0.36
RUN, HISTORY, COMPARE = range(3)


class LedgerWindow(QWidget):
    """Presents a LedgerView; the list's rows come by `list.rows`. Wishes go out as signals."""

    chosen = Signal(list)  # ids of runs
    narrowed = Signal(str, str)
    page_wanted = Signal()
    refresh_requested = Signal()
    note_given = Signal(int, str)
    picking_ended = Signal()
    bench_requested = Signal()
    notice_button_pressed = Signal(str)
    action_requested = Signal(Action)
    problem_dismissed = Signal()
    shown = Signal()
    hidden = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setObjectName("ledgerWindow")
        self.setWindowTitle(self.tr("Ledger of benchmarks — ArcDesk"))
        self.setMinimumSize(460, 420)
        begin_at(self, *WISHED_SIZE)
        self._view = LedgerView()
        self.list, self.foot, self.empty = LedgerList(), LedgerFoot(), LedgerEmpty()
        self.results, self.history, self.compare = BenchResults(), LedgerHistory(), LedgerCompare()
        self.problem = ProblemCard(is_dismissable=True)
        self.notice = NoticeBar()
        self.tabs, self.pages = QTabBar(), QStackedWidget()
        self.note = LedgerNote()
        self.pick_bar, self.pick_text = QFrame(), QLabel()
        self.pick_cancel = QPushButton(self.tr("Cancel"))
        self._hint = QLabel()
        self._body = QStackedWidget()
        self._arrange()
        self._connect()
        self._add_shortcuts()
        self.set_palette_colors(LIGHT)
        self.present(self._view)

    def _arrange(self) -> None:
        below = QWidget()
        column = QVBoxLayout(below)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._head())
        column.addWidget(self.pages, 1)
        column.addWidget(self.foot)
        for page in (self._run_page(), self.history, self.compare):
            self.pages.addWidget(page)
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.addWidget(self.list)
        splitter.addWidget(below)
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(1)
        splitter.setStretchFactor(1, 1)
        high = self.height()
        splitter.setSizes([round(high * LIST_SHARE), high - round(high * LIST_SHARE)])
        self._body.addWidget(splitter)
        self._body.addWidget(self.empty)
        cards = QHBoxLayout()
        cards.setContentsMargins(16, 12, 16, 0)
        cards.addWidget(self.problem)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(cards)
        whole.addWidget(self._picking())
        whole.addWidget(self._body, 1)
        whole.addWidget(self.notice)

    def _head(self) -> QHBoxLayout:
        self.tabs.setAccessibleName(self.tr("What is shown of the run"))
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        for title in (self.tr("Results"), self.tr("History"), self.tr("Compare")):
            self.tabs.addTab(title)
        row = QHBoxLayout()
        row.setContentsMargins(16, 4, 16, 4)
        row.setSpacing(16)
        row.addWidget(self.tabs)
        row.addWidget(self.note, 1)
        return row

    def _run_page(self) -> QStackedWidget:
        self._hint.setProperty("role", "secondary")
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint.setWordWrap(True)
        page = self._run = QStackedWidget()
        page.addWidget(self._hint)
        page.addWidget(self.results)
        return page

    def _picking(self) -> QFrame:
        self.pick_bar.setObjectName("workBar")
        row = QHBoxLayout(self.pick_bar)
        row.setContentsMargins(16, 8, 16, 8)
        row.addWidget(self.pick_text, 1)
        row.addWidget(self.pick_cancel)
        self.pick_cancel.clicked.connect(self.picking_ended)
        return self.pick_bar

    def _connect(self) -> None:
        self.list.chosen.connect(self.chosen)
        self.list.narrowed.connect(self.narrowed)
        self.list.rows.page_wanted.connect(self.page_wanted)
        self.history.run_chosen.connect(lambda run_id: self.chosen.emit([run_id]))
        self.tabs.currentChanged.connect(self.pages.setCurrentIndex)
        self.note.given.connect(self.note_given)
        self.empty.bench_requested.connect(self.bench_requested)
        self.notice.pressed.connect(self.notice_button_pressed)
        self.problem.action_requested.connect(self.action_requested)
        self.problem.dismissed.connect(self.problem_dismissed)

    def _add_shortcuts(self) -> None:
        for keys, slot in (
            ("Ctrl+F", self.list.focus_search),
            ("F5", self.refresh_requested.emit),
            ("Esc", self._on_escape),
            ("Ctrl+W", self.close),
            ("Ctrl+Z", self._on_undo),
            ("Ctrl+S", self._on_save),
        ):
            action = QAction(self)
            action.setShortcut(QKeySequence(keys))
            action.triggered.connect(slot)
            self.addAction(action)
        delete = QAction(self.list.table)
        delete.setShortcut(QKeySequence(QKeySequence.StandardKey.Delete))
        delete.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        delete.triggered.connect(self.foot.delete.click)
        self.list.table.addAction(delete)

    # showing

    @property
    def view(self) -> LedgerView:
        """What is shown."""
        return self._view

    def present(self, view: LedgerView) -> None:
        """Show all of it."""
        before, self._view = self._view, view
        self._body.setCurrentIndex(1 if view.is_empty else 0)
        self.list.present(view)
        self.problem.present(view.problem)
        self.notice.present(view.notice)
        self.pick_bar.setVisible(bool(view.picking_for))
        self.pick_text.setText(
            self.tr("Click the run that run {0} is compared with.").format(view.picking_for)
        )
        self._present_run(view, before)
        self.history.present(view.history, view.run_id)
        self.compare.present(view.pair)
        self.foot.present(view)
        if view.pair is not None and view.pair is not before.pair:
            self.tabs.setCurrentIndex(COMPARE)
        elif view.pair is None and before.pair is not None and self.tabs.currentIndex() == COMPARE:
            self.tabs.setCurrentIndex(RUN)

    def _present_run(self, view: LedgerView, before: LedgerView) -> None:
        self._run.setCurrentIndex(0 if view.shown is None else 1)
        self._hint.setText(self._hint_words(view))
        if view.shown is not None and view.shown is not before.shown:
            self.results.present(view.shown)
        self.note.present(view.shown.run if view.shown is not None else None)

    def _hint_words(self, view: LedgerView) -> str:
        if view.run_id:
            return self.tr("Reading run {0}…").format(view.run_id)
        if view.count == 0 and view.is_narrowed:
            return self.tr("No run has all of these words.")
        return self.tr("Choose a run above. Hold Ctrl and click a second one to compare both.")

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        for part in (
            self.list,
            self.results,
            self.history,
            self.compare,
            self.foot,
            self.empty,
            self.problem,
        ):
            part.set_palette_colors(palette)

    # what the person does

    def _on_undo(self) -> None:
        if self.note.hasFocus() and self.note.isUndoAvailable():
            self.note.undo()
        elif self.list.search.hasFocus() and self.list.search.isUndoAvailable():
            self.list.search.undo()
        elif self.notice.has("undo"):
            self.notice_button_pressed.emit("undo")

    def _on_save(self) -> None:
        if self.foot.save.isEnabled():
            self.foot.save.showMenu()

    def _on_escape(self) -> None:
        if self._view.picking_for:
            self.picking_ended.emit()
        elif not self.list.clear_search():
            self.close()

    # Qt overrides

    def showEvent(self, event: QShowEvent) -> None:
        """Tell that somebody looks."""
        super().showEvent(event)
        self.list.table.setFocus()
        self.shown.emit()

    def hideEvent(self, event: QHideEvent) -> None:
        """Tell that nobody looks any more."""
        super().hideEvent(event)
        self.hidden.emit()
