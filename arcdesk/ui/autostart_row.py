"""The switch 'Open ArcDesk when you log in', with what the desktop really does said below it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from arcdesk.core.autostart_state import OFF, AutostartKind, AutostartState
from arcdesk.core.errors import Problem

LABEL = "Open ArcDesk when you log in"
EXPLANATION = {
    AutostartKind.OFF: "Off until you turn it on. It opens in the tray, without a window.",
    AutostartKind.ON: "It opens in the tray, without a window.",
    AutostartKind.ELSEWHERE: "Another ArcDesk is opened: {program}",
    AutostartKind.GONE: "What was to be opened is no longer there: {program}",
    AutostartKind.DISABLED: "Turned off in your desktop's own list of programs to open at log-in.",
}
BY_SYSTEM = "Turned on for everyone on this computer. Turning it off here is for you alone."
RESET_SPACE_PX = 41  # where the other rows of the settings have their reset button
HAS_OTHER_PROGRAM = (AutostartKind.ELSEWHERE, AutostartKind.GONE)


class AutostartRow(QWidget):
    """Shows an AutostartState. `change_requested(True)` also asks to open this ArcDesk instead of another."""

    change_requested = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        title = QLabel(self.tr(LABEL))
        title.setProperty("role", "settingTitle")
        self.switch = QCheckBox()
        self.switch.setAccessibleName(self.tr(LABEL))
        self.switch.clicked.connect(self._on_clicked)
        self._note = self._label("secondary")
        self._refusal = self._label("error")
        self._this_one = QPushButton(self.tr("Open this one instead"))
        self._this_one.clicked.connect(lambda: self.change_requested.emit(True))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        head = QHBoxLayout()
        head.addWidget(title, 1)
        head.addWidget(self.switch)
        head.addSpacing(RESET_SPACE_PX)
        column.addLayout(head)
        for label in (self._note, self._refusal):
            column.addWidget(label)
        button = QHBoxLayout()
        button.addWidget(self._this_one)
        button.addStretch(1)
        column.addLayout(button)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._state = OFF
        self.present(OFF)

    def _label(self, role: str) -> QLabel:
        label = QLabel()
        label.setWordWrap(True)
        label.setProperty("role", role)
        return label

    def present(self, state: AutostartState, problem: Problem | None = None) -> None:
        """Show what the desktop does; `problem`: why the last wish could not be fulfilled."""
        self._state = state
        self.switch.setChecked(state.is_on)
        note = self.tr(EXPLANATION[state.kind]).format(program=state.program or "–")
        if state.by_system and state.is_on:
            note = self.tr(BY_SYSTEM)
        self._note.setText(note)
        self.switch.setAccessibleDescription(note)
        self._refusal.setText(problem.sentence() if problem else "")
        self._refusal.setVisible(problem is not None)
        self._this_one.setVisible(state.kind in HAS_OTHER_PROGRAM)

    def _on_clicked(self, is_on: bool) -> None:
        self.switch.setChecked(self._state.is_on)  # it follows the desktop, not the click
        self.change_requested.emit(is_on)
