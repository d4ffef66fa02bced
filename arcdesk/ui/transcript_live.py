"""What has arrived of answers on their way, kept apart from what is shown of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from arcdesk.core.chat import Message
from arcdesk.ui.transcript_lag import PaintLag
from arcdesk.ui.transcript_section import Section


@dataclass(slots=True)
class LiveAnswer:
    """One answer: its pieces as they came, and how many of them its section has."""

    pieces: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    waiting: str = ""
    written: int = 0  # of `pieces`
    is_dirty: bool = False
    lag: PaintLag = field(default_factory=PaintLag)

    @classmethod
    def of(cls, message: Message) -> LiveAnswer:
        """An answer of which a part is known already."""
        return cls(
            pieces=[message.text] if message.text else [],
            thoughts=[message.thoughts] if message.thoughts else [],
            is_dirty=True,
        )

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.pieces)

    @property
    def thinking(self) -> str:
        """All thoughts."""
        return "".join(self.thoughts)

    def show_in(self, section: Section, *, is_over: bool = False) -> None:
        """Bring the text of the section up to date."""
        self.is_dirty = False
        if section.body is None:
            return
        if self.written < len(self.pieces):
            section.body.write("".join(self.pieces[self.written :]))
            self.written = len(self.pieces)
            self.lag.is_written()
        elif self.thoughts:
            section.body.write("")  # the wait is over: what was said of it goes
        elif self.waiting and not is_over:
            section.body.show_placeholder(self.waiting)
