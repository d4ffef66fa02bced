"""Which messages of a long conversation are in the document: a window of pages, bounded by size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

OPEN_MESSAGES = 60
PAGE_MESSAGES = 30
MOST_MESSAGES = 120
MOST_CHARS = 200_000  # a page or an opening stops here, but shows one message at least


@dataclass(frozen=True, slots=True)
class MessageWindow:
    """The messages [first, last) are shown."""

    first: int = 0
    last: int = 0


def latest(sizes: Sequence[int]) -> MessageWindow:
    """The end of a conversation whose messages have `sizes` characters."""
    count = _fitting(reversed_sizes(sizes, len(sizes)), OPEN_MESSAGES)
    return MessageWindow(len(sizes) - count, len(sizes))


def older(window: MessageWindow, sizes: Sequence[int]) -> MessageWindow:
    """One page more at the top; what is too much leaves at the bottom."""
    count = _fitting(reversed_sizes(sizes, window.first), PAGE_MESSAGES)
    first = window.first - count
    return MessageWindow(first, min(window.last, first + MOST_MESSAGES))


def newer(window: MessageWindow, sizes: Sequence[int]) -> MessageWindow:
    """One page more at the bottom; what is too much leaves at the top."""
    count = _fitting(sizes[window.last :], PAGE_MESSAGES)
    last = window.last + count
    return replace(window, first=max(window.first, last - MOST_MESSAGES), last=last)


def reversed_sizes(sizes: Sequence[int], before: int) -> Sequence[int]:
    """The sizes of the messages before index `before`, the nearest first."""
    return list(reversed(sizes[:before]))


def _fitting(sizes: Sequence[int], most: int) -> int:
    """How many of the messages make a page."""
    total = 0
    for count, size in enumerate(sizes[:most]):
        total += size
        if total > MOST_CHARS and count > 0:
            return count
    return min(len(sizes), most)
