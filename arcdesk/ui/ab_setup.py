"""The first page of a comparison: A as it is, B as a copy to change, and what both are asked."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from arcdesk.core.ab_plan import DEFAULT_PROMPTS, TOKENS_HIGH, TOKENS_LOW, TOKENS_USUAL, prompts_of, text_of
from arcdesk.ui.ab_side_form import SideForm
from arcdesk.ui.ab_view import AbSetupView, Card, Pair, breakable, foot, label
from arcdesk.ui.number_box import NumberBox
from arcdesk.ui.problem_card import ProblemCard
from arcdesk.ui.theme import LIGHT, Palette

PROMPTS_HEIGHT_PX = 200


class AbSetup(QWidget):
    """Presents an AbSetupView; holds the prompts and B's form."""

    changed = Signal()
    start_requested = Signal()
    close_requested = Signal()
    file_requested = Signal()
    prompts_file_requested = Signal()
    action_requested = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("abPage")
        self.problem = ProblemCard(is_wide=True)
        self.problem.action_requested.connect(self.action_requested)
        self.a = Card("A", "")
        self.b = Card("B", "")
        self.form = SideForm()
        self.prompts = QPlainTextEdit(text_of(DEFAULT_PROMPTS))
        self.count = label("", "secondary", wraps=False)
        self.tokens = NumberBox()
        self.is_blind = QCheckBox(self.tr("Vote blind before names and figures are shown"))
        self.cost = label("", "secondary")
        self.start = QPushButton(self.tr("Compare"))
        self._rows = QGridLayout()
        self._shown_rows: tuple[tuple[str, str], ...] = ()
        self._summary = label("", "secondary")
        self._build()
        self._connect()
        self._count_prompts()

    def _build(self) -> None:
        self._rows.setHorizontalSpacing(12)
        self._rows.setVerticalSpacing(6)
        self._rows.setColumnStretch(1, 1)
        self.a.column.addLayout(self._rows)
        self.a.column.addStretch(1)
        self.b.column.addWidget(self.form)
        self.b.column.addWidget(self._summary)
        inner = QWidget()
        inner.setObjectName("abInner")
        column = QVBoxLayout(inner)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        intro = self.tr("Both get the same prompts, one after the other: the engine of A, then that of B.")
        column.addWidget(label(intro, "secondary"))
        column.addWidget(self.problem)
        column.addWidget(Pair(self.a, self.b))
        column.addWidget(self._prompts_card())
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(scroll, 1)
        whole.addWidget(self._foot())

    def _prompts_card(self) -> Card:
        card = Card("", self.tr("Prompts"))
        card.column.addWidget(label(self.tr("An empty line stands between two prompts."), "secondary"))
        self.prompts.setAccessibleName(self.tr("Prompts"))
        self.prompts.setTabChangesFocus(True)
        self.prompts.setMinimumHeight(PROMPTS_HEIGHT_PX)
        card.column.addWidget(self.prompts)
        load, usual = QPushButton(self.tr("Load a file…")), QPushButton(self.tr("Usual prompts"))
        load.clicked.connect(self.prompts_file_requested)
        usual.clicked.connect(lambda: self.prompts.setPlainText(text_of(DEFAULT_PROMPTS)))
        row = QHBoxLayout()
        row.setSpacing(8)
        for widget in (load, usual, self.count):
            row.addWidget(widget)
        row.addStretch(1)
        self.tokens.setRange(TOKENS_LOW, TOKENS_HIGH)
        self.tokens.setValue(TOKENS_USUAL)
        self.tokens.setAccessibleName(self.tr("Tokens per answer"))
        most = QLabel(self.tr("Tokens per answer, at most"))
        most.setBuddy(self.tokens)
        limits = QHBoxLayout()
        limits.setSpacing(8)
        limits.addWidget(most)
        limits.addWidget(self.tokens)
        limits.addWidget(label(self.tr("Temperature 0"), "secondary", wraps=False))
        limits.addStretch(1)
        card.column.addLayout(row)
        card.column.addLayout(limits)
        card.column.addWidget(self.is_blind)
        return card

    def _foot(self) -> QWidget:
        self.start.setProperty("role", "primary")
        close = QPushButton(self.tr("Close"))
        close.clicked.connect(self.close_requested)
        self.start.clicked.connect(self.start_requested)
        return foot(said=self.cost, buttons=(close, self.start))

    def _connect(self) -> None:
        self.form.changed.connect(self.changed)
        self.form.file_requested.connect(self.file_requested)
        self.prompts.textChanged.connect(self._count_prompts)
        self.prompts.textChanged.connect(self.changed)
        self.tokens.valueChanged.connect(lambda _: self.changed.emit())
        self.is_blind.toggled.connect(lambda _: self.changed.emit())

    def _count_prompts(self) -> None:
        count = len(prompts_of(self.prompts.toPlainText()))
        self.count.setText(self.tr("1 prompt") if count == 1 else self.tr("{0} prompts").format(count))

    def present(self, view: AbSetupView) -> None:
        """Show it; the form and the prompts stay as the person left them."""
        self.problem.present(view.problem)
        self.a.title.setText(view.a_name or self.tr("Looking at the engine…"))
        self.b.title.setText(view.b_name or self.tr("A copy of A: change something"))
        self._present_rows(view.a_rows)
        self.form.setEnabled(view.kind is not None)
        self.form.mark(view.differs)
        self._summary.setText(view.summary)
        self._summary.setVisible(bool(view.summary))
        is_refused = bool(view.refusal) and view.kind is not None
        self.cost.setText(view.refusal if is_refused else view.cost)
        self._set_role(self.cost, "warn" if is_refused else "secondary")
        self.start.setEnabled(view.kind is not None and not view.refusal and view.problem is None)
        self.start.setToolTip(view.refusal)

    def _present_rows(self, rows: tuple[tuple[str, str], ...]) -> None:
        if rows == self._shown_rows:
            return
        self._shown_rows = rows
        while (item := self._rows.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for at, (name, value) in enumerate(rows):
            self._rows.addWidget(label(name, "secondary", wraps=False), at, 0, Qt.AlignmentFlag.AlignTop)
            self._rows.addWidget(label(breakable(value)), at, 1)

    def _set_role(self, made: QLabel, role: str) -> None:
        if made.property("role") != role:
            made.setProperty("role", role)
            made.style().unpolish(made)
            made.style().polish(made)

    def set_palette_colors(self, palette: Palette = LIGHT) -> None:
        """Take other colours."""
        self.problem.set_palette_colors(palette)
