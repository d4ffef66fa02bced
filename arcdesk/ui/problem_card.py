"""A problem made for people: what happened, why, and buttons that change it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLayout, QPushButton, QVBoxLayout, QWidget

from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.ui.resources import icon
from arcdesk.ui.theme import LIGHT, Palette

# What went well, or asks something: told in the same place, without the sign and colour of a failure.
NEWS = frozenset(
    {"bench_done", "bench_offer", "bench_again", "bench_measured", "run_deleted", "deleted", "ab_cancelled"}
)


class ProblemCard(QFrame):
    """Shows one Problem; hidden when there is none. `action_requested` carries the Action.

    Where it `is_wide` its buttons stand in a row, else one below the other.
    """

    action_requested = Signal(object)
    dismissed = Signal()

    def __init__(
        self, *, is_dismissable: bool = False, is_wide: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("problemCard")
        self._palette = LIGHT
        self._problem: Problem | None = None
        self._sign = QLabel()
        self._title = self._label("title")
        self._detail = self._label("")
        self._hint = self._label("secondary")
        self._evidence = self._label("evidence")
        self._actions = QHBoxLayout() if is_dismissable or is_wide else QVBoxLayout()
        self._actions.setSpacing(8)
        self._is_dismissable = is_dismissable
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self._title, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(8)
        column.addLayout(head)
        for label in (self._detail, self._hint, self._evidence):
            column.addWidget(label)
        column.addLayout(self._actions)
        self.hide()

    def _label(self, role: str) -> QLabel:
        label = QLabel()
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        label.setProperty("role", role)
        return label

    @property
    def problem(self) -> Problem | None:
        """What is shown."""
        return self._problem

    @property
    def can_undo(self) -> bool:
        """What is shown offers to undo something."""
        return self._undo_action is not None

    @property
    def _undo_action(self) -> Action | None:
        actions = self._problem.actions if self._problem else ()
        return next((action for action in actions if action.kind is ActionKind.UNDO_DELETE), None)

    def undo(self) -> None:
        """As a press on its 'Undo', if it has one."""
        if (action := self._undo_action) is not None:
            self.action_requested.emit(action)

    def present(self, problem: Problem | None) -> None:
        """Show `problem`, or nothing."""
        if problem == self._problem:
            return
        self._problem = problem
        self.setVisible(problem is not None)
        if problem is None:
            return
        self.setAccessibleName(problem.sentence())
        self._title.setText(problem.title)
        self._look_like(problem)
        for label, text in (
            (self._detail, problem.detail),
            (self._hint, problem.hint),
            (self._evidence, problem.evidence[:300]),
        ):
            label.setText(text)
            label.setVisible(bool(text))
        self._fill_actions(problem.actions)

    def _look_like(self, problem: Problem) -> None:
        is_news = problem.cause in NEWS
        self._sign.setVisible(not is_news)
        if bool(self.property("isNews")) != is_news:
            self.setProperty("isNews", is_news)
            self.style().unpolish(self)
            self.style().polish(self)

    def _fill_actions(self, actions: tuple[Action, ...]) -> None:
        _clear(self._actions)
        before: QWidget = self._evidence  # Tab: new widgets would come last in their window
        for index, action in enumerate(actions):
            button = QPushButton(action.label)
            if index == 0:
                button.setProperty("role", "primary")
            button.clicked.connect(lambda _=False, action=action: self.action_requested.emit(action))
            self._actions.addWidget(button)
            QWidget.setTabOrder(before, button)
            before = button
        if self._is_dismissable:
            button = QPushButton(self.tr("Dismiss"))
            button.clicked.connect(self.dismissed)
            self._actions.addWidget(button)
            QWidget.setTabOrder(before, button)
        if isinstance(self._actions, QHBoxLayout):
            self._actions.addStretch(1)

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        self._sign.setPixmap(icon("warning", palette.error).pixmap(16, 16))


def _clear(layout: QLayout) -> None:
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.deleteLater()
