"""A Table of figures as Qt's model: text, side, colour, reason, and what a screen reader says."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from arcdesk.ui.bench_table_rows import Cell, Table, row_words
from arcdesk.ui.theme import LIGHT

Index = QModelIndex | QPersistentModelIndex
_NONE = QModelIndex()


class TableModel(QAbstractTableModel):
    """One Table."""

    def __init__(self, table: Table, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = table
        self.palette = LIGHT

    def present(self, table: Table) -> None:
        """Take another one."""
        self.beginResetModel()
        self.table = table
        self.endResetModel()

    def rowCount(self, parent: Index = _NONE) -> int:
        """Of the table; a cell has none."""
        return 0 if parent.isValid() else len(self.table.rows)

    def columnCount(self, parent: Index = _NONE) -> int:
        """Of the table; a cell has none."""
        return 0 if parent.isValid() else len(self.table.heads)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, side, colour, reason, and what a screen reader says."""
        cell = self.table.rows[index.row()][index.column()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return "" if cell.is_quiet else cell.text
            case Qt.ItemDataRole.TextAlignmentRole:
                return self._side(index.column())
            case Qt.ItemDataRole.ForegroundRole:
                return QColor(getattr(self.palette, cell.role))
            case Qt.ItemDataRole.ToolTipRole:
                return cell.why or None
            case Qt.ItemDataRole.AccessibleTextRole:
                return self._spoken(index, cell)
            case _:
                return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Names of the columns; rows are named by their first cells."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        head = self.table.heads[section]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return head.words
            case Qt.ItemDataRole.TextAlignmentRole:
                return self._side(section)
            case Qt.ItemDataRole.ToolTipRole:
                return head.about or None
            case Qt.ItemDataRole.AccessibleTextRole:
                return head.words
            case _:
                return None

    def _side(self, column: int) -> Qt.AlignmentFlag:
        is_word = column == 0 and self.table.labels > 1
        side = Qt.AlignmentFlag.AlignLeft if is_word else Qt.AlignmentFlag.AlignRight
        return side | Qt.AlignmentFlag.AlignVCenter

    def _spoken(self, index: Index, cell: Cell) -> str:
        if index.column() < self.table.labels:
            return row_words(self.table, index.row())
        said = f"{row_words(self.table, index.row())}, {self.table.heads[index.column()].words}: "
        return said + (cell.plain or cell.text) + (f". {cell.why}" if cell.why else "")
