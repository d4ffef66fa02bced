"""A text view that loads nothing, centres its column, paints panels and follows its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QByteArray, QEvent, QMimeData, QObject, QPoint, QRectF, Qt, QUrl, Signal
from PySide6.QtGui import (
    QColor,
    QFontInfo,
    QPainter,
    QPaintEvent,
    QPalette,
    QResizeEvent,
    QTextCursor,
)
from PySide6.QtWidgets import QApplication, QFrame, QTextBrowser, QWidget

from arcdesk.ui.theme import LIGHT, Palette
from arcdesk.ui.transcript_copy import selected_text
from arcdesk.ui.transcript_format import INDENT_PX, Look
from arcdesk.ui.transcript_paint import paint_panels

COLUMN_PX = 720  # at 100 % font
MARGIN_PX = 12
_NEAR_PX = 24  # this close to an end counts as being there


class ColumnView(QTextBrowser):
    """The bare view. It follows the end of its text while the person is there."""

    follows_changed = Signal(bool)
    top_neared = Signal()
    bottom_neared = Signal()
    look_changed = Signal()
    column_changed = Signal(float)  # px for text

    _is_set_up = False

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._follows = True
        self._is_moving = False
        self._palette = LIGHT
        self._column_px = 0.0
        self.setOpenLinks(False)
        self.setUndoRedoEnabled(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAcceptDrops(False)
        # we fill the ground ourselves: Qt then scrolls by moving pixels and paints only what is new
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.document().setDocumentMargin(MARGIN_PX)
        self.document().setIndentWidth(INDENT_PX)
        self.verticalScrollBar().valueChanged.connect(self._on_scrolled)
        self.verticalScrollBar().rangeChanged.connect(self._on_range_changed)
        self._is_set_up = True
        self.set_palette_colors(LIGHT)

    # -- commands ---------------------------------------------------------------------------------

    def set_palette_colors(self, palette: Palette) -> None:
        """Show everything in these colours."""
        self._palette = palette
        roles = QPalette(self.palette())
        for role, color in (
            (QPalette.ColorRole.Base, palette.bg),
            (QPalette.ColorRole.Window, palette.bg),
            (QPalette.ColorRole.Text, palette.text),
            (QPalette.ColorRole.Highlight, palette.accent),
            (QPalette.ColorRole.HighlightedText, palette.on_accent),
            (QPalette.ColorRole.Link, palette.accent),
        ):
            roles.setColor(role, QColor(color))
        self.setPalette(roles)
        # the application's sheet would draw an input field: its frame, its ground
        self.setStyleSheet(
            f"QTextBrowser {{ border: none; border-radius: 0; padding: 0; background: {palette.bg};"
            f" color: {palette.text}; }}"
        )
        self._change_look()

    @contextmanager
    def editing(self) -> Iterator[None]:
        """Change the document within: one layout, and the end stays in view if it was."""
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        try:
            yield
        finally:
            cursor.endEditBlock()
            self.keep_place()

    def keep_place(self) -> None:
        """Go to the end, if it is followed."""
        if self._follows:
            self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())

    def follow(self, follows: bool) -> None:
        """Follow the end from now on, or stay."""
        if follows != self._follows:
            self._follows = follows
            self.follows_changed.emit(follows)

    @contextmanager
    def moving(self) -> Iterator[None]:
        """Scrolling within is ours and says nothing of where the person wants to be."""
        self._is_moving = True
        try:
            yield
        finally:
            self._is_moving = False

    @property
    def follows(self) -> bool:
        """The person was at the end when last seen scrolling."""
        return self._follows

    @property
    def look(self) -> Look:
        """Colours and fonts now."""
        return Look(palette=self._palette, font=self.font())

    @property
    def column_px(self) -> float:
        """Width that text has."""
        return max(100.0, self.viewport().width() - 2 * MARGIN_PX)

    # -- slots ------------------------------------------------------------------------------------

    def _on_scrolled(self, value: int) -> None:
        if self._is_moving:
            return
        bar = self.verticalScrollBar()
        self.follow(value >= bar.maximum() - _NEAR_PX)
        if value <= _NEAR_PX:
            self.top_neared.emit()
        if value >= bar.maximum() - _NEAR_PX:
            self.bottom_neared.emit()

    def _on_range_changed(self) -> None:
        if not self._is_moving:
            self.keep_place()

    def _change_look(self) -> None:
        self.document().setDefaultFont(self.look.body_font)
        self._centre()
        self.look_changed.emit()

    def _centre(self) -> None:
        ratio = QFontInfo(self.font()).pixelSize() / max(1, QFontInfo(QApplication.font()).pixelSize())
        wanted = round(COLUMN_PX * ratio) + 2 * MARGIN_PX
        room = self.width() - self.verticalScrollBar().sizeHint().width()
        side = max(0, (room - wanted) // 2)
        if self.viewportMargins().left() != side:
            self.setViewportMargins(side, 0, side, 0)
        if self.column_px != self._column_px:
            self._column_px = self.column_px
            self.column_changed.emit(self._column_px)

    # -- Qt ---------------------------------------------------------------------------------------

    def loadResource(self, kind: int, name: QUrl | str) -> object:
        """Refuse: no text may make this program open a file or an address."""
        return QByteArray()  # not None: then Qt would open the file itself

    def createMimeDataFromSelection(self) -> QMimeData:
        """Plain text only: colours and our links would be strange elsewhere."""
        data = QMimeData()
        data.setText(selected_text(self.textCursor()))
        return data

    def paintEvent(self, event: QPaintEvent) -> None:
        """Panels first, text over them."""
        offset = self.verticalScrollBar().value()
        shown = QRectF(event.rect()).translated(0, offset)
        first = self.cursorForPosition(QPoint(MARGIN_PX, event.rect().top() - 12)).block()
        painter = QPainter(self.viewport())
        painter.fillRect(event.rect(), QColor(self._palette.bg))
        painter.translate(0, -offset)
        paint_panels(painter, self.document(), first, shown, self._palette)
        painter.end()
        super().paintEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the column in the middle, and the end in view."""
        with self.moving():
            super().resizeEvent(event)
            self._centre()
        self.keep_place()

    def changeEvent(self, event: QEvent) -> None:
        """A new font is a new look."""
        super().changeEvent(event)
        if self._is_set_up and event.type() == QEvent.Type.FontChange:
            self._change_look()

    def event(self, event: QEvent) -> bool:
        """The wheel works beside the column too."""
        if self._is_set_up and event.type() == QEvent.Type.Wheel:
            return QApplication.sendEvent(self._bar(), event)
        return super().event(event)

    def _bar(self) -> QObject:
        return self.verticalScrollBar()
