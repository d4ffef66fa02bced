"""Where the live panel floats at first: beside the window, and never over the box for questions."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QPoint, QRect, QSize

GAP_PX = 8
LEAST_HEIGHT_PX = 160
HEAD_PX = 16  # so far below its upper edge it can be taken hold of


def floating_place(wanted: QSize, window: QRect, chat: QRect, prompt: QRect, area: QRect) -> QRect:
    """At the right of `window`, else at its left, else over the upper right corner of `chat`.

    All in pixels of the desktop; `window` with its frame. Wholly within `area`, the free part of the screen.
    """
    size = wanted.boundedTo(area.size())
    top = _within(window.top(), area.top(), _end(area) - size.height())
    for left in (window.left() + window.width() + GAP_PX, window.left() - GAP_PX - size.width()):
        if area.left() <= left <= area.left() + area.width() - size.width():
            return QRect(QPoint(left, top), size)
    return _over_chat(size, chat, prompt, area)


def _over_chat(size: QSize, chat: QRect, prompt: QRect, area: QRect) -> QRect:
    right = area.left() + area.width()
    left = _within(chat.left() + chat.width() - GAP_PX - size.width(), area.left(), right - size.width())
    end = min(prompt.top() - GAP_PX, _end(area))
    top = max(area.top(), min(chat.top(), end - LEAST_HEIGHT_PX))
    if end - top < LEAST_HEIGHT_PX:  # the window stands so high that there is only room below
        top, end = _end(prompt) + GAP_PX, _end(area)
    return QRect(left, top, size.width(), min(size.height(), end - top))


def is_in_reach(place: QRect, areas: Iterable[QRect]) -> bool:
    """The head of a panel there is on one of these screens: the one it was on may be unplugged."""
    head = QPoint(place.center().x(), place.top() + HEAD_PX)
    return any(area.contains(head) for area in areas)


def _within(value: int, least: int, most: int) -> int:
    return max(least, min(value, most))


def _end(rect: QRect) -> int:
    """The first line below it; Qt's `bottom` is the last one in it."""
    return rect.top() + rect.height()
