"""The conversation as one document: a window of messages, and an answer that streams at its end."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QCursor, QKeyEvent
from PySide6.QtWidgets import QToolTip, QWidget

from arcdesk.core.chat import Message, MessageState, Role
from arcdesk.ui.transcript_copy import code_of_panel
from arcdesk.ui.transcript_format import LINK_SCHEMES
from arcdesk.ui.transcript_live import LiveAnswer
from arcdesk.ui.transcript_painted import PaintedPages
from arcdesk.ui.transcript_section import Section
from arcdesk.ui.transcript_window import MessageWindow
from arcdesk.ui.transcript_words import tr, unknown_reason, xray_hint

FRAME_MS = 33
FULL_FRAME_CHARS = 220  # a very fast stream is drawn in smaller helpings, so that none takes long
_COMMAND_KEYS = (
    Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier
)


class Transcript(PaintedPages):
    """Shows messages; streams answers. All methods belong to the GUI thread.

    While hidden it only takes notes, and renders when it is shown again.
    """

    action_requested = Signal(object)  # an Action of a problem
    link_requested = Signal(str)  # http(s) only; the owner asks before opening
    copy_requested = Signal(str)  # text for the clipboard
    typed = Signal(str)  # a character that was meant for the prompt
    xray_requested = Signal(object)  # a Message: where did its time go?

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._live: dict[int, LiveAnswer] = {}
        self._opened: set[int] = set()  # whose thinking is shown
        self._timer = self._single_shot(FRAME_MS, self._flush)
        self._waiting_chars = 0  # since the timer was set
        self.setAccessibleName(tr("Conversation"))
        self.anchorClicked.connect(self._on_anchor)

    # -- commands ---------------------------------------------------------------------------------

    def show_messages(self, messages: Sequence[Message]) -> None:
        """Show this conversation instead of the one before, at its end. Open answers may be fed on."""
        self._messages, self._live, self._opened, self._lags = {}, {}, set(), {}
        for message in messages:
            self._note(message)
        self._timer.stop()
        self._show_latest()

    def append_message(self, message: Message) -> None:
        """Add a message at the end."""
        was_at_end = self._window.last == len(self._messages)
        key = self._note(message)
        if key is None or not was_at_end:
            return
        self._window = MessageWindow(self._window.first, len(self._messages))
        if self._takes_notes():
            return
        with self.editing():
            self._add_section(key, self._end_position())
        self._trim()

    def begin_answer(self, message_id: int) -> None:
        """Add an answer of which nothing is known yet."""
        message = Message(id=message_id, role=Role.ASSISTANT, text="", state=MessageState.WAITING)
        self.append_message(message)

    def feed(self, message_id: int, text: str) -> None:
        """Add a piece to an answer begun. Shown within 33 ms, if the widget is visible."""
        live = self._live.get(message_id)
        if live is not None and text:
            live.lag.arrives()
            live.pieces.append(text)
            self._arm(live)
            self._waiting_chars += len(text)
            if self._waiting_chars >= FULL_FRAME_CHARS and self._timer.isActive():
                self._timer.start(0)

    def feed_thought(self, message_id: int, text: str) -> None:
        """Add a piece of an answer's thinking, shown as 'Thinking…' until it is opened."""
        live = self._live.get(message_id)
        if live is not None and text:
            live.thoughts.append(text)
            self._arm(live)

    def set_waiting(self, message_id: int, text: str) -> None:
        """Say what an answer waits for, until its first token."""
        live = self._live.get(message_id)
        if live is not None and live.waiting != text:
            live.waiting = text
            self._arm(live)

    def finish_answer(self, message: Message) -> None:
        """The answer is whole, stopped or failed: its text, its problem, its live line."""
        live = self._live.pop(message.id, None)
        if live is None:
            self._restate(message)
            return
        self._messages[message.id] = message
        section = self._sections.get(message.id)
        if self._takes_notes() or section is None:
            self._answer_is_over(message.id)
            return
        if not any(other.is_dirty for other in self._live.values()):
            self._timer.stop()
        with self.editing():
            live.show_in(section, is_over=True)
            self._show_thoughts(section, message.id)
            section.finish(message, is_same_text=live.text == message.text)
        self._answer_is_over(message.id)

    def _restate(self, message: Message) -> None:
        """A figure came after the answer's end."""
        if message.id not in self._messages:
            return
        self._messages[message.id] = message
        section = self._sections.get(message.id)
        if section is not None and not self._takes_notes():
            with self.editing():
                section.restate(message)

    # -- notes ------------------------------------------------------------------------------------

    def _note(self, message: Message) -> int | None:
        if message.role is Role.SYSTEM:
            return None
        key = message.id or -1 - len(self._messages)
        self._messages[key] = message
        if message.role is Role.ASSISTANT and message.state.is_open:
            live = self._live[key] = LiveAnswer.of(message)
            self._lags[key] = live.lag
        return key

    def _arm(self, live: LiveAnswer) -> None:
        live.is_dirty = True
        if not self._timer.isActive() and not self._takes_notes():
            self._waiting_chars = 0
            self._timer.start(FRAME_MS)

    # -- rendering --------------------------------------------------------------------------------

    def _flush(self) -> None:
        if self._takes_notes():
            return
        dirty = [
            (live, section)
            for key, live in self._live.items()
            if live.is_dirty and (section := self._sections.get(key)) is not None
        ]
        if dirty:
            with self.editing():
                for live, section in dirty:
                    live.show_in(section)
                    self._show_thoughts(section, section.key)

    def _fill(self, section: Section, key: int) -> None:
        live = self._live.get(key)
        if live is None:
            section.write(self._messages[key])
        else:
            section.open_answer()
            live.written = 0
            live.show_in(section)
        self._show_thoughts(section, key)

    def _show_thoughts(self, section: Section, key: int) -> None:
        live, is_open = self._live.get(key), key in self._opened
        if live is not None:
            section.show_thought(live.thinking, is_open=is_open, is_over=bool(live.pieces))
        else:
            section.show_thought(self._messages[key].thoughts, is_open=is_open, is_over=True)

    # -- slots ------------------------------------------------------------------------------------

    def _on_anchor(self, url: QUrl) -> None:
        if url.scheme() in LINK_SCHEMES:
            self.link_requested.emit(url.toString())
            return
        verb, *rest = url.path().split("/")
        if url.scheme() != "arcdesk" or not rest:
            return
        key = int(rest[0])
        if verb == "code":
            self.copy_requested.emit(code_of_panel(self.document(), key))
        elif (message := self._messages.get(key)) is not None:
            self._obey(verb, key, message, rest[1:])

    def _obey(self, verb: str, key: int, message: Message, rest: list[str]) -> None:
        match verb:
            case "copy":
                self.copy_requested.emit(message.text)
            case "action" if message.problem is not None:
                self.action_requested.emit(message.problem.actions[int(rest[0])])
            case "why":
                self._explain(unknown_reason(message.stats))
            case "thought":
                self._toggle_thought(key)
            case "xray":
                self.xray_requested.emit(message)

    def _explain(self, reason: str) -> None:
        """For the eye a tooltip, for the ear an announcement."""
        QToolTip.showText(QCursor.pos(), reason, self)
        self._announce(reason)

    def _announce(self, text: str) -> None:
        self.setAccessibleDescription(text)
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, text))

    def _toggle_thought(self, key: int) -> None:
        self._opened ^= {key}
        if (section := self._sections.get(key)) is not None:
            with self.editing():
                self._show_thoughts(section, key)

    # -- Qt ---------------------------------------------------------------------------------------

    def focusNextPrevChild(self, forward: bool) -> bool:
        """From link to link. What the X-ray is for stands in its tooltip only: it is said here."""
        is_taken = super().focusNextPrevChild(forward)
        if is_taken and self.textCursor().charFormat().anchorHref().startswith("arcdesk:xray/"):
            self._announce(xray_hint())
        return is_taken

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Who types here means the prompt. The space bar pages, as in every view of text."""
        text = event.text()
        if text.strip() and text.isprintable() and not event.modifiers() & _COMMAND_KEYS:
            self.typed.emit(text)
        else:
            super().keyPressEvent(event)
