"""Plots beside each other where there is room, else below each other."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QVBoxLayout, QWidget

from arcdesk.ui.theme import LIGHT, Palette
from arcdesk.ui.xy_plot import XyPlot
from arcdesk.ui.xy_plot_values import XyChart

LEAST_PX, GAP_PX, PLOT_PX = 330, 12, 236
_COLUMNS = (4, 2, 1)  # three would leave one of four alone


class PlotGrid(QWidget):
    """Cards with a plot each; plots are kept and reused."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plots: list[XyPlot] = []
        self._cards: list[QFrame] = []
        self._shown = 0
        self._columns = 0
        self._palette = LIGHT
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(GAP_PX)

    def present(self, charts: Sequence[XyChart]) -> None:
        """Show these; none hides it."""
        while len(self.plots) < len(charts):
            self._add()
        for plot, chart in zip(self.plots, charts, strict=False):
            plot.present(chart)
        if len(charts) != self._shown:
            self._shown = len(charts)
            self._place(self._columns or self._fitting())
        self.setVisible(bool(charts))

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        for plot in self.plots:
            plot.set_palette_colors(palette)

    def _add(self) -> None:
        card = QFrame(self)  # shown without one it would be a window for a moment
        card.setObjectName("resultCard")
        card.setFixedHeight(PLOT_PX)
        plot = XyPlot()
        plot.set_palette_colors(self._palette)
        column = QVBoxLayout(card)
        column.setContentsMargins(6, 6, 6, 6)
        column.addWidget(plot)
        self.plots.append(plot)
        self._cards.append(card)

    def _fitting(self) -> int:
        fitting = (self.width() + GAP_PX) // (LEAST_PX + GAP_PX)
        return next((columns for columns in _COLUMNS if columns <= fitting), 1)

    def _place(self, columns: int) -> None:
        self._columns = columns
        for column in range(_COLUMNS[0]):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)
        for index, card in enumerate(self._cards):
            self._grid.removeWidget(card)
            card.setVisible(index < self._shown)
            if index < self._shown:
                self._grid.addWidget(card, index // columns, index % columns)

    # Qt overrides

    def resizeEvent(self, event: QResizeEvent) -> None:
        """More or fewer beside each other."""
        super().resizeEvent(event)
        if (columns := self._fitting()) != self._columns:
            self._place(columns)

    def minimumSizeHint(self) -> QSize:
        """One beside the other is a wish, not a need."""
        return QSize(0, super().minimumSizeHint().height())
