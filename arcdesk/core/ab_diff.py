"""Two texts word by word: which words of each the other has not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

MOST_WORDS = 3000  # of one text; the comparison's time grows with the square
_WORD = re.compile(r"\S+\s*|\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some words of one text, with the space behind them."""

    text: str
    is_own: bool  # the other text has them not, at this place


def differences(one: str, other: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Both texts in pieces; joined they are the texts again. What is longer than MOST_WORDS is one piece."""
    a, b = _WORD.findall(one), _WORD.findall(other)
    if max(len(a), len(b)) > MOST_WORDS:
        return (whole(one), whole(other))
    matcher = SequenceMatcher(None, [w.strip() for w in a], [w.strip() for w in b], autojunk=False)
    left: list[Piece] = []
    right: list[Piece] = []
    for kind, a_from, a_to, b_from, b_to in matcher.get_opcodes():
        for pieces, words in ((left, a[a_from:a_to]), (right, b[b_from:b_to])):
            if words:
                pieces.append(Piece(text="".join(words), is_own=kind != "equal"))
    return tuple(left), tuple(right)


def whole(text: str) -> tuple[Piece, ...]:
    """The text as one piece that is not told apart; an empty one has none."""
    return (Piece(text=text, is_own=False),) if text else ()
