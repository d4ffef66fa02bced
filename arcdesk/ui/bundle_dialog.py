"""Shows the support bundle before it is saved: every file, each byte of it; each can be left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from arcdesk.ui.window_size import begin_at


class ShownFile(Protocol):
    """A file of the bundle."""

    @property
    def name(self) -> str:
        """In the bundle."""
        ...

    @property
    def note(self) -> str:
        """What it is."""
        ...

    @property
    def text(self) -> str:
        """All of it."""
        ...

    @property
    def data(self) -> bytes:
        """As saved."""
        ...


class BundleDialog(QDialog):
    """`save_requested` carries the names of the files that are ticked."""

    save_requested = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Support bundle"))
        begin_at(self, 920, 620)
        self._files: list[ShownFile] = []
        self._list = QListWidget()
        self._list.setAccessibleName(self.tr("Files of the bundle"))
        self._list.currentRowChanged.connect(self._on_row)
        self._list.itemChanged.connect(self._tell_total)
        self._view = QPlainTextEdit()
        self._view.setReadOnly(True)
        self._view.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._view.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self._view.setAccessibleName(self.tr("Contents of the file"))
        self._view.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._caption = QLabel()
        self._caption.setProperty("role", "secondary")
        self._total = QLabel()
        self._total.setProperty("role", "secondary")
        self._save = QPushButton(self.tr("Save…"))
        self._save.setProperty("role", "primary")
        self._save.setEnabled(False)
        self._save.clicked.connect(lambda: self.save_requested.emit(self.ticked_names()))
        self._build()
        self.say(self.tr("Collecting…"))

    def _build(self) -> None:
        note = QLabel(
            self.tr(
                "Nothing is sent. Keys, names, addresses and home folders were taken out; no conversation is "
                "in it. Look through it before you give it away, and untick what shall stay here."
            )
        )
        note.setObjectName("bundleNote")
        note.setWordWrap(True)
        note.setContentsMargins(12, 8, 12, 8)
        right = QWidget()
        side = QVBoxLayout(right)
        side.setContentsMargins(12, 0, 0, 0)
        side.setSpacing(4)
        side.addWidget(self._caption)
        side.addWidget(self._view, 1)
        parts = QSplitter()
        parts.addWidget(self._list)
        parts.addWidget(right)
        parts.setSizes([260, 660])
        parts.setChildrenCollapsible(False)
        cancel = QPushButton(self.tr("Cancel"))
        cancel.clicked.connect(self.close)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._total, 1)
        row.addWidget(self._save)
        row.addWidget(cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        column.addWidget(note)
        column.addWidget(parts, 1)
        column.addLayout(row)

    def present(self, files: Sequence[ShownFile]) -> None:
        """Show these, all ticked."""
        self._files = list(files)
        self._list.blockSignals(True)
        self._list.clear()
        for file in self._files:
            item = QListWidgetItem(file.name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked)
            item.setToolTip(file.note)
            item.setSizeHint(QSize(0, 32))
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{file.name}: {file.note}")
            self._list.addItem(item)
        self._list.blockSignals(False)
        self._list.setCurrentRow(0)
        self._tell_total()

    def ticked_names(self) -> list[str]:
        """The files that will be saved."""
        items = [self._list.item(row) for row in range(self._list.count())]
        return [item.text() for item in items if item.checkState() is Qt.CheckState.Checked]

    def tick(self, name: str, *, on: bool) -> None:
        """Take a file in, or leave it out."""
        for item in self._list.findItems(name, Qt.MatchFlag.MatchExactly):
            item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)

    def show_file(self, name: str) -> None:
        """Bring a file into view."""
        for item in self._list.findItems(name, Qt.MatchFlag.MatchExactly):
            self._list.setCurrentItem(item)

    @property
    def shown_text(self) -> str:
        """What the view shows now."""
        return self._view.toPlainText()

    @property
    def said(self) -> str:
        """The word beside the buttons."""
        return self._total.text()

    def say(self, text: str) -> None:
        """A word beside the buttons: what happens, or what came of it."""
        self._total.setText(text)

    def _on_row(self, row: int) -> None:
        if 0 <= row < len(self._files):
            file = self._files[row]
            self._view.setPlainText(file.text)
            self._caption.setText(
                self.tr("{0}: {1}, {2}").format(file.name, file.note, _size(len(file.data)))
            )

    def _tell_total(self) -> None:
        names = self.ticked_names()
        size = sum(len(file.data) for file in self._files if file.name in names)
        self._save.setEnabled(bool(names))
        self.say(self.tr("{0} of {1} files, {2}").format(len(names), len(self._files), _size(size)))


def _size(count: int) -> str:
    return f"{count}\u202fbytes" if count < 10_000 else f"{count / 1000:.0f}\u202fkB"
