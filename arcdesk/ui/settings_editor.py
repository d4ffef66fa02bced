"""What every control that changes a setting can do."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from arcdesk.ui.theme import Palette


class Editor(QWidget):
    """Shows one value and emits what the person wants instead. It judges nothing: the row does."""

    edited = Signal(object)  # a wish, complete
    typed = Signal()  # something is being written, and not yet a wish
    is_wide = False  # it stands below the title, not beside it

    def __init__(self, field: QWidget) -> None:
        super().__init__()
        self.field = field  # what has the focus, the name and the description
        self.setFocusProxy(field)

    def present(self, value: object) -> None:
        """Show `value`, unless a person is writing another one over it."""
        raise NotImplementedError

    @property
    def is_dirty(self) -> bool:
        """Something was written that is not the setting (yet)."""
        return False

    def commit(self) -> None:
        """What was written becomes a wish."""

    def revert(self) -> None:
        """Throw away what was written."""

    def set_refused(self, is_refused: bool) -> None:
        """Mark the field as holding what can't be kept."""
        if bool(self.field.property("refused")) != is_refused:
            self.field.setProperty("refused", is_refused)
            self.field.style().unpolish(self.field)
            self.field.style().polish(self.field)

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""


def lay_out(editor: QWidget, *widgets: QWidget) -> None:
    """Put them beside each other."""
    row = QHBoxLayout(editor)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(8)
    for widget in widgets:
        row.addWidget(widget)
