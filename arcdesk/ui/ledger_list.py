"""The upper part of the ledger's window: words and model to narrow by, and the list of runs."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QItemSelectionModel, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from arcdesk.ui.ledger_rows import COLUMNS, FAILED, MADE_ON, MODEL, NOTE, WHEN, LedgerRows
from arcdesk.ui.ledger_view import LedgerView
from arcdesk.ui.ledger_words import runs_words
from arcdesk.ui.theme import Palette

TYPING_PAUSE_MS = 250
ROW_PX = 28
CELL_PX = 24  # around the text of a cell
# Digits or letters that a column wants at least; its head wants its own room.
_LETTERS = {0: 5, WHEN: 15, MODEL: 15, 3: 6, 4: 6, 5: 6, 6: 6, FAILED: 9, MADE_ON: 24, NOTE: 12}
_TAKES_MORE = {MODEL: 2, MADE_ON: 4, NOTE: 3}  # the shares of what is left over
_GOES_FIRST = (MADE_ON, NOTE, FAILED, 3, 6, 0)  # where there is little room: the details show it


class LedgerList(QWidget):
    """Tells by `chosen(ids)` what is selected, the earliest click first, and what to narrow the list by."""

    chosen = Signal(list)
    narrowed = Signal(str, str)  # words, model ('' any)
    delete_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = LedgerRows(self)
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search runs"))
        self.search.setAccessibleName(self.tr("Search runs"))
        self.search.setToolTip(self.tr("In models, cards, drivers, kernels, images and notes (Ctrl+F)"))
        self.search.setClearButtonEnabled(True)
        self.model = QComboBox()
        self.model.setAccessibleName(self.tr("Model"))
        self.model.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.model.setMinimumContentsLength(18)
        self.model.addItem(self.tr("All models"), "")
        self.count = QLabel()
        self.count.setProperty("role", "secondary")
        self.table = self._make_table()
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING_PAUSE_MS)
        self._build()
        self._connect()
        self.table.viewport().installEventFilter(self)

    def _make_table(self) -> QTableView:
        table = QTableView()
        table.setObjectName("ledgerTable")
        table.setModel(self.rows)
        table.setAccessibleName(self.tr("Benchmarks that were kept"))
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.setTextElideMode(Qt.TextElideMode.ElideRight)
        table.verticalHeader().hide()
        table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        table.verticalHeader().setDefaultSectionSize(ROW_PX)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        return table

    def _build(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.search, 2)
        head.addWidget(self.model, 1)
        head.addStretch(1)
        head.addWidget(self.count)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 8)
        column.setSpacing(8)
        column.addLayout(head)
        column.addWidget(self.table, 1)

    def _connect(self) -> None:
        self.search.textChanged.connect(lambda: self._typing.start())
        self.search.returnPressed.connect(self._narrow)
        self._typing.timeout.connect(self._narrow)
        self.model.activated.connect(self._narrow)
        self.table.selectionModel().selectionChanged.connect(self._on_selection)

    # showing

    def present(self, view: LedgerView) -> None:
        """The count and the models; the rows come by `rows`."""
        if view.count is not None:
            self.count.setText(runs_words(view.count, self.tr("found") if view.is_narrowed else ""))
        wanted = ["", *view.models]
        if [self.model.itemData(index) for index in range(self.model.count())] != wanted:
            kept = self.model.currentData()
            self.model.clear()
            for name in wanted:
                self.model.addItem(name or self.tr("All models"), name)
            self.model.setCurrentIndex(max(0, self.model.findData(kept)))

    @property
    def chosen_ids(self) -> list[int]:
        """The selected runs, from the top."""
        ranges = self.table.selectionModel().selection()  # `selectedRows` takes half a second for thousands
        places = {place for each in ranges.toList() for place in range(each.top(), each.bottom() + 1)}
        return [self.rows.rows[place].id for place in sorted(places)]

    def choose(self, ids: tuple[int, ...]) -> None:
        """Select these, as far as they were read, and bring the first into sight; tells nothing."""
        places = [place for each in ids if (place := self.rows.place_of(each)) is not None]
        selection = self.table.selectionModel()
        was_blocked = selection.blockSignals(True)
        selection.clear()
        flags = QItemSelectionModel.SelectionFlag
        for place in places:
            selection.select(self.rows.index(place, 0), flags.Select | flags.Rows)
        if places:
            selection.setCurrentIndex(self.rows.index(places[0], 0), flags.NoUpdate)
            self.table.scrollTo(self.rows.index(places[0], 0))
        selection.blockSignals(was_blocked)
        self.table.viewport().update()

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self.rows.set_palette_colors(palette)

    # what the person does

    def focus_search(self) -> None:
        """The cursor into the field."""
        self.search.setFocus()
        self.search.selectAll()

    def clear_search(self) -> bool:
        """Empty the field; False if it was empty."""
        was_filled = bool(self.search.text())
        self.search.clear()
        return was_filled

    def _narrow(self) -> None:
        self._typing.stop()
        self.narrowed.emit(self.search.text(), self.model.currentData() or "")

    def _on_selection(self) -> None:
        self.chosen.emit(self.chosen_ids)

    # the columns' widths

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """More or fewer columns have room."""
        if event.type() == QEvent.Type.Resize and watched is self.table.viewport():
            self._fit()
        return super().eventFilter(watched, event)

    def changeEvent(self, event: QEvent) -> None:
        """Another font needs other room."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def _fit(self) -> None:
        """What there is no room for goes; what is left over is shared by those with long words."""
        least = [self._least_px(column) for column in range(len(COLUMNS))]
        room = self.table.viewport().width()
        hidden: set[int] = set()
        for column in _GOES_FIRST:
            if sum(px for place, px in enumerate(least) if place not in hidden) <= room:
                break
            hidden.add(column)
        shown = [column for column in range(len(COLUMNS)) if column not in hidden]
        over = max(0, room - sum(least[column] for column in shown))
        shares = {column: share for column, share in _TAKES_MORE.items() if column in shown}
        for column, px in enumerate(least):
            self.table.setColumnHidden(column, column in hidden)
            if column in shown:
                more = over * shares.get(column, 0) // sum(shares.values())
                self.table.setColumnWidth(column, px + more)

    def _least_px(self, column: int) -> int:
        metrics = self.table.fontMetrics()
        head = metrics.horizontalAdvance(self.tr(COLUMNS[column][0]))
        return max(head, _LETTERS[column] * metrics.horizontalAdvance("0")) + CELL_PX
