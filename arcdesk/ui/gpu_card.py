"""One graphics card in the window: who it is, what holds its memory, how it works, and what is in its way."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from arcdesk.core.errors import Action
from arcdesk.core.gpu import GpuReading
from arcdesk.core.gpu_view import GpuView, Plotted
from arcdesk.ui.gpu_curves import WORDS, curve, plotted
from arcdesk.ui.gpu_energy_words import answer_fact, badge, idle_fact
from arcdesk.ui.gpu_fact_line import FactLine
from arcdesk.ui.gpu_facts import Fact, card_facts
from arcdesk.ui.gpu_memory_bar import MemoryBar
from arcdesk.ui.gpu_notice import NoticeBox, card_notice
from arcdesk.ui.gpu_plot import Plot
from arcdesk.ui.gpu_words import plain, tip
from arcdesk.ui.theme import LIGHT, Palette

NAME_LENGTH = 80


class GpuCard(QFrame):
    """Presents one card of a GpuView. Its parts are made anew only when the card changes its kind."""

    action_requested = Signal(Action)
    copy_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("gpuCard")
        self._palette = LIGHT
        self._identity: tuple[object, ...] = ()
        self._shown_badge: tuple[str, str, str] | None = None
        self._name = _label("title")
        self._where = _label("secondary")
        self._badge = _label("")
        self._kind = _label("secondary")
        self.notice = NoticeBox()
        self.notice.action_requested.connect(self.action_requested)
        self.notice.copy_requested.connect(self.copy_requested)
        self.memory = MemoryBar()
        self.plots: dict[Plotted, Plot] = {}
        self.lines: dict[str, FactLine] = {}
        self._figures = QWidget()
        self._plot_row = QHBoxLayout()
        self._line_column = QVBoxLayout()
        self._arrange()

    def _arrange(self) -> None:
        head = QVBoxLayout()
        head.setSpacing(2)
        for part in (self._name, self._where, self._kind, self._badge):
            head.addWidget(part)
        self._plot_row.setSpacing(24)
        self._line_column.setSpacing(0)
        figures = QVBoxLayout(self._figures)
        figures.setContentsMargins(0, 0, 0, 0)
        figures.setSpacing(16)
        figures.addWidget(self.memory)
        figures.addLayout(self._plot_row)
        figures.addLayout(self._line_column)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        column.addLayout(head)
        column.addWidget(self.notice)
        column.addWidget(self._figures)

    def present(self, view: GpuView, card: GpuReading) -> None:
        """Show `card`, which is one of the view's."""
        if (identity := _identity(card)) != self._identity:
            self._identity = identity
            self._present_head(card)
        self._present_badge(view, card)
        self.notice.present(card_notice(card))
        has_figures = bool(card.driver) and not card.problem and not card.is_asleep
        self._figures.setVisible(has_figures)
        if not has_figures:
            return
        self.memory.present(card)
        for figure, plot in self._wanted_plots(plotted(card)).items():
            plot.present(curve(view, card, figure))
        more = (answer_fact(view.last_answer, card.address), idle_fact(view.idle, card.address))
        facts = [*card_facts(card), *(fact for fact in more if fact is not None)]
        for fact, line in zip(facts, self._wanted_lines(facts), strict=True):
            line.present(fact)

    def _present_head(self, card: GpuReading) -> None:
        name = plain(card.name, NAME_LENGTH) or card.address
        _set_text(self._name, name)
        self.setAccessibleName(f"{name}, {card.address}")
        driver = plain(card.driver) or self.tr("no driver")
        parts = (card.address, driver, self.tr("Linux {0}").format(plain(card.kernel)) if card.kernel else "")
        _set_text(self._where, " · ".join(part for part in parts if part))
        nodes = (card.pci_id, card.card, card.render, card.hwmon)
        self._where.setToolTip(tip(" · ".join(plain(node) for node in nodes if node)))
        words = self.tr("Part of the processor: it shares the main memory and has no sensors of its own.")
        _set_text(self._kind, words if card.is_integrated else "")

    def _present_badge(self, view: GpuView, card: GpuReading) -> None:
        shown = badge(view.used, card.address)
        if shown == self._shown_badge:
            return
        self._shown_badge = shown
        role, words, about = shown or ("", "", "")
        signs = {"ok": "✓ ", "warn": "▲ "}
        _set_text(self._badge, f"{signs.get(role, '')}{words}")
        self._badge.setToolTip(tip(about))
        if self._badge.property("role") != role:
            self._badge.setProperty("role", role)
            self._badge.style().unpolish(self._badge)
            self._badge.style().polish(self._badge)

    @property
    def badge_text(self) -> str:
        """What the badge says; '' without one."""
        return self._badge.text()

    def _wanted_plots(self, wanted: Sequence[Plotted]) -> dict[Plotted, Plot]:
        if tuple(self.plots) != tuple(wanted):
            _remove(self._plot_row, list(self.plots.values()))
            self.plots = {figure: Plot(WORDS[figure]) for figure in wanted}
            for plot in self.plots.values():
                plot.set_palette_colors(self._palette)
                self._plot_row.addWidget(plot)
        return self.plots

    def _wanted_lines(self, facts: Sequence[Fact]) -> list[FactLine]:
        ids = [fact.id for fact in facts]
        if list(self.lines) != ids:
            _remove(self._line_column, list(self.lines.values()))
            self.lines = {id_: FactLine() for id_ in ids}
            for line in self.lines.values():
                line.set_palette_colors(self._palette)
                self._line_column.addWidget(line)
        return list(self.lines.values())

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        self.memory.set_palette_colors(palette)
        for plot in self.plots.values():
            plot.set_palette_colors(palette)
        for line in self.lines.values():
            line.set_palette_colors(palette)


def _label(role: str) -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setProperty("role", role)
    label.setWordWrap(True)
    label.hide()
    return label


def _set_text(label: QLabel, text: str) -> None:
    """Only what is new: a label lays its window out again for each text."""
    if label.text() != text:
        label.setText(text)
    if label.isHidden() == bool(text):
        label.setVisible(bool(text))


def _identity(card: GpuReading) -> tuple[object, ...]:
    """What the head tells of it."""
    nodes = (card.pci_id, card.card, card.render, card.hwmon)
    return (card.address, card.name, card.driver, card.kernel, card.is_integrated, *nodes)


def _remove(layout: QHBoxLayout | QVBoxLayout, widgets: Sequence[QWidget]) -> None:
    for widget in widgets:
        layout.removeWidget(widget)
        widget.hide()
        widget.deleteLater()
