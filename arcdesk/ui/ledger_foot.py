"""The foot of the ledger's window: what to do with the chosen run."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFrame, QLabel, QMenu, QPushButton, QVBoxLayout, QWidget

from arcdesk.ui.bench_foot import REPORTS
from arcdesk.ui.flow_row import FlowRow
from arcdesk.ui.ledger_view import LedgerView
from arcdesk.ui.resources import icon
from arcdesk.ui.theme import Palette

EXPORT = "export"  # all requests of a run, for other programs


class LedgerFoot(QFrame):
    """Buttons; without a chosen run they can't be pressed."""

    save_requested = Signal(str)  # a report's name, or EXPORT
    copy_requested = Signal()
    again_requested = Signal()
    compare_requested = Signal()
    delete_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("benchFoot")
        self.said = QLabel()
        self.said.setProperty("role", "secondary")
        self.said.setWordWrap(True)
        self.save = QPushButton(self.tr("Save report"))
        self.save.setMenu(self._menu())
        self.copy = self._button(self.tr("Copy as Markdown"), self.copy_requested)
        self.again = self._button(self.tr("Run again…"), self.again_requested)
        self.again.setToolTip(self.tr("Opens the benchmark with the same plan"))
        self.compare = self._button(self.tr("Compare with…"), self.compare_requested)
        self.compare.setToolTip(self.tr("Then click the other run; or hold Ctrl and click it"))
        self.delete = self._button(self.tr("Delete"), self.delete_requested)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 16)
        column.setSpacing(8)
        column.addWidget(self.said)
        column.addLayout(FlowRow(self.again, self.compare, self.save, self.copy, self.delete))

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        for name, label in (*REPORTS, (EXPORT, "All requests as JSON…")):
            action = QAction(self.tr(label), menu)
            action.triggered.connect(lambda _=False, name=name: self.save_requested.emit(name))
            menu.addAction(action)
        return menu

    def _button(self, label: str, intent: object) -> QPushButton:
        button = QPushButton(label)
        button.clicked.connect(lambda: intent.emit())  # type: ignore[attr-defined]
        return button

    def present(self, view: LedgerView) -> None:
        """Show it."""
        is_read = view.shown is not None and view.pair is None
        for button in (self.save, self.copy, self.again):
            button.setEnabled(is_read)
        self.compare.setEnabled(bool(view.run_id) and view.pair is None and not view.picking_for)
        self.delete.setEnabled(bool(view.run_id) and view.pair is None)
        self.said.setText(view.said)
        self.said.setVisible(bool(view.said))

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        pictures = (
            (self.again, "restart"),
            (self.compare, "versus"),
            (self.save, "export"),
            (self.copy, "copy"),
            (self.delete, "trash"),
        )
        for button, name in pictures:
            button.setIcon(icon(name, palette.text))
