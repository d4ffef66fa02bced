"""What leaves the transcript for the clipboard: the words that were said, without our furniture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from PySide6.QtGui import QTextBlock, QTextCursor, QTextDocument, QTextList, QTextListFormat, QTextTable

from arcdesk.ui.transcript_format import is_furniture, panel_of

_BULLETS = (
    QTextListFormat.Style.ListDisc,
    QTextListFormat.Style.ListCircle,
    QTextListFormat.Style.ListSquare,
)


def code_of_panel(document: QTextDocument, panel: int) -> str:
    """The lines of the code block whose panel has this number; '' if it is gone."""
    lines = []
    block = document.begin()
    while block.isValid():
        if panel_of(block)[0] == panel and not is_furniture(block):
            lines.append(_plain(block.text()))
        elif lines:
            break
        block = block.next()
    return "\n".join(lines)


def selected_text(selection: QTextCursor) -> str:
    """The selection as plain text: list marks kept, table cells parted by tabs."""
    start, end = selection.selectionStart(), selection.selectionEnd()
    text = ""
    last_row: tuple[int, int] | None = None
    for block in _blocks(selection.document(), start, end):
        row = _row(block)
        if text:
            text += "\t" if row is not None and row == last_row else "\n"
        last_row = row
        first = max(0, start - block.position())
        text += ("" if first else _mark(block)) + _plain(block.text()[first : end - block.position()])
    return text


def _blocks(document: QTextDocument, start: int, end: int) -> Iterator[QTextBlock]:
    block = document.findBlock(start)
    while block.isValid() and block.position() <= end:
        if not is_furniture(block):
            yield block
        block = block.next()


def _row(block: QTextBlock) -> tuple[int, int] | None:
    cursor = QTextCursor(block)
    table = cast("QTextTable | None", cursor.currentTable())  # PySide6's stubs forget the None
    if table is None:
        return None
    return table.firstPosition(), table.cellAt(cursor).row()


def _mark(block: QTextBlock) -> str:
    items = cast("QTextList | None", block.textList())
    if items is None:
        return ""
    list_format = items.format()
    mark = "-" if list_format.style() in _BULLETS else items.itemText(block)
    return "  " * (list_format.indent() - 1) + mark + " "


def _plain(text: str) -> str:
    return text.replace("\u2028", "\n").replace("\u00a0", " ")
