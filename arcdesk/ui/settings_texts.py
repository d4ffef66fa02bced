"""The controls for what is written: texts, numbers and paths."""

from __future__ import annotations

from typing import cast

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QLineEdit, QToolButton

from arcdesk.core.settings_info import Kind, SettingInfo
from arcdesk.ui.resources import icon
from arcdesk.ui.settings_editor import Editor, lay_out
from arcdesk.ui.theme import Palette

NUMBER_WIDTH_PX, UNIT_WIDTH_PX = 120, 48


class LineEdit(QLineEdit):
    """A field that tells arrow keys; Enter ends what was typed."""

    stepped = Signal(int)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and Down step, where somebody listens."""
        step = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}.get(cast(Qt.Key, event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self.stepped.emit(step)


class TextEditor(Editor):
    """A text or a number. It becomes a wish when Enter is pressed or the field is left."""

    def __init__(self, info: SettingInfo) -> None:
        self.line = LineEdit()
        super().__init__(self.line)
        self._is_number = info.kind is Kind.NUMBER
        self.is_wide = not self._is_number
        self._value: object = ""
        self.line.setPlaceholderText(self.tr(info.hint))
        self.line.textEdited.connect(lambda _: self.typed.emit())
        self.line.editingFinished.connect(self.commit)
        if self._is_number:
            self.line.setAlignment(Qt.AlignmentFlag.AlignRight)
            self.line.setFixedWidth(NUMBER_WIDTH_PX)
            self.line.stepped.connect(self._on_step)
        unit = QLabel(self.tr(info.unit))
        unit.setProperty("role", "secondary")
        if self._is_number:
            unit.setMinimumWidth(UNIT_WIDTH_PX)  # so that the numbers stand below each other
        else:
            unit.hide()
        lay_out(self, self.line, unit)

    def present(self, value: object) -> None:
        """Show `value`; text being written stays while the setting is as it was."""
        if self.is_dirty and value == self._value:
            return
        self._value = value
        if self.line.text() != str(value):
            self.line.setText(str(value))
            self.line.setCursorPosition(0)  # the beginning of a long path says more than its end
        self.line.setModified(False)

    @property
    def is_dirty(self) -> bool:
        """What is written is not the setting."""
        return self.line.isModified() and self.line.text() != str(self._value)

    def commit(self) -> None:
        """Emit what was written, if it says something else."""
        if self.is_dirty:
            self.edited.emit(self._written())

    def _written(self) -> object:
        text = self.line.text().strip()
        if not self._is_number:
            return text
        try:
            return int("".join(text.split()))
        except ValueError:
            return text

    def revert(self) -> None:
        """Show the setting again."""
        self.line.setText(str(self._value))

    def _on_step(self, step: int) -> None:
        written = self._written()
        if isinstance(written, int):
            self.line.setText(str(written + step))
            self.line.setModified(True)
            self.typed.emit()


class PathEditor(TextEditor):
    """A path, written or chosen."""

    def __init__(self, info: SettingInfo) -> None:
        super().__init__(info)
        self._wants_folder = info.kind is Kind.FOLDER
        self._title = info.title
        self._button = QToolButton()
        label = self.tr("Choose a folder…") if self._wants_folder else self.tr("Choose a file…")
        self._button.setToolTip(label)
        self._button.setAccessibleName(f"{self.tr(info.title)}: {label}")
        self._button.clicked.connect(self._on_choose)
        row = self.layout()
        assert isinstance(row, QHBoxLayout)
        row.insertWidget(1, self._button)

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._button.setIcon(icon("folder", palette.text))

    def _on_choose(self) -> None:
        dialog = QFileDialog(self, self.tr(self._title))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if self._wants_folder:
            dialog.setFileMode(QFileDialog.FileMode.Directory)
            dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        else:
            dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
            dialog.setNameFilters([self.tr("GGUF models (*.gguf)"), self.tr("All files (*)")])
        dialog.fileSelected.connect(self.edited)
        dialog.open()
