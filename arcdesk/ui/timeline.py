"""The steps of a start, with their times: what is done, what runs, what comes."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QProgressBar, QWidget

from arcdesk.core.engine_state import EngineKind, LoadProgress, LoadStep

STEP_WORDS: dict[LoadStep, str] = {
    LoadStep.IMAGE: "Download image",
    LoadStep.CONTAINER: "Container up",
    LoadStep.IMPORT: "Start the server",
    LoadStep.CONFIG: "Read the model's settings",
    LoadStep.WEIGHTS: "Load weights",
    LoadStep.CONVERT: "Convert weights",
    LoadStep.KV_CACHE: "Reserve KV cache",
    LoadStep.HTTP: "Open the port",
    LoadStep.WARM_UP: "First answer",
}
# The steps that every start of a container goes through; others are shown when they are seen.
USUAL_STEPS = (LoadStep.CONTAINER, LoadStep.IMPORT, LoadStep.WEIGHTS, LoadStep.KV_CACHE, LoadStep.WARM_UP)
EMBEDDED_STEPS = (LoadStep.CONTAINER, LoadStep.WARM_UP)
ORDER = tuple(LoadStep)


def duration_text(seconds: float) -> str:
    """'0.4 s', '12 s', '2 min 05 s'."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f}\u202fs"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}\u202fmin {rest:02d}\u202fs" if minutes else f"{rest}\u202fs"


def step_rows(progress: LoadProgress, now: float, kind: EngineKind) -> list[tuple[str, str, str]]:
    """Rows of (sign, words, time). Pure; `now` is Unix seconds."""
    finished = dict(progress.finished)
    usual = USUAL_STEPS if kind is EngineKind.CONTAINER else EMBEDDED_STEPS
    known = set(usual) | set(finished) | {progress.step}
    rows = []
    for step in (step for step in ORDER if step in known):
        words = STEP_WORDS[step]
        if step is progress.step:
            count = f" {progress.done} of {progress.total}" if progress.total else ""
            elapsed = duration_text(now - progress.started_at) if progress.started_at else ""
            rows.append(("◐", words + count, elapsed))
        elif step in finished:
            rows.append(("✓", words, duration_text(finished[step])))
        elif ORDER.index(step) < ORDER.index(progress.step):
            rows.append(("✓", words, ""))
        else:
            rows.append(("○", words, ""))
    return rows


class Timeline(QWidget):
    """Renders a LoadProgress; its clock ticks only while a start is seen."""

    def __init__(self, parent: QWidget | None = None, now: Callable[[], float] = time.time) -> None:
        super().__init__(parent)
        self._now = now
        self._progress: LoadProgress | None = None
        self._kind = EngineKind.CONTAINER
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        self._cells: list[tuple[QLabel, QLabel, QLabel]] = []
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._line = QLabel()
        self._line.setProperty("role", "evidence")
        self._line.setTextFormat(Qt.TextFormat.PlainText)
        self._line.setWordWrap(True)
        self._tick = QTimer(self, interval=1000)
        self._tick.timeout.connect(self._paint)
        self.hide()

    def present(self, progress: LoadProgress | None, kind: EngineKind) -> None:
        """Show how far the start is; None hides it."""
        self._progress, self._kind = progress, kind
        self.setVisible(progress is not None)
        self._paint()
        self._run_clock()

    def _run_clock(self) -> None:
        if self._progress is not None and self.isVisible():
            if not self._tick.isActive():
                self._tick.start()
        else:
            self._tick.stop()

    def _paint(self) -> None:
        progress = self._progress
        if progress is None:
            return
        rows = step_rows(progress, self._now(), self._kind)
        while len(self._cells) < len(rows):
            self._add_row()
        for index, cells in enumerate(self._cells):
            texts = rows[index] if index < len(rows) else ("", "", "")
            for label, text in zip(cells, texts, strict=True):
                label.setText(text)
                label.setVisible(index < len(rows))
        self._bar.setVisible(bool(progress.total))
        if progress.total:
            self._bar.setRange(0, 1000)
            self._bar.setValue(round(1000 * (progress.done or 0) / progress.total))
        self._line.setText(progress.line[:160])
        self._line.setVisible(bool(progress.line))
        last = len(self._cells)
        self._grid.addWidget(self._bar, last, 0, 1, 3)
        self._grid.addWidget(self._line, last + 1, 0, 1, 3)

    def _add_row(self) -> None:
        labels = (QLabel(), QLabel(), QLabel())
        labels[2].setProperty("role", "secondary")
        labels[2].setAlignment(Qt.AlignmentFlag.AlignRight)
        for column, label in enumerate(labels):
            self._grid.addWidget(label, len(self._cells), column)
        self._cells.append(labels)

    def showEvent(self, event: QShowEvent) -> None:
        """Seen: the clock may run."""
        super().showEvent(event)
        self._run_clock()

    def hideEvent(self, event: QHideEvent) -> None:
        """Unseen: nothing ticks."""
        super().hideEvent(event)
        self._tick.stop()
