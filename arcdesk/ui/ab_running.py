"""The second page of a comparison: both sides while they start and answer."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent, QTextCursor
from PySide6.QtWidgets import (
    QFrame,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from arcdesk.core.ab_progress import AbProgress, AbStage
from arcdesk.core.ab_report import AbSide
from arcdesk.core.ab_table import seconds_text
from arcdesk.core.engine_state import EngineSnapshot
from arcdesk.ui.ab_view import Card, Pair, foot, label
from arcdesk.ui.timeline import Timeline

DRAW_EVERY_MS = 50
TEXT_LINES = 3  # of an answer are seen at least, also in a small window
STAGE_WORDS = {
    AbStage.STOPPING: "Makes room",
    AbStage.STARTING: "Starts",
    AbStage.WARM_UP: "A first question, which does not count",
    AbStage.ASKING: "Answers",
    AbStage.RESTORING: "Puts back what ran before",
}


class SideCard(Card):
    """One side: what it does, its start, the prompt and the answer on its way."""

    def __init__(self, letter: str) -> None:
        super().__init__(letter, "")
        self.state = label("", "secondary")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Answers of {0}").format(letter))
        self.timeline = Timeline()
        self.prompt = label("", "secondary")
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.document().setDocumentMargin(0)
        self.text.setAccessibleName(self.tr("Answer of {0}").format(letter))
        self.text.setMinimumHeight(TEXT_LINES * self.text.fontMetrics().lineSpacing())
        self.text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)  # it takes the rest
        self._number = -1
        self._waiting: list[str] = []
        for widget in (self.state, self.bar, self.timeline, self.prompt):
            self.column.addWidget(widget)
        self.column.addWidget(self.text, 1)
        self.column.addStretch()  # takes the room while the text is not shown

    def begin(self, prompts: int) -> None:
        """Empty, for another comparison."""
        self._number = -1
        self._waiting.clear()
        for each in (self.title, self.state, self.prompt, self.text):
            each.clear()
        self.present_start(None)
        self.bar.setRange(0, max(1, prompts))
        self.bar.setValue(0)

    def present(self, side: AbSide, state: str, prompt: str, number: int) -> None:
        """`number` of the prompt under way; its text is cleared when another one begins."""
        self.title.setText(side.name)
        self.state.setText(state)
        self.bar.setValue(sum(each is not None for each in side.answers))
        if number != self._number:
            self._number = number
            self._waiting.clear()
            self.text.clear()
        self.prompt.setText(prompt)
        self.prompt.setVisible(bool(prompt))

    def present_start(self, engine: EngineSnapshot | None) -> None:
        """The start under way, in the place of the text: there is none yet; None: nothing starts."""
        engine = engine or EngineSnapshot()
        self.timeline.present(engine.progress, engine.kind)
        self.text.setVisible(engine.progress is None)

    def feed(self, piece: str) -> None:
        """A piece of the answer, drawn with the next helping."""
        self._waiting.append(piece)

    def draw(self) -> None:
        """What waits."""
        if not self._waiting:
            return
        cursor = QTextCursor(self.text.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText("".join(self._waiting))
        self._waiting.clear()
        bar = self.text.verticalScrollBar()
        bar.setValue(bar.maximum())


class AbRunning(QWidget):
    """Presents AbProgress; texts come by `feed` and are drawn twenty times a second while seen."""

    cancel_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("abPage")
        self.sides = {"a": SideCard("A"), "b": SideCard("B")}
        self._is_blind = False
        self._progress: AbProgress | None = None
        self._timer = QTimer(self, singleShot=True, interval=DRAW_EVERY_MS)
        self._timer.timeout.connect(self._draw)
        self._revealed = ("", False)  # the side under way, and whether its start is shown
        self._revealing = QTimer(self, singleShot=True, interval=0)  # the layout has to follow first
        self._revealing.timeout.connect(self._reveal)
        self.cancel = QPushButton(self.tr("Cancel"))
        self.cancel.setToolTip(self.tr("End it and put back what ran before (Esc)"))
        self.cancel.clicked.connect(self.cancel_requested)
        self.note = label(self.tr("Questions in chats wait until it is over."), "secondary")
        inner = QWidget()
        inner.setObjectName("abInner")
        column = QVBoxLayout(inner)
        column.setContentsMargins(16, 16, 16, 16)
        column.addWidget(Pair(self.sides["a"], self.sides["b"]), 1)
        self._scroll = QScrollArea()
        self._scroll.setWidget(inner)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self._scroll, 1)
        whole.addWidget(foot(said=self.note, buttons=(self.cancel,)))

    def begin(self, prompts: int, *, is_blind: bool) -> None:
        """Another comparison begins; a blind one shows no text."""
        self._is_blind = is_blind
        self._progress = None
        for card in self.sides.values():
            card.begin(prompts)
            card.text.setPlaceholderText(self.tr("Not shown: you vote blind afterwards.") if is_blind else "")
        self.cancel.setEnabled(True)
        self.cancel.setText(self.tr("Cancel"))

    def end(self) -> None:
        """It is being cancelled: one press is enough."""
        self.cancel.setEnabled(False)
        self.cancel.setText(self.tr("Ending…"))

    def present(self, progress: AbProgress) -> None:
        """Show how far it is."""
        self._progress = progress
        test = progress.test
        for name, side in (("a", test.a), ("b", test.b)):
            is_now = name == progress.side
            is_asking = is_now and progress.stage is AbStage.ASKING
            prompt = test.prompts[progress.number] if is_asking else ""
            number = progress.number if is_asking else self.sides[name]._number
            self.sides[name].present(side, self._state(name, side, progress), prompt, number)
        if progress.stage is AbStage.RESTORING:
            self.cancel.setEnabled(False)

    def _state(self, name: str, side: AbSide, progress: AbProgress) -> str:
        total = len(progress.test.prompts)
        if name != progress.side:
            return self._done(side) if name < progress.side else self.tr("Comes after A")
        if progress.stage is AbStage.ASKING:
            return self.tr("Prompt {0} of {1}").format(progress.number + 1, total)
        return self.tr(STAGE_WORDS[progress.stage])

    def _done(self, side: AbSide) -> str:
        count = sum(each is not None for each in side.answers)
        done = self.tr("Done: {0} answers").format(count) if count != 1 else self.tr("Done: 1 answer")
        return f"{done} · {self.tr('ready after')} {seconds_text(side.start_s)}" if side.start_s else done

    def present_engine(self, engine: EngineSnapshot) -> None:
        """The start of the side under way."""
        progress = self._progress
        for name, card in self.sides.items():
            is_starting = (
                progress is not None and name == progress.side and progress.stage is AbStage.STARTING
            )
            card.present_start(engine if is_starting else None)
        if progress is not None:
            now = (progress.side, not self.sides[progress.side].timeline.isHidden())
            if now != self._revealed:
                self._revealed = now
                self._revealing.start()

    def _reveal(self) -> None:
        """Where both sides have no room, the one under way is seen."""
        side, _ = self._revealed
        if side:
            self._scroll.ensureWidgetVisible(self.sides[side], 0, 0)

    def feed(self, side: str, piece: str) -> None:
        """A piece of an answer."""
        if self._is_blind:
            return
        self.sides[side].feed(piece)
        if not self._timer.isActive() and self.isVisible():
            self._timer.start()

    def showEvent(self, event: QShowEvent) -> None:
        """What came while nobody looked."""
        super().showEvent(event)
        self._draw()

    def _draw(self) -> None:
        for card in self.sides.values():
            card.draw()
