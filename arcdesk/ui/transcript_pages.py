"""A window of messages in one document: pages come and go at its ends, the reader's place stays."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QShowEvent, QTextCursor
from PySide6.QtWidgets import QWidget

from arcdesk.core.chat import Message
from arcdesk.ui.transcript_section import Section
from arcdesk.ui.transcript_view import ColumnView
from arcdesk.ui.transcript_window import MOST_MESSAGES, OPEN_MESSAGES, MessageWindow, latest, newer, older


class MessagePages(ColumnView):
    """Keeps the sections of the messages in the window. What a section holds is up to the heir.

    While hidden it only takes notes, and renders when it is shown again.
    """

    at_latest_changed = Signal(bool)  # false: offer 'Jump to latest'
    has_live_lines = True  # below each answer: its figures, and 'Copy'

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._messages: dict[int, Message] = {}  # by key: the id, or a negative number without one
        self._sections: dict[int, Section] = {}  # of the messages in the window, in order
        self._window = MessageWindow()
        self._is_stale = False
        self._paging = self._single_shot(0, self._turn_page)
        self.follows_changed.connect(self._tell_place)
        self.top_neared.connect(self._on_end_neared)
        self.bottom_neared.connect(self._on_end_neared)
        self.look_changed.connect(self._render_all)
        self.column_changed.connect(self._on_column_changed)

    def jump_to_latest(self) -> None:
        """Show the end of the conversation and follow it."""
        if self._window.last < len(self._messages):
            self._show_latest()
        self.follow(True)
        self.keep_place()
        self._tell_place()

    def _show_latest(self) -> None:
        self._window = latest(self._sizes())
        self.follow(True)
        self._render_all()

    @property
    def is_at_latest(self) -> bool:
        """The end of the conversation is in view and followed."""
        return self.follows and self._window.last == len(self._messages)

    # -- for the heir -----------------------------------------------------------------------------

    def _fill(self, section: Section, key: int) -> None:
        """Write the message with this key into its section."""
        raise NotImplementedError

    def _takes_notes(self) -> bool:
        """Hidden: remember that there is something to render, and do nothing."""
        if self.isVisible() and not self._is_stale:
            return False
        self._is_stale = True
        return True

    def _render_all(self) -> None:
        if not self.isVisible():
            self._is_stale = True
            return
        self._is_stale = False
        self._sections = {}
        place = self.verticalScrollBar().value()
        with self.moving(), self.editing():
            self.document().clear()
            QTextCursor(self.document()).setBlockFormat(self.look.gap(1))
            for key in self._keys(self._window):
                self._add_section(key, self._end_position())
        if not self.follows:
            self._return_to(place)

    def _return_to(self, place: int) -> None:
        with self.moving():
            self.document().documentLayout().blockBoundingRect(self.document().lastBlock())  # lays out all
            self.verticalScrollBar().setValue(place)

    def _keys(self, window: MessageWindow) -> list[int]:
        return list(self._messages)[window.first : window.last]

    def _end_position(self) -> int:
        return max(0, self.document().characterCount() - 1)

    def _add_section(self, key: int, after: int) -> None:
        """Write a message into a new block behind the position `after`."""
        cursor = QTextCursor(self.document())
        cursor.setPosition(after)
        cursor.insertBlock(self.look.paragraph(), self.look.text())
        section = Section(
            self.document(),
            self.look,
            key,
            cursor.position(),
            self.column_px,
            has_live_line=self.has_live_lines,
        )
        self._sections[key] = section
        self._fill(section, key)

    def _single_shot(self, interval_ms: int, slot: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(interval_ms)
        timer.timeout.connect(slot)
        return timer

    def _sizes(self) -> list[int]:
        return [len(message.text) for message in self._messages.values()]

    # -- the window of messages -------------------------------------------------------------------

    def _turn_page(self) -> None:
        if self._takes_notes():
            return
        bar = self.verticalScrollBar()
        if bar.value() - bar.minimum() < bar.maximum() - bar.value():
            wanted = older(self._window, self._sizes())
        else:
            wanted = newer(self._window, self._sizes())
        if wanted != self._window:
            self._move_window(wanted)

    def _trim(self) -> None:
        """Let the oldest go when many messages came; a reader further up keeps them."""
        if self.follows and self._window.last - self._window.first > MOST_MESSAGES:
            self._move_window(MessageWindow(self._window.last - OPEN_MESSAGES, self._window.last))

    def _move_window(self, wanted: MessageWindow) -> None:
        """Add and drop messages at the ends; what the person looks at stays where it is."""
        old, new = self._keys(self._window), self._keys(wanted)
        self._window = wanted
        kept = [key for key in new if key in self._sections]
        held = self._sections[self._top_key(kept)]
        bar = self.verticalScrollBar()
        with self.moving():
            offset = self._top_px(held) - bar.value()
            follows = self.follows
            self.follow(False)
            with self.editing():
                for key in [key for key in old if key not in new]:
                    self._remove_section(key)
                self._add_missing(new, kept)
            self._sections = {key: self._sections[key] for key in new}
            bar.setValue(round(self._top_px(held) - offset))
            self.follow(follows and wanted.last == len(self._messages))
        self._tell_place()

    def _add_missing(self, new: list[int], kept: list[int]) -> None:
        after = 0  # behind the empty block at the top
        for key in new[: new.index(kept[0])]:
            self._add_section(key, after)
            after = self._section_end(kept[0])
        for key in new[new.index(kept[-1]) + 1 :]:
            self._add_section(key, self._end_position())

    def _section_end(self, before: int) -> int:
        return self._sections[before].start.position() - 1

    def _remove_section(self, key: int) -> None:
        section = self._sections.pop(key)
        start = section.start.position()
        later = [s.start.position() for s in self._sections.values() if s.start.position() > start]
        cursor = QTextCursor(self.document())
        cursor.setPosition(start - 1)
        cursor.setPosition(min(later) - 1 if later else self._end_position(), QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        QTextCursor(self.document()).setBlockFormat(self.look.gap(1))

    def _top_key(self, kept: list[int]) -> int:
        """The message at the top of the view, of those that stay."""
        value = self.verticalScrollBar().value()
        above = [key for key in kept if self._top_px(self._sections[key]) <= value]
        return above[-1] if above else kept[0]

    def _top_px(self, section: Section) -> float:
        block = self.document().findBlock(section.start.position())
        return self.document().documentLayout().blockBoundingRect(block).top()

    # -- slots ------------------------------------------------------------------------------------

    def _on_end_neared(self) -> None:
        if self._window.first > 0 or self._window.last < len(self._messages):
            self._paging.start()

    def _on_column_changed(self, column_px: float) -> None:
        if self.isVisible() and not self._is_stale:
            with self.editing():
                for section in self._sections.values():
                    section.fit(column_px)

    def _tell_place(self) -> None:
        self.at_latest_changed.emit(self.is_at_latest)

    # -- Qt ---------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        """Render what arrived meanwhile."""
        super().showEvent(event)
        if self._is_stale:
            self._render_all()
