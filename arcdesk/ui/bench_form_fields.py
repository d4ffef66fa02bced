"""The fields of the benchmark's form: each with its name beside it, and below it why it can't stand."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QToolButton,
    QWidget,
)

from arcdesk.ui.resources import icon
from arcdesk.ui.settings_editors import CalmComboBox
from arcdesk.ui.theme import Palette

NAME_WIDTH_PX, NUMBER_WIDTH_PX, UNIT_WIDTH_PX = 124, 112, 72


class NumberField(QWidget):
    """A line for a number, with its unit behind."""

    edited = Signal()
    entered = Signal()

    def __init__(self, name: str, unit: str = "", *, is_wide: bool = False) -> None:
        super().__init__()
        self.line = QLineEdit()
        self.line.setAccessibleName(f"{name} ({unit})" if unit else name)
        self.line.textEdited.connect(lambda _: self.edited.emit())
        self.line.returnPressed.connect(self.entered)
        self.setFocusProxy(self.line)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        if not is_wide:
            self.line.setAlignment(Qt.AlignmentFlag.AlignRight)
            self.line.setFixedWidth(NUMBER_WIDTH_PX)
        row.addWidget(self.line, 1 if is_wide else 0)
        self.unit = QLabel(unit)
        self.unit.setProperty("role", "secondary")
        row.addWidget(self.unit)
        self.unit.setVisible(bool(unit))  # not before it has its place: it would be a window
        if not is_wide:
            row.addStretch(1)

    @property
    def text(self) -> str:
        """What stands in it."""
        return self.line.text()

    def present(self, text: str) -> None:
        """Show it; the cursor stays where nothing changes."""
        if self.line.text() != text:
            self.line.setText(text)


class ChoiceField(CalmComboBox):
    """One of a few. Enter does what it does in the other fields; Space and Alt+Down open the list."""

    edited = Signal()
    entered = Signal()

    def __init__(self, name: str, choices: Sequence[tuple[object, str]]) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self._values = [value for value, _ in choices]
        for _, label in choices:
            self.addItem(label)
        self.activated.connect(lambda _: self.edited.emit())

    @property
    def value(self) -> object:
        """The chosen one."""
        return self._values[max(0, self.currentIndex())]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter is not for the list."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.entered.emit()
        else:
            super().keyPressEvent(event)

    def present(self, value: object) -> None:
        """Show it."""
        self.setCurrentIndex(self._values.index(value))


class FileField(QWidget):
    """A path, written or chosen."""

    edited = Signal()
    entered = Signal()

    def __init__(self, name: str, filters: Sequence[str]) -> None:
        super().__init__()
        self._name = name
        self._filters = list(filters)
        self.line = QLineEdit()
        self.line.setAccessibleName(name)
        self.line.setClearButtonEnabled(True)
        self.line.textChanged.connect(lambda _: self.edited.emit())
        self.line.returnPressed.connect(self.entered)
        self.setFocusProxy(self.line)
        self.button = QToolButton()
        self.button.setToolTip(self.tr("Choose a file…"))
        self.button.setAccessibleName(f"{name}: {self.tr('Choose a file…')}")
        self.button.clicked.connect(self._on_choose)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self.line, 1)
        row.addWidget(self.button)

    @property
    def text(self) -> str:
        """The path."""
        return self.line.text()

    def present(self, text: str) -> None:
        """Show it."""
        if self.line.text() != text:
            self.line.blockSignals(True)
            self.line.setText(text)
            self.line.setCursorPosition(len(text))  # the name of the file is at its end
            self.line.blockSignals(False)

    def set_filters(self, filters: Sequence[str]) -> None:
        """Which files the chooser offers."""
        self._filters = list(filters)

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self.button.setIcon(icon("folder", palette.text))

    def _on_choose(self) -> None:
        dialog = QFileDialog(self, self._name)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([*self._filters, self.tr("All files (*)")])
        dialog.fileSelected.connect(self.line.setText)
        dialog.open()


class FieldGrid(QGridLayout):
    """Names left, controls right, refusals below. Rows are told by the name of their field."""

    def __init__(self) -> None:
        super().__init__()
        self.setContentsMargins(0, 0, 0, 0)
        self.setHorizontalSpacing(12)
        self.setVerticalSpacing(8)
        self.setColumnStretch(1, 1)
        self._names: dict[str, QLabel] = {}
        self._controls: dict[str, QWidget] = {}
        self._refusals: dict[str, QLabel] = {}

    def add(self, field: str, name: str, control: QWidget) -> None:
        """A row more."""
        row = self.rowCount()
        label = self._names[field] = QLabel(name)
        label.setWordWrap(True)
        label.setFixedWidth(NAME_WIDTH_PX)
        label.setBuddy(control)
        refusal = self._refusals[field] = QLabel()
        refusal.setProperty("role", "error")
        refusal.setTextFormat(Qt.TextFormat.PlainText)
        refusal.setWordWrap(True)
        refusal.hide()
        self._controls[field] = control
        self.addWidget(label, row, 0)
        self.addWidget(control, row, 1)
        self.addWidget(refusal, row + 1, 1)

    def set_row_visible(self, field: str, is_visible: bool) -> None:
        """Show a row, or leave it out."""
        self._names[field].setVisible(is_visible)
        self._controls[field].setVisible(is_visible)
        if not is_visible:
            self._refusals[field].hide()

    def rename(self, field: str, name: str) -> None:
        """Another name."""
        self._names[field].setText(name)

    def refuse(self, field: str, why: str) -> None:
        """Say why this field can't stand; '' it can."""
        refusal, control = self._refusals[field], self._controls[field]
        is_other = refusal.text() != why
        refusal.setText(why)
        refusal.setVisible(bool(why) and not control.isHidden())
        line = getattr(control, "line", None)
        if is_other and isinstance(line, QLineEdit):
            line.setAccessibleDescription(why)
            line.setProperty("refused", bool(why))
            line.style().unpolish(line)
            line.style().polish(line)

    @property
    def fields(self) -> tuple[str, ...]:
        """The rows."""
        return tuple(self._refusals)

    def why(self, field: str) -> str:
        """What is said below a field now."""
        return self._refusals[field].text()
