"""How far a benchmark is: the step, a bar, time left, how fast it goes just now, and a way to end it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from arcdesk.core.bench_progress import BenchPhase, BenchProgress
from arcdesk.ui.bench_view import BenchState, BenchView
from arcdesk.ui.bench_words import progress_detail, progress_title, pulse_text

STEPS = 1000


class BenchProgressCard(QFrame):
    """Presents what is under way; hidden when nothing is."""

    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("benchProgress")
        self.title = _label("title")
        self.detail = _label("")
        self.pulse = _label("secondary")
        self.pulse.setToolTip(
            self.tr("What arrived in the last moment, of all requests; a piece may hold several tokens.")
        )
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, STEPS)
        self.cancel = QPushButton(self.tr("Cancel"))
        self.cancel.setAutoDefault(True)  # Enter presses it
        self.cancel.setToolTip(self.tr("End it; what is done is kept (Esc)"))
        self.cancel.clicked.connect(self.cancelled)
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addWidget(self.title)
        words.addWidget(self.detail)
        words.addWidget(self.pulse)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addLayout(words, 1)
        row.addWidget(self.cancel, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(8)
        column.addLayout(row)
        column.addWidget(self.bar)
        self.hide()

    def present(self, view: BenchView) -> None:
        """Show it."""
        self.setVisible(view.state.is_busy)
        if not view.state.is_busy:
            return
        title = progress_title(view)
        self.title.setText(title)
        self.bar.setAccessibleName(title)
        self.detail.setText(progress_detail(view))
        self.pulse.setText(pulse_text(view.pulse) if view.state is BenchState.RUNNING else "")
        self.bar.setValue(
            round(STEPS * share_done(view.progress)) if view.state is not BenchState.WAITING else 0
        )
        self.bar.setVisible(view.state is not BenchState.REPEATING)  # nobody tells this window how far it is
        self.cancel.setEnabled(view.state is not BenchState.ENDING)


def share_done(progress: BenchProgress | None) -> float:
    """Of the whole plan, 0 to 1: each step counts the same, its warm-up as a part by its own requests."""
    if progress is None or progress.phase is BenchPhase.PREPARING or not progress.steps:
        return 0.0
    part = _share_of_part(progress)
    warm_up = 0.2  # of a step, roughly: nobody knows before
    inside = part * warm_up if progress.phase is BenchPhase.WARM_UP else warm_up + part * (1 - warm_up)
    return min(1.0, (progress.step - 1 + inside) / progress.steps)


def _share_of_part(progress: BenchProgress) -> float:
    elapsed_s, left_s = progress.elapsed_s, progress.seconds_left
    if elapsed_s is not None and left_s is not None and elapsed_s + left_s > 0:
        return elapsed_s / (elapsed_s + left_s)  # answers under way count too
    return progress.done / progress.total if progress.total else 0.0


def _label(role: str) -> QLabel:
    label = QLabel()
    label.setProperty("role", role)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label
