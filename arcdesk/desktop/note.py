"""What a notification says, as a value, and the form in which foreign text may stand in it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import IntEnum

TITLE_LIMIT, BODY_LIMIT = 80, 200  # characters
DEFAULT_KEY = "default"  # the notification itself was clicked
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # Unicode's categories
_JOINERS = "\u200c\u200d"  # hold together what is one letter or one emoji


class Urgency(IntEnum):
    """How the server treats it. CRITICAL is missing on purpose: it would break do-not-disturb."""

    LOW = 0
    NORMAL = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pixels:
    """A picture: 8 bit RGBA, not premultiplied, `stride` bytes a line."""

    width: int
    height: int
    stride: int
    rgba: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One notification. A later one of the same topic takes its place.

    `buttons` are (key, label); key DEFAULT_KEY is the click on the notification itself. With
    `can_wait` False it is of no use later, so it is not shown at all under do-not-disturb.
    """

    topic: str
    title: str
    body: str = ""
    buttons: tuple[tuple[str, str], ...] = ()
    urgency: Urgency = Urgency.NORMAL
    can_wait: bool = True


def plain_line(text: str, limit: int) -> str:
    """One line of at most `limit` characters, without what could turn or hide it."""
    kept = "".join(
        char if char in _JOINERS or unicodedata.category(char) not in _UNSEEN else " "
        for char in text[: limit * 20]
    )
    line = re.sub(r" {2,}", " ", kept).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
