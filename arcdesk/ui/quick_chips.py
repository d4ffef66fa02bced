"""What is attached to a quick question, as chips that can be taken off."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget

from arcdesk.core.quick import Attachment
from arcdesk.ui.resources import icon
from arcdesk.ui.theme import LIGHT, Palette

PREVIEW_CHARS = 400


class QuickChips(QWidget):
    """One row; hidden while nothing is attached."""

    removed = Signal(str)  # its source

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = LIGHT
        self._shown: tuple[Attachment, ...] = ()
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 4)
        self._row.setSpacing(8)
        self._row.addStretch(1)
        self.hide()

    def present(self, attached: Sequence[Attachment]) -> None:
        """Show these."""
        self._shown = tuple(attached)
        while self._row.count() > 1:
            item = self._row.takeAt(0)
            if item is not None and (chip := item.widget()) is not None:
                chip.hide()
                chip.deleteLater()
        for index, attachment in enumerate(attached):
            self._row.insertWidget(index, self._chip(attachment))
        self.setVisible(bool(attached))

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        self.present(self._shown)

    def _chip(self, attachment: Attachment) -> QFrame:
        names = {"clipboard": self.tr("Clipboard"), "selection": self.tr("Selected text")}
        words = f"{names.get(attachment.source, attachment.source)} · {_size(attachment)}"
        chip = QFrame()
        chip.setObjectName("quickChip")
        chip.setToolTip(attachment.text[:PREVIEW_CHARS])
        label = QLabel(words)
        button = QToolButton()
        button.setIcon(icon("remove", self._palette.secondary))
        button.setIconSize(QSize(16, 16))
        button.setToolTip(self.tr("Do not send it along"))
        button.setAccessibleName(self.tr("Remove: {what}").format(what=words))
        button.clicked.connect(lambda: self.removed.emit(attachment.source))
        row = QHBoxLayout(chip)
        row.setContentsMargins(8, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(label)
        row.addWidget(button)
        return chip


def _size(attachment: Attachment) -> str:
    count = len(attachment.text)
    characters = f"{count} characters" if count != 1 else "1 character"
    return f"{attachment.lines} lines, {characters}" if attachment.lines > 1 else characters
