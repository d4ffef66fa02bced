"""The left side of the models window: what is here, and the hub, each with its search field."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLabel, QLineEdit, QStackedWidget, QTabBar, QVBoxLayout, QWidget

from arcdesk.core.errors import Action
from arcdesk.core.model_names import short_name
from arcdesk.core.models import ModelEntry, Place, StartModel
from arcdesk.ui.models_rows import ModelRows, Row
from arcdesk.ui.models_view import HubSearch, ModelsView, Subject
from arcdesk.ui.models_words import entry_line, hub_line, start_line
from arcdesk.ui.problem_card import ProblemCard
from arcdesk.ui.theme import Palette

HERE, HUB = 0, 1
TYPING_PAUSE_MS = 400  # a search is asked of the hub when the person stops to type
LEAST_WORDS = 2  # letters; one would find everything


class ModelsPane(QWidget):
    """Two tabs with a list each. Emits what was chosen and what the hub is to be asked."""

    chosen = Signal(object)
    use_requested = Signal(object)
    search_requested = Signal(str)
    action_requested = Signal(Action)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = ModelsView()
        self._has_begun = False
        self.tabs = QTabBar()
        self.tabs.setAccessibleName(self.tr("Where to look for models"))
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        for title in (self.tr("On this computer"), self.tr("Hub")):
            self.tabs.addTab(title)
        self.here, self.hub = ModelRows(self.tr("Models")), ModelRows(self.tr("Found on the hub"))
        self.filter, self.words = (
            self._field(self.tr("Search models")),
            self._field(self.tr("Search the hub")),
        )
        self._here_note, self._hub_note = _note(), _note()
        self._hub_problem = ProblemCard()
        self._hub_problem.action_requested.connect(self.action_requested)
        self._pages = QStackedWidget()
        self._pages.addWidget(_page(self.filter, self._here_note, self.here))
        self._pages.addWidget(_page(self.words, self._hub_note, self._hub_problem, self.hub))
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 8, 8)
        column.setSpacing(8)
        column.addWidget(self.tabs)
        column.addWidget(self._pages, 1)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING_PAUSE_MS)
        self._typing.timeout.connect(self._search)
        self._connect()
        self.present(self._view)

    def _field(self, name: str) -> QLineEdit:
        field = QLineEdit()
        field.setPlaceholderText(name)
        field.setAccessibleName(name)
        field.setClearButtonEnabled(True)
        return field

    def _connect(self) -> None:
        self.tabs.currentChanged.connect(self._on_tab)
        self.filter.textChanged.connect(self._fill_here)
        self.filter.returnPressed.connect(lambda: self._into(self.here))
        self.words.textEdited.connect(lambda: self._typing.start())
        self.words.returnPressed.connect(self._on_enter)
        for rows in (self.here, self.hub):
            rows.chosen.connect(self._on_chosen)
            rows.activated_model.connect(self.use_requested)

    # showing

    def present(self, view: ModelsView) -> None:
        """Show it."""
        self._view = view
        self._fill_here()
        self._fill_hub(view.search)

    def begin_choice(self) -> None:
        """Turn to the first model when the list was read for the first time."""
        if self._has_begun or not self._view.listing.is_known:
            return
        self._has_begun = True
        if self.here.subject is None:
            self.here.choose_first()

    @property
    def rows(self) -> ModelRows:
        """The list that is seen."""
        return self.here if self._pages.currentIndex() == HERE else self.hub

    def show_tab(self, tab: int) -> None:
        """Turn to HERE or HUB."""
        self.tabs.setCurrentIndex(tab)

    def focus_search(self) -> None:
        """Put the cursor into the search field that is seen."""
        field = self.filter if self._pages.currentIndex() == HERE else self.words
        field.setFocus()
        field.selectAll()

    def clear_search(self) -> bool:
        """Empty the field that is seen; False if it was empty."""
        field = self.filter if self._pages.currentIndex() == HERE else self.words
        was_filled = bool(field.text())
        field.clear()
        return was_filled

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self.here.set_palette_colors(palette)
        self.hub.set_palette_colors(palette)
        self._hub_problem.set_palette_colors(palette)

    def _fill_here(self) -> None:
        words = self.filter.text().casefold().split()
        entries = [entry for entry in self._view.listing.entries if _has(words, entry.id, entry.served_name)]
        is_read = self._view.listing.is_known  # before, the first row would be one of the last
        start = [model for model in self._view.start if is_read and _has(words, model.id, model.title)]
        self.here.present(
            (
                (self.tr("Served now"), [_entry_row(entry) for entry in entries if entry.is_served]),
                (
                    self.tr("On this computer"),
                    [_entry_row(entry) for entry in entries if not entry.is_served],
                ),
                (self.tr("To begin with"), [_start_row(model) for model in start]),
            )
        )
        self._here_note.setText(self._here_words(bool(entries or start)))
        self._here_note.setVisible(bool(self._here_note.text()))

    def _here_words(self, found_any: bool) -> str:
        listing = self._view.listing
        if self.filter.text() and not found_any:
            return self.tr("No model here has these words in its name. Enter asks the hub.")
        if not listing.is_known:
            return self.tr("Reading your folders…") if listing.is_loading else ""
        own = [entry for entry in listing.entries if entry.place not in (Place.STARTER, Place.SERVER)]
        if own or listing.problem or self.filter.text():
            return ""
        return self.tr(
            "No models downloaded yet. Pick one below, search the hub, or drop a folder or a GGUF file here."
        )

    def _fill_hub(self, search: HubSearch) -> None:
        here = {entry.id for entry in self._view.listing.entries}
        rows = [
            Row(
                subject=model,
                title=model.id,
                line=hub_line(model),
                mark=self.tr("here") if model.id in here else self.tr("gated") if model.is_gated else "",
                role="ok" if model.id in here else "warn",
            )
            for model in search.results or ()
        ]
        self.hub.present(((self.tr("Most downloaded first"), rows),))
        self._hub_problem.present(search.problem)
        self._hub_note.setText(self._hub_words(search))
        self._hub_note.setVisible(bool(self._hub_note.text()))

    def _hub_words(self, search: HubSearch) -> str:
        if search.is_asking:
            return self.tr("Asking the hub…")
        if search.problem is not None:
            return ""
        if search.results is None:
            return self.tr("Write a name, such as qwen 7b. Nothing is asked of the hub before.")
        return "" if search.results else self.tr("The hub has no model with these words.")

    # what the person does

    def _on_tab(self, tab: int) -> None:
        self._pages.setCurrentIndex(tab)
        self._on_chosen(self.rows.subject)

    def _on_chosen(self, subject: Subject | None) -> None:
        if self.sender() in (None, self.tabs, self.rows):
            self.chosen.emit(subject)

    def _on_enter(self) -> None:
        self._search()
        self._into(self.hub)

    def _into(self, rows: ModelRows) -> None:
        """Enter in the search field goes on in the list; from an empty one here, to the hub."""
        if rows is self.here and not rows.rows and self.filter.text():
            self.words.setText(self.filter.text())
            self.show_tab(HUB)
            self._search()
            return
        if rows.rows:
            rows.setFocus(Qt.FocusReason.ShortcutFocusReason)
            if rows.subject is None:
                rows.choose_first()

    def _search(self) -> None:
        self._typing.stop()
        words = self.words.text().strip()
        if len(words) >= LEAST_WORDS and words != self._view.search.words:
            self.search_requested.emit(words)

    def search_again(self) -> None:
        """Ask the hub for the same words once more."""
        words = self.words.text().strip()
        if len(words) >= LEAST_WORDS:
            self.search_requested.emit(words)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Down in a search field goes into the list."""
        if event.key() == Qt.Key.Key_Down and (self.filter.hasFocus() or self.words.hasFocus()):
            self._into(self.rows)
            return
        super().keyPressEvent(event)


def _note() -> QLabel:
    note = QLabel()
    note.setProperty("role", "secondary")
    note.setTextFormat(Qt.TextFormat.PlainText)
    note.setWordWrap(True)
    note.setContentsMargins(8, 4, 8, 4)
    return note


def _page(*widgets: QWidget) -> QWidget:
    page = QWidget()
    column = QVBoxLayout(page)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(8)
    for widget in widgets:
        column.addWidget(widget, 1 if isinstance(widget, ModelRows) else 0)
    return page


def _has(words: list[str], *texts: str) -> bool:
    whole = " ".join(texts).casefold()
    return all(word in whole for word in words)


def _entry_row(entry: ModelEntry) -> Row:
    mark, role = ("!", "warn") if entry.troubles else ("", "secondary")
    if entry.is_served and not entry.is_lora:
        mark, role = "in use", "ok"
    return Row(
        subject=entry,
        title=short_name(entry.id),
        line=entry_line(entry),
        mark=mark,
        role=role,
        depth=1 if entry.is_lora else 0,
    )


def _start_row(model: StartModel) -> Row:
    mark = "gated" if model.is_gated else ""
    return Row(subject=model, title=model.title, line=start_line(model), mark=mark, role="warn")
