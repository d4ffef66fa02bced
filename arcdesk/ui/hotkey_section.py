"""The hotkey in the settings: the key, whether it works, a test, and the way by hand."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from arcdesk.core.hotkey import HotkeyState
from arcdesk.core.settings import Settings
from arcdesk.ui.flow_row import FlowRow
from arcdesk.ui.hotkey_manual import HotkeyManual
from arcdesk.ui.hotkey_recorder import HotkeyRecorder
from arcdesk.ui.hotkey_words import TestPhase, state_line, test_line
from arcdesk.ui.problem_card import ProblemCard
from arcdesk.ui.resources import icon
from arcdesk.ui.theme import LIGHT, Palette

DEFAULT = Settings().hotkey


class HotkeySection(QWidget):
    """`present(state, phase)` sets all that is seen; signals say what the person wants."""

    shortcut_chosen = Signal(str)  # '' for none
    recording_changed = Signal(bool)
    test_requested = Signal()
    bind_requested = Signal()
    unbind_requested = Signal()
    configure_requested = Signal()
    copy_requested = Signal(str)
    action_requested = Signal(object)  # an Action of the problem

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = HotkeyState()
        self._is_manual_wanted = False
        self.recorder = HotkeyRecorder()
        self._trigger = QLabel()
        self._trigger.setProperty("role", "title")
        self._trigger.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._configure = QPushButton(self.tr("Change it in your desktop…"))
        self._test = QPushButton(self.tr("Test it"))
        self._by_hand = QPushButton(self.tr("Bind it by hand"))
        self._by_hand.setCheckable(True)
        self._reset = QToolButton()
        back = self.tr("Back to: {key}").format(key=DEFAULT)
        self._reset.setToolTip(back)
        self._reset.setAccessibleName(back)
        self._hint, self._line, self._tested = QLabel(), QLabel(), QLabel()
        for label in (self._hint, self._line, self._tested):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
        self._line.setProperty("role", "secondary")
        self._card = ProblemCard(is_wide=True)
        self._manual = HotkeyManual()
        self._lay_out()
        self._connect()
        self.set_palette_colors(LIGHT)
        self._say_hint("", "")
        self.present(self._state, TestPhase.IDLE)

    def _lay_out(self) -> None:
        row = FlowRow(self.recorder, self._trigger, self._configure, self._test, self._by_hand, self._reset)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(row)
        for label in (self._hint, self._line, self._tested):
            column.addWidget(label)
        column.addWidget(self._card)
        column.addWidget(self._manual)

    def _connect(self) -> None:
        self.recorder.recorded.connect(self.shortcut_chosen)
        self.recorder.recording_changed.connect(self.recording_changed)
        self.recorder.recording_changed.connect(lambda _: self._present_line())
        self.recorder.hinted.connect(self._say_hint)
        self._reset.clicked.connect(self._on_reset)
        self._configure.clicked.connect(self.configure_requested)
        self._test.clicked.connect(self.test_requested)
        self._by_hand.toggled.connect(self._on_by_hand)
        self._card.action_requested.connect(self.action_requested)
        self._manual.bind_requested.connect(self.bind_requested)
        self._manual.unbind_requested.connect(self.unbind_requested)
        self._manual.copy_requested.connect(self.copy_requested)

    def present(self, state: HotkeyState, phase: TestPhase) -> None:
        """Show what is known now."""
        self._state = state
        self.recorder.setVisible(state.can_record)
        self.recorder.present(state.wanted)
        trigger = state.trigger or self.tr("No key")
        self._trigger.setText(trigger)
        self._trigger.setAccessibleName(self.tr("Key of the quick prompt: {key}").format(key=trigger))
        self._trigger.setVisible(not state.can_record)
        self._configure.setVisible(state.can_configure)
        self._test.setEnabled(bool(state.wanted) and phase is not TestPhase.WAITING)
        self._reset.setVisible(state.can_record and state.wanted != DEFAULT)
        self._present_line()
        role, text = test_line(phase, state)
        self._set_line(self._tested, role, self.tr(text))
        self._card.present(state.problem)
        self._present_manual()

    def record(self) -> None:
        """Let the person choose a key now."""
        if self._state.can_record:
            self.recorder.start()

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._reset.setIcon(icon("reset", palette.text))
        self._card.set_palette_colors(palette)
        self._manual.set_palette_colors(palette)

    def _present_line(self) -> None:
        """While another key is chosen, the present one is not held."""
        text = "" if self.recorder.is_recording else self.tr(state_line(self._state))
        self._set_line(self._line, "secondary", text)

    def _present_manual(self) -> None:
        """Shown where it is needed, else on demand."""
        state = self._state
        is_needed = bool(state.wanted) and not state.works and not state.is_asking
        self._by_hand.setVisible(not is_needed and state.manual is not None)
        self._manual.setVisible(state.manual is not None and (is_needed or self._by_hand.isChecked()))
        self._manual.present(state)

    def _on_reset(self) -> None:
        self.recorder.setFocus()  # the button goes: the focus must not fall to somewhere else
        self._say_hint("", "")
        self.shortcut_chosen.emit(DEFAULT)

    def _on_by_hand(self, _: bool) -> None:
        self._present_manual()

    def _say_hint(self, role: str, text: str) -> None:
        self._set_line(self._hint, role or "secondary", text)

    @staticmethod
    def _set_line(label: QLabel, role: str, text: str) -> None:
        label.setText(text)
        label.setVisible(bool(text))
        if label.property("role") != role:
            label.setProperty("role", role)
            label.style().polish(label)  # the style sheet looks at it only when asked
