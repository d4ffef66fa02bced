"""Turns Markdown into a small document that is safe and looks like ArcDesk, ready to be inserted."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QUrl
from PySide6.QtGui import (
    QColor,
    QFont,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextFrameFormat,
    QTextLength,
    QTextTable,
)

from arcdesk.ui.transcript_format import (
    INDENT_PX,
    LINE_HEIGHT_PERCENT,
    LINK_SCHEMES,
    PANEL,
    Look,
    new_panel,
)
from arcdesk.ui.transcript_words import tr

FEATURES = QTextDocument.MarkdownFeature.MarkdownDialectGitHub | QTextDocument.MarkdownFeature.MarkdownNoHTML
_PROPERTY = QTextFormat.Property
_HEADING_STEP = {1: 2, 2: 1}  # Qt's size steps; deeper headings keep the size and are bold


def parse(markdown: str) -> QTextDocument:
    """The Markdown as Qt reads it, raw HTML as text."""
    document = QTextDocument()
    document.setUndoRedoEnabled(False)
    document.setMarkdown(not_front_matter(markdown), FEATURES)
    first = document.begin()
    if not first.text() and _is_rule(first.next().blockFormat()):
        QTextCursor(first).deleteChar()  # Qt puts an empty block before a leading rule
    return document


def not_front_matter(markdown: str) -> str:
    """The same for Qt, which hides all between a first line '---' and the next as a file's header."""
    return f"\n{markdown}" if markdown.startswith("---") else markdown


