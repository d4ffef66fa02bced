"""The benchmark's window: the form, how far it is, and what came out."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAction, QHideEvent, QKeySequence, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from arcdesk.core.bench_check import BenchForm
from arcdesk.core.bench_presets import PresetId
from arcdesk.core.bench_shown import BenchShown
from arcdesk.core.errors import Action
from arcdesk.ui.bench_empty import BenchEmpty
from arcdesk.ui.bench_foot import ResultFoot, StartFoot
from arcdesk.ui.bench_form import BenchFormView
from arcdesk.ui.bench_progress import BenchProgressCard
from arcdesk.ui.bench_results import BenchResults
from arcdesk.ui.bench_view import BenchState, BenchView
from arcdesk.ui.problem_card import ProblemCard
from arcdesk.ui.theme import LIGHT, Palette
from arcdesk.ui.window_size import begin_at

WISHED_SIZE = (1120, 780)
TURN_MS = 2
FORM_WIDTH_PX = 400
NARROW_PX = 880  # below, the form stands above the results
FORM_SHARE, FORM_SHARE_ALONE = 0.45, 0.7  # of the height, where it stands above results or nothing
LOW_PX = 760  # below, the form, a problem and results have no room above each other


class BenchWindow(QWidget):
    """Presents a BenchView; wishes go out as signals."""

    edited = Signal(BenchForm)
    preset_chosen = Signal(PresetId)
    start_requested = Signal()
    cancel_requested = Signal()
    save_requested = Signal(str)  # a format of bench_report.FORMATS, or 'autotp'
    copy_requested = Signal()
    compare_requested = Signal()
    keep_requested = Signal()
    ledger_requested = Signal()
    ab_requested = Signal()
    action_requested = Signal(Action)
    problem_dismissed = Signal()
    shown = Signal()
    hidden = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setObjectName("benchWindow")
        self.setWindowTitle(self.tr("Benchmark — ArcDesk"))
        self.setMinimumSize(440, 420)
        begin_at(self, *WISHED_SIZE)
        self._view = BenchView()
        self._has_hand = True  # the focus follows the button that one would press next
        self._presented: object = None  # what the results show
        # Each in its place from the beginning: to move it there later dresses all that is in it once more.
        self._left, self._right = QWidget(self), QFrame(self)
        self._scroll = QScrollArea(self._left)
        self.form = BenchFormView(self._scroll)
        self.start = StartFoot(self._left)
        self.progress = BenchProgressCard(self._right)
        self.problem = ProblemCard(is_dismissable=True, parent=self._right)
        self._pages = QStackedWidget(self._right)
        self.empty = BenchEmpty(self._pages)
        self.results = BenchResults(self._pages)
        self.foot = ResultFoot(self._right)
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._arrange()
        self._connect()
        self._add_shortcuts()
        self.set_palette_colors(LIGHT)
        self.present(self._view)

    def _arrange(self) -> None:
        inner = self.form
        inner.setObjectName("benchFormInner")
        inner.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._scroll.setObjectName("benchForm")
        self._scroll.setWidget(inner)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        left = QVBoxLayout(self._left)
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(0)
        left.addWidget(self._scroll, 1)
        left.addWidget(self.start)
        self._right.setObjectName("benchResultsPane")
        cards = QVBoxLayout()
        cards.setContentsMargins(16, 16, 16, 0)
        cards.setSpacing(12)
        cards.addWidget(self.progress)
        cards.addWidget(self.problem)
        self._pages.addWidget(self.empty)
        self._pages.addWidget(self.results)
        right = QVBoxLayout(self._right)
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addLayout(cards)
        right.addWidget(self._pages, 1)
        right.addWidget(self.foot)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(0)
        self._row.addWidget(self._left)
        self._row.addWidget(self._right, 1)
        self._fit_width()

    def _connect(self) -> None:
        self.form.edited.connect(self.edited)
        self.form.preset_chosen.connect(self.preset_chosen)
        self.form.entered.connect(self._on_start)
        self.start.start_requested.connect(self._on_start)
        self.progress.cancelled.connect(self.cancel_requested)
        self.problem.action_requested.connect(self.action_requested)
        self.problem.dismissed.connect(self.problem_dismissed)
        self.foot.save_requested.connect(self.save_requested)
        self.foot.copy_requested.connect(self.copy_requested)
        self.foot.compare_requested.connect(self.compare_requested)
        self.foot.keep_requested.connect(self.keep_requested)
        self.foot.ledger_requested.connect(self.ledger_requested)
        self.foot.ab_requested.connect(self.ab_requested)

    def _add_shortcuts(self) -> None:
        for keys, slot in (
            ("Ctrl+Return", self._on_start),
            ("Ctrl+Enter", self._on_start),
            ("Esc", self._on_escape),
            ("Ctrl+W", self.close),
            ("Ctrl+S", self.foot.open_save_menu),
        ):
            action = QAction(self)
            action.setShortcut(QKeySequence(keys))
            action.triggered.connect(slot)
            self.addAction(action)

    # showing

    def present(self, view: BenchView) -> None:
        """Show all of it."""
        before, self._view = self._view.state, view
        had_focus = self.focusWidget()  # what is shut or hidden loses it
        self.form.present(view.form, view.preset)
        self.form.show_refusals(view.checked)
        self.form.show_prompts_note(view.prompts_note)
        self.form.setEnabled(not view.state.is_busy)
        self.start.present(view)
        self.progress.present(view)
        self.problem.present(view.problem)
        self.empty.present(is_busy=view.state.is_busy)
        if view.shown is not self._presented:
            self._presented = view.shown
            if view.shown is None:
                self.results.clear()
            else:
                self._show_results(view.shown)
        self._pages.setCurrentWidget(self.empty if view.shown is None else self.results)
        self.foot.present(view)
        self._fit_width()
        if view.state is not before:
            self._has_hand = self._is_at_hand(had_focus) or (before is BenchState.ENDING and self._has_hand)
            if self._has_hand:
                self._focus_button()

    def _is_at_hand(self, focus: QWidget | None) -> bool:
        """The person is at the form or the buttons, not somewhere in the results."""
        if focus is None or focus is self or focus is self.progress.cancel:
            return True
        return self._left.isAncestorOf(focus)

    def _focus_button(self) -> None:
        """To what one would press next."""
        (self.progress.cancel if self._view.state.is_busy else self.start.button).setFocus()

    def _show_results(self, shown: BenchShown) -> None:
        """Tables and plots are painted in turns: all at once they would hold up the loop for some frames."""
        turns = (self.results, self.results.across, self.results.within)
        for part in turns:
            part.setUpdatesEnabled(False)
        self.results.present(shown)
        self._paint(*turns)

    def _paint(self, *turns: QWidget) -> None:
        if turns:
            QTimer.singleShot(TURN_MS, self, lambda: self._paint_now(*turns))

    def _paint_now(self, part: QWidget, *others: QWidget) -> None:
        part.setUpdatesEnabled(True)
        self._paint(*others)

    @property
    def view(self) -> BenchView:
        """What is shown."""
        return self._view

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        for part in (self.form, self.start, self.problem, self.empty, self.results, self.foot):
            part.set_palette_colors(palette)

    @property
    def is_narrow(self) -> bool:
        """The form stands above the results."""
        return self.width() < NARROW_PX

    def _fit_width(self) -> None:
        """Beside or above the results; where there is little room, the form goes while it can be spared."""
        is_narrow = self.is_narrow
        directions = QBoxLayout.Direction
        self._row.setDirection(directions.TopToBottom if is_narrow else directions.LeftToRight)
        is_bare = is_narrow and (self._view.state.is_busy or self._view.shown is not None)
        self._left.setVisible(not (is_narrow and (self._view.state.is_busy or self._is_crowded)))
        self._left.setMinimumWidth(0 if is_narrow else FORM_WIDTH_PX)
        self._left.setMaximumWidth(QWIDGETSIZE_MAX if is_narrow else FORM_WIDTH_PX)
        share = FORM_SHARE if is_bare else FORM_SHARE_ALONE
        self._left.setMaximumHeight(round(self.height() * share) if is_narrow else QWIDGETSIZE_MAX)
        if self._right.property("isBelow") != is_narrow:
            self._right.setProperty("isBelow", is_narrow)
            self._right.setContentsMargins(*((0, 1, 0, 0) if is_narrow else (1, 0, 0, 0)))  # of its hairline
            self._right.style().unpolish(self._right)
            self._right.style().polish(self._right)

    @property
    def _is_crowded(self) -> bool:
        """A problem stands above results: its buttons lead on, and without it the form is back."""
        return self.height() < LOW_PX and self._view.shown is not None and self._view.problem is not None

    # what the person does

    def _on_start(self) -> None:
        if self.start.button.isEnabled() and not self._view.state.is_busy:
            self.start_requested.emit()

    def _on_escape(self) -> None:
        """End what is under way; else the window."""
        if self._view.state.is_busy:
            self.cancel_requested.emit()
        else:
            self.close()

    # Qt overrides

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Beside or above."""
        super().resizeEvent(event)
        self._fit_width()

    def showEvent(self, event: QShowEvent) -> None:
        """Tell that somebody looks."""
        super().showEvent(event)
        self.shown.emit()
        if self._view.state.is_busy or self.start.button.isEnabled():
            self._focus_button()
        else:
            self.form.preset.setFocus()

    def hideEvent(self, event: QHideEvent) -> None:
        """Tell that nobody looks any more."""
        super().hideEvent(event)
        self.hidden.emit()


QWIDGETSIZE_MAX = (1 << 24) - 1  # no limit; Qt's own name is missing in PySide6
