"""The quick prompt: a bar over everything, with one line to ask and the answer below it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QAction,
    QCloseEvent,
    QColor,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QScreen,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QMenu,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from arcdesk.core.presets import Preset, matching
from arcdesk.core.quick import Attachment, Picture
from arcdesk.ui.active_window import mend_active_window
from arcdesk.ui.problem_card import ProblemCard
from arcdesk.ui.quick_chips import QuickChips
from arcdesk.ui.quick_edit import MODIFIERS, QuickEdit
from arcdesk.ui.quick_foot import QuickFoot, QuickView
from arcdesk.ui.quick_place import most_height_on, screen_of_pointer, top_left_on, width_on
from arcdesk.ui.quick_presets import QuickPresets
from arcdesk.ui.resources import icon
from arcdesk.ui.theme import LIGHT, Palette
from arcdesk.ui.transcript import Transcript

FLAGS = Qt.WindowType.Tool | Qt.WindowType.FramelessWindowHint | Qt.WindowType.WindowStaysOnTopHint
SIDE_PX = 16
RADIUS_PX = 14
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class QuickPrompt(QFrame):
    """Emits what the person wants; shows what it is told. Made once, then hidden and shown."""

    submitted = Signal(str)
    hide_requested = Signal()
    stop_requested = Signal()
    new_requested = Signal()
    move_requested = Signal()  # into the chat window
    copy_requested = Signal()
    insert_requested = Signal()
    attach_requested = Signal(str)  # 'clipboard' or 'selection'
    region_requested = Signal()  # a part of the screen, as a picture
    older_requested = Signal()
    newer_requested = Signal()
    deactivated = Signal()
    shown = Signal()

    def __init__(self, *, is_translucent: bool = False) -> None:
        super().__init__(None, FLAGS)
        self._fit_soon = QTimer(self, singleShot=True, interval=0)
        self.setObjectName("quickPrompt")
        self.setWindowTitle(self.tr("ArcDesk quick prompt"))
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground, is_translucent)
        self._is_translucent = is_translucent
        self._is_round = is_translucent
        self._view = QuickView()
        self._palette = LIGHT
        self._area = QRect()
        self._screen: QScreen | None = None
        self._presets: tuple[Preset, ...] = ()
        self.edit = QuickEdit()
        self.edit.on_key = self._on_key
        self.presets = QuickPresets()
        self.chips = QuickChips()
        self.notice = ProblemCard(is_wide=True)
        self.transcript = Transcript()
        self.transcript.has_live_lines = False  # the foot tells the figures and copies
        self.foot = QuickFoot()
        self._column = QVBoxLayout(self)
        self._line = QWidget()
        self._mark = QLabel()
        self._attach = self._tool(self.tr("Attach text or a picture"))
        self._button = self._tool("")
        self._hairline = QFrame()
        self._hairline.setObjectName("hairline")
        self._fit_soon.timeout.connect(self._fit)
        self._add_menu()
        self._arrange()
        self._connect()
        self._add_shortcuts()
        self.setFocusProxy(self.edit)
        self.present(self._view)

    # building

    def _tool(self, label: str) -> QToolButton:
        button = QToolButton()
        button.setIconSize(QSize(20, 20))
        button.setToolTip(label)
        button.setAccessibleName(label)
        return button

    def _add_menu(self) -> None:
        menu = QMenu(self._attach)
        self._attach_clipboard = menu.addAction(self.tr("The clipboard"))
        self._attach_clipboard.setShortcut(QKeySequence("Ctrl+Shift+V"))
        self._attach_clipboard.triggered.connect(lambda: self.attach_requested.emit("clipboard"))
        self._attach_selection = menu.addAction(self.tr("The selected text"))
        self._attach_selection.setShortcut(QKeySequence("Ctrl+Shift+S"))
        self._attach_selection.triggered.connect(lambda: self.attach_requested.emit("selection"))
        self._attach_region = menu.addAction(self.tr("Screen region…"))
        self._attach_region.setShortcut(QKeySequence("Ctrl+Shift+R"))
        self._attach_region.triggered.connect(self.region_requested)
        self._attach.setMenu(menu)
        self._attach.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.addActions((self._attach_clipboard, self._attach_selection, self._attach_region))

    def _arrange(self) -> None:
        line = QHBoxLayout(self._line)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(8)
        line.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(self.edit, 1)
        line.addWidget(self._attach, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(self._button, 0, Qt.AlignmentFlag.AlignTop)
        column = self._column
        column.setContentsMargins(SIDE_PX, 12, 12, 12)
        column.setSpacing(4)
        column.addWidget(self._line)
        for widget in (self.chips, self.presets, self._hairline, self.notice, self.transcript, self.foot):
            column.addWidget(widget)
        column.setSizeConstraint(QLayout.SizeConstraint.SetFixedSize)  # the window is as high as its parts
        self._mark.setFixedSize(24, 28)

    def _connect(self) -> None:
        self.edit.edited.connect(self._on_edited)
        self.presets.chosen.connect(self._complete)
        self.transcript.typed.connect(self.edit.type_in)
        self.transcript.document().documentLayout().documentSizeChanged.connect(self._fit_soon.start)
        self._button.clicked.connect(self._on_button)
        self.foot.copy_requested.connect(self.copy_requested)
        self.foot.insert_requested.connect(self.insert_requested)
        self.foot.move_requested.connect(self.move_requested)
        self.foot.hide_requested.connect(self.hide_requested)

    def _add_shortcuts(self) -> None:
        self._add_shortcut("Esc", self._on_escape)
        self._add_shortcut("Ctrl+Return", self.move_requested.emit)
        self._add_shortcut("Ctrl+Enter", self.move_requested.emit)
        self._add_shortcut("Ctrl+.", self.stop_requested.emit)
        self._add_shortcut("Ctrl+N", self.new_requested.emit)
        self._add_shortcut("Ctrl+Shift+C", self.copy_requested.emit)
        self._add_shortcut("Ctrl+Shift+I", self.insert_requested.emit)

    def _add_shortcut(self, keys: str, slot: Callable[[], object]) -> None:
        action = QAction(self)
        action.setShortcut(QKeySequence(keys))
        action.triggered.connect(lambda: slot())
        self.addAction(action)

    # commands

    @property
    def text(self) -> str:
        """What stands in the line."""
        return self.edit.toPlainText()

    @property
    def _has_question(self) -> bool:
        return bool(self.text.strip()) or self.chips.isVisibleTo(self)

    def appear(self) -> None:
        """Show it where the pointer is, and take the keyboard."""
        self.place_on(screen_of_pointer())
        self.show()
        self.raise_()
        self.activateWindow()
        mend_active_window(self)
        self.edit.setFocus(Qt.FocusReason.ActiveWindowFocusReason)

    def set_round(self, is_blended: bool) -> None:
        """Round corners, where the window was made for it and a compositor still runs."""
        self._is_round = self._is_translucent and is_blended

    def place_on(self, screen: QScreen) -> None:
        """Stand on this screen, as wide as it allows."""
        area = screen.availableGeometry()
        if screen is not self._screen:
            self._follow(screen)
        if area != self._area:
            self._area = area
            for widget in (self._line, self.transcript, self.notice, self.foot, self.presets):
                widget.setFixedWidth(width_on(area) - SIDE_PX - 12)
            self.chips.set_width(width_on(area) - SIDE_PX - 12)
            self._fit()
        self.move(top_left_on(area))

    def _follow(self, screen: QScreen) -> None:
        if self._screen is not None:
            self._screen.availableGeometryChanged.disconnect(self._on_screen_changed)
        self._screen = screen
        screen.availableGeometryChanged.connect(self._on_screen_changed)
        screen.destroyed.connect(self._on_screen_gone)

    def present(self, view: QuickView) -> None:
        """Show the state; texts are told to the parts."""
        self._view = view
        self.foot.present(view)
        self.notice.present(view.problem)
        self.transcript.setVisible(view.has_talk)
        self._hairline.setVisible(view.has_talk or view.problem is not None)
        self._attach_selection.setEnabled(not view.selection_reason)
        words = self.tr("The selected text")
        self._attach_selection.setText(
            f"{words} ({view.selection_reason})" if view.selection_reason else words
        )
        self._paint_button()

    def show_attached(self, attached: Sequence[Attachment], pictures: Sequence[Picture] = ()) -> None:
        """What goes along with the next question."""
        self.chips.present(attached, pictures)
        self._paint_button()

    def set_presets(self, presets: Sequence[Preset]) -> None:
        """What '/' offers."""
        self._presets = tuple(presets)

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        self.update()
        for part in (self.chips, self.presets, self.notice, self.transcript, self.foot):
            part.set_palette_colors(palette)
        self._mark.setPixmap(icon("mark", palette.accent).pixmap(24, 24))
        self._attach.setIcon(icon("attach", palette.secondary))
        self._paint_button()

    def _paint_button(self) -> None:
        stops = self._view.is_answering
        self._button.setIcon(icon("stop" if stops else "send", self._palette.accent))
        label = self.tr("Stop answering (Ctrl+.)") if stops else self.tr("Ask (Enter)")
        self._button.setToolTip(label)
        self._button.setAccessibleName(label)
        self._button.setEnabled(stops or self._has_question)

    def _fit(self) -> None:
        """As high as the answer, up to a share of the screen."""
        if self._area.isNull():
            return
        wanted = math.ceil(self.transcript.document().documentLayout().documentSize().height())
        own = self.transcript.minimumHeight() if self.transcript.isVisibleTo(self) else 0
        others = self._column.totalSizeHint().height() - own
        room = max(80, most_height_on(self._area) - others)
        bars = Qt.ScrollBarPolicy
        self.transcript.setVerticalScrollBarPolicy(
            bars.ScrollBarAsNeeded if wanted > room else bars.ScrollBarAlwaysOff
        )
        if self.transcript.minimumHeight() != (height := max(24, min(wanted, room))):
            self.transcript.setFixedHeight(height)
            self.transcript.keep_place()

    # slots

    def _on_edited(self) -> None:
        self.presets.present(matching(self.text, self._presets))
        self._paint_button()

    def _on_button(self) -> None:
        if self._view.is_answering:
            self.stop_requested.emit()
        else:
            self._submit()

    def _submit(self) -> None:
        self.presets.present(())
        if self._has_question:
            self.submitted.emit(self.text.strip("\n"))

    def _on_escape(self) -> None:
        if self.presets.current_name:
            self.presets.present(())
        else:
            self.hide_requested.emit()

    def _complete(self, name: str) -> None:
        self.edit.selectAll()
        self.edit.insertPlainText(f"/{name} ")
        self.presets.present(())

    def _on_key(self, event: QKeyEvent) -> bool:
        if event.modifiers() & MODIFIERS:
            return False
        key, offered = event.key(), self.presets.current_name
        if key in _ENTER:
            if offered and self.text.lower() != f"/{offered}":
                self._complete(offered)
            else:
                self._submit()
            return True
        if key == Qt.Key.Key_Tab and offered:
            self._complete(offered)
            return True
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            return self._step(1 if key == Qt.Key.Key_Down else -1)
        return False

    def _step(self, by: int) -> bool:
        if self.presets.current_name:
            self.presets.step(by)
        elif by < 0 and self.edit.is_at_first_line:
            self.older_requested.emit()
        elif by > 0 and self.edit.is_at_last_line:
            self.newer_requested.emit()
        else:
            return False
        return True

    def _on_screen_changed(self) -> None:
        if self._screen is not None and self.isVisible():
            self.place_on(self._screen)

    def _on_screen_gone(self, gone: object) -> None:
        if gone is self._screen:
            self._screen = None
            if self.isVisible():
                self.place_on(screen_of_pointer())

    # Qt overrides

    def paintEvent(self, event: QPaintEvent) -> None:
        """The card: its corners are round where somebody blends what is behind them."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, self._is_round)
        painter.setPen(QColor(self._palette.outline))
        painter.setBrush(QColor(self._palette.bg))
        inset, radius_px = (0.5, RADIUS_PX) if self._is_round else (0.0, 0)
        card = QRectF(self.rect()).adjusted(inset, inset, -1 + inset, -1 + inset)
        painter.drawRoundedRect(card, radius_px, radius_px)

    def showEvent(self, event: QShowEvent) -> None:
        """Seen now."""
        super().showEvent(event)
        self.shown.emit()

    def event(self, event: QEvent) -> bool:
        """Another part has grown or gone: the answer has other room."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit_soon.start()
        return super().event(event)

    def changeEvent(self, event: QEvent) -> None:
        """Another window took the keyboard."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and not self.isActiveWindow():
            self.deactivated.emit()

    def closeEvent(self, event: QCloseEvent) -> None:
        """The window manager's way to hide it."""
        event.ignore()
        self.hide_requested.emit()
