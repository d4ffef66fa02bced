"""A text field in which nothing can be undone leaves Ctrl+Z to its window."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit


class LeavesUndo(QObject):
    """Lives as long as its field, which would claim the key all the same."""

    def __init__(self, field: QLineEdit | QPlainTextEdit) -> None:
        super().__init__(field)
        self._field = field
        field.installEventFilter(self)

    @property
    def _can_undo(self) -> bool:
        field = self._field
        return field.isUndoAvailable() if isinstance(field, QLineEdit) else field.document().isUndoAvailable()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The question whether the field wants the key is answered here."""
        if event.type() == QEvent.Type.ShortcutOverride and self._is_in_vain(event):
            event.ignore()
            return True
        return super().eventFilter(watched, event)

    def _is_in_vain(self, event: QEvent) -> bool:
        is_undo = isinstance(event, QKeyEvent) and event.matches(QKeySequence.StandardKey.Undo)
        return is_undo and not self._can_undo
