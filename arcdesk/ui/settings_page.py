"""One page of the settings: its heading, its rows, and what other parts put there."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QLabel, QSizePolicy, QVBoxLayout, QWidget

from arcdesk.core.settings import Settings
from arcdesk.core.settings_info import SettingInfo
from arcdesk.core.settings_source import Source
from arcdesk.ui.settings_row import GUTTER_PX, SettingRow
from arcdesk.ui.settings_search import Words, is_found
from arcdesk.ui.theme import Palette


class Section(QFrame):
    """A widget of another part on a page, with the words by which it is found."""

    def __init__(self, widget: QWidget, title: str, search_words: str) -> None:
        super().__init__()
        self.setObjectName("settingRow")
        self.widget = widget
        self._words = f"{title}\n{search_words}"
        column = QVBoxLayout(self)
        column.setContentsMargins(GUTTER_PX, 12, 0, 12)
        column.setSpacing(4)
        if title:
            label = QLabel(title)
            label.setProperty("role", "settingTitle")
            column.addWidget(label)
        column.addWidget(widget)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)

    def show_found(self, words: Words) -> bool:
        """Whether it is meant by the words."""
        return is_found(words, self._words)


class SettingsPage(QWidget):
    """Rows below a heading. While words are searched, only those that have them are seen."""

    changed = Signal(str, str, object)
    reset = Signal(str, str)

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(f"settingsPage-{name}")
        self.name, self.title = name, title
        self.rows: list[SettingRow] = []
        self._sections: list[Section] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 12)
        self._column.setSpacing(0)
        heading = QLabel(title)
        heading.setProperty("role", "settingsHeading")
        heading.setIndent(0)
        heading.setContentsMargins(GUTTER_PX, 0, 0, 12)
        self._column.addWidget(heading, 0, Qt.AlignmentFlag.AlignTop)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)

    def add_row(self, info: SettingInfo) -> None:
        """A row for one setting."""
        row = SettingRow(info)
        row.changed.connect(self.changed)
        row.reset.connect(self.reset)
        self.rows.append(row)
        self._column.addWidget(row)

    def add_notice(self, widget: QWidget) -> None:
        """A widget right below the heading that shows and hides itself."""
        holder = QVBoxLayout()
        holder.setContentsMargins(GUTTER_PX, 0, 0, 12)
        holder.addWidget(widget)
        self._column.insertLayout(1, holder)

    def add_section(self, widget: QWidget, title: str, search_words: str, in_place_of: str) -> None:
        """A widget of another part, at the end, or in place of a row (by the setting's id) with its title."""
        at = self._column.count()
        for row in [row for row in self.rows if row.info.id == in_place_of]:
            title = title or self.tr(row.info.title)
            at = self._column.indexOf(row)
            self._column.removeWidget(row)
            self.rows.remove(row)
            row.hide()
            row.deleteLater()
        section = Section(widget, title, search_words)
        self._sections.append(section)
        self._column.insertWidget(at, section)

    @property
    def focus_chain(self) -> list[QWidget]:
        """What can have the keyboard, from top to bottom."""
        items = [self._column.itemAt(index) for index in range(self._column.count())]
        parts = [part for item in items if item is not None and (part := item.widget()) is not None]
        within = [widget for part in parts for widget in part.findChildren(QWidget)]
        return [
            widget
            for widget in within
            if widget.focusPolicy() != Qt.FocusPolicy.NoFocus
            and widget.focusProxy() is None
            and widget.window() is self.window()  # the open list of a combo box is a window of its own
        ]

    def present(self, settings: Settings, sources: Mapping[str, Source], waiting: frozenset[str]) -> None:
        """Show all values; `waiting` are the ids that the running engine does not know yet."""
        for row in self.rows:
            setting_id = row.info.id
            row.present(row.info.value_in(settings), sources[setting_id], is_waiting=setting_id in waiting)

    def show_found(self, words: Words) -> int:
        """Show only what has the words; returns how many parts have them."""
        whole = is_found(words, self.title) if words else True
        found = 0
        parts: list[SettingRow | Section] = [*self.rows, *self._sections]
        for part in parts:
            is_here = part.show_found(words) or whole
            part.setVisible(is_here)
            found += is_here
        return found

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        for row in self.rows:
            row.set_palette_colors(palette)
