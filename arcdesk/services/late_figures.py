"""Remembers the figures that come after an answer's end, so that none forgets another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from arcdesk.core.chat import AnswerStats, Message

KEPT = 16  # answers; what comes late comes within seconds


class LateFigures:
    """Energy and X-ray are measured by two, who each have the answer as it was closed."""

    def __init__(self) -> None:
        self._known: dict[int, dict[str, Any]] = {}  # fields of AnswerStats, by message

    def joined(self, answer: Message, **more: Any) -> AnswerStats:
        """The answer's figures with `more`, and with what came late before."""
        late = self._known[answer.id] = self._known.pop(answer.id, {}) | more
        while len(self._known) > KEPT:
            del self._known[next(iter(self._known))]
        return replace(answer.stats or AnswerStats(), **late)
