"""Paints what lies behind the text of the transcript: bubbles, code and error panels, quote bars."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QTextBlock, QTextDocument, QTextFormat

from arcdesk.ui.theme import Palette
from arcdesk.ui.transcript_format import INDENT_PX, PAD_PX, PanelKind, panel_of

_RADIUS_PX = {PanelKind.CODE: 6.0, PanelKind.BUBBLE: 10.0, PanelKind.ERROR: 10.0}
_ABOVE_PX = 8.0  # of a panel over its first and below its last line
_QUOTE = QTextFormat.Property.BlockQuoteLevel


def paint_panels(
    painter: QPainter, document: QTextDocument, first: QTextBlock, shown: QRectF, palette: Palette
) -> None:
    """Paint all that is visible in `shown` (document coordinates), from the block `first` on."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for kind, rect in _panels(document, first, shown):
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(palette.raised))
        painter.drawRoundedRect(rect, _RADIUS_PX[kind], _RADIUS_PX[kind])
        if kind is PanelKind.ERROR:
            painter.setBrush(QColor(palette.error))
            painter.drawRect(QRectF(rect.left(), rect.top() + 8, 3, rect.height() - 16))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(palette.outline))
    for bar in _quote_bars(document, first, shown):
        painter.drawRect(bar)


def _panels(document: QTextDocument, first: QTextBlock, shown: QRectF) -> Iterator[tuple[PanelKind, QRectF]]:
    block = first
    while block.isValid() and _rect(document, block).top() <= shown.bottom() + _ABOVE_PX:
        panel, kind = panel_of(block)
        if not panel:
            block = block.next()
            continue
        rect = _across(document, block)
        starts_above = panel_of(block.previous())[0] == panel if block.previous().isValid() else False
        top = shown.top() - 50 if starts_above else _rect(document, block).top() - _ABOVE_PX
        last = block
        while block.isValid() and panel_of(block)[0] == panel:
            last = block
            if _rect(document, block).top() > shown.bottom() + 50:
                break
            block = block.next()
        rect.setTop(top)
        rect.setBottom(_rect(document, last).bottom() + _ABOVE_PX)
        yield kind, rect
        if block == last:
            return


def _quote_bars(document: QTextDocument, first: QTextBlock, shown: QRectF) -> Iterator[QRectF]:
    block = first
    while block.isValid() and (rect := _rect(document, block)).top() <= shown.bottom():
        level = block.blockFormat().intProperty(_QUOTE)
        after = block.next()
        goes_on = after.isValid() and after.blockFormat().intProperty(_QUOTE) >= level
        for step in range(level):
            bottom = _rect(document, after).top() if goes_on else rect.bottom()
            left = document.documentMargin() + 16 * step
            yield QRectF(left, rect.top(), 3, bottom - rect.top())
        block = after


def _across(document: QTextDocument, block: QTextBlock) -> QRectF:
    """The panel's extent from left to right."""
    block_format = block.blockFormat()
    margin = document.documentMargin()
    left = margin + block_format.indent() * INDENT_PX + block_format.leftMargin() - PAD_PX
    right = document.textWidth() - margin - block_format.rightMargin() + PAD_PX
    return QRectF(left, 0, right - left, 0)


def _rect(document: QTextDocument, block: QTextBlock) -> QRectF:
    return document.documentLayout().blockBoundingRect(block)
