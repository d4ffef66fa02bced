"""A table of figures: a real one for the keyboard and for screen readers, as high as its rows."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QKeyEvent, QKeySequence, QPainter, QWheelEvent
from PySide6.QtWidgets import (
    QFrame,
    QHeaderView,
    QMenu,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from arcdesk.ui.bench_table_model import Index, TableModel
from arcdesk.ui.bench_table_rows import Table, as_text
from arcdesk.ui.gpu_paint import tabular
from arcdesk.ui.theme import LIGHT, Palette

ROW_PX, WIDEST_PX = 26, 1320  # wider, the eye would lose the row
PAD_PX = 13


class _Painter(QStyledItemDelegate):
    """Paints a cell by itself: with a style sheet, the style takes ten times as long for each."""

    def __init__(self, view: BenchTable) -> None:
        super().__init__(view)
        self._view = view

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Ground and text, and a hairline where another figure begins."""
        view, rect = self._view, option.rect
        state = option.state
        cell, is_chosen = (
            view.table.rows[index.row()][index.column()],
            state & QStyle.StateFlag.State_Selected,
        )
        if is_chosen:
            painter.fillRect(rect, QColor(view.colours.accent))
        if index.row() and (view.table.labels == 1 or not view.table.rows[index.row()][0].is_quiet):
            painter.setPen(QColor(view.colours.raised))
            painter.drawLine(rect.topLeft(), rect.topRight())
        if not cell.is_quiet:
            painter.setPen(QColor(view.colours.on_accent if is_chosen else getattr(view.colours, cell.role)))
            side = view.model().data(index, Qt.ItemDataRole.TextAlignmentRole)
            painter.drawText(rect.adjusted(PAD_PX, 0, -PAD_PX, 0), int(side), cell.text)
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QColor(view.colours.accent if not is_chosen else view.colours.text))
            painter.drawRect(rect.adjusted(1, 1, -2, -2))


class BenchTable(QTableView):
    """Shows a Table whole; the page around it scrolls. Ctrl+C copies what is selected."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = TableModel(Table(name=""), self)
        self.colours = LIGHT
        self._row_px = ROW_PX
        self._least: list[int] = []  # the widths that the texts need
        self.setModel(self._model)
        self.setObjectName("benchTable")
        self.setItemDelegate(_Painter(self))
        self.setFont(tabular(self.font()))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setCornerButtonEnabled(False)
        self.setEditTriggers(QTableView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollMode(QTableView.ScrollMode.ScrollPerPixel)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        heads = self.horizontalHeader()
        heads.setHighlightSections(False)
        heads.setSectionsClickable(False)
        heads.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self._size_rows()

    @property
    def table(self) -> Table:
        """What is shown."""
        return self._model.table

    def present(self, table: Table) -> None:
        """Show it; what is shown already keeps its selection."""
        if table == self.table:
            return
        self._model.present(table)
        self.setAccessibleName(table.name)
        self._fit_columns()
        self.updateGeometry()

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self.colours = self._model.palette = palette
        self.viewport().update()

    def copy_selected(self) -> None:
        """The selected cells, or the whole table with its heads if all or none are selected."""
        chosen = self.selectionModel().selectedIndexes()
        rows = sorted({index.row() for index in chosen}) or list(range(len(self.table.rows)))
        columns = sorted({index.column() for index in chosen}) or list(range(len(self.table.heads)))
        is_whole = (len(rows), len(columns)) == (len(self.table.rows), len(self.table.heads))
        QGuiApplication.clipboard().setText(as_text(self.table, rows, columns, has_heads=is_whole))

    def copy_all(self) -> None:
        """The whole table with its heads."""
        rows, columns = range(len(self.table.rows)), range(len(self.table.heads))
        QGuiApplication.clipboard().setText(as_text(self.table, rows, columns, has_heads=True))

    def _size_rows(self) -> None:
        self._row_px = max(ROW_PX, self.fontMetrics().height() + 8)
        self.verticalHeader().setDefaultSectionSize(self._row_px)
        self.horizontalHeader().setFixedHeight(self._row_px)

    def _fit_columns(self) -> None:
        """As wide as their texts: measured here, for Qt's own way asks the style about every cell."""
        plain, heads = self.fontMetrics(), self.horizontalHeader().fontMetrics()
        self._least = []
        for column, head in enumerate(self.table.heads):
            texts = (row[column].text for row in self.table.rows)
            widest = max((plain.horizontalAdvance(text) for text in texts), default=0)
            self._least.append(max(widest, heads.horizontalAdvance(head.words)) + 2 * PAD_PX)
        self._spread_columns()

    def _spread_columns(self) -> None:
        """Share out what room is left, so that tables below each other end at one edge."""
        left = max(0, min(self.viewport().width(), WIDEST_PX) - sum(self._least))
        for column, least in enumerate(self._least):
            more = left // (len(self._least) - column)
            left -= more
            self.setColumnWidth(column, least + more)

    # Qt overrides

    def sizeHint(self) -> QSize:
        """All rows, and the bar below them if the columns do not fit."""
        width = sum(self._least)
        high = self._row_px * (1 + len(self.table.rows)) + 2
        bar = self.horizontalScrollBar()
        return QSize(width, high + (bar.sizeHint().height() if self.width() < width else 0))

    def minimumSizeHint(self) -> QSize:
        """Narrow is possible: it scrolls sideways."""
        return QSize(200, self.sizeHint().height())

    def resizeEvent(self, event: Any) -> None:
        """A bar that comes or goes needs room."""
        super().resizeEvent(event)
        self._spread_columns()
        self.updateGeometry()

    def changeEvent(self, event: QEvent) -> None:
        """A font of another size needs other columns."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._size_rows()
            self._fit_columns()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Ctrl+C copies."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_selected()
            return
        super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Sideways it scrolls the columns; up and down is for the page, as all rows are shown."""
        turn = event.angleDelta()
        if abs(turn.y()) >= abs(turn.x()):
            event.ignore()
            return
        super().wheelEvent(event)

    def contextMenuEvent(self, event: Any) -> None:
        """Copy cells, or all."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        copy = menu.addAction(self.tr("Copy"), self.copy_selected)
        copy.setEnabled(bool(self.selectionModel().selectedIndexes()))
        menu.addAction(self.tr("Copy table"), self.copy_all)
        menu.popup(event.globalPos())
