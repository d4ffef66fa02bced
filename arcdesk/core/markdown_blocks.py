"""Cuts a growing Markdown text into blocks that are final and a short tail that may still change."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

TAIL_LIMIT = 4_000  # characters a tail may have before it is cut by force

_FENCE = re.compile(r"^( *)(`{3,}(?=[^`]*$)|~{3,})[ \t]*(.*?)[ \t]*$")
_ITEM = re.compile(r"^( *)([-+*]|\d{1,9}[.)])( +|$)")
_DELIMITER_ROW = re.compile(r"^ {0,3}\|?[ \t]*:?-+:?[ \t]*(\|[ \t]*:?-*:?[ \t]*)*\|?[ \t]*$")
_REFERENCE = re.compile(r"^ {0,3}\[[^\]]+\]:")
_UNDERLINE = re.compile(r"^ {0,3}(-+|=+)[ \t]*$")
_NOT_PARAGRAPH = re.compile(r"^(#{1,6}\s| {4}|\s*(>|\||[-+*]\s|\d{1,9}[.)]\s|\[[^\]]+\]:))")
_ENDS_LIST = re.compile(r"^(#{1,6}\s|>|([-*_] *){3,}$)")
_WORD_AHEAD = re.compile(r"[ \n](?=[A-Za-z])")


class PieceKind(Enum):
    """What a piece is. A top-level fence comes as CODE_OPEN, any number of CODE, and CODE_CLOSE."""

    PROSE = "prose"
    CODE_OPEN = "code_open"
    CODE = "code"
    CODE_CLOSE = "code_close"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of the text in order: Markdown (PROSE), the language (CODE_OPEN) or whole lines (CODE).

    `joins` says that it goes on in the paragraph before it (a blank between the two leads its text),
    `continues_list` that its first list goes on with the list before it.
    """

    kind: PieceKind = PieceKind.PROSE
    text: str = ""
    joins: bool = False
    continues_list: bool = False


@dataclass(frozen=True, slots=True)
class _Fence:
    mark: str
    indent: int  # columns before the mark; inside a list: the item's content column
    info: str

    def is_closed_by(self, line: str) -> bool:
        bare = line.strip()
        return len(bare) >= len(self.mark) and not bare.strip(self.mark[0])


