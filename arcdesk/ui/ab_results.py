"""The third page of a comparison: figures of both sides, their texts, and what to do with it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from arcdesk.core.ab_progress import AbOutcome
from arcdesk.core.ab_report import AbTest, count_votes, differing_configuration
from arcdesk.core.ab_table import figure_rows, votes_text
from arcdesk.core.errors import Problem
from arcdesk.ui.ab_texts import TextPair
from arcdesk.ui.ab_view import Card, breakable, foot, label
from arcdesk.ui.problem_card import ProblemCard
from arcdesk.ui.theme import LIGHT, Palette

RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop


class AbResults(QWidget):
    """Presents an AbOutcome."""

    save_requested = Signal()
    copy_requested = Signal()
    vote_requested = Signal()
    keep_requested = Signal(str)  # 'a' or 'b'
    again_requested = Signal()
    action_requested = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("abPage")
        self._test: AbTest | None = None
        self._number = 0
        self._may_keep = True
        self.problem = ProblemCard(is_wide=True)
        self.left_problem = ProblemCard(is_wide=True)
        for card in (self.problem, self.left_problem):
            card.action_requested.connect(self.action_requested)
        self.figures = Card("", self.tr("Figures"))
        self._grid = QGridLayout()
        self.votes = label("")
        self.notes = label("", "secondary")
        self.place = label("", "secondary", wraps=False)
        self.prompt = label("")
        self.before = QPushButton(self.tr("Back"))
        self.after = QPushButton(self.tr("Next"))
        self.texts = TextPair()
        self.said = label("", "secondary")
        self.vote = QPushButton(self.tr("Vote blind…"))
        self.keep = {"a": QPushButton(self.tr("Keep A")), "b": QPushButton(self.tr("Keep B"))}
        self._build()

    def _build(self) -> None:
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnStretch(2, 1)
        self.figures.column.addLayout(self._grid)
        for each in (self.votes, self.notes):
            self.figures.column.addWidget(each)
        inner = QWidget()
        inner.setObjectName("abInner")
        column = QVBoxLayout(inner)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        for widget in (self.problem, self.left_problem, self.figures):
            column.addWidget(widget)
        column.addLayout(self._walk())
        column.addWidget(self.prompt)
        column.addWidget(self.texts, 1)
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.said.setContentsMargins(16, 8, 16, 8)
        self.said.hide()
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(scroll, 1)
        whole.addWidget(self.said)
        whole.addWidget(self._foot())

    def _walk(self) -> QHBoxLayout:
        self.before.setAccessibleName(self.tr("The prompt before"))
        self.after.setAccessibleName(self.tr("The next prompt"))
        self.before.clicked.connect(lambda: self._go(-1))
        self.after.clicked.connect(lambda: self._go(1))
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(label(self.tr("Answers"), "title", wraps=False))
        row.addWidget(self.place)
        row.addStretch(1)
        row.addWidget(self.before)
        row.addWidget(self.after)
        return row

    def _foot(self) -> QWidget:
        save, copy = QPushButton(self.tr("Save report…")), QPushButton(self.tr("Copy report"))
        again = QPushButton(self.tr("Compare anew"))
        save.clicked.connect(self.save_requested)
        copy.clicked.connect(self.copy_requested)
        again.clicked.connect(self.again_requested)
        self.vote.clicked.connect(self.vote_requested)
        for name, button in self.keep.items():
            button.clicked.connect(lambda _=False, name=name: self.keep_requested.emit(name))
        self.keep["a"].setToolTip(self.tr("All stays as it was before"))
        return foot(buttons=(save, copy, self.vote, again, *self.keep.values()))

    # showing

    def present(self, outcome: AbOutcome) -> None:
        """Show it; the prompt that is looked at stays, where there is one."""
        test = outcome.test
        if self._test is None or self._test.seed != test.seed:
            self._number = 0
        self._test = test
        self.problem.present(_titled(outcome))
        self.left_problem.present(outcome.left_problem)
        self._present_figures(test)
        self._present_votes(test)
        self._present_keep()
        sides = [f"{side.name}: {note}" for side in (test.a, test.b) for note in side.notes]
        self.notes.setText("\n".join((*test.notes, *sides)))
        can_vote = any(test.can_vote(number) for number in range(len(test.prompts)))
        self.vote.setVisible(can_vote)
        self.vote.setText(self.tr("Vote again…") if test.votes else self.tr("Vote blind…"))
        self.texts.name(("A", test.a.name), ("B", test.b.name))
        self._go(0)

    def allow_keep(self, is_allowed: bool) -> None:
        """B can be kept when what ran before was put back, and if it answered anything."""
        self._may_keep = is_allowed
        self._present_keep()

    def _present_keep(self) -> None:
        answers = () if self._test is None else self._test.b.answers
        has_answered = any(each is not None and bool(each.text or each.thoughts) for each in answers)
        self.keep["a"].setEnabled(self._may_keep)
        self.keep["b"].setEnabled(self._may_keep and has_answered)
        why = "" if has_answered else self.tr("B answered nothing")
        self.keep["b"].setToolTip(why or self.tr("Take the settings of B and start its engine"))

    def say(self, text: str) -> None:
        """What became of a wish, above the buttons."""
        self.said.setText(text)
        self.said.setVisible(bool(text))

    def _present_figures(self, test: AbTest) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self.figures.title.setText(self.tr("Figures · median and p95, n = {0}").format(len(test.prompts)))
        names = (breakable(f"A  {test.a.name}"), breakable(f"B  {test.b.name}"))
        heads = ("", *names, self.tr("B to A"))
        self._add_row(0, heads, ("", "title", "title", "secondary"))
        differ = differing_configuration(test.a, test.b)
        rows = [(name, breakable(a), breakable(b), "") for name, a, b in differ]
        rows += [(row.name, row.a, row.b, row.change) for row in figure_rows(test, is_short=True)]
        for line, texts in enumerate(rows, 1):
            self._add_row(line, texts, ("secondary", "", "", "secondary"))

    def _add_row(self, line: int, texts: tuple[str, ...], roles: tuple[str, ...]) -> None:
        for at, (text, role) in enumerate(zip(texts, roles, strict=True)):
            cell = label(text, role, wraps=at in (1, 2))
            cell.setAlignment(RIGHT if at else LEFT)
            self._grid.addWidget(cell, line, at)

    def _present_votes(self, test: AbTest) -> None:
        votes = count_votes(test)
        told = self.tr("Blind votes: {0} for A, {1} for B, {2} as good. {3}").format(
            votes.a, votes.b, votes.ties, votes_text(votes)
        )
        self.votes.setText(told.strip() if votes.n else "")
        self.votes.setVisible(bool(votes.n))

    def _go(self, step: int) -> None:
        test = self._test
        if test is None:
            return
        last = len(test.prompts) - 1
        self._number = min(max(0, self._number + step), last)
        self.place.setText(self.tr("{0} of {1}").format(self._number + 1, last + 1))
        self.before.setEnabled(self._number > 0)
        self.after.setEnabled(self._number < last)
        self.prompt.setText(test.prompts[self._number])
        self.texts.present(test.answer(test.a, self._number), test.answer(test.b, self._number))

    def set_palette_colors(self, palette: Palette = LIGHT) -> None:
        """Take other colours."""
        for part in (self.problem, self.left_problem, self.texts):
            part.set_palette_colors(palette)


def _titled(outcome: AbOutcome) -> Problem | None:
    """The problem with the side that it is of."""
    problem = outcome.problem
    if problem is None:
        if not outcome.is_cancelled:
            return None
        return Problem(
            cause="ab_cancelled",
            title="The comparison was cancelled",
            detail="What was answered until then is shown.",
        )
    return Problem(
        cause=problem.cause,
        title=f"{outcome.side.upper()}: {problem.title}",
        detail=problem.detail,
        hint=problem.hint,
        evidence=problem.evidence,
    )
