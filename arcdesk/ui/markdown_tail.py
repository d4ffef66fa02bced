"""Writes a growing Markdown answer into a document: what is final once, the short tail each time."""

from __future__ import annotations

from PySide6.QtGui import (
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextDocumentFragment,
    QTextList,
)

from arcdesk.core.markdown_blocks import TAIL_LIMIT, MarkdownSplitter, Piece, PieceKind
from arcdesk.core.markdown_preview import preview
from arcdesk.ui.markdown_dress import dressed, insert_code_head
from arcdesk.ui.transcript_format import Look, is_furniture, new_panel

_CODE_END_PX = 18  # below the last line of code: room inside and outside its panel


class MarkdownBody:
    """The text of one answer. Owns the document from the empty block at `at` to `end`.

    The last block is always empty while nothing is live, so that furniture can go there.
    """

    def __init__(self, document: QTextDocument, look: Look, at: int, *, tail_limit: int = TAIL_LIMIT) -> None:
        self._document = document
        self._look = look
        self._tail_limit = tail_limit
        self._splitter = MarkdownSplitter(tail_limit)
        self._start = self._fixed(at)
        self._tail = self._fixed(at)
        self._end = self._fixed(at)
        self._panel = 0  # of the open top-level fence
        self._language = ""
        self._shown = Piece()

    @property
    def end(self) -> int:
        """Position of the last block's end."""
        return self._end.position()

    @property
    def is_approximate(self) -> bool:
        """The picture differs from that of the whole text in one go; `rewrite` makes it right."""
        return self._splitter.is_approximate

    def write(self, text: str) -> None:
        """Add text and show it. Costs what the tail costs, whatever came before."""
        self._apply(self._splitter.feed(text), is_live=True)

    def finish(self) -> None:
        """Nothing more comes: the tail is final too."""
        self._apply(self._splitter.finish(), is_live=False)

    def rewrite(self, markdown: str) -> None:
        """Show the whole text afresh, in one pass."""
        cursor = QTextCursor(self._document)
        cursor.beginEditBlock()
        self._tail.setPosition(self._start.position())
        self._panel = 0
        self._shown = Piece()
        self._splitter = MarkdownSplitter(self._tail_limit)
        self._clear_tail(Piece())
        if markdown.strip():
            self._insert_prose(Piece(text=markdown))
            self._break()
        cursor.endEditBlock()

    def show_placeholder(self, text: str) -> None:
        """Quiet words where the first token will be; the first text replaces them."""
        cursor = self._clear_tail(Piece())
        cursor.insertText(text, self._look.text(self._look.palette.secondary))
        self._end.setPosition(cursor.position())
        self._shown = Piece(text="\0placeholder")

    # -- the tail ---------------------------------------------------------------------------------

    def _apply(self, pieces: list[Piece], *, is_live: bool) -> None:
        tail = self._splitter.tail
        cursor = QTextCursor(self._document)
        cursor.beginEditBlock()
        following = [*pieces, tail]
        if pieces or tail != self._shown or not is_live:
            self._clear_tail(following[0])
            for piece, after in zip(pieces, following[1:], strict=True):
                self._commit(piece, after)
            self._show(tail)
        cursor.endEditBlock()

    def _clear_tail(self, first: Piece) -> QTextCursor:
        cursor = self._at_tail()
        cursor.setPosition(self._end.position(), QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        if not first.joins:
            self._reset_block(cursor)
        self._end.setPosition(cursor.position())
        return cursor

    def _reset_block(self, cursor: QTextCursor) -> None:
        """An empty block of our own: Qt leaves the list, heading or quote of what was there."""
        cursor.setBlockFormat(self._code_tail() if self._panel else self._look.paragraph())
        chars = self._look.code() if self._panel else QTextCharFormat()
        cursor.setBlockCharFormat(chars)
        cursor.setCharFormat(chars)

    def _show(self, tail: Piece) -> None:
        if tail.kind is PieceKind.CODE:
            cursor = self._at_tail()
            cursor.insertText(tail.text, self._look.code())
            self._end.setPosition(cursor.position())
        else:
            visible = preview(tail.text)
            if visible.strip():
                self._insert_prose(Piece(text=visible, joins=tail.joins, continues_list=tail.continues_list))
        self._shown = tail

    # -- pieces -----------------------------------------------------------------------------------

    def _commit(self, piece: Piece, after: Piece) -> None:
        match piece.kind:
            case PieceKind.PROSE:
                self._insert_prose(piece)
                if after.joins:
                    self._tail.setPosition(self._end.position())
                else:
                    self._break()
            case PieceKind.CODE_OPEN:
                self._open_code(piece.text)
            case PieceKind.CODE:
                self._insert_code(piece.text)
            case PieceKind.CODE_CLOSE:
                self._close_code()

    def _insert_prose(self, piece: Piece) -> None:
        scratch = dressed(piece.text, self._look)
        cursor = self._at_tail()
        if piece.joins:
            if piece.text.startswith(" "):
                cursor.insertText(" ", QTextCharFormat())
            cursor.insertFragment(QTextDocumentFragment(scratch))
        else:
            cursor.insertFragment(QTextDocumentFragment(scratch))
            self._repair_first_block(scratch.begin())
        if piece.continues_list:
            self._continue_list()
        self._end.setPosition(cursor.position())

    def _repair_first_block(self, source: QTextBlock) -> None:
        """Qt keeps the format of the block that a fragment is inserted into; ours is the fragment's.

        Before a list it leaves that block empty.
        """
        first = self._at_tail()
        if source.textList() is not None:
            if not first.block().text():
                first.deleteChar()
            return
        first.setBlockFormat(source.blockFormat())
        first.setBlockCharFormat(source.charFormat())

    def _continue_list(self) -> None:
        """Let a list that was cut for its length count on from the list before the cut."""
        block = self._document.findBlock(self._tail.position())
        new = block.textList()
        old = self._top_list_before(block)
        if new is None or old is None:
            return
        going_on = new.format()
        going_on.setStart(old.format().start() + old.count())
        new.setFormat(going_on)

    def _top_list_before(self, block: QTextBlock) -> QTextList | None:
        block = block.previous()
        while block.isValid() and block.position() >= self._start.position():
            found = block.textList()
            if found is not None and found.format().indent() == 1:
                return found
            block = block.previous()
        return None

    def _break(self) -> None:
        """What is written is final; go on in a new block that has nothing of it."""
        cursor = QTextCursor(self._document)
        cursor.setPosition(self._end.position())
        cursor.insertBlock(self._look.paragraph(), QTextCharFormat())
        self._tail.setPosition(cursor.position())
        self._end.setPosition(cursor.position())

    # -- top-level code ---------------------------------------------------------------------------

    def _open_code(self, language: str) -> None:
        self._panel, self._language = new_panel(), language
        cursor = self._at_tail()
        insert_code_head(cursor, self._look, self._panel, language)
        self._go_on_in_code(cursor)

    def _insert_code(self, text: str) -> None:
        cursor = self._at_tail()
        cursor.setBlockFormat(self._look.code_line(self._panel, self._language))
        cursor.insertText(text, self._look.code())
        self._go_on_in_code(cursor)

    def _close_code(self) -> None:
        last = QTextCursor(self._document.findBlock(self._tail.position()).previous())
        cursor = self._at_tail()
        if is_furniture(last.block()):  # a fence without lines shows nothing
            cursor.setPosition(last.block().position(), QTextCursor.MoveMode.KeepAnchor)
            cursor.removeSelectedText()
            self._tail.setPosition(cursor.position())
        else:
            last.setBlockFormat(self._code_tail())
        self._panel = 0
        self._reset_block(cursor)
        self._end.setPosition(cursor.position())

    def _go_on_in_code(self, cursor: QTextCursor) -> None:
        cursor.insertBlock(self._code_tail(), self._look.code())
        self._tail.setPosition(cursor.position())
        self._end.setPosition(cursor.position())

    def _code_tail(self) -> QTextBlockFormat:
        block = self._look.code_line(self._panel, self._language)
        block.setBottomMargin(_CODE_END_PX)
        return block

    # -- cursors ----------------------------------------------------------------------------------

    def _at_tail(self) -> QTextCursor:
        cursor = QTextCursor(self._document)
        cursor.setPosition(self._tail.position())
        return cursor

    def _fixed(self, at: int) -> QTextCursor:
        """A place that text inserted right there does not push along."""
        cursor = QTextCursor(self._document)
        cursor.setPosition(at)
        cursor.setKeepPositionOnInsert(True)
        return cursor
