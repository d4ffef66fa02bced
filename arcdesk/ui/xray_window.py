"""The window 'Latency X-ray': where the time of one answer went, and where two clocks disagree."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from arcdesk.core.chat import AnswerStats
from arcdesk.core.xray_answer import xray_of
from arcdesk.ui.theme import LIGHT, Palette
from arcdesk.ui.window_size import begin_at
from arcdesk.ui.xray_plot import XRayPlot
from arcdesk.ui.xray_words import Finding, about_words, as_text, findings, notes, rows, sum_words

WIDTH_PX = 640
BUTTONS_PX = 60


class XRayWindow(QDialog):
    """Presents the figures of one answer. Esc closes it."""

    copy_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("xrayWindow")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Latency X-ray — ArcDesk"))
        self._text = ""
        self._title = _label("title")
        self._title.setText(self.tr("Where the time went"))
        self._about = _label("secondary")
        self.plot = XRayPlot()
        self._sum = _label()
        self._findings = QVBoxLayout()
        self._notes = _label("secondary")
        self._build()

    def _build(self) -> None:
        inner = self._inner = QWidget()
        inner.setObjectName("xrayBody")
        body = QVBoxLayout(inner)
        body.setContentsMargins(16, 16, 16, 8)
        body.setSpacing(8)
        body.addWidget(self._title)
        body.addWidget(self._about)
        body.addSpacing(4)
        body.addWidget(self.plot)
        body.addWidget(self._sum)
        self._findings.setContentsMargins(0, 0, 0, 0)
        self._findings.setSpacing(8)
        body.addLayout(self._findings)
        body.addWidget(self._notes)
        body.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(scroll, 1)
        column.addLayout(self._buttons())
        self._close.setFocus()  # not the picture, whose frame would draw the eye

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(16, 8, 16, 16)
        row.setSpacing(8)
        copy = QPushButton(self.tr("Copy as text"))
        copy.setAutoDefault(False)
        copy.clicked.connect(lambda: self.copy_requested.emit(self._text))
        close = QPushButton(self.tr("Close"))
        close.setDefault(True)
        close.setShortcut(QKeySequence("Ctrl+W"))
        close.clicked.connect(self.close)
        row.addWidget(copy)
        row.addStretch(1)
        row.addWidget(close)
        self._close = close
        return row

    def present(self, stats: AnswerStats) -> None:
        """Show these figures; more of them may come a moment later."""
        picture = xray_of(stats)
        self._text = as_text(picture, stats)
        self._about.setText(about_words(stats))
        self.plot.present(rows(picture))
        self._put(self._sum, sum_words(picture))
        self._put(self._notes, "\n".join(notes(picture, stats)))
        self._present_findings(findings(picture, stats))

    def fit(self) -> None:
        """As high as what is shown, as far as the screen allows."""
        layout = self._inner.layout()
        high = layout.totalHeightForWidth(WIDTH_PX) if layout is not None else 0
        begin_at(self, WIDTH_PX, high + BUTTONS_PX)

    @property
    def text(self) -> str:
        """What is shown, in words."""
        return self._text

    def _present_findings(self, found: list[Finding]) -> None:
        while (item := self._findings.takeAt(0)) is not None:
            if (gone := item.widget()) is not None:
                gone.hide()
                gone.deleteLater()
        for finding in found:
            self._findings.addWidget(_finding_card(finding))

    @staticmethod
    def _put(label: QLabel, text: str) -> None:
        label.setText(text)
        label.setVisible(bool(text))

    def set_palette_colors(self, palette: Palette = LIGHT) -> None:
        """Take other colours."""
        self.plot.set_palette_colors(palette)


def _label(role: str = "") -> QLabel:
    label = QLabel()
    if role:
        label.setProperty("role", role)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
    )
    return label


def _finding_card(finding: Finding) -> QFrame:
    card = QFrame()
    card.setObjectName("xrayFinding")
    column = QVBoxLayout(card)
    column.setContentsMargins(12, 8, 12, 8)
    column.setSpacing(2)
    what = _label("warn")
    what.setText("\n".join(f"▲ {line}" for line in finding.what))
    why = _label()
    why.setText(f"{finding.why} {finding.hint}")
    column.addWidget(what)
    column.addWidget(why)
    return card
