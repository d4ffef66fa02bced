"""The list of runs as a Qt model: pages are asked for when the end comes into sight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor

from arcdesk.core.bench_ledger import RunRow
from arcdesk.ui.ledger_words import failures, machine, moment, number, row_words
from arcdesk.ui.theme import LIGHT, Palette

Index = QModelIndex | QPersistentModelIndex
Cell = Callable[[RunRow], str]

# Head, what it means, whether it is a figure, its text.
COLUMNS: tuple[tuple[str, str, bool, Cell], ...] = (
    ("Run", "The number of the run", True, lambda row: str(row.id)),
    ("When", "", False, lambda row: moment(row.at)),
    ("Model", "", False, lambda row: row.model or "–"),
    ("At once", "Requests at the same time, step by step", False, lambda row: _joined(row.concurrencies)),
    ("Decode tok/s", "Tokens per second of one answer, at the fewest at once: median", True,
     lambda row: number(row.decode_tokens_per_s)),
    ("TTFT ms", "Time to first token at the fewest at once: median", True, lambda row: number(row.ttft_ms)),
    ("Output tok/s", "Tokens per second of all answers together, the best step", True,
     lambda row: number(row.output_tokens_per_s)),
    ("Failed", "Requests that failed", False, failures),
    ("Made on", "Card, driver, kernel and image", False, machine),
    ("Note", "", False, lambda row: row.note),
)  # fmt: skip
WHEN, MODEL, FAILED, MADE_ON, NOTE = 1, 2, 7, 8, 9
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_NONE = QModelIndex()


class LedgerRows(QAbstractTableModel):
    """Holds the rows read so far. `page_wanted`: the rows after the last one are asked for, once."""

    page_wanted = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[RunRow] = []
        self._is_whole = True
        self._is_asked = False
        self._palette = LIGHT

    @property
    def rows(self) -> Sequence[RunRow]:
        """Those read so far, the newest first."""
        return self._rows

    def begin(self, rows: Sequence[RunRow], *, is_whole: bool) -> None:
        """Another list, from its beginning; `is_whole`: nothing follows."""
        self.beginResetModel()
        self._rows, self._is_whole, self._is_asked = list(rows), is_whole, False
        self.endResetModel()

    def append(self, rows: Sequence[RunRow], *, is_whole: bool) -> None:
        """The page that was wanted."""
        self._is_whole, self._is_asked = is_whole, False
        if rows:
            self.beginInsertRows(_NONE, len(self._rows), len(self._rows) + len(rows) - 1)
            self._rows += rows
            self.endInsertRows()

    def place_of(self, run_id: int) -> int | None:
        """The row of this run, if it was read."""
        return next((place for place, row in enumerate(self._rows) if row.id == run_id), None)

    def note(self, run_id: int, text: str) -> None:
        """A run has another note."""
        place = self.place_of(run_id)
        if place is not None:
            self._rows[place] = replace(self._rows[place], note=text)
            self.dataChanged.emit(self.index(place, 0), self.index(place, len(COLUMNS) - 1))

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, len(COLUMNS) - 1))

    # Qt overrides

    def rowCount(self, parent: Index = _NONE) -> int:
        """Of the rows read so far."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = _NONE) -> int:
        """Always the same."""
        return 0 if parent.isValid() else len(COLUMNS)

    def canFetchMore(self, parent: Index) -> bool:
        """More follow, and they are not on their way."""
        return not parent.isValid() and not self._is_whole and not self._is_asked

    def fetchMore(self, parent: Index) -> None:
        """Ask for the next page; it comes later."""
        if self.canFetchMore(parent):
            self._is_asked = True
            self.page_wanted.emit()

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """The columns' heads."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        title, meaning, is_figure, _ = COLUMNS[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return self.tr(title)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self.tr(meaning)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if is_figure else _LEFT
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """One cell."""
        row, column = self._rows[index.row()], index.column()
        _, _, is_figure, cell = COLUMNS[column]
        if role == Qt.ItemDataRole.DisplayRole:
            return cell(row)
        if role == Qt.ItemDataRole.ToolTipRole:
            return cell(row) if column in (MODEL, MADE_ON, NOTE) and "<" not in cell(row) else None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if is_figure else _LEFT
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return row_words(row) if column == 0 else cell(row)
        if role == Qt.ItemDataRole.ForegroundRole:
            return self._colour(row, column)
        return None

    def _colour(self, row: RunRow, column: int) -> QColor | None:
        if column == FAILED and row.failed:
            return QColor(self._palette.error)
        return QColor(self._palette.secondary) if column in (0, WHEN, MADE_ON) else None


def _joined(values: Sequence[int]) -> str:
    return ", ".join(map(str, values))
