"""Finds settings by words and shows where they were found."""

from __future__ import annotations

import re
from html import escape

from arcdesk.ui.theme import Palette

Words = tuple[str, ...]


def words_of(text: str) -> Words:
    """What was typed into the search field, as words to find."""
    return tuple(text.casefold().split())


def is_found(words: Words, *texts: str) -> bool:
    """Every word is in one of the texts; no words are found everywhere."""
    heap = "\n".join(texts).casefold()
    return all(word in heap for word in words)


def highlighted(text: str, words: Words, palette: Palette) -> str:
    """`text` as HTML with the words marked."""
    if not words:
        return escape(text)
    pattern = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    mark = f'<span style="background:{palette.accent};color:{palette.on_accent}">'
    parts, end = [], 0
    for found in re.finditer(pattern, text, re.IGNORECASE):
        parts += [escape(text[end : found.start()]), mark, escape(found[0]), "</span>"]
        end = found.end()
    return "".join([*parts, escape(text[end:])])
