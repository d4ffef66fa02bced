"""The results of a benchmark: head, tables and plots, for the benchmark's window and for the ledger."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from arcdesk.core.bench_shown import BenchShown
from arcdesk.ui.bench_results_charts import charts_across, charts_within
from arcdesk.ui.bench_results_head import ResultsHead, label
from arcdesk.ui.bench_results_plots import PlotGrid
from arcdesk.ui.bench_results_words import streams_words
from arcdesk.ui.bench_table import BenchTable
from arcdesk.ui.bench_table_rows import latency_table, rates_table
from arcdesk.ui.theme import LIGHT, Palette


class BenchResults(QWidget):
    """Presents a BenchShown (core/bench_shown.shown_of, worked out in a thread) and scrolls by itself."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: BenchShown | None = None
        self._palette = LIGHT
        self._ordered = 0  # how many parts the order of tabs has
        self._wanted_streams: int | None = None  # the step that the person chose
        self.head = ResultsHead()
        self.nothing = label("title")
        self.rates, self.latencies = BenchTable(), BenchTable()
        self.doubt = label("secondary")
        self.across, self.within = PlotGrid(), PlotGrid()
        self.steps = QComboBox()
        self.steps.setAccessibleName(self.tr("Step to look into"))
        self.steps.activated.connect(self._on_step_chosen)
        self._figures = self._card(self.rates, self.latencies, self.doubt)
        self._chooser = QWidget()
        self._page = QWidget()
        self._scroll = QScrollArea()
        self._build()
        self.clear()

    def _build(self) -> None:
        row = QHBoxLayout(self._chooser)
        row.setContentsMargins(0, 4, 0, 0)
        row.setSpacing(8)
        said = QLabel(self.tr("Within one step"))
        said.setProperty("role", "title")
        said.setBuddy(self.steps)
        row.addWidget(said)
        row.addWidget(self.steps)
        row.addStretch(1)
        self._page.setObjectName("benchResultsPage")
        column = QVBoxLayout(self._page)
        column.setContentsMargins(16, 12, 16, 16)
        column.setSpacing(12)
        for part in (self.head, self.nothing, self._figures, self.across, self._chooser, self.within):
            column.addWidget(part)
        column.addStretch(1)
        self._scroll.setObjectName("benchResults")
        self._scroll.setAccessibleName(self.tr("Results of the benchmark"))
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(self._page)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._scroll)

    def _card(self, *parts: QWidget) -> QFrame:
        card = QFrame()
        card.setObjectName("resultCard")
        column = QVBoxLayout(card)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(8)
        for part in parts:
            column.addWidget(part)
        return card

    @property
    def shown(self) -> BenchShown | None:
        """What is shown; None: nothing."""
        return self._shown

    def present(self, shown: BenchShown) -> None:
        """Show it. The plots grow with each step while a benchmark runs; the place of scrolling stays."""
        is_same_run = self._shown is not None and self._shown.run.plan == shown.run.plan
        self._shown = shown
        if not is_same_run:
            self._wanted_streams = None
        has_answers = shown.has_answers
        self.head.show()
        self.head.present(shown)
        self.nothing.setText(_why_nothing(self, shown))
        self.nothing.setVisible(not has_answers)
        self._figures.setVisible(has_answers)
        if has_answers:
            self.rates.present(rates_table(shown))
            table = latency_table(shown)
            self.latencies.present(table)
            self.doubt.setText(table.about)
            self.doubt.setVisible(bool(table.about))
        self.across.present(charts_across(shown) if has_answers else ())
        self._present_steps()
        self._order_tabs()

    def clear(self) -> None:
        """Show nothing."""
        self._shown = None
        for part in (self.head, self.nothing, self._figures, self.across, self._chooser, self.within):
            part.hide()

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        for part in (self.rates, self.latencies, self.across, self.within):
            part.set_palette_colors(palette)

    def _present_steps(self) -> None:
        assert self._shown is not None
        steps = [step for step in self._shown.steps if step.stats.good]
        counts = [step.stats.concurrency for step in steps]
        self._chooser.setVisible(len(steps) > 1)
        if not steps:
            self.within.present(())
            return
        wanted = self._wanted_streams
        place = counts.index(wanted) if wanted in counts else len(steps) - 1
        words = [streams_words(count) for count in counts]
        if [self.steps.itemText(index) for index in range(self.steps.count())] != words:
            self.steps.clear()
            self.steps.addItems(words)
        self.steps.setCurrentIndex(place)
        self.within.present(charts_within(steps[place]))

    def _order_tabs(self) -> None:
        """From above to below: plots are made when they are first needed, which would put them last."""
        chain = [self.head.more, self.rates, self.latencies]
        chain += [*self.across.plots, self.steps, *self.within.plots]
        if len(chain) != self._ordered:
            self._ordered = len(chain)
            for before, after in pairwise(chain):
                self.setTabOrder(before, after)

    def _on_step_chosen(self, index: int) -> None:
        assert self._shown is not None
        steps = [step for step in self._shown.steps if step.stats.good]
        self._wanted_streams = steps[index].stats.concurrency
        self.within.present(charts_within(steps[index]))


def _why_nothing(view: QWidget, shown: BenchShown) -> str:
    if not shown.steps:
        return view.tr("No step was measured.")
    if any(step.failed for step in shown.stats):
        return view.tr("Every request failed, so there are no figures.")
    return view.tr("It was stopped before the first request was answered, so there are no figures.")
