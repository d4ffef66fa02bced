"""The controls for what is chosen: a switch, a list, and a list with an own text."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QSizePolicy, QVBoxLayout

from arcdesk.core.settings_info import Kind, SettingInfo
from arcdesk.ui.settings_editor import Editor, lay_out
from arcdesk.ui.settings_texts import PathEditor, TextEditor

LIST_WIDTH_PX, LEAST_LIST_WIDTH_PX = 260, 140
QWIDGETSIZE_MAX = (1 << 24) - 1  # no limit; Qt's own name is missing in PySide6


def make_editor(info: SettingInfo) -> Editor:
    """The editor for a setting."""
    match info.kind:
        case Kind.SWITCH:
            return SwitchEditor()
        case Kind.CHOICE:
            return ChoiceEditor(info)
        case Kind.OPEN_CHOICE:
            return OpenChoiceEditor(info)
        case Kind.FILE | Kind.FOLDER:
            return PathEditor(info)
        case _:
            return TextEditor(info)


class SwitchEditor(Editor):
    """On or off."""

    def __init__(self) -> None:
        self._box = QCheckBox()
        super().__init__(self._box)
        lay_out(self, self._box)
        self._box.clicked.connect(lambda is_on: self.edited.emit(bool(is_on)))

    def present(self, value: object) -> None:
        """Show it."""
        self._box.setChecked(bool(value))


class CalmComboBox(QComboBox):
    """A list that the wheel turns only after it was clicked: scrolling the page must not change a setting."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(LEAST_LIST_WIDTH_PX)
        self.setMaximumWidth(LIST_WIDTH_PX)

    def sizeHint(self) -> QSize:
        """As wide as the others, where there is room."""
        return QSize(LIST_WIDTH_PX, super().sizeHint().height())

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Let the page scroll."""
        event.ignore()


class ChoiceEditor(Editor):
    """One of a list. A value that is not in it (from a file) is shown as it is."""

    def __init__(self, info: SettingInfo) -> None:
        self._list = CalmComboBox()
        super().__init__(self._list)
        for value, label in info.choices:
            self._list.addItem(self.tr(label), value)
        self._known = self._list.count()
        self._list.activated.connect(lambda index: self.edited.emit(self._list.itemData(index)))
        lay_out(self, self._list)

    def present(self, value: object) -> None:
        """Show it."""
        while self._list.count() > self._known:
            self._list.removeItem(self._known)
        index = self._list.findData(value)
        if index < 0:
            self._list.addItem(str(value), value)
            index = self._known
        self._list.setCurrentIndex(index)


class OpenChoiceEditor(Editor):
    """A list whose last entry opens a field for a text of one's own."""

    is_wide = True

    def __init__(self, info: SettingInfo) -> None:
        self._list = CalmComboBox()
        self._list.setMaximumWidth(QWIDGETSIZE_MAX)
        super().__init__(self._list)
        for value, label in info.choices:
            self._list.addItem(self.tr(label), value)
        self._list.addItem(self.tr(info.other), None)
        self._own = self._list.count() - 1
        self._text = TextEditor(info)
        self._text.line.setAccessibleName(self.tr(info.other))
        self._text.edited.connect(self.edited)
        self._text.typed.connect(self.typed)
        self._list.activated.connect(self._on_chosen)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self._list)
        column.addWidget(self._text)
        self._value: object = ""

    def present(self, value: object) -> None:
        """Show it; a field opened for an address stays open until an engine is chosen."""
        is_asking = self._list.currentIndex() == self._own and value == self._value
        index = self._list.findData(value)
        self._value = value
        if index >= 0 and is_asking and self._text.isVisibleTo(self):
            return
        self._list.setCurrentIndex(index if index >= 0 else self._own)
        self._text.setVisible(index < 0)
        self._text.present(value if index < 0 else "")

    def _on_chosen(self, index: int) -> None:
        is_own = index == self._own
        self._text.setVisible(is_own)
        if is_own:
            self._text.line.setFocus()
            self.typed.emit()
        else:
            self.edited.emit(self._list.itemData(index))

    @property
    def is_dirty(self) -> bool:
        """The field is open and the setting is not what stands in it."""
        return self._list.currentIndex() == self._own and (
            self._text.is_dirty or self._list.findData(self._value) >= 0
        )

    def commit(self) -> None:
        """Emit what was written."""
        self._text.commit()

    def revert(self) -> None:
        """Show the setting again."""
        self._list.setCurrentIndex(-1)
        self._text.line.setModified(False)
        self.present(self._value)

    def set_refused(self, is_refused: bool) -> None:
        """The field holds it, not the list."""
        self._text.set_refused(is_refused)
