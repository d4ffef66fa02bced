"""The list of contacts on the privacy page: one sentence, and below it what it rests on."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QMessageBox,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from arcdesk.core.egress_list import EgressView, Tally, by_host
from arcdesk.ui.privacy_keys import words_label
from arcdesk.ui.privacy_words import (
    home_line,
    reason_words,
    received_words,
    sent_words,
    sentence,
    time_words,
)

_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
MOST_ROWS_SEEN = 8


class ContactsSection(QWidget):
    """What left this computer. Emits what the person wants done with the list."""

    export_requested = Signal()
    clear_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sentence = words_label()
        font = self.sentence.font()
        font.setPointSizeF(font.pointSizeF() * 1.2)
        self.sentence.setFont(font)
        self.gap = words_label()
        self.home = words_label("secondary")
        limits = words_label("secondary")
        limits.setText(
            self.tr(
                "Counted are ArcDesk's own requests, without TLS overhead and look-ups of names. "
                "What the engine's container downloads by itself, such as a model, is not seen here."
            )
        )
        self.table = self._make_table()
        self.export_button = QPushButton(self.tr("Export as CSV…"))
        self.export_button.clicked.connect(self.export_requested)
        self.clear_button = QPushButton(self.tr("Clear the list…"))
        self.clear_button.clicked.connect(self._ask_clear)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.export_button)
        buttons.addWidget(self.clear_button)
        buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for widget in (self.sentence, self.gap, self.table, self.home, limits):
            column.addWidget(widget)
        column.addLayout(buttons)
        self.present(EgressView(), 0.0)

    def _make_table(self) -> QTableWidget:
        heads = [self.tr(word) for word in ("Host", "Why", "Requests", "Sent", "Received", "Last")]
        table = QTableWidget(0, len(heads))
        table.setAccessibleName(self.tr("Hosts that were contacted"))
        table.setHorizontalHeaderLabels(heads)
        table.verticalHeader().hide()
        table.setShowGrid(False)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setTabKeyNavigation(False)
        table.setWordWrap(False)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        for column in range(len(heads)):
            item = table.horizontalHeaderItem(column)
            if item is not None:
                left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
                item.setTextAlignment(left if column < 2 else _RIGHT)
        return table

    def present(self, view: EgressView, now: float) -> None:
        """Show the list as it is at `now` (Unix seconds)."""
        self.sentence.setText(sentence(view, now))
        problem = view.problem
        gap = self.tr("The list has a gap. %s") % problem.sentence() if problem is not None else ""
        self.gap.setText(gap)
        self.gap.setVisible(bool(gap))
        line = home_line(view)
        self.home.setText(line)
        self.home.setVisible(bool(line))
        rows = by_host((*view.departures, *view.refusals))
        self._fill(rows, now)
        self.table.setVisible(bool(rows))
        for button in (self.export_button, self.clear_button):
            button.setEnabled(bool(view.tallies))

    def _fill(self, rows: tuple[Tally, ...], now: float) -> None:
        self.table.setRowCount(len(rows))
        for number, one in enumerate(rows):
            texts = (
                one.host,
                reason_words(one),
                self.locale().toString(one.count),
                sent_words(one),
                received_words(one),
                time_words(one.last_at, now),
            )
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                if column >= 2:
                    item.setTextAlignment(_RIGHT)
                self.table.setItem(number, column, item)
        height = self.table.horizontalHeader().sizeHint().height() + 2 * self.table.frameWidth()
        height += self.table.verticalHeader().defaultSectionSize() * min(len(rows), MOST_ROWS_SEEN)
        self.table.setFixedHeight(height)

    def _ask_clear(self) -> None:
        box = QMessageBox(self)
        box.setIcon(QMessageBox.Icon.NoIcon)
        box.setText(self.tr("Clear the list of contacts?"))
        box.setInformativeText(self.tr("What it says about the time before is lost. It begins anew today."))
        clear = box.addButton(self.tr("Clear"), QMessageBox.ButtonRole.DestructiveRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        clear.clicked.connect(self.clear_requested)
        box.open()