class MarkdownSplitter:
    """Feed it text as it comes; it returns what became final and keeps the rest as `tail`.

    A block is final at a blank line outside a fence, once the next line that is not blank is neither
    indented nor, inside a list, a list item. Lines of a top-level fence are final at once. A tail beyond
    `limit` characters is cut: lists between items and paragraphs between words give the same picture, all
    other cuts set `is_approximate`, as do link references, which reach back to text already final.
    """

    def __init__(self, limit: int = TAIL_LIMIT) -> None:
        self._limit = limit
        self._lines: list[str] = []
        self._chars = 0  # of _lines
        self._partial = ""
        self._fence: _Fence | None = None  # top level
        self._inner: _Fence | None = None  # inside a list
        self._list_column = 0  # content column of the last top-level item; 0: no list in the tail
        self._joins = False
        self._continues_list = False
        self._carriage = False
        self.is_approximate = False

    @property
    def tail(self) -> Piece:
        """What is not final: Markdown, or inside a top-level fence the unfinished line."""
        if self._fence is not None:
            may_close = not self._partial.strip().strip(self._fence.mark[0])
            return Piece(kind=PieceKind.CODE, text="" if may_close else self._dedent(self._partial))
        return self._prose("\n".join([*self._lines, self._partial]))

    def feed(self, text: str) -> list[Piece]:
        """Take more text; returns the pieces that are now final, in order."""
        if self._carriage:
            text = "\r" + text
        self._carriage = text.endswith("\r")
        text = text.removesuffix("\r").replace("\r\n", "\n").replace("\r", "\n")
        *whole, self._partial = (self._partial + text).split("\n")
        pieces: list[Piece] = []
        code: list[str] = []
        for line in whole:
            if self._fence is not None and not self._fence.is_closed_by(line):
                code.append(self._dedent(line))
                continue
            self._flush_code(code, pieces)
            self._take(line, pieces)
        self._flush_code(code, pieces)
        if self._fence is None:
            self._bound(pieces)
        return pieces

    def finish(self) -> list[Piece]:
        """The text is whole: everything left is final."""
        pieces: list[Piece] = []
        self._carriage = False
        if self._partial:
            pieces += self.feed("\n")
        if self._fence is not None:
            pieces.append(Piece(kind=PieceKind.CODE_CLOSE))
            self._fence = None
        self._emit(len(self._lines), pieces)
        return pieces

    # -- one line ---------------------------------------------------------------------------------

    def _take(self, line: str, pieces: list[Piece]) -> None:
        if self._fence is not None:
            self._fence = None
            pieces.append(Piece(kind=PieceKind.CODE_CLOSE))
            return
        if self._is_inside_inner_fence(line):
            self._push(line)
            return
        self._end_block_before(line, pieces)
        fence, column = _find_fence(line)
        if fence is not None and column == 0 and fence.indent < (self._list_column or 4):
            self._emit(len(self._lines), pieces)
            self._fence = fence
            pieces.append(Piece(kind=PieceKind.CODE_OPEN, text=fence.info))
            return
        self._push(line)
        self._note(line, fence, column)

    def _is_inside_inner_fence(self, line: str) -> bool:
        if self._inner is None:
            return False
        if line.strip() and _indent(line) < self._inner.indent:
            self._inner = None  # left the list item: the fence ended without a mark, and so did the list
            self._list_column = 0
            return False
        if self._inner.is_closed_by(line):
            self._inner = None
        return True

    def _end_block_before(self, line: str, pieces: list[Piece]) -> None:
        """A line after a blank one tells whether what stands before it is final."""
        if not line.strip() or not self._lines or self._lines[-1].strip():
            return
        goes_on = line[0] in " \t" or (self._list_column > 0 and _ITEM.match(line) is not None)
        if not goes_on:
            self._emit(len(self._lines), pieces)

    def _note(self, line: str, fence: _Fence | None, column: int) -> None:
        item = _ITEM.match(line)
        if _ENDS_LIST.match(line):
            self._list_column = 0
        elif item is not None and (self._list_column == 0 or len(item[1]) < self._list_column):
            spaces = len(item[3])
            self._list_column = len(item[1]) + len(item[2]) + (spaces if 1 <= spaces <= 4 else 1)
        if fence is not None and self._list_column:
            self._inner = _Fence(fence.mark, column or self._list_column, fence.info)
        if _REFERENCE.match(line) or (self._joins and _UNDERLINE.match(line)):
            self.is_approximate = True

    def _push(self, line: str) -> None:
        self._lines.append(line)
        self._chars += len(line) + 1

    # -- cutting ----------------------------------------------------------------------------------

    def _prose(self, text: str) -> Piece:
        return Piece(text=text, joins=self._joins, continues_list=self._continues_list)

    def _emit(self, count: int, pieces: list[Piece]) -> None:
        """Make the first `count` lines of the tail final."""
        text = "\n".join(self._lines[:count])
        if text.strip():
            pieces.append(self._prose(text))
        del self._lines[:count]
        self._chars = sum(len(line) + 1 for line in self._lines)
        self._joins = self._continues_list = False
        self._inner = None
        self._list_column = 0

    def _bound(self, pieces: list[Piece]) -> None:
        while self._chars + len(self._partial) > self._limit:
            before = self._chars + len(self._partial)
            if self._inner is not None:
                self._cut_inner_fence(self._inner, pieces)
            elif not (self._cut_list(pieces) or self._cut_table(pieces) or self._cut_paragraph(pieces)):
                self._cut_anywhere(pieces)
            if self._chars + len(self._partial) >= before:
                return

    def _cut_list(self, pieces: list[Piece]) -> bool:
        if not self._list_column:
            return False
        items = [i for i, line in enumerate(self._lines) if (m := _ITEM.match(line)) and not m[1]]
        if not items or items[-1] == 0:
            return False
        rest = self._lines[items[-1] :]
        was_list = _ITEM.match(self._lines[items[-1] - 1]) or len(items) > 1
        self._emit(items[-1], pieces)
        self._continues_list = bool(was_list)
        del self._lines[:]
        self._chars = 0
        for line in rest:
            self._push(line)
            self._note(line, *_find_fence(line))
        return True

    def _cut_table(self, pieces: list[Piece]) -> bool:
        """Goes on as a second table with the same head; the pass at the end makes it one again."""
        rows = [i for i, line in enumerate(self._lines) if "|" in line and _DELIMITER_ROW.match(line)]
        if not rows or rows[-1] == 0 or len(self._lines) - rows[-1] < 3:
            return False
        head = self._lines[rows[-1] - 1 : rows[-1] + 1]
        self._emit(len(self._lines) - 1, pieces)
        self._lines = [*head, *self._lines]
        self._chars = sum(len(line) + 1 for line in self._lines)
        self.is_approximate = True
        return self._chars + len(self._partial) <= self._limit

    def _cut_paragraph(self, pieces: list[Piece]) -> bool:
        if self._list_column or any(not line or _NOT_PARAGRAPH.match(line) for line in self._lines):
            return False
        text = "\n".join([*self._lines, self._partial])
        if _NOT_PARAGRAPH.match(text):
            return False
        cuts = [m.start() for m in _WORD_AHEAD.finditer(text, self._limit // 4, self._limit)]
        cut = next((c for c in reversed(cuts[-80:]) if _is_balanced(text[:c])), None)
        if cut is None:
            cut = cuts[-1] if cuts else self._limit // 2
            self.is_approximate = True
        pieces.append(self._prose(text[:cut]))
        rest = " " + text[cut + 1 :] if text[cut] in " \n" else text[cut:]
        *self._lines, self._partial = rest.split("\n")
        self._chars = sum(len(line) + 1 for line in self._lines)
        self._joins, self._continues_list = True, False
        return True

    def _cut_inner_fence(self, inner: _Fence, pieces: list[Piece]) -> None:
        count = len(self._lines)
        pieces.append(self._prose("\n".join([*self._lines, " " * inner.indent + inner.mark])))
        del self._lines[:count]
        self._joins = self._continues_list = False
        self._list_column = 0
        self._inner = None
        self._chars = 0
        self._fence = _Fence(inner.mark, inner.indent, inner.info)
        self.is_approximate = True
        pieces.append(Piece(kind=PieceKind.CODE_OPEN, text=inner.info))

    def _cut_anywhere(self, pieces: list[Piece]) -> None:
        self.is_approximate = True
        if not self._lines:
            self._push(self._partial[: self._limit])
            self._partial = self._partial[self._limit :]
        self._emit(len(self._lines), pieces)

    def _dedent(self, line: str) -> str:
        width = self._fence.indent if self._fence is not None else 0
        return line[min(width, _indent(line)) :]

    def _flush_code(self, code: list[str], pieces: list[Piece]) -> None:
        if code:
            pieces.append(Piece(kind=PieceKind.CODE, text="\n".join(code)))
            code.clear()


def _find_fence(line: str) -> tuple[_Fence | None, int]:
    """The fence that a line opens, and the content column of list items that stand before it."""
    column = 0
    rest = line
    while (item := _ITEM.match(rest)) is not None and item[3]:
        column += item.end()
        rest = rest[item.end() :]
    found = _FENCE.match(rest)
    if found is None:
        return None, 0
    return _Fence(found[2], len(found[1]), found[3]), column


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _is_balanced(text: str) -> bool:
    """No inline mark is open at the end, as far as counting can tell."""
    for mark in ("**", "__", "~~", "*", "_", "`"):
        if text.count(mark) % 2:
            return False
        text = text.replace(mark, "")
    return text.count("[") == text.count("]") and text.count("(") == text.count(")")
