"""The card of the first run: where the engine is, which key calls, and what may happen at log-in."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QGridLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from arcdesk.core.autostart_state import OFF, AutostartState
from arcdesk.core.errors import Problem
from arcdesk.ui.autostart_row import LABEL as AUTOSTART_LABEL
from arcdesk.ui.flow_row import FlowRow
from arcdesk.ui.theme import LIGHT, Palette

DISMISSED = "firstRun/dismissed"
WIDTH_PX = 440


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRun:
    """What the card says. The texts come from those who know: engine and hotkey as they truly are."""

    engine: str  # "On this computer (CPU)"
    hotkey: str  # "Ctrl+Alt+Space", or why there is none
    autostart: AutostartState = OFF
    starts_engine: bool = False
    is_in_menu: bool = True
    problem: Problem | None = None  # why the last wish could not be fulfilled


class FirstRunMemory:
    """Whether the card was dismissed: once is for ever."""

    def __init__(self, memory: QSettings) -> None:
        self._memory = memory

    @property
    def is_due(self) -> bool:
        """It was not dismissed yet."""
        return self._memory.value(DISMISSED, False, type=bool) is not True

    def dismiss(self) -> None:
        """Never again, also when the program ends at once."""
        self._memory.setValue(DISMISSED, True)
        self._memory.sync()


class FirstRunCard(QFrame):
    """Shows a FirstRun. Wishes go out as signals; the switches follow what is told, not the click."""

    autostart_requested = Signal(bool)
    start_engine_requested = Signal(bool)
    install_requested = Signal()
    dismissed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("firstRunCard")
        self.setAccessibleName(self.tr("Getting started"))
        self.setMaximumWidth(WIDTH_PX)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self._shown: FirstRun | None = None
        title = QLabel(self.tr("Getting started"))
        title.setProperty("role", "title")
        self._engine, self._hotkey = self._fact(), self._fact()
        self._autostart = self._switch(AUTOSTART_LABEL, self.autostart_requested)
        self._starts_engine = self._switch("Start the engine with ArcDesk", self.start_engine_requested)
        self._refusal = self._fact()
        self._refusal.setProperty("role", "error")
        self._install = QPushButton(self.tr("Put ArcDesk into the applications menu"))
        self._install.clicked.connect(lambda: self.install_requested.emit())
        self._done = QPushButton(self.tr("Got it"))
        self._done.setProperty("role", "primary")
        self._done.clicked.connect(lambda: self.dismissed.emit())
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(8)
        column.addWidget(title)
        column.addLayout(self._facts())
        column.addWidget(self._autostart)
        column.addWidget(self._starts_engine)
        column.addWidget(self._refusal)
        column.addLayout(FlowRow(self._install, self._done))
        self.set_palette_colors(LIGHT)

    def _fact(self) -> QLabel:
        label = QLabel()
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        return label

    def _switch(self, label: str, intent: object) -> QCheckBox:
        switch = QCheckBox(self.tr(label))
        switch.setAccessibleName(self.tr(label))

        def on_clicked(is_on: bool) -> None:
            if self._shown is not None:
                self.present(self._shown)
            intent.emit(is_on)  # type: ignore[attr-defined]

        switch.clicked.connect(on_clicked)
        return switch

    def _facts(self) -> QGridLayout:
        facts = QGridLayout()
        facts.setHorizontalSpacing(16)
        facts.setVerticalSpacing(4)
        facts.setColumnStretch(1, 1)
        for row, (name, value) in enumerate((("Engine", self._engine), ("Quick prompt", self._hotkey))):
            label = QLabel(self.tr(name))
            label.setProperty("role", "secondary")
            facts.addWidget(label, row, 0, Qt.AlignmentFlag.AlignTop)
            facts.addWidget(value, row, 1)
            value.setAccessibleName(self.tr(name))
        return facts

    def present(self, first_run: FirstRun) -> None:
        """Show all of it."""
        self._shown = first_run
        self._engine.setText(first_run.engine)
        self._hotkey.setText(first_run.hotkey)
        self._autostart.setChecked(first_run.autostart.is_on)
        self._starts_engine.setChecked(first_run.starts_engine)
        self._install.setVisible(not first_run.is_in_menu)
        problem = first_run.problem
        self._refusal.setText(problem.sentence() if problem else "")
        self._refusal.setVisible(problem is not None)

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self.setStyleSheet(
            f"#firstRunCard {{ background: {palette.surface}; border: 1px solid {palette.outline};"
            " border-radius: 10px; }"
        )
