"""A button that records a key combination: click it, press the keys."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QFocusEvent, QHideEvent, QKeyEvent
from PySide6.QtWidgets import QPushButton, QWidget

from arcdesk.core.shortcut import Modifier, Shortcut, caution, refusal, shortcut_of_qt

_KEYS = {
    Qt.Key.Key_Control: Modifier.CTRL,
    Qt.Key.Key_Alt: Modifier.ALT,
    Qt.Key.Key_Shift: Modifier.SHIFT,
    Qt.Key.Key_Meta: Modifier.SUPER,
    Qt.Key.Key_Super_L: Modifier.SUPER,
    Qt.Key.Key_Super_R: Modifier.SUPER,
}
_BITS = {
    Modifier.CTRL: Qt.KeyboardModifier.ControlModifier,
    Modifier.ALT: Qt.KeyboardModifier.AltModifier,
    Modifier.SHIFT: Qt.KeyboardModifier.ShiftModifier,
    Modifier.SUPER: Qt.KeyboardModifier.MetaModifier,
}


class HotkeyRecorder(QPushButton):
    """Shows a shortcut and records another. While it records, every key of the window is its own.

    `recorded` carries the new shortcut ('' to have none); `hinted` a role ('', 'warn', 'error') and a
    sentence; `recording_changed` lets the present grab be released meanwhile.
    """

    recorded = Signal(str)
    recording_changed = Signal(bool)
    hinted = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown = ""
        self._is_recording = False
        self._held: set[Modifier] = set()
        self.setMinimumWidth(200)
        self.clicked.connect(self.start)
        self._paint()

    def present(self, shortcut: str) -> None:
        """Show a shortcut; '' for none."""
        self._shown = shortcut
        self._paint()

    @property
    def is_recording(self) -> bool:
        """Keys are being listened to."""
        return self._is_recording

    def start(self) -> None:
        """Listen to keys, until one is taken, Esc is pressed or the window is left."""
        if self._is_recording:
            return
        self._is_recording = True
        self._held.clear()
        self.setFocus()
        self.recording_changed.emit(True)
        hint = self.tr("Press the keys together. Esc keeps the present key, Backspace takes none.")
        self.hinted.emit("", hint)
        self._paint()

    def stop(self) -> None:
        """Listen no longer; the shown shortcut stays."""
        if not self._is_recording:
            return
        self._is_recording = False
        self._held.clear()
        self.recording_changed.emit(False)
        self._paint()

    def _paint(self) -> None:
        if not self._is_recording:
            text = self._shown or self.tr("None")
        elif self._held:
            held = [modifier.value for modifier in Modifier if modifier in self._held]
            text = "+".join([*held, "…"])
        else:
            text = self.tr("Press the keys…")
        self.setText(text)
        self.setAccessibleName(self.tr("Key of the quick prompt: {key}").format(key=text))
        self.setToolTip("" if self._is_recording else self.tr("Click to choose another key"))

    # keys

    def event(self, event: QEvent) -> bool:
        """Take all keys while recording: also Tab, and those that are shortcuts of the window."""
        if self._is_recording and isinstance(event, QKeyEvent):
            match event.type():
                case QEvent.Type.ShortcutOverride:
                    event.accept()
                    return True
                case QEvent.Type.KeyPress:
                    self.keyPressEvent(event)
                    return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """A modifier is shown, another key is taken or refused."""
        if not self._is_recording:
            super().keyPressEvent(event)
            return
        event.accept()
        self._held = {modifier for modifier, bit in _BITS.items() if event.modifiers() & bit}
        modifier = _modifier_of(event)
        if modifier is not None:
            self._held.add(modifier)
        elif event.key() == Qt.Key.Key_Escape and not self._held:
            self.hinted.emit("", "")
            self.stop()
        elif event.key() == Qt.Key.Key_Backspace and not self._held:
            self._take("")
        elif not event.isAutoRepeat():
            self._consider(shortcut_of_qt(event.key(), event.modifiers().value))
        self._paint()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """A released modifier is shown no longer."""
        if not self._is_recording:
            super().keyReleaseEvent(event)
            return
        event.accept()
        modifier = _modifier_of(event)
        if modifier is not None:
            self._held.discard(modifier)
            self._paint()

    def _consider(self, shortcut: Shortcut | None) -> None:
        if shortcut is None:
            self.hinted.emit("error", self.tr("That key can't be used. Try another one."))
            return
        why = refusal(shortcut)
        if why:
            self.hinted.emit("error", self.tr(why))
            return
        self._take(str(shortcut))
        warning = caution(shortcut)
        self.hinted.emit("warn" if warning else "", self.tr(warning) if warning else "")

    def _take(self, shortcut: str) -> None:
        self._shown = shortcut
        self.hinted.emit("", "")
        self.recorded.emit(shortcut)  # before the grab is taken up again: then it is the new one at once
        self.stop()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Keys pressed elsewhere are not for us."""
        super().focusOutEvent(event)
        if self._is_recording:
            self.hinted.emit("", "")
            self.stop()

    def hideEvent(self, event: QHideEvent) -> None:
        """The page was left."""
        super().hideEvent(event)
        self.stop()


def _modifier_of(event: QKeyEvent) -> Modifier | None:
    try:
        return _KEYS.get(Qt.Key(event.key()))
    except ValueError:  # a key that Qt has no name for
        return None
