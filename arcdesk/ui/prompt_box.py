"""Where a person types: Enter sends, Shift+Enter breaks the line, the box grows with the text."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFontMetricsF, QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QToolButton, QVBoxLayout, QWidget

from arcdesk.ui.elided_label import ElidedLabel
from arcdesk.ui.resources import icon
from arcdesk.ui.theme import LIGHT, Palette
from arcdesk.ui.undo_key import LeavesUndo

DRAFT_AFTER_MS = 200
GROW_TO = 0.4  # of the window's height


class PromptBox(QFrame):
    """The prompt. `submitted` carries the text; the box empties itself only when told that it was taken."""

    submitted = Signal(str)
    stop_requested = Signal()
    draft_changed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("promptBox")
        self._palette = LIGHT
        self._is_answering = False
        self.edit = QPlainTextEdit()
        self.edit.setPlaceholderText(self.tr("Ask anything…"))
        self.edit.setAccessibleName(self.tr("Your question"))
        self.edit.setFrameShape(QFrame.Shape.NoFrame)
        self.edit.setTabChangesFocus(True)
        self.edit.installEventFilter(self)
        LeavesUndo(self.edit)
        self.edit.document().documentLayout().documentSizeChanged.connect(self._fit)
        self.edit.textChanged.connect(self._on_text)
        self._where = ElidedLabel()
        self._where.setProperty("role", "secondary")
        self._button = QToolButton()
        self._button.setIconSize(QSize(20, 20))
        self._button.clicked.connect(self._on_button)
        self._draft_timer = QTimer(self, singleShot=True, interval=DRAFT_AFTER_MS)
        self._draft_timer.timeout.connect(lambda: self.draft_changed.emit(self.text))
        row = QHBoxLayout()
        row.setContentsMargins(8, 0, 0, 0)
        row.addWidget(self._where)
        row.addStretch(1)
        row.addWidget(self._button)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(4)
        column.addWidget(self.edit)
        column.addLayout(row)
        self.setFocusProxy(self.edit)
        self.present(False, "")
        self._fit()

    # commands

    @property
    def text(self) -> str:
        """What stands in the box."""
        return self.edit.toPlainText()

    def set_text(self, text: str) -> None:
        """Replace the text (a draft, another conversation) without announcing it as typed."""
        self.edit.setPlainText(text)
        self._draft_timer.stop()
        self.edit.moveCursor(self.edit.textCursor().MoveOperation.End)

    def type_in(self, text: str) -> None:
        """Go on with what was typed elsewhere in the window: as if it had been typed here."""
        self.edit.setFocus()
        self.edit.insertPlainText(text)

    def clear(self) -> None:
        """The question was taken."""
        self.set_text("")

    def flush_draft(self) -> None:
        """Announce a draft that still waits for its pause."""
        if self._draft_timer.isActive():
            self._draft_timer.stop()
            self.draft_changed.emit(self.text)

    def present(self, is_answering: bool, where: str) -> None:
        """Show whether an answer is on its way, and who would answer."""
        self._is_answering = is_answering
        self._where.present(where)
        self._paint_button()

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        self._paint_button()

    def _paint_button(self) -> None:
        stops = self._is_answering
        self._button.setIcon(icon("stop" if stops else "send", self._palette.accent))
        label = self.tr("Stop answering (Esc)") if stops else self.tr("Send (Enter)")
        self._button.setToolTip(label)
        self._button.setAccessibleName(label)
        self._button.setEnabled(stops or bool(self.text.strip()))

    # slots

    def _on_text(self) -> None:
        self._draft_timer.start()
        self._paint_button()

    def _on_button(self) -> None:
        if self._is_answering:
            self.stop_requested.emit()
        else:
            self._submit()

    def _submit(self) -> None:
        if self.text.strip() and not self._is_answering:
            self.submitted.emit(self.text.strip("\n"))

    def _fit(self) -> None:
        metrics = QFontMetricsF(self.edit.font())
        lines = max(1, self.edit.document().documentLayout().documentSize().height())
        wanted = lines * metrics.lineSpacing() + 2 * self.edit.document().documentMargin() + 4
        limit = max(80.0, self.window().height() * GROW_TO)
        self.edit.setFixedHeight(round(min(wanted, limit)))

    # Qt overrides

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Enter sends; with Shift it breaks the line."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
            if is_enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                self._submit()
                return True
            if event.key() == Qt.Key.Key_Escape and self._is_answering:
                self.stop_requested.emit()
                return True
        return super().eventFilter(watched, event)
