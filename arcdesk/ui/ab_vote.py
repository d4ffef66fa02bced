"""The blind vote: two answers without names, by lot left or right."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from arcdesk.core.ab_report import AbTest, Choice
from arcdesk.ui.ab_texts import TextPair
from arcdesk.ui.ab_view import foot, label
from arcdesk.ui.theme import LIGHT, Palette

KEYS = {
    Qt.Key.Key_1: Choice.LEFT,
    Qt.Key.Key_2: Choice.RIGHT,
    Qt.Key.Key_0: Choice.TIE,
}


class AbVote(QWidget):
    """Goes through the prompts that both sides have answered. `voted(number, choice)`, then `ended`."""

    voted = Signal(int, Choice)
    ended = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("abPage")
        self._test: AbTest | None = None
        self._left: list[int] = []  # prompts to vote on yet
        self._total = 0
        self.head = label("", "secondary")
        self.prompt = label("", "title")
        self.texts = TextPair()
        self.texts.name(("", self.tr("Left")), ("", self.tr("Right")))
        self.buttons = {
            Choice.LEFT: QPushButton(self.tr("Left is better (1)")),
            Choice.TIE: QPushButton(self.tr("As good (0)")),
            Choice.RIGHT: QPushButton(self.tr("Right is better (2)")),
        }
        for choice, button in self.buttons.items():
            button.setAutoDefault(False)
            button.clicked.connect(lambda _=False, choice=choice: self._vote(choice))
        enough = QPushButton(self.tr("Show the results"))
        enough.setToolTip(self.tr("The votes so far count"))
        enough.clicked.connect(self.ended)
        inner = QWidget()
        inner.setObjectName("abInner")
        column = QVBoxLayout(inner)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        column.addWidget(self.head)
        column.addWidget(self.prompt)
        column.addWidget(self.texts, 1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(inner, 1)
        whole.addWidget(foot(buttons=(*self.buttons.values(), enough)))
        for card in (self.texts.left, self.texts.right):
            card.text.installEventFilter(self)  # a read-only text would eat the keys

    @property
    def number(self) -> int | None:
        """The prompt that is voted on."""
        return self._left[0] if self._left else None

    def begin(self, test: AbTest) -> None:
        """From the first prompt on."""
        self._test = test
        self._left = [number for number in range(len(test.prompts)) if test.can_vote(number)]
        self._total = len(self._left)
        self._present()

    def _present(self) -> None:
        test, number = self._test, self.number
        if test is None or number is None:
            return
        done = self._total - len(self._left)
        self.head.setText(self.tr("{0} of {1}: which answer is better?").format(done + 1, self._total))
        self.prompt.setText(test.prompts[number])
        a, b = test.answer(test.a, number), test.answer(test.b, number)
        left, right = (a, b) if test.is_a_left(number) else (b, a)
        self.texts.present(left, right, is_blind=True)

    def _vote(self, choice: Choice) -> None:
        number = self.number
        if number is None:
            return
        self._left.pop(0)
        self.voted.emit(number, choice)
        if self._left:
            self._present()
        else:
            self.ended.emit()

    def set_palette_colors(self, palette: Palette = LIGHT) -> None:
        """Take other colours."""
        self.texts.set_palette_colors(palette)

    # Qt overrides

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """1, 2 and 0 vote."""
        choice = KEYS.get(Qt.Key(event.key()))
        if choice is None or event.isAutoRepeat():
            super().keyPressEvent(event)
            return
        self._vote(choice)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keys in the texts vote as well."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            choice = KEYS.get(Qt.Key(event.key()))
            if choice is not None and not event.isAutoRepeat() and not event.modifiers():
                self._vote(choice)
                return True
        return super().eventFilter(watched, event)

    def showEvent(self, event: QShowEvent) -> None:
        """The keys are meant for it."""
        super().showEvent(event)
        self.setFocus()
