"""Who hears of answers: tells each event to all that listen, the quick ones only to those who want them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from arcdesk.core.chat import ChatEvent, Message

# (conversation id, message id, event); called on the loop's thread, once a token: it must do little.
EventSink = Callable[[int, int, ChatEvent], None]
# (conversation id, message): a message was added, removed from waiting, or closed.
MessageSink = Callable[[int, Message], None]
# (conversation id): a message of it has gone.
RemovedSink = Callable[[int], None]


def _nothing(*_: object) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChatListener:
    """What somebody wants to be told. `hears_quick`: of conversations outside the list as well."""

    on_event: EventSink = _nothing
    on_message: MessageSink = _nothing
    on_removed: RemovedSink = _nothing
    on_restated: MessageSink = _nothing  # a closed answer has a figure more
    hears_quick: bool = False


class ChatListeners:
    """All listeners of one chat service."""

    def __init__(self) -> None:
        self._listeners: tuple[ChatListener, ...] = ()
        self._quick: set[int] = set()  # conversations that are not in the list

    def listen(self, listener: ChatListener) -> Callable[[], None]:
        """Tell `listener` from now on; returns what ends it."""
        self._listeners = (*self._listeners, listener)

        def unlisten() -> None:
            self._listeners = tuple(other for other in self._listeners if other is not listener)

        return unlisten

    def mark_quick(self, conversation_id: int, is_quick: bool) -> None:
        """Say whether a conversation is kept out of the list."""
        if is_quick:
            self._quick.add(conversation_id)
        else:
            self._quick.discard(conversation_id)

    def event(self, conversation_id: int, message_id: int, event: ChatEvent) -> None:
        """A piece of an answer."""
        is_quick = conversation_id in self._quick
        for listener in self._listeners:
            if listener.hears_quick or not is_quick:
                listener.on_event(conversation_id, message_id, event)

    def message(self, conversation_id: int, message: Message) -> None:
        """A message was added or closed."""
        for listener in self._hearing(conversation_id):
            listener.on_message(conversation_id, message)

    def restated(self, conversation_id: int, message: Message) -> None:
        """A closed answer has a figure more."""
        for listener in self._hearing(conversation_id):
            listener.on_restated(conversation_id, message)

    def removed(self, conversation_id: int) -> None:
        """A message has gone."""
        for listener in self._hearing(conversation_id):
            listener.on_removed(conversation_id)

    def _hearing(self, conversation_id: int) -> list[ChatListener]:
        is_quick = conversation_id in self._quick
        return [listener for listener in self._listeners if listener.hears_quick or not is_quick]