def dressed(markdown: str, look: Look) -> QTextDocument:
    """`parse`, with pictures as words, only http(s) links, and ArcDesk's formats."""
    document = parse(markdown)
    document.setIndentWidth(INDENT_PX)
    everything = QTextCursor(document)
    everything.select(QTextCursor.SelectionType.Document)
    common = QTextBlockFormat()
    common.setLineHeight(LINE_HEIGHT_PERCENT, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
    everything.mergeBlockFormat(common)
    for block in list(_blocks(document)):
        _dress_block(block, look)
    for frame in document.rootFrame().childFrames():
        if isinstance(frame, QTextTable):
            _dress_table(frame, look)
    _add_code_heads(document, look)
    return document


def insert_code_head(cursor: QTextCursor, look: Look, panel: int, language: str, indent: int = 0) -> None:
    """Make the empty block at `cursor` the head of a code block: its language and 'Copy'."""
    cursor.setBlockFormat(look.code_head(panel, indent))
    cursor.setBlockCharFormat(look.small())
    cursor.insertText(f"{language or tr('Code')}   ", look.small())
    cursor.insertText(tr("Copy"), look.link(f"arcdesk:code/{panel}", color=look.palette.secondary))


def _blocks(document: QTextDocument) -> Iterator[QTextBlock]:
    block = document.begin()
    while block.isValid():
        yield block
        block = block.next()


def _dress_block(block: QTextBlock, look: Look) -> None:
    block_format = block.blockFormat()
    cursor = QTextCursor(block)
    if block_format.hasProperty(_PROPERTY.BlockCodeFence) or block_format.hasProperty(
        _PROPERTY.BlockCodeLanguage
    ):
        _dress_code(cursor, block, look)
        return
    fresh = QTextBlockFormat(block_format)
    in_table = cursor.currentTable() is not None
    level = block_format.headingLevel()
    if block.textList() is None:
        fresh.setMarker(QTextBlockFormat.MarkerType.NoMarker)  # Qt carries a check mark on past its list
    fresh.setTopMargin(14 if level and block.position() else 0)
    fresh.setBottomMargin(0 if in_table else 4 if block.textList() else 8)
    if in_table:  # the cell's padding is its air
        fresh.setLineHeight(0, QTextBlockFormat.LineHeightTypes.SingleHeight.value)
    if _is_rule(block_format):
        fresh.setBackground(QColor(look.palette.outline))
    quotes = block_format.intProperty(_PROPERTY.BlockQuoteLevel)
    if quotes:
        fresh.setLeftMargin(16 * quotes)
        fresh.setRightMargin(0)
    if not block.text() and not in_table and not block.textList() and not _is_rule(block_format):
        fresh.setLineHeight(6, QTextBlockFormat.LineHeightTypes.FixedHeight.value)
        fresh.setBottomMargin(0)
    cursor.setBlockFormat(fresh)
    _dress_runs(block, look, level, quotes > 0)


def _is_rule(block_format: QTextBlockFormat) -> bool:
    return block_format.hasProperty(_PROPERTY.BlockTrailingHorizontalRulerWidth)


def _dress_runs(block: QTextBlock, look: Look, heading: int, quoted: bool) -> None:
    """From the last run to the first, as a picture's words change the length."""
    for run in reversed(block.textFormats()):
        cursor = QTextCursor(block)
        cursor.setPosition(block.position() + run.start)
        cursor.setPosition(block.position() + run.start + run.length, QTextCursor.MoveMode.KeepAnchor)
        chars = run.format
        if chars.isImageFormat():
            _name_picture(cursor, chars, look)
            continue
        change = QTextCharFormat()
        if chars.isAnchor() or chars.anchorHref():
            cursor.setCharFormat(_checked_link(chars, look))
            continue
        if heading:
            change.setProperty(_PROPERTY.FontSizeAdjustment, _HEADING_STEP.get(heading, 0))
        if chars.fontFixedPitch():
            change = look.code()
            change.setBackground(QColor(look.palette.raised))
        elif quoted:
            change.setForeground(QColor(look.palette.secondary))
        if change.propertyCount():
            cursor.mergeCharFormat(change)


def _checked_link(chars: QTextCharFormat, look: Look) -> QTextCharFormat:
    """Only http(s) stays a link: no answer can point at a file or at one of our own commands."""
    href = chars.anchorHref()
    checked = QTextCharFormat(chars)
    if QUrl(href).scheme().lower() in LINK_SCHEMES:
        checked.merge(look.link(href, small=False))
        checked.setToolTip(href)
        return checked
    for name in (_PROPERTY.IsAnchor, _PROPERTY.AnchorHref, _PROPERTY.AnchorName, _PROPERTY.TextToolTip):
        checked.clearProperty(name)
    checked.clearForeground()
    checked.setFontUnderline(False)
    return checked


def _name_picture(cursor: QTextCursor, chars: QTextCharFormat, look: Look) -> None:
    """A picture becomes words: Qt would load it by its name, from the disk too."""
    image = chars.toImageFormat()
    address = image.name()
    alt = image.stringProperty(_PROPERTY.ImageAltText) or tr("picture")
    words = tr("[picture: {alt}]").format(alt=alt)
    is_web = QUrl(address).scheme().lower() in LINK_SCHEMES
    cursor.insertText(words, look.link(address, small=False) if is_web else look.text(look.palette.secondary))


def _dress_code(cursor: QTextCursor, block: QTextBlock, look: Look) -> None:
    old = block.blockFormat()
    fresh = look.code_line(
        0,
        old.stringProperty(_PROPERTY.BlockCodeLanguage),
        old.stringProperty(_PROPERTY.BlockCodeFence),
        old.indent(),
    )
    if old.hasProperty(_PROPERTY.BlockQuoteLevel):
        fresh.setProperty(_PROPERTY.BlockQuoteLevel, old.intProperty(_PROPERTY.BlockQuoteLevel))
    cursor.setBlockFormat(fresh)
    cursor.setBlockCharFormat(look.code())
    cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
    cursor.setCharFormat(look.code())


def _add_code_heads(document: QTextDocument, look: Look) -> None:
    """Give each run of code lines its panel and the line with 'Copy' above it."""
    block = document.begin()
    while block.isValid():
        if not block.blockFormat().hasProperty(PANEL):
            block = block.next()
            continue
        panel = new_panel()
        first = block.blockFormat()
        language, indent = first.stringProperty(_PROPERTY.BlockCodeLanguage), first.indent()
        start = block.position()
        while block.isValid() and _is_same_code(block.blockFormat(), first):
            change = QTextBlockFormat()
            change.setProperty(PANEL, panel)
            QTextCursor(block).mergeBlockFormat(change)
            last, block = block, block.next()
        end = QTextCursor(last)
        bottom = QTextBlockFormat()
        bottom.setBottomMargin(18)
        end.mergeBlockFormat(bottom)
        following = block.position() if block.isValid() else -1
        head = QTextCursor(document)
        head.setPosition(start)
        code_format, code_chars = head.blockFormat(), head.blockCharFormat()
        head.insertBlock(code_format, code_chars)
        head.movePosition(QTextCursor.MoveOperation.PreviousBlock)
        before = document.characterCount()
        insert_code_head(head, look, panel, language, indent)
        if following < 0:
            return
        block = document.findBlock(following + 1 + document.characterCount() - before)


def _is_same_code(one: QTextBlockFormat, other: QTextBlockFormat) -> bool:
    return one.hasProperty(PANEL) and all(
        one.property(name) == other.property(name)
        for name in (_PROPERTY.BlockCodeLanguage, _PROPERTY.BlockCodeFence, _PROPERTY.BlockIndent)
    )


def _dress_table(table: QTextTable, look: Look) -> None:
    first = table.cellAt(0, 0).firstCursorPosition()
    if not first.block().text() and first.position() < table.cellAt(0, 0).lastPosition():
        first.deleteChar()  # after code or a quote Qt begins the first cell with an empty block
    table_format = table.format()
    table_format.setBorder(1)
    table_format.setBorderCollapse(True)
    table_format.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
    table_format.setBorderBrush(QColor(look.palette.outline))
    table_format.setCellPadding(6)
    table_format.setCellSpacing(0)
    table_format.setTopMargin(2)
    table_format.setBottomMargin(6)
    table_format.setWidth(QTextLength())
    table.setFormat(table_format)
    for column in range(table.columns()):
        cell = table.cellAt(0, column)
        head = cell.firstCursorPosition()
        head.setPosition(cell.lastPosition(), QTextCursor.MoveMode.KeepAnchor)
        bold = QTextCharFormat()  # Qt makes some first cells bold; we all of the head
        bold.setFontWeight(QFont.Weight.DemiBold)
        head.mergeCharFormat(bold)
        cell_format = cell.format()
        cell_format.setBackground(QColor(look.palette.raised))
        cell.setFormat(cell_format)
