"""The quick prompt's conversation: asks, takes in the answer, keeps the draft, finds the last one again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from arcdesk.app.quick_question import unasked
from arcdesk.core.chat import ChatEvent, Message, Role, ThoughtArrived, TokenArrived
from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.core.image import Image
from arcdesk.core.quick import QUICK_DRAFT, Recall
from arcdesk.services.chat_listeners import ChatListener
from arcdesk.ui.quick_words import waiting_words

if TYPE_CHECKING:
    from arcdesk.app.session import Session
    from arcdesk.services.chat_service import ChatService
    from arcdesk.ui.quick_prompt import QuickPrompt

HISTORY_LINES = 200
RECENT_S = 12 * 3600.0  # the last answer of an earlier run is shown again when it is younger


class QuickTalk:
    """One conversation at a time; the one before is in the history. `changed`: the bar's state is another."""

    def __init__(self, session: Session, bar: QuickPrompt, changed: Callable[[], None]) -> None:
        self._session = session
        self._bar = bar
        self._changed = changed
        self._messages: dict[int, Message] = {}
        self._shows_questions = False
        self._begun = asyncio.Event()  # no question is on its way to the history
        self._begun.set()
        self._turn = 0  # counts the conversations, so that a displaced one is known
        self._unlisten: Callable[[], None] = lambda: None
        self._has_draft = False  # the stored draft was brought here, so it may be replaced
        self.conversation_id = 0
        self.asked = ""  # what stands in the prompt, if that was asked already
        self.recall = Recall()
        self.problem: Problem | None = None
        self._opening = session.tasks.spawn(self._open(), name="open the quick prompt")

    # state

    @property
    def is_answering(self) -> bool:
        """A question is on its way to the history, or its answer to us."""
        return not self._begun.is_set() or any(message.state.is_open for message in self._messages.values())

    @property
    def has_messages(self) -> bool:
        """There is something to show."""
        return bool(self._messages)

    @property
    def answer(self) -> str:
        """The text of the last answer, once it is closed."""
        return self.last.text if self.last else ""

    @property
    def last(self) -> Message | None:
        """The last answer, once it is closed."""
        last = next(reversed(self._messages.values()), None)
        return last if last and last.role is Role.ASSISTANT and not last.state.is_open else None

    # beginning

    async def _open(self) -> None:
        try:
            chat = await self._session.chat()
            questions = await chat.quick_history(HISTORY_LINES)
            self.recall.lines = [*self.recall.lines, *(question.text for question in questions)]
            listener = ChatListener(
                on_event=self._on_event,
                on_message=self._on_message,
                on_removed=self._on_removed,
                hears_quick=True,
            )
            self._unlisten = chat.listen(listener)
            draft = await chat.draft(QUICK_DRAFT)
            newest = questions[0] if questions else None
            is_recent = newest is not None and time.time() - newest.asked_at < RECENT_S
            if newest and is_recent and not newest.is_in_list and self._begun.is_set():
                await self._bring_back(chat, newest.conversation_id, newest.text)
            self._bring_draft(draft)
        except ArcDeskError as error:
            self.problem = error.problem
        self._changed()

    async def _bring_back(self, chat: ChatService, conversation_id: int, typed: str) -> None:
        """Show the last conversation of an earlier run."""
        messages = await chat.messages(conversation_id)
        self.conversation_id = conversation_id
        self._messages = {message.id: message for message in messages}
        self.asked = typed
        if not self._bar.text:
            self._bar.edit.set_text(typed, is_selected=True)
        self._show_all()

    def _bring_draft(self, draft: str) -> None:
        """Put the stored draft before what was typed while it was fetched."""
        self._has_draft = True
        typed = unasked(self._bar.text, self.asked)
        if draft and draft != typed:
            self._bar.edit.set_text(f"{draft}{typed}")
        if typed:
            self.keep_draft()

    # asking

    def ask(self, question: str, typed: str, *, images: tuple[Image, ...] = (), anew: bool = False) -> None:
        """Ask; with `anew` in a conversation of its own. The prompt keeps its text until it is stored."""
        if anew:
            self.begin_anew()
        self._begun.clear()
        self.problem = None
        self._shows_questions = self._bar.text.strip("\n") != typed
        work = self._ask(question, typed, images, self.conversation_id, self._turn)
        self._session.tasks.spawn(work, name="ask in the quick prompt")
        self._changed()

    async def _ask(
        self, question: str, typed: str, images: tuple[Image, ...], conversation_id: int, turn: int
    ) -> None:
        try:
            await asyncio.wait({self._opening})
            chat = await self._session.chat()
            await chat.ask_quick(
                question,
                conversation_id,
                typed,
                on_begun=lambda key: self._on_begun(key, typed, turn),
                images=images,
            )
        except ArcDeskError as error:
            self.problem = error.problem
        finally:
            if turn == self._turn:
                self._begun.set()
            self._changed()

    def _on_begun(self, conversation_id: int, typed: str, turn: int) -> None:
        self.recall.add(typed)
        if turn != self._turn:  # another one has begun since: this one is kept in the list
            self._session.tasks.spawn(self._promote(conversation_id), name="keep the quick answer")
            return
        self.conversation_id = conversation_id
        if not self._shows_questions:
            self.asked = typed

    async def until_begun(self) -> None:
        """Wait until no question is on its way to the history."""
        await self._begun.wait()

    def ask_again(self, *, only_unanswered: bool = False) -> None:
        """Ask the last question once more."""
        self._session.tasks.spawn(self._ask_again(only_unanswered), name="ask again")

    async def _ask_again(self, only_unanswered: bool) -> None:
        chat = await self._session.chat()
        if not only_unanswered or await chat.is_unanswered(self.conversation_id):
            await chat.ask_again(self.conversation_id)

    def stop(self) -> None:
        """Stop the answer; its text so far stays."""

        async def stop() -> None:
            await (await self._session.chat()).stop(self.conversation_id)

        if self.conversation_id:
            self._session.tasks.spawn(stop(), name="stop the quick answer")

    def begin_anew(self) -> None:
        """The next question begins a conversation. An answer still on its way goes on, in the main list."""
        if self.is_answering and self.conversation_id:
            self._session.tasks.spawn(self._promote(self.conversation_id), name="keep the quick answer")
        self.forget()

    async def _promote(self, conversation_id: int) -> None:
        await (await self._session.chat()).promote(conversation_id)

    def forget(self) -> None:
        """Show nothing of the conversation any more; the history has it."""
        self.conversation_id, self._messages, self.asked, self.problem = 0, {}, "", None
        self._shows_questions = False
        self._turn += 1
        self._begun.set()
        self._bar.transcript.show_messages([])
        self._changed()

    # the draft

    def keep_draft(self) -> None:
        """Store what stands in the prompt and was not asked."""
        if self._has_draft:
            self._session.tasks.spawn(self.store_draft(), name="keep the quick draft")

    async def store_draft(self) -> None:
        """The same, waited for."""
        text = unasked(self._bar.text, self.asked)
        await (await self._session.chat()).save_draft(QUICK_DRAFT, text)

    # answers

    def _on_message(self, conversation_id: int, message: Message) -> None:
        if conversation_id != self.conversation_id:
            return
        self._messages[message.id] = message
        transcript = self._bar.transcript
        if message.role is Role.USER:
            self._begun.set()
            if self._bar.text.strip("\n") == self.asked:
                self._bar.edit.selectAll()  # what is typed next takes its place
            self._show_all()
            self.keep_draft()
        elif message.state.is_open:
            transcript.begin_answer(message.id)
            self.tell_waiting()
        else:
            transcript.finish_answer(message)
        self._changed()

    def _on_event(self, conversation_id: int, message_id: int, event: ChatEvent) -> None:
        if conversation_id != self.conversation_id:
            return
        if isinstance(event, TokenArrived):
            self._bar.transcript.feed(message_id, event.text)
        elif isinstance(event, ThoughtArrived):
            self._bar.transcript.feed_thought(message_id, event.text)

    def _on_removed(self, conversation_id: int) -> None:
        if conversation_id == self.conversation_id:
            self._session.tasks.spawn(self._show_again(conversation_id), name="show the quick answer again")

    async def _show_again(self, conversation_id: int) -> None:
        messages = await (await self._session.chat()).messages(conversation_id)
        if conversation_id == self.conversation_id:
            self._messages = {message.id: message for message in messages}
            self._show_all()
            self._changed()

    def _show_all(self) -> None:
        """All of it; a lone question stands in the prompt and is not shown again, unless it has images."""
        messages = list(self._messages.values())
        questions = sum(message.role is Role.USER for message in messages)
        if questions < 2 and not self._shows_questions and not any(one.images for one in messages):
            messages = [message for message in messages if message.role is not Role.USER]
        self._bar.transcript.show_messages(messages)

    def tell_waiting(self) -> None:
        """While the question waits for its engine, say what the engine does."""
        chat = self._session.chat_or_none
        if chat is not None and (message_id := chat.waiting_message(self.conversation_id)):
            self._bar.transcript.set_waiting(message_id, waiting_words(self._session.store.state))

    async def aclose(self) -> None:
        """Keep the draft, and listen no longer."""
        try:
            await asyncio.wait({self._opening})
            if self._has_draft:
                await self.store_draft()
        except ArcDeskError as error:
            self.problem = error.problem
        self._unlisten()
