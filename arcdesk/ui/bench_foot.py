"""The feet of the benchmark's window: what Start does, and what can be done with results."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QPushButton, QVBoxLayout, QWidget

from arcdesk.core.engine_state import EnginePhase
from arcdesk.ui.bench_view import BenchView
from arcdesk.ui.bench_words import engine_line, start_label, why_not
from arcdesk.ui.flow_row import FlowRow
from arcdesk.ui.phase_words import PHASE_LOOK
from arcdesk.ui.resources import icon
from arcdesk.ui.theme import LIGHT, Palette

REPORTS = (
    ("text", "Text…"),
    ("ipex", "As vllm_online_benchmark.py prints it…"),
    ("json", "JSON…"),
    ("csv", "CSV…"),
    ("markdown", "Markdown…"),
    ("autotp", "1.log, 2.log, … into a folder, as the AutoTP script…"),
)


class StartFoot(QFrame):
    """Says what will be done, on what, and what is against it; holds Start."""

    start_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("benchFoot")
        self._palette = LIGHT
        self._dot = QLabel("●")
        self.engine = _label("secondary")
        self.summary = _label("")
        self.warning = _label("warn")
        self.reason = _label("error")
        self.button = QPushButton()
        self.button.setProperty("role", "primary")
        self.button.setAutoDefault(True)  # Enter presses it
        self.button.clicked.connect(self.start_requested)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self._dot, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self.engine, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 16)
        column.setSpacing(8)
        column.addLayout(head)
        for label in (self.summary, self.warning, self.reason):
            column.addWidget(label)
        column.addWidget(self.button)

    def present(self, view: BenchView) -> None:
        """Show it."""
        look = PHASE_LOOK[view.engine.phase]
        self._dot.setStyleSheet(f"color: {getattr(self._palette, look.colour)}")
        self._dot.setAccessibleName(self.tr("Engine state: %s") % self.tr(look.label))
        reason = why_not(view)
        for label, text in (
            (self.engine, engine_line(view.engine)),
            (self.summary, view.summary),
            (self.warning, view.warning),
            (self.reason, reason),
        ):
            label.setText(text)
            label.setVisible(bool(text))
        self.button.setText(self.tr("Running…") if view.state.is_busy else start_label(view.engine))
        is_leaving = view.engine.phase is EnginePhase.STOPPING
        self.button.setEnabled(not reason and not view.state.is_busy and not is_leaving)
        self.button.setToolTip(self.tr("The engine is stopping.") if is_leaving else reason)
        self.button.setAccessibleDescription(reason or view.summary)

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours; the next `present` uses them for the dot."""
        self._palette = palette


class ResultFoot(QFrame):
    """Buttons for what was measured."""

    save_requested = Signal(str)
    copy_requested = Signal()
    compare_requested = Signal()
    keep_requested = Signal()
    ledger_requested = Signal()
    ab_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("benchFoot")
        self.said = _label("secondary")
        self.save = QPushButton(self.tr("Save report"))
        self.save.setMenu(self._menu())
        self.copy = _button(self.tr("Copy as Markdown"), self.copy_requested)
        self.keep = _button(self.tr("Keep this run"), self.keep_requested)
        self.keep.setToolTip(self.tr("Try again to put it into the ledger"))
        self.compare = _button(self.tr("Compare with…"), self.compare_requested)
        self.ledger = _button(self.tr("Ledger…"), self.ledger_requested)
        self.ab = _button(self.tr("A/B…"), self.ab_requested)
        self.ledger.setToolTip(self.tr("All runs that were kept"))
        self.ab.setToolTip(self.tr("Two configurations, the same prompts, one after the other"))
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 16)
        column.setSpacing(8)
        column.addWidget(self.said)
        column.addLayout(FlowRow(self.keep, self.save, self.copy, self.compare, self.ledger, self.ab))

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        for name, label in REPORTS:
            action = QAction(self.tr(label), menu)
            action.triggered.connect(lambda _=False, name=name: self.save_requested.emit(name))
            menu.addAction(action)
        return menu

    def present(self, view: BenchView) -> None:
        """Show it."""
        is_there = view.shown is not None and view.state.leaves_results
        self.save.setEnabled(is_there)
        self.copy.setEnabled(is_there)
        self.compare.setEnabled(is_there and bool(view.run_id))
        self.keep.setVisible(is_there and view.is_unkept)
        if is_there and not view.run_id:
            self.compare.setToolTip(
                self.tr("This run could not be kept, so nothing can be compared with it.")
            )
        else:
            self.compare.setToolTip(self.tr("Side by side with an earlier run"))
        self.said.setText(view.said)
        self.said.setVisible(bool(view.said))

    def open_save_menu(self) -> None:
        """The keyboard's way."""
        if self.save.isEnabled():
            self.save.showMenu()

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        for button, name in (
            (self.save, "export"),
            (self.copy, "copy"),
            (self.ledger, "ledger"),
            (self.ab, "versus"),
        ):
            button.setIcon(icon(name, palette.text))


def _button(label: str, intent: object) -> QPushButton:
    button = QPushButton(label)
    button.clicked.connect(lambda: intent.emit())  # type: ignore[attr-defined]
    return button


def _label(role: str) -> QLabel:
    label = QLabel()
    label.setProperty("role", role)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label
