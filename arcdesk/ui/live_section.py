"""The live figures of one source: whose they are, two short plots, and the lines of numbers."""

from __future__ import annotations

import time

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QLabel, QSizePolicy, QVBoxLayout, QWidget

from arcdesk.core.live_server import AT_ITS_END
from arcdesk.core.live_stats import LiveKey, LiveView, Source, keys_of
from arcdesk.core.metrics_names import Generation
from arcdesk.ui.gpu_curve import Curve
from arcdesk.ui.gpu_plot import Plot
from arcdesk.ui.live_lines import ColumnHead, LineSpec, LiveLine
from arcdesk.ui.live_words import (
    UNKNOWN,
    WORDS,
    about,
    source_about,
    source_title,
    tr,
    value_text,
)
from arcdesk.ui.theme import LIGHT, Palette

WIDE_PX = 560  # from here on plots and lines stand side by side
PERCENTILES = ("p50", "p95", "p99")
Key = LiveKey


def ours_lines() -> tuple[LineSpec | None, ...]:
    """The lines of our own answers; None stands for the head of the columns."""
    return (
        LineSpec(tr("Last minute"), (Key.OUR_TOKENS_PER_S_MINUTE,)),
        LineSpec(tr("Prompt"), (Key.OUR_PROMPT_TOKENS_PER_S,), about=tr("Prompt tokens per second.")),
        LineSpec(tr("Running"), (Key.OUR_RUNNING,), about=tr("Answers under way.")),
        None,
        LineSpec(tr("First token"), (Key.OUR_TTFT_P50_MS, Key.OUR_TTFT_P95_MS, Key.OUR_TTFT_P99_MS), 3),
        LineSpec(
            tr("Gaps"),
            (Key.OUR_ITL_P50_MS, Key.OUR_ITL_P95_MS, Key.OUR_ITL_P99_MS),
            3,
            about=tr("Time between tokens."),
        ),
    )


def server_lines() -> tuple[LineSpec | None, ...]:
    """The lines of the server."""
    return (
        LineSpec(tr("Last minute"), (Key.TOKENS_PER_S_MINUTE,)),
        LineSpec(tr("Prompt"), (Key.PROMPT_TOKENS_PER_S,), about=tr("Prompt tokens per second.")),
        LineSpec(tr("Running"), (Key.RUNNING,), about=tr("Requests being answered.")),
        LineSpec(
            tr("Waiting"),
            (Key.WAITING, Key.SWAPPED),
            about=tr("Requests in the queue."),
            aside=tr("swapped out {0}"),
            aside_about=tr("Swapped out: begun, then moved to the computer's memory to make room."),
        ),
        LineSpec(tr("KV cache"), (Key.KV_USE,), about=tr("How much of its room is in use.")),
        LineSpec(tr("Prefix-cache hits"), (Key.PREFIX_HIT_RATE,), about=tr("Prompt tokens found there.")),
        LineSpec(
            tr("Preemptions"),
            (Key.PREEMPTIONS,),
            about=tr("Answers put back in the last minute because the KV cache was full."),
        ),
        None,
        LineSpec(tr("First token"), (Key.TTFT_P50_MS, Key.TTFT_P95_MS, Key.TTFT_P99_MS), 3),
        LineSpec(
            tr("Gaps"),
            (Key.ITL_P50_MS, Key.ITL_P95_MS, Key.ITL_P99_MS),
            3,
            about=tr("Time between tokens."),
        ),
    )


_PLOTS = {
    Source.OURS: (Key.OUR_TOKENS_PER_S, Key.OUR_ITL_P50_MS),
    Source.SERVER: (Key.TOKENS_PER_S, Key.KV_USE),
}
_CEILING = {Key.OUR_ITL_P50_MS: 20.0, Key.KV_USE: 1.0}
_TITLES = {
    Key.OUR_TOKENS_PER_S: "Now",
    Key.OUR_ITL_P50_MS: "Gaps, p50",
    Key.TOKENS_PER_S: "Now",
    Key.TOKENS_PER_S_MINUTE: "Last minute",
    Key.KV_USE: "KV cache",
}


