"""What the quick prompt asks: the typed line, text attached to it, and the way back to earlier lines."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from arcdesk.core.chat import Conversation
from arcdesk.core.image import Image
from arcdesk.core.ports import HistoryRepo
from arcdesk.core.presets import Preset, called, with_attached_text

QUICK_DRAFT = -1  # the place of the quick prompt's draft among the conversations' drafts

_BACKTICKS = re.compile(r"`+")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuickQuestion:
    """A line that was typed into the quick prompt. `asked_at` is Unix seconds."""

    text: str
    conversation_id: int
    asked_at: float
    is_in_list: bool  # its conversation was moved to the main list


class QuickHistoryRepo(HistoryRepo, Protocol):
    """A history that also keeps quick conversations apart from the list."""

    async def create(self, title: str, *, is_quick: bool = False) -> Conversation:
        """A new, empty conversation; a quick one stays out of `conversations` until it is promoted."""
        ...

    async def promote(self, conversation_id: int) -> None:
        """Move a quick conversation into the list, for good."""
        ...

    async def note_quick(self, conversation_id: int, typed: str) -> None:
        """Remember what was typed for a quick question."""
        ...

    async def quick_questions(self, limit: int) -> list[QuickQuestion]:
        """What was typed, the newest first, each text once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """Text that goes along with a question. `source` is 'clipboard' or 'selection'."""

    source: str
    text: str

    @property
    def lines(self) -> int:
        """How many lines it has."""
        return self.text.rstrip("\n").count("\n") + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture that goes along with a question; `source` tells it from others, `thumbnail` is small PNG."""

    source: str
    image: Image
    thumbnail: bytes = field(repr=False)


def fenced(text: str) -> str:
    """`text` as a code block that nothing in it can end early."""
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    body = text.strip("\n")
    return f"{fence}\n{body}\n{fence}"


def with_attached(question: str, attached: Sequence[Attachment]) -> str:
    """The question, followed by what is attached to it."""
    return "\n\n".join(part for part in (question.strip("\n"), *(fenced(a.text) for a in attached)) if part)


def compose(
    typed: str, attached: Sequence[Attachment], presets: Sequence[Preset], places: Mapping[str, str]
) -> str:
    """What is asked when `typed` stands in the prompt; `places` has 'clipboard' and 'selection'."""
    call = called(typed, presets)
    if call is None:
        return with_attached(typed, attached)
    if not attached:
        return call.question(places)
    call = with_attached_text(call)
    if call.lacks_text:
        return call.question({**places, "text": with_attached("", attached)})
    return with_attached(call.question(places), attached)


@dataclass(slots=True)
class Recall:
    """Steps through earlier lines; the line that was being typed is the newest of them."""

    lines: list[str] = field(default_factory=list)  # the newest first
    _at: int = -1  # -1: the line being typed
    _typed: str = ""

    @property
    def is_under_way(self) -> bool:
        """An earlier line is shown."""
        return self._at >= 0

    def older(self, shown: str) -> str | None:
        """The line before the one that is shown; None at the oldest."""
        if not self.is_under_way:
            self._typed = shown
        at = self._at + 1
        while at < len(self.lines) and self.lines[at] == shown:
            at += 1
        if at >= len(self.lines):
            return None
        self._at = at
        return self.lines[at]

    def newer(self) -> str | None:
        """The line after it, in the end the typed one; None if that is shown."""
        if not self.is_under_way:
            return None
        self._at -= 1
        return self.lines[self._at] if self._at >= 0 else self._typed

    def add(self, line: str) -> None:
        """It was asked: the newest now, and no longer at its old place."""
        self.lines = [line, *(other for other in self.lines if other != line)]
        self.stay()

    def stay(self) -> None:
        """What is shown has been changed: it is the line being typed now."""
        self._at = -1
