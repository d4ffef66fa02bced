"""The live panel as a dock of the main window: its head with menu and buttons, its place."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QColor, QContextMenuEvent, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QDockWidget, QHBoxLayout, QLabel, QMainWindow, QMenu, QToolButton, QWidget

from arcdesk.ui.live_panel import LivePanel
from arcdesk.ui.resources import icon
from arcdesk.ui.theme import LIGHT, Palette

AREAS = Qt.DockWidgetArea.RightDockWidgetArea | Qt.DockWidgetArea.BottomDockWidgetArea


class LiveDock(QDockWidget):
    """Emits wishes; the window keeps its place by its object name."""

    copy_requested = Signal()
    save_requested = Signal()
    bench_requested = Signal()
    float_requested = Signal()  # its button: to float, or to be put back
    docking = Signal()  # it floats and is about to be put back
    left = Signal()  # it was closed, or Esc was pressed in it: the keyboard goes back

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("liveDock")
        self._palette = LIGHT
        self.setWindowTitle(self.tr("Live"))
        self.setAllowedAreas(AREAS)
        self.panel = LivePanel()
        self.setWidget(self.panel)
        self.menu = QMenu(self)
        self._fill_menu()
        self._buttons = {
            "more": self._button(self.tr("More")),
            "float": self._button(self.tr("Float")),
            "close": self._button(self.tr("Close (Ctrl+Shift+L)")),
        }
        self._buttons["more"].clicked.connect(self._show_menu)
        self._buttons["float"].clicked.connect(self.float_requested)
        self._buttons["close"].clicked.connect(self.leave)
        self.setTitleBarWidget(self._make_head())
        self.topLevelChanged.connect(self._on_floating)
        self._on_floating(False)

    # building

    def _button(self, label: str) -> QToolButton:
        button = QToolButton()
        button.setToolTip(label)
        button.setAccessibleName(label)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        return button

    def _fill_menu(self) -> None:
        for label, wish in (
            (self.tr("Copy figures"), self.copy_requested),
            (self.tr("Save as CSV…"), self.save_requested),
            (self.tr("Benchmark…"), self.bench_requested),
        ):
            self.menu.addAction(label).triggered.connect(lambda _=False, wish=wish: wish.emit())
        self.menu.addSeparator()
        self._right = self.menu.addAction(self.tr("Place at the right"))
        self._right.triggered.connect(lambda: self.place(Qt.DockWidgetArea.RightDockWidgetArea))
        self._bottom = self.menu.addAction(self.tr("Place at the bottom"))
        self._bottom.triggered.connect(lambda: self.place(Qt.DockWidgetArea.BottomDockWidgetArea))

    def _make_head(self) -> QWidget:
        head = QWidget()
        head.setObjectName("liveHead")
        head.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        title = QLabel(self.tr("Live"))
        title.setProperty("role", "title")
        row = QHBoxLayout(head)
        row.setContentsMargins(12, 4, 8, 0)
        row.setSpacing(0)
        row.addWidget(title, 1)
        for button in self._buttons.values():
            row.addWidget(button)
        return head

    # commands

    def place(self, area: Qt.DockWidgetArea) -> None:
        """Put it there, if it belongs to a window."""
        window = self.parentWidget()
        if isinstance(window, QMainWindow):
            self.put_back()
            window.addDockWidget(area, self)
            self.show()

    def put_back(self) -> None:
        """Float no more."""
        if self.isFloating():
            self.docking.emit()
            self.setFloating(False)

    def leave(self) -> None:
        """Close it; the keyboard goes back to where a question is written."""
        self.hide()
        self.left.emit()

    def set_palette_colors(self, palette: Palette = LIGHT) -> None:
        """Take other colours."""
        self._palette = palette
        for name, button in self._buttons.items():
            button.setIcon(icon(name, palette.text))
        self.panel.set_palette_colors(palette)

    def _show_menu(self) -> None:
        button = self._buttons["more"]
        self.menu.popup(button.mapToGlobal(QPoint(0, button.height())))

    def _on_floating(self, is_floating: bool) -> None:
        label = self.tr("Put back") if is_floating else self.tr("Float")
        self._buttons["float"].setToolTip(label)
        self._buttons["float"].setAccessibleName(label)

    # Qt overrides

    def paintEvent(self, event: QPaintEvent) -> None:
        """A floating one has no frame of the desktop's: it draws where it ends."""
        super().paintEvent(event)
        if self.isFloating():
            painter = QPainter(self)
            painter.setPen(QColor(self._palette.outline))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
            painter.end()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """The same menu as the button's, by mouse or menu key."""
        self.menu.popup(event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc goes back to the chat; the panel stays."""
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
            return
        super().keyPressEvent(event)
