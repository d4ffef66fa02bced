"""Two bars of the models window: what has just been done, and a long look at files that goes on."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from arcdesk.ui.models_view import Notice, Work
from arcdesk.ui.models_words import size_text

STEPS = 1000


class NoticeBar(QFrame):
    """Presents a Notice; hidden without one."""

    pressed = Signal(str)  # the button's name

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("settingsBar")
        self._notice: Notice | None = None
        self._text, self._detail = _label(""), _label("secondary")
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._text)
        words.addWidget(self._detail)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(8)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 16, 8)
        row.setSpacing(12)
        row.addLayout(words, 1)
        row.addLayout(self._buttons)
        self.hide()

    def has(self, name: str) -> bool:
        """This button can be pressed now."""
        return self._notice is not None and name in dict(self._notice.buttons)

    def present(self, notice: Notice | None) -> None:
        """Show it."""
        if notice == self._notice:
            return
        self._notice = notice
        self.setVisible(notice is not None)
        while (item := self._buttons.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        if notice is None:
            return
        self.setAccessibleName(notice.text)
        self._text.setText(notice.text)
        self._detail.setText(notice.detail)
        self._detail.setVisible(bool(notice.detail))
        for index, (name, label) in enumerate(notice.buttons):
            button = QPushButton(label)
            if index == 0 and len(notice.buttons) > 2:
                button.setProperty("role", "primary")
            button.clicked.connect(lambda _=False, name=name: self.pressed.emit(name))
            self._buttons.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)


class WorkBar(QFrame):
    """Presents a Work with its bar and a button that ends it; hidden without one."""

    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("workBar")
        self._text = _label("")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(160)
        self.cancel = QPushButton(self.tr("Cancel"))
        self.cancel.clicked.connect(self.cancelled)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 16, 8)
        row.setSpacing(12)
        row.addWidget(self._text, 1)
        row.addWidget(self._bar, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self.cancel, 0, Qt.AlignmentFlag.AlignVCenter)
        self.hide()

    def present(self, work: Work | None) -> None:
        """Show how far it is."""
        self.setVisible(work is not None)
        if work is None:
            return
        done = size_text(work.done_bytes)
        amount = f"{done} of {size_text(work.total_bytes)}" if work.total_bytes else done
        self._text.setText(f"{work.text} {amount}")
        self._bar.setAccessibleName(work.text)
        self._bar.setRange(0, STEPS if work.total_bytes else 0)
        if work.total_bytes:
            self._bar.setValue(min(STEPS, STEPS * work.done_bytes // work.total_bytes))


def _label(role: str) -> QLabel:
    label = QLabel()
    label.setProperty("role", role)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label
