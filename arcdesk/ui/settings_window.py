"""The settings window: what can be chosen, where each value comes from, changes that hold at once."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QCloseEvent, QKeySequence
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from arcdesk.core.engine_state import EngineKind
from arcdesk.core.errors import Action, Problem
from arcdesk.core.settings import Settings
from arcdesk.core.settings_source import Source
from arcdesk.core.settings_table import SETTINGS
from arcdesk.ui.problem_card import ProblemCard
from arcdesk.ui.settings_about import AboutSection
from arcdesk.ui.settings_book import SettingsBook
from arcdesk.ui.settings_presets import PresetsEditor
from arcdesk.ui.settings_waiting import container_problem, waiting_ids
from arcdesk.ui.theme import LIGHT, Palette
from arcdesk.ui.window_size import begin_at

PAGES = (
    ("general", "General", "settings"),
    ("engine", "Engine", "page-engine"),
    ("container", "Container", "page-container"),
    ("models", "Models", "page-models"),
    ("bench", "Measuring", "bench"),
    ("quick", "Quick prompt", "page-quick"),
    ("notifications", "Notifications", "page-notifications"),
    ("about", "About", "page-about"),
)


class SettingsWindow(QWidget):
    """Renders settings, where they come from, and what waits for a restart. Emits intents only."""

    changed = Signal(str, str, object)  # table, name, value; the presets are ("presets", "presets", pairs)
    reset = Signal(str, str)
    restart_requested = Signal()
    open_file_requested = Signal()
    problem_dismissed = Signal()

    def __init__(self, built_in_presets: tuple[str, ...] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setObjectName("settingsWindow")
        self.setWindowTitle(self.tr("Settings — ArcDesk"))
        begin_at(self, 940, 680)
        self.setMinimumSize(640, 420)
        self._started_with: Settings | None = None  # of the engine that runs
        self._running: EngineKind | None = None
        self.book = SettingsBook()
        self.book.changed.connect(self.changed)
        self.book.reset.connect(self.reset)
        self.problem = ProblemCard(is_dismissable=True)
        self.problem.dismissed.connect(self.problem_dismissed)
        self.limits = ProblemCard(is_wide=True)
        self.limits.action_requested.connect(self._on_limits)
        self.presets = PresetsEditor(built_in_presets)
        self.presets.changed.connect(lambda presets: self.changed.emit("presets", "presets", presets))
        self.about = AboutSection()
        self.about.open_file_requested.connect(self.open_file_requested)
        self._fill_pages()
        self._bar = self._make_bar()
        self._arrange()
        self._add_shortcuts()
        self.show_page("general")

    # building

    def _fill_pages(self) -> None:
        for index, (name, title, icon_name) in enumerate(PAGES):
            self.book.insert_page(name, self.tr(title), icon_name, index)
        for info in SETTINGS:
            self.book.pages[info.page].add_row(info)
        self.book.pages["container"].add_notice(self.limits)
        words = "presets preset slash / fix translate"
        self.add_to_page("quick", self.presets, title=self.tr("Presets"), search_words=words)
        self.add_to_page("about", self.about, search_words="version licence license settings file python qt")

    def _make_bar(self) -> QFrame:
        bar = QFrame()
        bar.setObjectName("settingsBar")
        words = QLabel(self.tr("Some changes take effect when the engine restarts."))
        words.setWordWrap(True)
        self.restart = QPushButton(self.tr("Restart engine"))
        self.restart.setProperty("role", "primary")
        self.restart.clicked.connect(self.restart_requested)
        row = QHBoxLayout(bar)
        row.setContentsMargins(40, 8, 20, 8)
        row.addWidget(words, 1)
        row.addWidget(self.restart)
        bar.hide()
        return bar

    def _arrange(self) -> None:
        card = QHBoxLayout()
        card.setContentsMargins(20, 12, 20, 0)
        card.addWidget(self.problem)
        self.book.above.addLayout(card)
        self.book.below.addWidget(self._bar)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.book)

    def _add_shortcuts(self) -> None:
        for keys, slot in (
            ("Ctrl+F", self.book.focus_search),
            ("Esc", self._on_escape),
            ("Ctrl+W", self.close),
            ("Ctrl+PgDown", lambda: self.book.step(1)),
            ("Ctrl+PgUp", lambda: self.book.step(-1)),
        ):
            action = QAction(self)
            action.setShortcut(QKeySequence(keys))
            action.triggered.connect(slot)
            self.addAction(action)

    # what other parts bring

    def add_page(
        self, title: str, icon_name: str, widget: QWidget, search_words: str = "", *, name: str = ""
    ) -> None:
        """A page of its own, before 'About'. `name` is for `show_page`; without one it is the small title."""
        page = name or title.casefold()
        self.book.insert_page(page, title, icon_name, self.book.list.count() - 1)
        self.add_to_page(page, widget, search_words=search_words)

    def add_to_page(
        self, page: str, widget: QWidget, *, title: str = "", search_words: str = "", in_place_of: str = ""
    ) -> None:
        """A section at the end of a page, or in place of a setting's row (its id). Raises KeyError."""
        self.book.pages[page].add_section(widget, title, search_words, in_place_of)
        self.book.order_focus()

    # showing

    def present(self, settings: Settings, sources: Mapping[str, Source], running: EngineKind | None) -> None:
        """Show all of it; `running` is the kind of the engine that runs or starts, None while none does."""
        if running is not self._running:
            self._running, self._started_with = running, settings
        waiting = waiting_ids(self._started_with, settings, running)
        for page in self.book.pages.values():
            page.present(settings, sources, waiting)
        self.presets.present(settings.presets)
        self.limits.present(container_problem(settings.container))
        self._bar.setVisible(bool(waiting))

    def present_problem(self, problem: Problem | None) -> None:
        """What could not be read or kept."""
        self.problem.present(problem)

    def refuse(self, table: str, name: str, why: str) -> None:
        """Say beside a setting why its change could not be made."""
        for row in self.book.rows:
            if (row.info.table, row.info.name) == (table, name):
                row.refuse(why)

    def show_page(self, name: str) -> None:
        """Turn to a page; an unknown name changes nothing."""
        self.book.show_page(name)

    def _on_escape(self) -> None:
        """One step back: the search, then what is being written, then the window."""
        if self.book.search.text():
            self.book.search.clear()
        elif not self._revert_focused():
            self.close()

    def _revert_focused(self) -> bool:
        focused = self.focusWidget()
        rows = [row for row in self.book.rows if focused is not None and row.isAncestorOf(focused)]
        return any(row.revert() for row in rows)

    def _on_limits(self, action: Action) -> None:
        for name, text in action.settings:
            self.changed.emit("container", name, int(text))

    def set_palette_colors(self, palette: Palette = LIGHT) -> None:
        """Take other colours."""
        for part in (self.book, self.problem, self.limits, self.presets):
            part.set_palette_colors(palette)

    def closeEvent(self, event: QCloseEvent) -> None:
        """What was written is kept, like at any other way out of a field."""
        focused = self.focusWidget()
        for row in self.book.rows:
            if focused is not None and row.isAncestorOf(focused):
                row.editor.commit()
        super().closeEvent(event)
