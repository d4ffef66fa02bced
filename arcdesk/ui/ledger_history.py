"""A figure over time, for the plan and model of the chosen run; vertical lines where something changed."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from arcdesk.core.bench_history import HistoryFigure, changes
from arcdesk.core.bench_ledger import HistoryPoint
from arcdesk.core.bench_report_words import plan_words
from arcdesk.ui.ledger_words import moment, number
from arcdesk.ui.theme import Palette
from arcdesk.ui.xy_plot import XyPlot
from arcdesk.ui.xy_plot_values import Scale, XyAxis, XyChart, XyPoint, XyRule, XySeries


class LedgerHistory(QWidget):
    """Presents the points; `run_chosen` is one that was clicked."""

    run_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._points: tuple[HistoryPoint, ...] = ()
        self.figure = QComboBox()
        self.figure.setAccessibleName(self.tr("Figure over time"))
        for each in HistoryFigure:
            self.figure.addItem(self.tr(each.label), each)
        self.figure.activated.connect(self._draw)
        self.about = QLabel()
        self.about.setProperty("role", "secondary")
        self.about.setWordWrap(True)
        self.plot = XyPlot()
        self.plot.point_chosen.connect(self.run_chosen)
        card = QFrame()
        card.setObjectName("resultCard")
        inner = QVBoxLayout(card)
        inner.setContentsMargins(8, 8, 8, 8)
        inner.addWidget(self.plot)
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(self.figure)
        head.addWidget(self.about, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(8)
        column.addLayout(head)
        column.addWidget(card, 1)

    def present(self, points: tuple[HistoryPoint, ...], run_id: int) -> None:
        """Show them, the oldest first; `run_id` is ringed."""
        if points != self._points or self.plot.chart.is_empty:
            self._points = points
            self._draw()
        self.plot.set_chosen(run_id or None)

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self.plot.set_palette_colors(palette)

    def _draw(self) -> None:
        figure = self.figure.currentData() or HistoryFigure.DECODE
        row = self._points[-1].row if self._points else None
        about = f"{row.model} · {plan_words(row.plan)}" if row and row.plan else ""
        self.about.setText(about)
        self.plot.present(chart_of(self._points, figure))


def chart_of(points: Sequence[HistoryPoint], figure: HistoryFigure) -> XyChart:
    """The plot of one figure; runs that were stopped early are left out."""
    whole = [point for point in points if not point.row.is_cancelled]
    marks = tuple(
        XyPoint(x=point.row.at, y=figure.of(point.row), words=_words(point, figure), key=point.row.id)
        for point in whole
    )
    return XyChart(
        title=f"{figure.label} over time",
        series=(XySeries(name=figure.label, points=marks),),
        x=XyAxis(scale=Scale.TIME),
        y=XyAxis(unit=figure.unit, is_from_zero=True),
        rules=tuple(XyRule(x=change.at, words=change.words) for change in changes(whole)),
        why="Choose a run: its history with the same plan and model stands here."
        if not points
        else f"No run tells it: {figure.label.lower()}.",
    )


def _words(point: HistoryPoint, figure: HistoryFigure) -> str:
    value = f"{number(figure.of(point.row))} {figure.unit}"
    note = f"\n{point.row.note}" if point.row.note else ""
    return f"Run {point.row.id}, {moment(point.row.at)}\n{value}{note}"
