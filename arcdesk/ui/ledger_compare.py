"""Two runs side by side: what differs, and each figure with its change and what its interval carries."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QFrame,
    QHeaderView,
    QLabel,
    QScrollArea,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from arcdesk.core.bench import BenchRun
from arcdesk.core.bench_compare import Line
from arcdesk.ui.ledger_view import Pair
from arcdesk.ui.ledger_words import ROLES, change_words, interval_words, moment, number, verdict_words
from arcdesk.ui.theme import LIGHT, Palette

ROW_PX = 28
BEFORE, AFTER, CHANGE, INTERVAL, COUNTS, VERDICT = range(2, 8)
COUNTS_FROM_PX, VALUES_FROM_PX = 820, 640  # narrower, n and the values are told on hover
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_HEADS = ("Streams", "Figure", "Before", "After", "Change", "95 % interval", "n", "Verdict")
_LEFT_COLUMNS = (1, VERDICT)


class LedgerCompare(QWidget):
    """Presents a Pair; without one it says how two runs are chosen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = LIGHT
        self._pair: Pair | None = None
        self.title, self.differs, self.notes = _label("title"), _label(""), _label("secondary")
        self.hint = _label("secondary")
        self.hint.setText(self.tr("Select two runs: hold Ctrl and click the second, or press Compare with…"))
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.table = self._make_table()
        self._card = QFrame()
        self._card.setObjectName("resultCard")
        inner = QVBoxLayout(self._card)
        inner.setContentsMargins(8, 8, 8, 8)
        inner.addWidget(self.table)
        self._build()
        self.present(None)

    def _build(self) -> None:
        page = QWidget()
        page.setObjectName("benchResultsPage")
        column = QVBoxLayout(page)
        column.setContentsMargins(16, 12, 16, 16)
        column.setSpacing(8)
        for part in (self.title, self.differs, self._card, self.notes, self.hint):
            column.addWidget(part)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setObjectName("benchResults")
        scroll.setAccessibleName(self.tr("Comparison"))
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(page)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scroll)

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(0, len(_HEADS))
        table.setObjectName("ledgerPair")
        table.setAccessibleName(self.tr("Figures of both runs"))
        table.setHorizontalHeaderLabels([self.tr(head) for head in _HEADS])
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(ROW_PX)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        for column in range(len(_HEADS)):
            if (item := table.horizontalHeaderItem(column)) is not None:
                item.setTextAlignment(_LEFT if column in _LEFT_COLUMNS else _RIGHT)
        QShortcut(
            QKeySequence(QKeySequence.StandardKey.Copy),
            table,
            self.copy,
            context=Qt.ShortcutContext.WidgetShortcut,
        )
        return table

    # showing

    def present(self, pair: Pair | None) -> None:
        """Show it."""
        self._pair = pair
        for part in (self.title, self.differs, self.notes, self._card):
            part.setVisible(pair is not None)
        self.hint.setVisible(pair is None)
        if pair is None:
            return
        found = pair.comparison
        self.title.setText(f"{_run_words(pair.before)}  →  {_run_words(pair.after)}")
        self.differs.setText("\n".join(self._differs(pair)))
        notes = found.notes if found.lines else (*found.notes, self.tr("They have no concurrency in common."))
        self.notes.setText("\n".join(notes))
        self.notes.setVisible(bool(notes))
        self._card.setVisible(bool(found.lines))
        self._fill(found.lines)

    def _differs(self, pair: Pair) -> list[str]:
        found = pair.comparison
        asked = [
            self.tr("Asked differently, {0}.").format(each.sentence()) for each in found.plan_differences
        ]
        made = [f"{each.sentence()}." for each in found.differences]
        return [*asked, *made] or [self.tr("Nothing known differs between them.")]

    def _fill(self, lines: tuple[Line, ...]) -> None:
        self.table.setRowCount(len(lines))
        last = 0
        for place, line in enumerate(lines):
            texts = (
                "" if line.concurrency == last else str(line.concurrency),
                f"{line.name}, {line.unit}",
                number(line.before),
                number(line.after),
                change_words(line),
                interval_words(line),
                f"{line.n_before}, {line.n_after}",
                verdict_words(line),
            )
            last = line.concurrency
            for column, text in enumerate(texts):
                self.table.setItem(place, column, self._item(text, column, line))
        header = self.table.horizontalHeader().sizeHint().height()
        self.table.setFixedHeight(header + ROW_PX * len(lines) + 2 * self.table.frameWidth() + 12)

    def _item(self, text: str, column: int, line: Line) -> QTableWidgetItem:
        item = QTableWidgetItem(text)
        item.setTextAlignment(_LEFT if column in _LEFT_COLUMNS else _RIGHT)
        if column == 0:
            said = f"{line.concurrency} at once, {line.name}: {change_words(line)}, {verdict_words(line)}"
            item.setData(Qt.ItemDataRole.AccessibleTextRole, said)
        if column >= CHANGE:
            words = self.tr("{0} before, {1} after; n = {2} and {3}; 95 % interval {4}")
            counts = (line.n_before, line.n_after)
            values = (number(line.before), number(line.after), *counts, interval_words(line))
            item.setToolTip(words.format(*values))
        if column == VERDICT:
            item.setForeground(QColor(getattr(self._palette, ROLES[line.trend])))
        return item

    def resizeEvent(self, event: QResizeEvent) -> None:
        """What there is no room for is told on hover."""
        super().resizeEvent(event)
        width = event.size().width()
        self.table.setColumnHidden(COUNTS, width < COUNTS_FROM_PX)
        for column in (BEFORE, AFTER, INTERVAL):
            self.table.setColumnHidden(column, width < VALUES_FROM_PX)

    def copy(self) -> None:
        """The whole comparison as text, with tabs between the cells."""
        if self._pair is None:
            return
        columns = range(self.table.columnCount())
        rows = [
            [item.text() if (item := self.table.item(row, column)) else "" for column in columns]
            for row in range(self.table.rowCount())
        ]
        lines = [self.title.text(), self.differs.text(), "\t".join(_HEADS), *("\t".join(row) for row in rows)]
        QApplication.clipboard().setText("\n".join(lines) + "\n")

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        self.present(self._pair)


def _run_words(run: BenchRun) -> str:
    return f"Run {run.id}, {moment(run.at)}"


def _label(role: str) -> QLabel:
    label = QLabel()
    label.setProperty("role", role)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setWordWrap(True)
    return label
