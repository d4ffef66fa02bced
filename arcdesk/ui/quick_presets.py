"""The list of presets below the quick prompt, while a name is being typed."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from arcdesk.core.presets import Preset
from arcdesk.ui.theme import LIGHT, Palette

MOST_ROWS = 6
NAME_ROLE, SUMMARY_ROLE = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1
GAP_PX = 16  # between the longest name and what the presets do
MOST_NAME = 0.4  # of a row


class PresetDelegate(QStyledItemDelegate):
    """Paints names in one column and what they do in another, quieter one."""

    name_px = 0
    palette = LIGHT

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """The style's row first, without words."""
        self.initStyleOption(option, index)
        view: QWidget = option.widget
        place = view.style().subElementRect(QStyle.SubElement.SE_ItemViewItemText, option, view)
        option.text = ""
        view.style().drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, view)
        name, summary = (str(index.data(role)) for role in (NAME_ROLE, SUMMARY_ROLE))
        width = min(self.name_px, round(place.width() * MOST_NAME))
        metrics = view.fontMetrics()
        align = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        elide = Qt.TextElideMode.ElideRight
        painter.save()
        painter.setPen(QColor(self.palette.text))
        painter.drawText(place, align, metrics.elidedText(f"/{name}", elide, width))
        painter.setPen(QColor(self.palette.secondary))
        place.setLeft(place.left() + width + GAP_PX)
        painter.drawText(place, align, metrics.elidedText(summary, elide, place.width()))
        painter.restore()


class QuickPresets(QListWidget):
    """Never has the keyboard: the prompt's keys move in it."""

    chosen = Signal(str)  # a name

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Presets"))
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setUniformItemSizes(True)
        self._delegate = PresetDelegate(self)
        self.setItemDelegate(self._delegate)
        self.itemClicked.connect(self._on_clicked)
        self._shown: tuple[Preset, ...] = ()
        self.hide()

    def present(self, presets: Sequence[Preset]) -> None:
        """Offer these; none hides the list."""
        if tuple(presets) == self._shown and self.isHidden() == (not presets):
            return
        self._shown = tuple(presets)
        self.clear()
        for preset in presets:
            item = QListWidgetItem(f"/{preset.name}   {preset.summary}")
            item.setData(NAME_ROLE, preset.name)
            item.setData(SUMMARY_ROLE, preset.summary)
            item.setToolTip(preset.text)
            self.addItem(item)
        self.setCurrentRow(0)
        names = [self.fontMetrics().horizontalAdvance(f"/{preset.name}") for preset in presets]
        self._delegate.name_px = max(names, default=0) + 2
        if presets:
            rows = min(MOST_ROWS, len(presets))
            self.setFixedHeight(rows * max(28, self.sizeHintForRow(0)) + 4)
        self.setVisible(bool(presets))

    @property
    def current_name(self) -> str:
        """The marked one; '' while nothing is offered."""
        item = None if self.isHidden() else self.currentItem()
        return str(item.data(NAME_ROLE)) if item is not None else ""

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._delegate.palette = palette
        self.viewport().update()

    def step(self, by: int) -> None:
        """Mark the next one, round and round."""
        self.setCurrentRow((self.currentRow() + by) % max(1, self.count()))

    def _on_clicked(self, item: QListWidgetItem) -> None:
        self.chosen.emit(str(item.data(NAME_ROLE)))
