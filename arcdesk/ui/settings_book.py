"""The pages of the settings: a list to turn them, and a search that shows what it finds on all of them."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from arcdesk.ui.resources import icon
from arcdesk.ui.settings_page import SettingsPage
from arcdesk.ui.settings_row import SettingRow
from arcdesk.ui.settings_search import words_of
from arcdesk.ui.theme import LIGHT, Palette

NAME_ROLE, ICON_ROLE = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1
LIST_WIDTH_PX, TEXT_WIDTH_PX = 200, 680


class SettingsBook(QWidget):
    """Search and list left; right one page, or the found parts of all."""

    changed = Signal(str, str, object)  # table, name, value
    reset = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = LIGHT
        self.pages: dict[str, SettingsPage] = {}
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search settings"))
        self.search.setAccessibleName(self.tr("Search settings"))
        self.search.setClearButtonEnabled(True)
        self.search.setFixedWidth(LIST_WIDTH_PX)
        self.search.textChanged.connect(self._show_current)
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Pages"))
        self.list.setIconSize(QSize(20, 20))
        self.list.setFixedWidth(LIST_WIDTH_PX)
        self.list.currentItemChanged.connect(self._show_current)
        self.list.itemClicked.connect(lambda: self.search.clear())  # the whole page, not what was found
        self._nothing = QLabel(self.tr("No setting has these words."))
        self._nothing.setProperty("role", "secondary")
        self._column = QVBoxLayout()
        self._column.setContentsMargins(20, 16, 20, 16)
        self._column.setSpacing(0)
        self._column.addWidget(self._nothing)
        self._column.addStretch(1)
        self.above, self.below = QVBoxLayout(), QVBoxLayout()  # for what stays when the pages scroll
        self._arrange()
        self._add_step_down()

    def _add_step_down(self) -> None:
        """From the search, the cursor keys go on in the list."""
        down = QAction(self.search)
        down.setShortcut(QKeySequence(Qt.Key.Key_Down))
        down.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        down.triggered.connect(lambda: self.list.setFocus(Qt.FocusReason.ShortcutFocusReason))
        self.search.addAction(down)

    def _arrange(self) -> None:
        left = QVBoxLayout()
        left.setContentsMargins(12, 12, 12, 12)
        left.setSpacing(8)
        left.addWidget(self.search)
        left.addWidget(self.list, 1)
        content = QWidget()
        content.setObjectName("settingsContent")
        content.setLayout(self._column)
        content.setMaximumWidth(TEXT_WIDTH_PX)
        self._scroll = QScrollArea()
        self._scroll.setObjectName("settingsScroll")
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidget(content)
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addLayout(self.above)
        right.addWidget(self._scroll, 1)
        right.addLayout(self.below)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addLayout(left)
        row.addLayout(right, 1)

    # what is in it

    def insert_page(self, name: str, title: str, icon_name: str, at: int) -> SettingsPage:
        """A new page at this place of the list."""
        page = SettingsPage(name, title)
        page.changed.connect(self.changed)
        page.reset.connect(self.reset)
        self.pages[name] = page
        item = QListWidgetItem(title)
        item.setData(NAME_ROLE, name)
        item.setData(ICON_ROLE, icon_name)
        item.setIcon(icon(icon_name, self._palette.text))
        self._column.insertWidget(at, page)
        self.list.insertItem(at, item)
        self._show_current()
        return page

    def order_focus(self) -> None:
        """Tab goes from top to bottom, also through what was put in later."""
        before: QWidget = self.list
        for index in range(self.list.count()):
            for widget in self.pages[self.list.item(index).data(NAME_ROLE)].focus_chain:
                QWidget.setTabOrder(before, widget)
                before = widget

    @property
    def rows(self) -> list[SettingRow]:
        """All rows of all pages."""
        return [row for page in self.pages.values() for row in page.rows]

    # turning

    @property
    def page(self) -> str:
        """The page that is chosen."""
        item = self.list.currentItem()
        return str(item.data(NAME_ROLE)) if item else ""

    def show_page(self, name: str) -> None:
        """Turn to a page; an unknown name changes nothing."""
        for index in range(self.list.count()):
            if self.list.item(index).data(NAME_ROLE) == name:
                self.search.clear()
                self.list.setCurrentRow(index)

    def step(self, step: int) -> None:
        """Turn to the next page, or the one before; after the last comes the first."""
        self.search.clear()
        self.list.setCurrentRow((self.list.currentRow() + step) % self.list.count())

    def focus_search(self) -> None:
        """Put the cursor into the search field."""
        self.search.setFocus()
        self.search.selectAll()

    def _show_current(self) -> None:
        words = words_of(self.search.text())
        found_any = False
        for index in range(self.list.count()):
            item = self.list.item(index)
            page = self.pages[item.data(NAME_ROLE)]
            is_found = page.show_found(words) > 0
            found_any |= is_found
            item.setHidden(bool(words) and not is_found)
            page.setVisible(is_found if words else page.name == self.page)
        self._nothing.setVisible(bool(words) and not found_any)
        self._scroll.verticalScrollBar().setValue(0)

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        for index in range(self.list.count()):
            item = self.list.item(index)
            item.setIcon(icon(item.data(ICON_ROLE), palette.text))
        for page in self.pages.values():
            page.set_palette_colors(palette)
