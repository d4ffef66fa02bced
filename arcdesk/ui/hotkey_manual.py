"""How to bind the key by hand: steps, the command to copy, and a button where the desktop lets us do it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from arcdesk.core.hotkey import HotkeyHow, HotkeyState
from arcdesk.ui.resources import icon
from arcdesk.ui.theme import LIGHT, Palette


class CopyLine(QWidget):
    """One line of text that is there to be copied."""

    copy_requested = Signal(str)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._edit = QLineEdit(readOnly=True)
        self._edit.setAccessibleName(name)
        self._edit.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self._button = QToolButton()
        self._button.setIconSize(QSize(20, 20))
        label = self.tr("Copy: {what}").format(what=name)
        self._button.setAccessibleName(label)
        self._button.setToolTip(label)
        self._button.clicked.connect(lambda: self.copy_requested.emit(self._edit.text()))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self._edit, 1)
        row.addWidget(self._button)

    def present(self, text: str) -> None:
        """Show the line; nothing without a text."""
        self._edit.setText(text)
        self._edit.setCursorPosition(0)
        self.setVisible(bool(text))

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._button.setIcon(icon("copy", palette.text))


class HotkeyManual(QFrame):
    """The way that always exists."""

    copy_requested = Signal(str)
    bind_requested = Signal()
    unbind_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = QLabel()
        self._title.setProperty("role", "title")
        self._steps = QLabel()
        self._steps.setWordWrap(True)
        self._steps.setTextFormat(Qt.TextFormat.PlainText)
        self._command = CopyLine(self.tr("The command that opens the quick prompt"))
        self._snippet_name = QLabel(self.tr("Or this line, which does it:"))
        self._snippet_name.setProperty("role", "secondary")
        self._snippet = CopyLine(self.tr("The line for your desktop"))
        self._bind = QPushButton()
        self._bind.clicked.connect(self.bind_requested)
        self._unbind = QPushButton()
        self._unbind.clicked.connect(self.unbind_requested)
        buttons = QHBoxLayout()
        buttons.addWidget(self._bind)
        buttons.addWidget(self._unbind)
        buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for widget in (self._title, self._steps, self._command, self._snippet_name, self._snippet):
            column.addWidget(widget)
        column.addLayout(buttons)
        for line in (self._command, self._snippet):
            line.copy_requested.connect(self.copy_requested)
        self.set_palette_colors(LIGHT)

    def present(self, state: HotkeyState) -> None:
        """Show the steps of this desktop."""
        manual = state.manual
        if manual is None:
            return
        title = self.tr("Bind it in {desktop}") if manual.desktop else self.tr("Bind it in your desktop")
        self._title.setText(title.format(desktop=manual.desktop))
        self._steps.setText("\n".join(f"{number}. {step}" for number, step in enumerate(manual.steps, 1)))
        self._command.present(manual.command)
        self._snippet_name.setVisible(bool(manual.snippet))
        self._snippet.present(manual.snippet)
        self._bind.setText(self.tr("Bind it for me in {desktop}").format(desktop=state.one_click))
        self._bind.setVisible(bool(state.one_click))
        is_ours = state.how in (HotkeyHow.GNOME, HotkeyHow.KDE)
        name = "KDE" if state.how is HotkeyHow.KDE else "GNOME"
        self._unbind.setText(self.tr("Remove it from {desktop}").format(desktop=name))
        self._unbind.setVisible(is_ours)

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        for line in (self._command, self._snippet):
            line.set_palette_colors(palette)
