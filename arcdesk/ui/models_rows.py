"""A list of models in sections: two lines each, a mark at the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import (
    QApplication,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from arcdesk.ui.models_view import Subject, key_of
from arcdesk.ui.theme import LIGHT, Palette

ROW_ROLE = Qt.ItemDataRole.UserRole
PADDING_PX, GAP_PX, INDENT_PX = 6, 2, 12
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One model in the list. `mark` is a word at the right, `role` its colour's name."""

    subject: Subject
    title: str
    line: str
    mark: str = ""
    role: str = "secondary"
    depth: int = 0  # 1: an adapter below its base


class ModelRows(QListWidget):
    """Presents rows below headings; keeps what is chosen through a new reading."""

    chosen = Signal(object)  # Subject, or None
    activated_model = Signal(object)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self._delegate = _RowPainter(self)
        self.setItemDelegate(self._delegate)
        self._sections: tuple[tuple[str, tuple[Row, ...]], ...] = ()
        self.currentItemChanged.connect(lambda: self.chosen.emit(self.subject))
        self.itemActivated.connect(self._on_activated)

    @property
    def subject(self) -> Subject | None:
        """The chosen model."""
        item = self.currentItem()
        row = item.data(ROW_ROLE) if item else None
        return row.subject if row else None

    @property
    def rows(self) -> list[Row]:
        """All models, from top to bottom."""
        return [row for _, rows in self._sections for row in rows]

    def present(self, sections: Sequence[tuple[str, Sequence[Row]]]) -> None:
        """Show these sections; empty ones not at all."""
        fresh = tuple((heading, tuple(rows)) for heading, rows in sections if rows)
        if fresh == self._sections:
            return
        kept = key_of(self.subject) if self.subject is not None else None
        self._sections = fresh
        was_blocked = self.blockSignals(True)
        self.clear()
        for heading, rows in fresh:
            self.addItem(_heading(heading))
            for row in rows:
                self.addItem(_item(row))
        self.blockSignals(was_blocked)
        if not self.choose(kept) and kept is not None:
            self.chosen.emit(None)

    def choose(self, key: tuple[str, str, str] | None) -> bool:
        """Turn to this model; False if it is not in the list."""
        for index in range(self.count()):
            row = self.item(index).data(ROW_ROLE)
            if row is not None and key_of(row.subject) == key:
                self.setCurrentRow(index)
                return True
        return False

    def choose_first(self) -> None:
        """Turn to the first model, if there is one."""
        if rows := self.rows:
            self.choose(key_of(rows[0].subject))

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Qt makes the first row the current one then, but does not mark it."""
        super().focusInEvent(event)
        if (item := self.currentItem()) is not None:
            item.setSelected(True)

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._delegate.colors = palette
        self.viewport().update()

    def _on_activated(self, item: QListWidgetItem) -> None:
        row = item.data(ROW_ROLE)
        if row is not None:
            self.activated_model.emit(row.subject)


def _heading(text: str) -> QListWidgetItem:
    item = QListWidgetItem(text)
    item.setFlags(Qt.ItemFlag.NoItemFlags)
    return item


def _item(row: Row) -> QListWidgetItem:
    item = QListWidgetItem(row.title)
    item.setData(ROW_ROLE, row)
    said = ", ".join(text for text in (row.title, row.line, row.mark) if text)
    item.setData(Qt.ItemDataRole.AccessibleTextRole, said)
    item.setToolTip(row.subject.id if "<" not in row.subject.id else "")  # a tool tip would read markup
    return item


class _RowPainter(QStyledItemDelegate):
    """Paints the ground as the style sheet has it, then our lines."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.colors = LIGHT

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        high = QFontMetrics(option.font).height()
        if index.data(ROW_ROLE) is None:
            return QSize(80, high + 3 * PADDING_PX)
        return QSize(80, high + QFontMetrics(_small(option.font)).height() + GAP_PX + 2 * PADDING_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = index.data(ROW_ROLE)
        ground = QStyleOptionViewItem(option)
        self.initStyleOption(ground, index)
        ground.text = ""
        style = option.widget.style() if option.widget else QApplication.style()
        if row is not None:
            style.drawControl(QStyle.ControlElement.CE_ItemViewItem, ground, painter, option.widget)
        painter.save()
        box = option.rect.adjusted(INDENT_PX, PADDING_PX, -PADDING_PX, -PADDING_PX)
        if row is None:
            painter.setFont(_small(option.font))
            painter.setPen(QColor(self.colors.secondary))
            _draw(painter, box, index.data(), Qt.AlignmentFlag.AlignBottom)
        else:
            self._paint_row(painter, box.adjusted(12 * row.depth, 0, 0, 0), option.font, row)
        painter.restore()

    def _paint_row(self, painter: QPainter, box: QRect, font: QFont, row: Row) -> None:
        small = QFontMetrics(_small(font))
        mark_px = small.horizontalAdvance(row.mark) + INDENT_PX if row.mark else 0
        high = QFontMetrics(font).height()
        painter.setFont(font)
        painter.setPen(QColor(self.colors.text))
        _draw(painter, QRect(box.left(), box.top(), box.width() - mark_px, high), row.title)
        painter.setFont(_small(font))
        painter.setPen(QColor(self.colors.secondary))
        below = QRect(box.left(), box.top() + high + GAP_PX, box.width(), small.height())
        _draw(painter, below, row.line, elide=Qt.TextElideMode.ElideRight)
        if row.mark:
            painter.setPen(QColor(getattr(self.colors, row.role)))
            at = QRect(box.right() - mark_px, box.top(), mark_px, high)
            painter.drawText(at, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, row.mark)


def _draw(
    painter: QPainter,
    box: QRect,
    text: str,
    vertical: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignVCenter,
    *,
    elide: Qt.TextElideMode = Qt.TextElideMode.ElideMiddle,
) -> None:
    shown = painter.fontMetrics().elidedText(text, elide, box.width())
    painter.drawText(box, vertical | Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextSingleLine, shown)


def _small(font: QFont) -> QFont:
    small = QFont(font)
    small.setPointSizeF(font.pointSizeF() * 0.9)
    return small
