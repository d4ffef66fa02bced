"""The head of a benchmark's results: what was measured, when, how it ended, and what must be known of it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from arcdesk.core.bench_report_words import one_line, surroundings_rows, title
from arcdesk.core.bench_shown import BenchShown
from arcdesk.ui.bench_results_words import (
    asked_words,
    ended_words,
    energy_words,
    failure_lines,
    note_lines,
    vram_words,
    what_words,
)

MOST_LINES = 12


class ResultsHead(QWidget):
    """Presents all but the figures of a run."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = label("settingsHeading")
        self.what = label("secondary")
        self.ended = label("")
        self.vram, self.energy = label(""), label("")
        self.failures = label("error")
        self.notes = label("secondary")
        self.note = label("")
        self.more = QPushButton(self.tr("What it was measured on"))
        self.more.setFlat(True)
        self.more.setCheckable(True)
        self.more.setAutoDefault(False)
        self.more.toggled.connect(self._on_more)
        self.about = QWidget()
        self._about_rows: list[tuple[str, str]] = []
        self._build()

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.title)
        column.addWidget(self.what)
        column.addWidget(self.ended)
        for part in (self.failures, self.notes, self.note):
            column.addWidget(part)
        cards = QHBoxLayout()
        cards.setSpacing(16)
        for name, value in ((self.tr("VRAM peak"), self.vram), (self.tr("Energy"), self.energy)):
            pair = QHBoxLayout()
            pair.setSpacing(6)
            said = label("secondary")
            said.setText(name)
            said.setWordWrap(False)
            value.setWordWrap(False)
            value.setAccessibleName(name)
            pair.addWidget(said)
            pair.addWidget(value)
            cards.addLayout(pair)
        cards.addStretch(1)
        column.addLayout(cards)
        column.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)
        form = QFormLayout(self.about)
        form.setContentsMargins(0, 0, 0, 4)
        form.setHorizontalSpacing(12)
        form.setVerticalSpacing(2)
        column.addWidget(self.about)
        self.about.hide()

    def present(self, shown: BenchShown) -> None:
        """Show it."""
        run = shown.run
        self.title.setText(title(run.surroundings))
        self.what.setText(what_words(run))
        self.ended.setText(ended_words(shown))
        _lines(self.failures, [f"▲ {line}" for line in failure_lines(shown)])
        _lines(self.notes, note_lines(shown) if shown.has_answers else [])
        _lines(self.note, [self.tr("Note: {0}").format(one_line(run.note, 400))] if run.note else [])
        for value, (said, why) in ((self.vram, vram_words(shown)), (self.energy, energy_words(shown))):
            value.setText(said)
            value.setToolTip(why)
            value.setAccessibleDescription(why)
        skipped = {"Made", "Model", "Note"}
        rows = [row for row in surroundings_rows(run) if row[0] not in skipped]
        self._present_about([(self.tr("Asked"), asked_words(run)), *rows])

    def _present_about(self, rows: list[tuple[str, str]]) -> None:
        if rows == self._about_rows:
            return
        self._about_rows = rows
        if self.more.isChecked():
            self._fill_about()

    def _fill_about(self) -> None:
        form = self.about.layout()
        assert isinstance(form, QFormLayout)
        while form.rowCount():
            form.removeRow(0)
        for name, value in self._about_rows:
            said, words = label("secondary"), label("")
            said.setText(name)
            said.setWordWrap(False)
            words.setText(value)
            words.setAccessibleName(name)
            form.addRow(said, words)

    def _on_more(self, is_on: bool) -> None:
        if is_on:
            self._fill_about()
        self.about.setVisible(is_on)


def label(role: str) -> QLabel:
    """Plain text that wraps and can be copied."""
    made = QLabel()
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(True)
    made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if role:
        made.setProperty("role", role)
    return made


def _lines(shown: QLabel, lines: list[str]) -> None:
    """All lines, up to a dozen; none hides the label."""
    more = len(lines) - MOST_LINES
    if more > 0:
        lines = [*lines[:MOST_LINES], shown.tr("… and {0} more lines, in the report").format(more)]
    shown.setText("\n".join(lines))
    shown.setVisible(bool(lines))
