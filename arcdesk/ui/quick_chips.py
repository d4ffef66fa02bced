"""What is attached to a quick question, as chips that can be taken off."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from arcdesk.core.quick import Attachment, Picture
from arcdesk.ui.resources import icon
from arcdesk.ui.theme import LIGHT, Palette

PREVIEW_CHARS = 400
SPACE_PX = 8
THUMBNAIL_SCALE = 2  # so that it is sharp on a fine screen too


class QuickChips(QWidget):
    """As many rows as they need; hidden while nothing is attached."""

    removed = Signal(str)  # its source

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = LIGHT
        self._shown: tuple[tuple[Attachment, ...], tuple[Picture, ...]] = ((), ())
        self._chips: list[QFrame] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 4)
        self._column.setSpacing(SPACE_PX)
        self.hide()

    def present(self, attached: Sequence[Attachment], pictures: Sequence[Picture] = ()) -> None:
        """Show these, the texts first."""
        self._shown = (tuple(attached), tuple(pictures))
        for chip in self._chips:
            chip.hide()
            chip.deleteLater()
        self._chips = [*map(self._text_chip, attached), *map(self._picture_chip, pictures)]
        self._lay_out()
        self.setVisible(bool(self._chips))

    def set_width(self, width_px: int) -> None:
        """Be as wide as this, whatever is attached."""
        if width_px != self.maximumWidth():
            self.setFixedWidth(width_px)
            self._lay_out()

    def _lay_out(self) -> None:
        while (item := self._column.takeAt(0)) is not None:
            if (old := item.layout()) is not None:
                old.deleteLater()
        left_px = 0
        for chip in self._chips:
            chip.ensurePolished()  # its border is in the style sheet
            if (width_px := chip.sizeHint().width()) > left_px:
                row = QHBoxLayout()
                row.setSpacing(SPACE_PX)
                row.addStretch(1)
                self._column.addLayout(row)
                left_px = self.maximumWidth()
            row.insertWidget(row.count() - 1, chip)
            left_px -= width_px + SPACE_PX

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        self.present(*self._shown)

    def _text_chip(self, attachment: Attachment) -> QFrame:
        names = {"clipboard": self.tr("Clipboard"), "selection": self.tr("Selected text")}
        words = f"{names.get(attachment.source, attachment.source)} · {_size(attachment)}"
        chip = self._chip(attachment.source, words)
        chip.setToolTip(attachment.text[:PREVIEW_CHARS])
        return chip

    def _picture_chip(self, picture: Picture) -> QFrame:
        words = f"{self.tr('Screen region')} · {picture.image.size_words}"
        small = QPixmap()
        small.loadFromData(picture.thumbnail)
        small.setDevicePixelRatio(THUMBNAIL_SCALE)
        return self._chip(picture.source, words, small)

    def _chip(self, source: str, words: str, small: QPixmap | None = None) -> QFrame:
        chip = QFrame(self)
        chip.setObjectName("quickChip")
        button = QToolButton()
        button.setIcon(icon("remove", self._palette.secondary))
        button.setIconSize(QSize(16, 16))
        button.setToolTip(self.tr("Do not send it along"))
        button.setAccessibleName(self.tr("Remove: {what}").format(what=words))
        button.clicked.connect(lambda: self.removed.emit(source))
        row = QHBoxLayout(chip)
        row.setContentsMargins(8, 0, 0, 0)
        row.setSpacing(4)
        if small is not None:
            picture = QLabel()
            picture.setPixmap(small)
            picture.setAccessibleName(self.tr("Small picture of what goes along"))
            row.addWidget(picture)
        row.addWidget(QLabel(words))
        row.addWidget(button)
        return chip


def _size(attachment: Attachment) -> str:
    count = len(attachment.text)
    characters = f"{count} characters" if count != 1 else "1 character"
    return f"{attachment.lines} lines, {characters}" if attachment.lines > 1 else characters
