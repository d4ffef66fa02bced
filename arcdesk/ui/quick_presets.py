"""The list of presets below the quick prompt, while a name is being typed."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QListWidget, QListWidgetItem, QWidget

from arcdesk.core.presets import Preset

MOST_ROWS = 6


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
            item.setData(Qt.ItemDataRole.UserRole, preset.name)
            item.setToolTip(preset.text)
            self.addItem(item)
        self.setCurrentRow(0)
        if presets:
            rows = min(MOST_ROWS, len(presets))
            self.setFixedHeight(rows * max(28, self.sizeHintForRow(0)) + 4)
        self.setVisible(bool(presets))

    @property
    def current_name(self) -> str:
        """The marked one; '' while nothing is offered."""
        item = None if self.isHidden() else self.currentItem()
        return str(item.data(Qt.ItemDataRole.UserRole)) if item is not None else ""

    def step(self, by: int) -> None:
        """Mark the next one, round and round."""
        self.setCurrentRow((self.currentRow() + by) % max(1, self.count()))

    def _on_clicked(self, item: QListWidgetItem) -> None:
        self.chosen.emit(str(item.data(Qt.ItemDataRole.UserRole)))
