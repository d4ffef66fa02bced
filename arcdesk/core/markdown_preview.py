"""Makes an unfinished piece of Markdown fit to be shown: no flash of marks that are still on their way."""

from __future__ import annotations

import re

_ONLY_MARKS = re.compile(r"^[\s\-=*_#>|`~+:.\d()\[\]!]*$")
_FENCE_START = re.compile(r"^\s*(```|~~~)")
_DELIMITER_ROW = re.compile(r"^ {0,3}\|[ \t]*:?-+:?[ \t]*(\|[ \t]*:?-*:?[ \t]*)*$")
_OPEN_LINK = re.compile(r"!?\[([^\[\]]*)(\]\([^()]*)?$")
_TRAILING_MARKS = re.compile(r"[*_`~\[!]+$")
_SPANS = ("**", "__", "~~")


def preview(tail: str) -> str:
    """The tail as it would read if it ended well.

    A last line of marks alone ('-' would make a heading of the line above it) and a table without its
    second line are held back; open code, bold and link spans of the last line are closed.
    """
    *lines, partial = tail.split("\n")
    if partial and (_ONLY_MARKS.match(partial) or _FENCE_START.match(partial)):
        partial = ""
    lines = _without_table_head([*lines, partial])
    if lines and lines[-1]:
        lines[-1] = close_spans(lines[-1])
    return "\n".join(lines)


def close_spans(line: str) -> str:
    """Close what the line leaves open: `code`, **bold**, ~~struck~~, and links without their end."""
    line = _OPEN_LINK.sub(lambda match: match[1], _TRAILING_MARKS.sub("", line))
    if line.count("`") % 2:
        return line + "`"
    bare = re.sub(r"`[^`]*`", "", line)
    open_spans = [mark for mark in _SPANS if bare.count(mark) % 2]
    return line.rstrip(" ") + "".join(reversed(open_spans)) if open_spans else line


def _without_table_head(lines: list[str]) -> list[str]:
    start = len(lines)
    while start > 0 and lines[start - 1].lstrip().startswith("|"):
        start -= 1
    table = lines[start:]
    if table and not any(_DELIMITER_ROW.match(line) for line in table[1:2]):
        return lines[:start]
    return lines
