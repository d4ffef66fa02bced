"""The examination of this computer: findings in their areas as they come, each with its way out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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

from arcdesk.core.doctor import Area, Finding, Status, summary, worst
from arcdesk.core.errors import Action
from arcdesk.ui.finding_row import FindingRow
from arcdesk.ui.theme import LIGHT, Palette
from arcdesk.ui.window_size import begin_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What is seen: the findings so far, and the areas whose checks have not ended."""

    findings: tuple[Finding, ...] = ()
    open_areas: frozenset[Area] = frozenset()

    @property
    def is_running(self) -> bool:
        """More will come."""
        return bool(self.open_areas)


class DoctorWindow(QDialog):
    """Presents an Examination; wishes go out as signals."""

    run_requested = Signal()
    bundle_requested = Signal()
    copy_requested = Signal(str)
    action_requested = Signal(Action)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Doctor — ArcDesk"))
        begin_at(self, 760, 680)
        self._palette = LIGHT
        self._shown = Examination()
        self._summary = QLabel()
        self._summary.setProperty("role", "title")
        self._areas = {area: _AreaBox(self._word_of(area)) for area in Area}
        self._again = QPushButton(self.tr("Run again"))
        self._again.setShortcut(QKeySequence(QKeySequence.StandardKey.Refresh))
        self._again.clicked.connect(self.run_requested)
        self._build()

    def _build(self) -> None:
        inner = QWidget()
        inner.setObjectName("doctorFindings")
        areas = QVBoxLayout(inner)
        areas.setContentsMargins(16, 4, 16, 16)
        areas.setSpacing(12)
        for box in self._areas.values():
            areas.addWidget(box)
        areas.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setAccessibleName(self.tr("Findings"))
        head = QHBoxLayout()
        head.setContentsMargins(16, 16, 16, 8)
        head.addWidget(self._summary, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(scroll, 1)
        column.addLayout(self._buttons())

    def _buttons(self) -> QHBoxLayout:
        copy = QPushButton(self.tr("Copy as text"))
        copy.clicked.connect(lambda: self.copy_requested.emit(as_text(self._shown.findings)))
        bundle = QPushButton(self.tr("Save support bundle…"))
        bundle.clicked.connect(self.bundle_requested)
        close = QPushButton(self.tr("Close"))
        close.setShortcut(QKeySequence("Ctrl+W"))
        close.clicked.connect(self.close)
        self._again.setProperty("role", "primary")
        row = QHBoxLayout()
        row.setContentsMargins(16, 12, 16, 16)
        row.setSpacing(8)
        row.addWidget(bundle)
        row.addWidget(copy)
        row.addStretch(1)
        row.addWidget(self._again)
        row.addWidget(close)
        return row

    def _word_of(self, area: Area) -> str:
        words = {
            Area.APP: self.tr("ArcDesk"),
            Area.DOCKER: self.tr("Docker"),
            Area.CARDS: self.tr("Graphics cards"),
            Area.DISK: self.tr("Folders and files"),
            Area.DESKTOP: self.tr("Desktop"),
            Area.NETWORK: self.tr("Network"),
        }
        return words[area]

    @property
    def rows(self) -> list[FindingRow]:
        """What is listed, from top to bottom."""
        return [row for box in self._areas.values() for row in box.rows]

    @property
    def summary_text(self) -> str:
        """What the head says."""
        return self._summary.text()

    def present(self, examination: Examination) -> None:
        """Show it. Rows that stand already stay as they are."""
        self._shown = examination
        for area, box in self._areas.items():
            found = [one for one in examination.findings if one.area is area]
            for row in box.present(found, self._palette, is_open=area in examination.open_areas):
                row.copy_requested.connect(self.copy_requested)
                row.action_requested.connect(self.action_requested)
        self._again.setEnabled(not examination.is_running)
        said = summary(examination.findings)
        text = self.tr("Looking…") if examination.is_running else said
        if examination.is_running and worst(examination.findings) is not Status.OK:
            text = self.tr("Looking… {0} so far").format(said)
        self._summary.setText(text)

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        for row in self.rows:
            row.set_palette_colors(palette)


class _AreaBox(QWidget):
    """A heading and the rows below it, in one card."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.rows: list[FindingRow] = []
        heading = QLabel(title)
        heading.setProperty("role", "secondary")
        self._note = QLabel(self.tr("Looking…"))
        self._note.setProperty("role", "secondary")
        self._note.setContentsMargins(12, 8, 12, 8)
        self._card = QFrame()
        self._card.setObjectName("doctorArea")
        self._list = QVBoxLayout(self._card)
        self._list.setContentsMargins(0, 4, 0, 4)
        self._list.setSpacing(0)
        self._list.addWidget(self._note)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(heading)
        column.addWidget(self._card)

    def present(self, findings: Sequence[Finding], palette: Palette, *, is_open: bool) -> list[FindingRow]:
        """Show these; returns the rows that were made for it."""
        shown = [row.finding for row in self.rows]
        if shown != list(findings[: len(shown)]):
            self._clear()
            shown = []
        fresh = [FindingRow(finding, palette) for finding in findings[len(shown) :]]
        for row in fresh:
            self._list.insertWidget(self._list.count() - 1, row)
        self.rows += fresh
        self._note.setVisible(is_open)
        self.setVisible(is_open or bool(self.rows))
        return fresh

    def _clear(self) -> None:
        for row in self.rows:
            self._list.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.rows = []


def as_text(findings: Sequence[Finding]) -> str:
    """The findings as plain text, for a mail."""
    lines = []
    for found in findings:
        parts = (found.title, found.detail, found.fix, found.command)
        lines.append(f"[{found.status.value}] {found.id}: " + " | ".join(part for part in parts if part))
    return "\n".join([summary(findings), *lines]) + "\n"
