"""The live panel's content: both sources beside or below each other, or what to do to see them."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QHideEvent, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QLabel,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from arcdesk.core.live_stats import LiveKey, LiveView, Source
from arcdesk.ui.live_section import LiveSection
from arcdesk.ui.seen import SeenWithWindow
from arcdesk.ui.theme import LIGHT, Palette

SIDE_BY_SIDE_PX = 640
LEAST_PX = 316  # a section, the margins, and the scroll bar


class LivePanel(SeenWithWindow, QWidget):
    """Presents a LiveView while it is seen. `seen_changed` tells when the figures are worth a look."""

    seen_changed = Signal(bool)
    ask_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("livePanel")
        self.setMinimumWidth(LEAST_PX)
        self._view = LiveView()
        self.sections = {source: LiveSection(source) for source in Source}
        self._area = QScrollArea()
        self._area.setObjectName("liveArea")
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._area.setAccessibleName(self.tr("Live figures"))
        self._pages = QStackedWidget()
        self._pages.addWidget(self._area)
        self._pages.addWidget(self._make_empty())
        self._said = QLabel()
        self._said.setProperty("role", "secondary")
        self._said.setTextFormat(Qt.TextFormat.PlainText)
        self._said.setWordWrap(True)
        self._said.setContentsMargins(12, 4, 12, 8)
        self._said.hide()
        self._arrange()

    def _arrange(self) -> None:
        inner = QWidget()
        inner.setObjectName("liveInner")
        self._sides = QBoxLayout(QBoxLayout.Direction.TopToBottom, inner)
        self._sides.setContentsMargins(8, 4, 8, 8)
        self._sides.setSpacing(8)
        for section in self.sections.values():
            self._sides.addWidget(section, 1)
        self._sides.addStretch(0)
        self._area.setWidget(inner)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._pages, 1)
        column.addWidget(self._said)

    def _make_empty(self) -> QWidget:
        page = QWidget()
        text = QLabel(
            self.tr("Nothing to measure yet. Ask something, and its speed stands here while it is answered.")
        )
        text.setWordWrap(True)
        text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        text.setProperty("role", "secondary")
        self.ask = QPushButton(self.tr("Write a question"))
        self.ask.clicked.connect(self.ask_requested)
        column = QVBoxLayout(page)
        column.setContentsMargins(24, 16, 24, 16)
        column.addStretch(1)
        column.addWidget(text)
        column.addWidget(self.ask, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(2)
        return page

    # showing

    @property
    def is_empty(self) -> bool:
        """It says what to do instead of figures."""
        return self._pages.currentIndex() == 1

    def present(self, view: LiveView) -> None:
        """Show it; while nobody sees it, later."""
        self._view = view
        if not self._is_seen:
            return
        is_empty = _is_empty(view)
        if is_empty != self.is_empty:
            has_focus = self.has_focus
            self._pages.setCurrentIndex(1 if is_empty else 0)
            if has_focus:
                self.take_focus()
        if not is_empty:
            for section in self.sections.values():
                section.present(view)

    @property
    def has_focus(self) -> bool:
        """The keyboard is in it."""
        return self.ask.hasFocus() or self._area.hasFocus()

    def take_focus(self) -> None:
        """Take the keyboard: to the figures, or to the button where there are none."""
        (self.ask if self.is_empty else self._area).setFocus(Qt.FocusReason.ShortcutFocusReason)

    def say(self, text: str) -> None:
        """One line at the foot: what came of what was asked for. '' takes it away."""
        self._said.setText(text)
        self._said.setVisible(bool(text))

    @property
    def said(self) -> str:
        """What the foot says."""
        return self._said.text()

    def set_palette_colors(self, palette: Palette = LIGHT) -> None:
        """Take other colours."""
        for section in self.sections.values():
            section.set_palette_colors(palette)

    # Qt overrides

    def hideEvent(self, event: QHideEvent) -> None:
        """Closed, or its window is hidden."""
        self.say("")
        super().hideEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Side by side where there is room."""
        super().resizeEvent(event)
        is_wide = event.size().width() >= SIDE_BY_SIDE_PX
        wanted = QBoxLayout.Direction.LeftToRight if is_wide else QBoxLayout.Direction.TopToBottom
        if self._sides.direction() != wanted:
            self._sides.setDirection(wanted)
            for section in self.sections.values():
                self._sides.setStretchFactor(section, 1 if is_wide else 0)
            self._sides.setStretch(self._sides.count() - 1, 0 if is_wide else 1)

    def sizeHint(self) -> QSize:
        """A side panel's width."""
        return QSize(320, 260)

    def _look_who_sees(self) -> None:
        """What came while it was hidden is shown when it is seen."""
        was_seen = self.is_seen
        super()._look_who_sees()
        if self.is_seen and not was_seen:
            self.present(self._view)


def _is_empty(view: LiveView) -> bool:
    """Nothing is known of either source, and nothing was in the time that the plots show."""
    keys = [key for key in LiveKey if key is not LiveKey.OUR_RUNNING]
    if view[LiveKey.OUR_RUNNING].value or any(view[key].value is not None for key in keys):
        return False
    if view.problem is not None:
        return False
    return not any(
        value is not None
        for row in view.history.rows
        for key, value in zip(LiveKey, row.values, strict=True)
        if key is not LiveKey.OUR_RUNNING
    )