class LiveSection(QFrame):
    """Presents one source's part of a LiveView."""

    def __init__(self, source: Source, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("liveSection")
        self.setAccessibleName(source_title(source))
        self.source = source
        self._restarts = 0
        self._restarted_at = ""
        self.title = self._label(source_title(source), "title")
        self.title.setToolTip(source_about(source))
        self.title.setAccessibleDescription(source_about(source))
        self.note = self._label("", "secondary")
        self.note.setVisible(False)
        self.plots = {key: Plot(WORDS[key].say) for key in _PLOTS[source]}
        specs = ours_lines() if source is Source.OURS else server_lines()
        self.heads: list[ColumnHead] = []
        self.lines: list[LiveLine] = []
        self._body = QWidget()
        self._sides = QBoxLayout(QBoxLayout.Direction.TopToBottom, self._body)
        self._arrange(specs)

    def _label(self, text: str, role: str) -> QLabel:
        label = QLabel(text)
        label.setProperty("role", role)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        return label

    def _arrange(self, specs: tuple[LineSpec | None, ...]) -> None:
        plots = QVBoxLayout()
        plots.setSpacing(8)
        for plot in self.plots.values():
            plots.addWidget(plot)
        plots.addStretch(1)
        lines = QVBoxLayout()
        lines.setSpacing(0)
        for spec in specs:
            if spec is None:
                self.heads.append(ColumnHead(tr("Milliseconds"), PERCENTILES))
                lines.addWidget(self.heads[-1])
            else:
                self.lines.append(LiveLine(spec))
                lines.addWidget(self.lines[-1])
        lines.addStretch(1)
        self._sides.setContentsMargins(0, 0, 0, 0)
        self._sides.setSpacing(8)
        self._sides.addLayout(plots, 1)
        self._sides.addLayout(lines, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 12, 8)
        column.setSpacing(4)
        column.addWidget(self.title)
        column.addWidget(self.note)
        column.addWidget(self._body)
        column.addStretch(1)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)

    # showing

    def present(self, view: LiveView) -> None:
        """Show it."""
        self._note_restart(view)
        note = self._note(view)
        if note != self.note.text():
            self.note.setText(note)
        self.note.setVisible(bool(note))
        has_body = self.source is Source.OURS or any(
            view[key].value is not None for key in keys_of(self.source)
        )
        self._body.setVisible(has_body)
        if not has_body:
            return
        plotted = {place: _plotted(place, view) for place in self.plots}
        drawn = {key for key in plotted.values() if _has_points(view, key)}
        for line in self.lines:
            line.present([view[key] for key in line.spec.keys])
            is_plotted = set(line.spec.keys) <= drawn
            line.setVisible(not is_plotted)  # it would say the same twice
        for place, key in plotted.items():
            self._present_plot(self.plots[place], key, view)

    def _present_plot(self, plot: Plot, key: LiveKey, view: LiveView) -> None:
        figure = view[key]
        points = tuple(view.history.points(key))
        plot.setVisible(_has_points(view, key))
        title = tr(_TITLES[key])
        plot.present(
            Curve(
                title=title,
                points=points,
                now_text=value_text(key, figure),
                about=about(figure),
                ceiling=_CEILING.get(key, 10.0),
            )
        )
        if figure.value is None:  # the foot says how long the axis is; the reason is told and on hover
            plot.setAccessibleName(f"{title}: {UNKNOWN} ({figure.reason.rstrip('.')})")

    def _note_restart(self, view: LiveView) -> None:
        if view.restarts > self._restarts:
            self._restarted_at = time.strftime("%H:%M:%S")
        self._restarts = view.restarts

    def _note(self, view: LiveView) -> str:
        if self.source is Source.OURS:
            known = any(view[key].value for key in keys_of(Source.OURS))
            return "" if known else tr("Ask something: how fast it is answered shows here.")
        if view.problem is not None:
            return view.problem.sentence()
        if all(view[key].value is None for key in keys_of(Source.SERVER)):
            return view[Key.RUNNING].reason
        if view.restarts:
            return tr("The server began anew at {0}; its figures count from there.").format(
                self._restarted_at
            )
        return ""

    def set_palette_colors(self, palette: Palette = LIGHT) -> None:
        """Take other colours."""
        parts: tuple[Plot | LiveLine | ColumnHead, ...] = (*self.plots.values(), *self.lines, *self.heads)
        for part in parts:
            part.set_palette_colors(palette)

    # Qt overrides

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Side by side where there is room."""
        super().resizeEvent(event)
        is_wide = event.size().width() >= WIDE_PX
        sideways = QBoxLayout.Direction.LeftToRight
        wanted = sideways if is_wide else QBoxLayout.Direction.TopToBottom
        if self._sides.direction() != wanted:
            self._sides.setDirection(wanted)
            self._sides.setSpacing(24 if is_wide else 8)

    def minimumSizeHint(self) -> QSize:
        """As narrow as its lines."""
        return QSize(264, super().minimumSizeHint().height())


def _has_points(view: LiveView, key: LiveKey) -> bool:
    return any(point.value is not None for point in view.history.points(key))


def _plotted(place: LiveKey, view: LiveView) -> LiveKey:
    """What is plotted there: where the rate of now is not told, that of a minute."""
    if place is Key.TOKENS_PER_S and (
        view.generation is Generation.LLAMA_CPP or view[place].reason == AT_ITS_END
    ):
        return Key.TOKENS_PER_S_MINUTE
    return place
