"""The line of the quick prompt: it grows with its text and leaves the keys that mean more to the bar."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QFont, QFontInfo, QFontMetricsF, QKeyEvent
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QWidget

DRAFT_AFTER_MS = 200
MOST_LINES = 8
FONT_SCALE = 1.2
MODIFIERS = (
    Qt.KeyboardModifier.ShiftModifier
    | Qt.KeyboardModifier.ControlModifier
    | Qt.KeyboardModifier.AltModifier
    | Qt.KeyboardModifier.MetaModifier
)


class QuickEdit(QPlainTextEdit):
    """Several lines of text at most. `on_key` sees each key first and says whether it took it."""

    draft_changed = Signal(str)
    edited = Signal()  # by the person, not by `set_text`

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.on_key: Callable[[QKeyEvent], bool] = lambda _: False
        self._is_setting = False
        self.setPlaceholderText(self.tr("Ask ArcDesk…"))
        self.setAccessibleName(self.tr("Your question"))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        font = QFont(self.font())
        font.setPixelSize(round(QFontInfo(font).pixelSize() * FONT_SCALE))
        self.setFont(font)
        self._draft_timer = QTimer(self, singleShot=True, interval=DRAFT_AFTER_MS)
        self._draft_timer.timeout.connect(lambda: self.draft_changed.emit(self.toPlainText()))
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self.textChanged.connect(self._on_text)
        self._fit()

    def set_text(self, text: str, *, is_selected: bool = False) -> None:
        """Replace the text without announcing it as typed."""
        self._is_setting = True
        self.setPlainText(text)
        self._is_setting = False
        self._draft_timer.stop()
        self.moveCursor(self.textCursor().MoveOperation.End)
        if is_selected:
            self.selectAll()

    def type_in(self, text: str) -> None:
        """Go on with what was typed elsewhere in the bar."""
        self.setFocus()
        self.insertPlainText(text)

    def flush_draft(self) -> None:
        """Announce a draft that still waits for its pause."""
        if self._draft_timer.isActive():
            self._draft_timer.stop()
            self.draft_changed.emit(self.toPlainText())

    @property
    def is_at_first_line(self) -> bool:
        """The cursor can't go further up."""
        return self._line_of_cursor() <= 0

    @property
    def is_at_last_line(self) -> bool:
        """The cursor can't go further down."""
        return self._line_of_cursor() >= self._lines() - 1

    def _line_of_cursor(self) -> int:
        cursor = self.textCursor()
        block = cursor.block()
        line = block.layout().lineForTextPosition(cursor.positionInBlock())
        return block.firstLineNumber() + max(0, line.lineNumber())

    def _lines(self) -> int:
        return max(1, round(self.document().documentLayout().documentSize().height()))

    def _on_text(self) -> None:
        if not self._is_setting:
            self._draft_timer.start()
            self.edited.emit()

    def _fit(self) -> None:
        lines = min(MOST_LINES, self._lines())
        room = 2 * self.document().documentMargin() + 2
        self.setFixedHeight(round(lines * QFontMetricsF(self.font()).lineSpacing() + room))

    # Qt overrides

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The bar first; Shift+Enter begins a line of its own."""
        if self.on_key(event):
            return
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_enter and event.modifiers() & MODIFIERS == Qt.KeyboardModifier.ShiftModifier:
            self.insertPlainText("\n")  # Qt would put a line separator, which is no line to the cursor keys
            return
        super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        """Tab would move the focus before it is a key."""
        is_tab = isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Tab
        if is_tab and event.type() == QEvent.Type.KeyPress and self.on_key(event):  # type: ignore[arg-type]
            return True
        return super().event(event)

    def changeEvent(self, event: QEvent) -> None:
        """Another font has other lines."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit()
