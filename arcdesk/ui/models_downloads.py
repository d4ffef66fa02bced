"""The downloads at the foot of the models window: how far each is, and its buttons."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from arcdesk.core.hub import Download, DownloadPhase
from arcdesk.ui.models_words import download_line

STEPS = 1000  # of the bar
MOST_ROWS = 3  # seen at once
P = DownloadPhase
PAUSABLE = (P.WAITING, P.CHECKING, P.RUNNING, P.VERIFYING)
BUTTONS: dict[str, tuple[DownloadPhase, ...]] = {
    "pause": (P.CHECKING, P.RUNNING),
    "resume": (P.PAUSED,),
    "retry": (P.FAILED,),
    "cancel": (P.WAITING, P.CHECKING, P.RUNNING, P.PAUSED, P.FAILED),
    "use": (P.DONE,),
    "forget": (P.DONE, P.CANCELLED),
}


class DownloadsArea(QFrame):
    """One row for each download of this run; hidden when there is none."""

    action_requested = Signal(str, str)  # 'pause', 'resume', 'retry', 'cancel', 'use' or 'forget'; the id

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("downloadsArea")
        self.setAccessibleName(self.tr("Downloads"))
        self.rows: dict[str, DownloadRow] = {}
        inner = QWidget()
        inner.setObjectName("downloadsInner")
        self._column = QVBoxLayout(inner)
        self._column.setContentsMargins(16, 8, 16, 8)
        self._column.setSpacing(8)
        self._scroll = QScrollArea()
        self._scroll.setWidget(inner)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._scroll)
        self.hide()

    def present(self, downloads: tuple[Download, ...]) -> None:
        """Show these."""
        shown = {one.repo: one for one in downloads}
        for repo in [repo for repo in self.rows if repo not in shown]:
            row = self.rows.pop(repo)
            row.hide()
            row.deleteLater()
        for repo, download in shown.items():
            if repo not in self.rows:
                self.rows[repo] = row = DownloadRow(repo)
                row.action_requested.connect(self.action_requested)
                self._column.addWidget(row)
            self.rows[repo].present(download)
        self.setVisible(bool(shown))
        self._fit_height()

    def _fit_height(self) -> None:
        """As high as three rows at most: the rest scrolls."""
        rows = [row.sizeHint().height() + 8 for row in self.rows.values()]
        self._scroll.setFixedHeight(sum(sorted(rows)[-MOST_ROWS:]) + 8)


class DownloadRow(QWidget):
    """One download."""

    action_requested = Signal(str, str)

    def __init__(self, repo: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Download of {0}").format(repo))
        name = QLabel(repo)
        name.setTextFormat(Qt.TextFormat.PlainText)
        self.line = QLabel()
        self.line.setProperty("role", "secondary")
        self.line.setTextFormat(Qt.TextFormat.PlainText)
        self.line.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("How far the download of {0} is").format(repo))
        words = {
            "pause": self.tr("Pause"),
            "resume": self.tr("Resume"),
            "retry": self.tr("Try again"),
            "cancel": self.tr("Cancel"),
            "use": self.tr("Use this model"),
            "forget": self.tr("Dismiss"),
        }
        self.buttons: dict[str, QPushButton] = {}
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.line, 1)
        for action, label in words.items():
            button = QPushButton(label)
            button.setAccessibleName(f"{label}: {repo}")
            button.clicked.connect(lambda _=False, action=action: self.action_requested.emit(action, repo))
            self.buttons[action] = button
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(name)
        column.addWidget(self.bar)
        column.addLayout(row)

    def present(self, download: Download) -> None:
        """Show how far it is."""
        is_open = download.phase in (*PAUSABLE, P.PAUSED)
        self.bar.setVisible(is_open)
        is_measured = bool(download.total_bytes) or download.phase is P.WAITING  # nothing moves yet
        self.bar.setRange(0, STEPS if is_measured else 0)
        if download.total_bytes:
            self.bar.setValue(min(STEPS, STEPS * download.done_bytes // download.total_bytes))
        role = "error" if download.phase is P.FAILED else "secondary"
        if self.line.property("role") != role:
            self.line.setProperty("role", role)
            self.line.style().unpolish(self.line)
            self.line.style().polish(self.line)
        text = download_line(download)
        if text != self.line.text():
            self.line.setText(text)
        for action, phases in BUTTONS.items():
            self.buttons[action].setVisible(download.phase in phases)
