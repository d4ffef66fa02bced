"""The engine in the inspector: its state, its buttons, its start, its failure."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from arcdesk.core.engine_state import EngineKind, EnginePhase, EngineSnapshot
from arcdesk.core.errors import Action, ActionKind
from arcdesk.core.store import AppState
from arcdesk.ui.phase_words import look
from arcdesk.ui.problem_card import ProblemCard
from arcdesk.ui.theme import LIGHT, Palette
from arcdesk.ui.timeline import Timeline

UNKNOWN = "–"
CHOOSE_MODEL = Action(kind=ActionKind.CHOOSE_MODEL, label="Choose a GGUF model…")
OTHER_ENGINE = {
    EngineKind.CONTAINER: Action(kind=ActionKind.USE_EMBEDDED, label="Use the embedded engine"),
    EngineKind.EMBEDDED: Action(kind=ActionKind.USE_CONTAINER, label="Use the container"),
    EngineKind.REMOTE: Action(kind=ActionKind.USE_EMBEDDED, label="Use the embedded engine"),
}


class EngineCard(QFrame):
    """Renders AppState.engine. Emits intents; knows no service."""

    start_requested = Signal()
    stop_requested = Signal()
    restart_requested = Signal()
    log_requested = Signal()
    action_requested = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("engineCard")
        self._palette = LIGHT
        self._dot = QLabel("●")
        self._phase = QLabel()
        self._phase.setProperty("role", "title")
        self._since = QLabel()
        self._since.setProperty("role", "secondary")
        self._start = self._button(self.tr("Start"), self.start_requested)
        self._start.setProperty("role", "primary")
        self._stop = self._button(self.tr("Stop"), self.stop_requested)
        self._restart = self._button(self.tr("Restart"), self.restart_requested)
        self._log = self._button(self.tr("Log"), self.log_requested)
        self._facts = {name: self._fact() for name in ("Model", "Runs on", "Profile", "Address")}
        self._timeline = Timeline()
        self._failure = ProblemCard()
        self._failure.action_requested.connect(self.action_requested)
        self._model = QPushButton(self.tr("Choose a GGUF model…"))
        self._model.setFlat(True)
        self._model.clicked.connect(lambda: self.action_requested.emit(CHOOSE_MODEL))
        self._other = QPushButton()
        self._other.setFlat(True)
        self._other.clicked.connect(self._on_other)
        self._other_action: Action | None = None
        self._foot = QVBoxLayout()
        self._arrange()

    def _button(self, label: str, intent: object) -> QPushButton:
        button = QPushButton(label)
        button.clicked.connect(lambda: intent.emit())  # type: ignore[attr-defined]
        return button

    def _fact(self) -> QLabel:
        label = QLabel(UNKNOWN)
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        return label

    def _arrange(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self._dot)
        head.addWidget(self._phase, 1)
        head.addWidget(self._since)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (self._start, self._stop, self._restart, self._log):
            buttons.addWidget(button)
        buttons.addStretch(1)
        facts = QFormLayout()
        facts.setHorizontalSpacing(12)
        facts.setVerticalSpacing(4)
        for name, value in self._facts.items():
            title = QLabel(self.tr(name))
            title.setProperty("role", "secondary")
            for label in (title, value):
                label.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
                label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.MinimumExpanding)
            facts.addRow(title, value)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        column.addLayout(head)
        column.addLayout(buttons)
        column.addWidget(self._timeline)
        column.addWidget(self._failure)
        column.addLayout(facts)
        column.addWidget(self._model, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self._other, 0, Qt.AlignmentFlag.AlignLeft)
        column.addStretch(1)
        column.addLayout(self._foot)

    def add_foot(self, widget: QWidget) -> None:
        """Put something at the very bottom."""
        self._foot.addWidget(widget)

    def present(self, state: AppState) -> None:
        """Show all of it."""
        engine = state.engine
        appearance = look(state)
        colour = getattr(self._palette, appearance.colour)
        self._dot.setStyleSheet(f"color: {colour}")
        self._dot.setAccessibleName(self.tr("Engine state: %s") % self.tr(appearance.label))
        self._phase.setText(self.tr(appearance.label))
        self._since.setText(_since_text(engine))
        self._render_buttons(engine)
        self._render_facts(engine)
        self._timeline.present(engine.progress if engine.phase.is_transitional else None, engine.kind)
        self._failure.present(engine.problem)
        self._other_action = _other_engine(engine)
        is_embedded = engine.kind is EngineKind.EMBEDDED
        self._model.setVisible(is_embedded and not engine.phase.is_transitional)
        self._other.setVisible(self._other_action is not None)
        if self._other_action is not None:
            self._other.setText(self.tr(self._other_action.label))

    def _render_buttons(self, engine: EngineSnapshot) -> None:
        phase = engine.phase
        is_remote = engine.kind is EngineKind.REMOTE
        self._start.setText(self.tr("Connect") if is_remote else self.tr("Start"))
        self._stop.setText(self.tr("Disconnect") if is_remote else self.tr("Stop"))
        self._start.setVisible(phase.can_start)
        self._set_primary(self._start, not (engine.problem and engine.problem.actions))
        self._stop.setVisible(not phase.can_start or phase is EnginePhase.FAILED)
        self._stop.setEnabled(phase.can_stop)
        self._restart.setVisible(phase is EnginePhase.READY and not is_remote)
        self._log.setVisible(not is_remote)

    def _set_primary(self, button: QPushButton, is_primary: bool) -> None:
        """One button stands out, not two: where a problem has a way out, that one does."""
        role = "primary" if is_primary else ""
        if button.property("role") != role:
            button.setProperty("role", role)
            button.style().unpolish(button)
            button.style().polish(button)

    def _render_facts(self, engine: EngineSnapshot) -> None:
        runs_on = engine.place
        if engine.kind is EngineKind.CONTAINER:
            runs_on = f"{engine.device or UNKNOWN} in {engine.place}" if engine.place else ""
            self._facts["Runs on"].setToolTip(
                self.tr("As the server itself reports it.")
                if engine.device
                else self.tr("The server has not yet said what it runs on.")
            )
        for name, text in (
            ("Model", engine.model),
            ("Runs on", runs_on),
            ("Profile", engine.profile),
            ("Address", engine.base_url),
        ):
            self._facts[name].setText(text or UNKNOWN)

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours; the next `present` uses them."""
        self._palette = palette
        self._failure.set_palette_colors(palette)

    def _on_other(self) -> None:
        if self._other_action is not None:
            self.action_requested.emit(self._other_action)


def _other_engine(engine: EngineSnapshot) -> Action | None:
    """The way to another engine, unless a problem offers it already."""
    if engine.phase.is_transitional:
        return None
    other = OTHER_ENGINE[engine.kind]
    offered = engine.problem.actions if engine.problem else ()
    return None if any(action.kind is other.kind for action in offered) else other


def _since_text(engine: EngineSnapshot) -> str:
    if engine.phase is not EnginePhase.READY or not engine.since:
        return ""
    return f"since {datetime.fromtimestamp(engine.since).astimezone():%H:%M}"
