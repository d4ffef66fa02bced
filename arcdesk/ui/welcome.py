"""What stands in the middle before the first question: one thing to know, one thing to do."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from arcdesk.core.engine_state import EngineKind, EnginePhase, EngineSnapshot
from arcdesk.ui.first_run import FirstRunCard
from arcdesk.ui.theme import Palette

EXAMPLE = "What is the capital of France?"


def privacy_line(engine: EngineSnapshot) -> str:
    """Where questions go, said plainly."""
    match engine.kind:
        case EngineKind.EMBEDDED:
            return f"Answered on this computer ({engine.place}). Nothing leaves it."
        case EngineKind.CONTAINER:
            return "Answered by the container on this computer. Nothing leaves it."
        case EngineKind.REMOTE:
            return f"Questions go to {engine.place}."


def state_line(engine: EngineSnapshot) -> str:
    """What happens if one asks now."""
    if engine.phase is EnginePhase.READY:
        return ""
    if engine.phase.is_transitional:
        return "The engine is on its way: a question asked now is answered when it is ready."
    if engine.kind is EngineKind.EMBEDDED:
        return "The engine starts with the first question."
    return "Start the engine on the right, then ask."


class Welcome(QScrollArea):
    """The empty chat; it scrolls where the window is too low for all of it."""

    example_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = QLabel(self.tr("Ask anything"))
        font = self._title.font()
        font.setPointSizeF(font.pointSizeF() * 1.6)
        self._title.setFont(font)
        self._where, self._state = QLabel(), QLabel()
        self.first_run = FirstRunCard()
        self.first_run.hide()  # until it is known to be due
        example = QPushButton(self.tr(EXAMPLE))
        example.clicked.connect(lambda: self.example_chosen.emit(EXAMPLE))
        inner = QWidget()
        inner.setObjectName("chatColumn")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        column = QVBoxLayout(inner)
        column.setSpacing(8)
        column.addStretch(2)
        for widget in (self._title, self._where, self._state):
            widget.setAlignment(Qt.AlignmentFlag.AlignCenter)
            widget.setWordWrap(True)
            column.addWidget(widget)
        for label in (self._where, self._state):
            label.setProperty("role", "secondary")
        column.addSpacing(8)
        column.addWidget(example, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addSpacing(32)
        # not aligned: an aligned widget is never higher than its hint, however its words wrap
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addWidget(self.first_run, 1000)
        middle.addStretch(1)
        column.addLayout(middle)
        column.addStretch(3)
        self.setWidget(inner)

    def present(self, engine: EngineSnapshot) -> None:
        """Say where questions go and what happens to them now."""
        self._where.setText(self.tr(privacy_line(engine)))
        text = state_line(engine)
        self._state.setText(self.tr(text))
        self._state.setVisible(bool(text))

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self.first_run.set_palette_colors(palette)
